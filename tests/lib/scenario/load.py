"""Steady requests in the background, while a story does other things.

Each connection is a thread that sends a request, reads the response, and goes
on; a connection that the server closes after saying so is opened again.  What
counts as failed: no whole response, or a status that was not asked for.
"""
import re
import socket
import threading

from . import wire
from .language import Wrong, clauses


class Load:
    def __init__(self, name, target, text, story):
        self.name = name
        self.story = story
        self.family, self.where = story.place(target)
        self.connections, self.limit = 4, None
        self.requests = self.failed = self.reconnects = 0
        self.statuses = {}
        self.first_failure = None
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.path, self.allowed, self.tls, self.close_each = "/", {200}, None, False
        for clause in clauses(text):
            self.word(clause)
        self.threads = [threading.Thread(target=self.run, daemon=True)
                        for _ in range(self.connections)]
        for thread in self.threads:
            thread.start()

    def word(self, clause):
        match = re.fullmatch(r"(\d+) (connections?|requests?)", clause)
        if match:
            if match.group(2).startswith("connection"):
                self.connections = int(match.group(1))
            else:
                self.limit = int(match.group(1))
        elif clause.startswith("get "):
            self.path = clause[4:]
        elif clause.startswith("allowing "):
            self.allowed = {int(s) for s in clause[9:].split()}
        elif clause == "a connection each":
            self.close_each = True
        elif clause.startswith("tls"):
            self.tls = clause
        else:
            raise Wrong(f"unknown word of a load: {clause}")

    def open(self):
        sock = socket.socket(self.family, socket.SOCK_STREAM)
        sock.settimeout(self.story.patience)
        sock.connect(self.where)
        if self.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            sock = self.story.certificates.client_context(self.tls).wrap_socket(sock)
        return sock

    def run(self):
        request = (f"GET {self.path} HTTP/1.1\r\nHost: {self.story.default_host}\r\n"
                   + ("Connection: close\r\n" if self.close_each else "") + "\r\n").encode()
        sock = None
        while not self.over.is_set() and self.take():
            try:
                if sock is None:
                    sock = self.open()
                    stream = wire.Stream(sock, self.story.patience)
                sock.sendall(request)
                message = wire.read_response_head(stream)
                wire.read_body(stream, message, "GET")
                self.note(message.status)
                if self.close_each or message.has_token("connection", b"close"):
                    self.reconnects += not self.close_each
                    sock.close()
                    sock = None
            except (OSError, wire.Closed, wire.Late, wire.Broken) as error:
                self.fail(f"{type(error).__name__} {error}")
                if sock is not None:
                    sock.close()
                sock = None
        if sock is not None:
            sock.close()

    def take(self):
        with self.lock:
            if self.limit is not None and self.requests >= self.limit:
                return False
            self.requests += 1
            return True

    def note(self, status):
        with self.lock:
            self.statuses[status] = self.statuses.get(status, 0) + 1
        if status not in self.allowed:
            self.fail(f"status {status}")

    def fail(self, why):
        with self.lock:
            self.failed += 1
            self.first_failure = self.first_failure or why

    def stop(self):
        self.over.set()
        self.join()

    def join(self):
        for thread in self.threads:
            thread.join(self.story.patience * 10)
