"""What the shop's services share: an HTTP/1.1 server with routes, health, drain and a chaos switch.

A service listens on 127.0.0.1, on the port in PORT; Weir starts it, asks GET /healthz whether it
is well, and stops it with SIGTERM.  To watch the edge cope with a bad instance, ask the instance
itself (`weir status` says its port; what comes through the edge is not listened to):

    curl -X POST 'http://127.0.0.1:PORT/chaos?mode=errors&seconds=30'     or slow, reset, off
"""
import http.server
import json
import os
import random
import re
import signal
import socket
import struct
import sys
import threading
import time
import urllib.parse

BODY_MAX = 64 * 1024
INSTANCE = os.environ.get("WEIR_INSTANCE", "0")


class Refused(Exception):
    """A status and a sentence for the client."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Chaos:
    """What this instance does wrong at the moment."""

    MODES = ("off", "errors", "slow", "reset")

    def __init__(self):
        self.mode, self.until = "off", 0.0

    def begin(self, mode, seconds):
        if mode not in self.MODES:
            raise Refused(400, f"mode is one of {', '.join(self.MODES)}")
        self.mode, self.until = mode, time.monotonic() + seconds

    def now(self):
        return self.mode if time.monotonic() < self.until else "off"


class Service(http.server.ThreadingHTTPServer):
    """routes: {(method, pattern): function(request) -> (status, body[, headers])}."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name, routes):
        super().__init__(("127.0.0.1", int(os.environ.get("PORT", "0"))), Handler)
        self.name = name
        self.routes = [(method, re.compile(pattern + "$"), act)
                       for (method, pattern), act in routes.items()]
        self.chaos = Chaos()
        self.draining = threading.Event()
        self.busy = 0
        self.changed = threading.Condition()

    def run(self):
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=self.drain).start())
        signal.signal(signal.SIGINT, lambda *_: threading.Thread(target=self.drain).start())
        self.serve_forever(poll_interval=0.1)
        with self.changed:
            self.changed.wait_for(lambda: self.busy == 0, timeout=5)

    def drain(self):
        """No new connections; those that are open end with the request they are at."""
        self.draining.set()
        self.shutdown()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 90  # of an idle connection; longer than the edge keeps one
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet

    def version_string(self):
        return "shop"

    def log_message(self, *_):
        """The edge keeps the log."""

    def handle_one_request(self):
        super().handle_one_request()
        if self.server.draining.is_set():
            self.close_connection = True

    def do_GET(self):
        with self.server.changed:
            self.server.busy += 1
        try:
            self.answer()
        finally:
            with self.server.changed:
                self.server.busy -= 1
                self.server.changed.notify_all()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def answer(self):
        self.url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(self.url.query))
        try:
            self.body = self.read_body()
            if self.url.path == "/chaos":
                self.reply(*self.switch_chaos())
            elif not self.misbehave():
                self.dispatch()
        except Refused as refused:
            self.reply(refused.status, {"error": str(refused)})

    def read_body(self):
        try:
            size = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            size = -1
        if not 0 <= size <= BODY_MAX or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise Refused(413, f"a body has a Content-Length of at most {BODY_MAX}")
        return self.rfile.read(size)

    def json(self):
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Refused(400, "the body must be a JSON object")
        return value

    def dispatch(self):
        path_known = False
        for method, pattern, act in self.server.routes:
            found = pattern.match(self.url.path)
            if found and method in (self.command, "GET" if self.command == "HEAD" else ""):
                self.parts = found.groupdict()
                result = act(self)
                if result is not None:
                    self.reply(*result)
                return
            path_known = path_known or found is not None
        raise Refused(405 if path_known else 404, "there is nothing here")

    def reply(self, status, body, headers=()):
        if isinstance(body, (dict, list)):
            body = json.dumps(body, indent=1).encode() + b"\n"
            headers = {"Content-Type": "application/json", **dict(headers)}
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Instance", f"{self.server.name}/{INSTANCE}")
        if self.server.draining.is_set():
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def events(self, make, seconds):
        """A stream of server-sent events (chunked): make() now and then, until someone leaves."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not self.server.draining.is_set():
            event = f"data: {json.dumps(make())}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
            self.server.draining.wait(seconds)
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def switch_chaos(self):
        if "X-Forwarded-For" in self.headers or self.command != "POST":
            raise Refused(404, "there is nothing here")
        try:
            seconds = min(float(self.query.get("seconds", "30")), 600)
        except ValueError as bad:
            raise Refused(400, "seconds is a number") from bad
        mode = self.query.get("mode", "errors")
        self.server.chaos.begin(mode, seconds)
        return 200, {"mode": mode, "seconds": seconds}

    def misbehave(self):
        """True when the request was dealt with, badly. Health checks fail with the rest."""
        mode = self.server.chaos.now()
        if mode == "errors":
            raise Refused(500, "chaos: this instance answers with errors")
        if mode == "slow":
            time.sleep(random.uniform(1, 3))
        if mode == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return True
        return False


def healthy(_request):
    return 200, {"healthy": True}
