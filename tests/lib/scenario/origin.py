"""Scripted origins: they answer, stall, reset and break framing as a story says.

Each `on METHOD PATH [N times]` is a rule; the first that fits and still has
turns left is taken.  A connection is a thread; what it received is kept.
"""
import os
import re
import socket
import struct
import threading

from . import wire
from .language import Failed, Pattern, Wrong, clauses, content, plain_or_quoted

STEPS = []
LINGER_RESET = struct.pack("ii", 1, 0)


class Over(Exception):
    """This connection is done with."""


class Rule:
    def __init__(self, text, block):
        match = re.match(r"(\S+) (\S+)(?: (\d+) times?)?(?:\s+(.*))?$", text)
        if match is None:
            raise Wrong("expected: on METHOD PATH [N times] STEP")
        self.method, self.path, turns, first = match.groups()
        self.turns = int(turns) if turns else None
        texts = ([first] if first else []) + [line.text for line in block]
        if not texts:
            raise Wrong("a rule needs at least one step")
        self.early = texts[0] in ("before the body", "without the body")
        self.skip_body = texts[0] == "without the body"
        self.steps = [step_of(t) for t in texts[1 if self.early else 0:]]

    def fits(self, message):
        if self.turns == 0 or self.method not in ("*", message.method):
            return False
        path = message.target.split("?")[0]
        if self.path.endswith("*"):
            return path.startswith(self.path[:-1])
        return path == self.path


def step(pattern):
    def register(call):
        STEPS.append((re.compile(pattern, re.S), call))
        return call
    return register


def step_of(text):
    for pattern, call in STEPS:
        found = pattern.fullmatch(text)
        if found:
            return lambda c, call=call, found=found: call(c, *found.groups())
    raise Wrong(f"unknown step of an origin: {text}")


class Origin:
    def __init__(self, name, options, story):
        self.name = name
        self.story = story
        self.rules = []
        self.lock = threading.Lock()
        self.received = []  # messages, in order
        self.used = 0       # connections on which something came
        self.open = 0
        self.sent = 0       # bytes of all replies
        self.broken = []    # what Weir sent that is not HTTP
        self.sockets = set()
        self.tls = None
        self.mute = False
        self.where(options)
        self.listener = None
        self.listen()

    def where(self, options):
        self.tolerant = options.endswith("hearing anything")
        options = options.removesuffix("hearing anything").strip()
        self.accepts = not options.endswith("never accepting")
        options = options.removesuffix("never accepting").strip()
        match = re.fullmatch(
            r"(?:on unix)?(?:on ipv6)?(?:at (\S+))?(?: ?port of (\S+))?(?: ?tls (.+?))?", options)
        if match is None:
            raise Wrong(f"unknown option of an origin: {options}")
        host, twin, tls = match.groups()
        if options.startswith("on unix"):
            self.family = socket.AF_UNIX
            self.where_to = os.path.join(self.story.folder, self.name + ".sock")
            self.address = "unix:" + self.where_to
        else:
            self.family = socket.AF_INET6 if options.startswith("on ipv6") else socket.AF_INET
            host = host or ("::1" if self.family == socket.AF_INET6 else "127.0.0.1")
            port = self.story.origins[twin].port if twin else self.story.free_port(host)
            self.where_to = (host, port)
            self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if tls:
            self.tls = self.story.certificates.server_context(tls)

    @property
    def port(self):
        return self.where_to[1]

    def listen(self):
        sock = socket.socket(self.family, socket.SOCK_STREAM)
        if self.family == socket.AF_UNIX:
            if os.path.exists(self.where_to):
                os.unlink(self.where_to)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(self.where_to)
        if self.family == socket.AF_UNIX:
            os.chmod(self.where_to, 0o777)
        sock.listen(1024 if self.accepts else 0)
        self.listener = sock
        if not self.accepts:
            self.fill_backlog()
            return
        threading.Thread(target=self.accept, args=(sock,), daemon=True).start()

    def fill_backlog(self):
        """When nobody accepts and the backlog is full, the kernel leaves others without an answer."""
        for _ in range(4):
            filler = socket.socket(self.family, socket.SOCK_STREAM)
            filler.setblocking(False)
            filler.connect_ex(self.where_to)
            self.sockets.add(filler)

    def stop(self):
        """Refuses connections, and resets those that are open; returns when all are gone."""
        self.shut()
        self.story.eventually(self.is_empty)

    def is_empty(self):
        if self.open:
            raise Failed(f"{self.open} connections of origin {self.name} stay open")

    def shut(self):
        if self.listener:
            try:
                self.listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.listener.close()
            self.listener = None
        with self.lock:
            for sock in list(self.sockets):
                reset(sock)

    def accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.open += 1
                self.sockets.add(sock)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        raw = sock
        try:
            if self.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock.settimeout(20)
                sock = self.tls.wrap_socket(sock, server_side=True)
                with self.lock:
                    self.sockets.discard(raw)
                    self.sockets.add(sock)
            Connection(self, sock).run()
        except (OSError, wire.Closed, Over):
            pass
        except wire.Broken as broken:
            self.broken.append(str(broken))
        finally:
            with self.lock:
                self.open -= 1
                self.sockets.discard(sock)
            sock.close()

    def rule_for(self, message):
        with self.lock:
            self.received.append(message)
            for rule in self.rules:
                if rule.fits(message):
                    if rule.turns is not None:
                        rule.turns -= 1
                    return rule
        return None

    def requests(self, path=None):
        with self.lock:
            return sum(1 for m in self.received
                       if path is None or m.target.split("?")[0] == path)


class Connection:
    """One connection to an origin, at work on one request."""

    def __init__(self, origin, sock):
        self.origin = origin
        self.story = origin.story
        self.sock = sock
        self.stream = wire.Stream(sock)
        self.request = None
        self.closing = False

    def run(self):
        try:
            self.stream.fill()
        except wire.Closed:
            return  # somebody only looked whether we are there
        with self.origin.lock:
            self.origin.used += 1
        while not self.closing:
            try:
                self.request = wire.read_request_head(self.stream)
            except wire.Closed:
                if self.stream.buffer:
                    self.origin.broken.append(f"half a request: {bytes(self.stream.buffer)!r}")
                return
            rule = self.origin.rule_for(self.request)
            if rule is None:
                self.closing = True
                respond(self, "404", '"no rule"')
                continue
            if not rule.early:
                wire.read_body(self.stream, self.request)
            for call in rule.steps:
                call(self)
            if rule.early and not rule.skip_body and not self.request.whole:
                wire.read_body(self.stream, self.request)
            if rule.skip_body:
                return
            if self.request.has_token("connection", b"close"):
                return

    def send(self, data):
        self.sock.settimeout(None)
        self.sock.sendall(data)
        with self.origin.lock:
            self.origin.sent += len(data)


def reset(sock):
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
    except OSError:
        pass
    try:
        sock.shutdown(socket.SHUT_RD)  # wakes the thread that reads it
    except OSError:
        pass
    sock.close()


# ---- steps ----

@step(r"reply (\d+)(?:,? (.*))?")
def respond(c, status, rest):
    """reply 200 "body", header A: b, chunked, trailer C: d, until close, close, no body"""
    body, extra, trailers, how = b"", [], [], "length"
    for clause in clauses(rest or ""):
        field = re.match(r"(header|trailer) ([^\s:]+): ?(.*)", clause, re.S)
        if field:
            kind, name, value = field.groups()
            pair = (name.encode(), plain_or_quoted(value))
            (extra if kind == "header" else trailers).append(pair)
        elif clause == "chunked":
            how = "chunked"
        elif clause == "until close":
            how, c.closing = "close", True
        elif clause == "close":
            extra.append((b"Connection", b"close"))
            c.closing = True
        elif clause == "no length":
            how = "none"
        elif clause == "echo":
            body = (repr(c.request) + "\n").encode("latin-1")
        else:
            body = content(clause[5:] if clause.startswith("body ") else clause)
    if trailers:
        how = "chunked"
    if how == "chunked":
        extra.append((b"Transfer-Encoding", b"chunked"))
    elif how == "length":
        extra.append((b"Content-Length", b"%d" % len(body)))
    head = b"HTTP/1.1 %s Said\r\n" % status.encode()
    head += b"".join(b"%s: %s\r\n" % pair for pair in extra) + b"\r\n"
    if c.request.method == "HEAD" or how == "none":
        c.send(head)
        return
    if how == "chunked":
        c.send(head)
        for piece in wire.chunked(body, trailers, 7):
            c.send(piece)
    elif isinstance(body, Pattern):
        c.send(head)
        for piece in body.pieces():
            c.send(piece)
    else:
        c.send(head + body)


@step(r"send (slowly )?(.+)")
def send(c, slowly, text):
    data = content(text)
    if isinstance(data, Pattern):
        for piece in data.pieces():
            c.send(piece)
    elif slowly:
        for i in range(len(data)):
            c.send(data[i:i + 1])
    else:
        c.send(data)


@step(r"continue")
def send_continue(c):
    c.send(b"HTTP/1.1 100 Continue\r\n\r\n")


@step(r"read body")
def read_body(c):
    wire.read_body(c.stream, c.request)


@step(r"read (\d+ (?:B|KB|MB))(?: of the body)?")
def read_some(c, text):
    c.request.body.add(c.stream.exact(len(content(text))))


@step(r"wait for (\S+)")
def wait_for(c, word):
    c.story.gate(word).wait()


@step(r"stall")
def stall(c):
    """Says nothing more; ends when the other side closes."""
    while True:
        c.stream.some(1 << 16)


@step(r"reset")
def do_reset(c):
    reset(c.sock)
    raise Over


@step(r"close")
def do_close(c):
    raise Over


@step(r"half-close")
def half_close(c):
    c.sock.shutdown(socket.SHUT_WR)
    c.closing = True
    stall(c)


@step(r"stop reading")
def stop_reading(c):
    c.story.gate("the end").wait()


@step(r"echo bytes")
def echo_bytes(c):
    """After a 101: sends back what comes, upper case, until it closes."""
    while True:
        c.send(c.stream.some(1 << 16).upper())
