"""Scripted clients: requests as a story says them, or bytes.

A client keeps its connection between its blocks.  `get /a` sends a request;
`expect ...`, on the same line or later, reads the next response: several
sends before several expects are a pipeline.
"""
import re
import select
import socket
import ssl
import time

from . import wire
from .language import Failed, Pattern, Wrong, clauses, compare, content, plain_or_quoted
from .matching import match, split_expect
from .origin import reset

LINES = []
METHODS = "get head post put delete options patch trace connect".split()


def line(pattern):
    def register(call):
        LINES.append((re.compile(pattern, re.S), call))
        return call
    return register


class Client:
    def __init__(self, name, target, options, story):
        self.name = name
        self.story = story
        self.target = target
        self.options = options
        self.sock = None
        self.stream = None
        self.waiting = []  # methods of requests without their response yet
        self.sent = 0
        self.session = None
        self.responses = 0

    # ---- the connection ----

    def connect(self):
        self.drop()
        family, where = self.story.place(self.target)
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(self.story.patience)
        source = re.search(r"\bfrom (\S+)", self.options)
        if source:
            sock.bind((source.group(1), 0))
        small = re.search(r"\bwindow (\d+ \S+)", self.options)
        if small:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, len(content(small.group(1))))
        try:
            sock.connect(where)
        except OSError as error:
            sock.close()
            raise Failed(f"{self.name} cannot connect to {self.target}: {error}") from None
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if re.search(r"\btls\b", self.options):
            sock = self.handshake(sock)
        self.sock = sock
        self.waiting = []
        self.sent = 0
        self.stream = wire.Stream(sock, self.story.patience, self.story.on_wait)

    def handshake(self, sock):
        context = self.story.certificates.client_context(self.options)
        name = re.search(r"\bsni (\S+)", self.options)
        try:
            return context.wrap_socket(
                sock, server_hostname=name.group(1) if name else None, session=self.session)
        except (ssl.SSLError, OSError) as error:
            sock.close()
            raise Failed(f"TLS handshake of {self.name} failed: {error}") from None

    def drop(self):
        if self.sock is not None:
            if isinstance(self.sock, ssl.SSLSocket):
                self.session = self.sock.session or self.session
            self.sock.close()
            self.sock = None

    def need(self):
        if self.sock is None:
            self.connect()

    def write(self, data):
        self.need()
        self.sock.settimeout(self.story.patience)
        try:
            self.sock.sendall(data)
            self.sent += len(data)
        except socket.timeout:
            raise Failed(f"{self.name} could not send: the other side does not read") from None
        except OSError:
            pass  # closed meanwhile; what came before is read by `expect`

    # ---- lines ----

    def run(self, text):
        allowance, times, rest = re.fullmatch(
            r"(?:within (\S+) )?(?:(\d+) times )?(.+)", text, re.S).groups()
        action, expected = split_expect(rest)
        for _ in range(int(times or 1)):
            with self.story.within(allowance):
                if action:
                    self.act(action)
                if expected is not None:
                    self.expect(expected)

    def act(self, text):
        for pattern, call in LINES:
            found = pattern.fullmatch(text)
            if found:
                call(self, *found.groups())
                return
        raise Wrong(f"unknown line of a client: {text}")

    def expect(self, text):
        if not text.startswith("refused"):
            self.need()
        parts = clauses(text)
        for pattern, call in EXPECTS:
            found = pattern.fullmatch(text)
            if found:
                call(self, *found.groups())
                return
        head_only = parts[0].startswith("head ")
        if head_only:
            parts[0] = parts[0][5:]
        then_closed = [p for p in parts if p in ("closed", "reset")]
        message = self.response(head_only)
        for clause in parts:
            if clause not in then_closed:
                match(message, clause, self.story.words)
        if then_closed:
            expect_closed(self, then_closed[0])

    def response(self, head_only=False):
        method = self.waiting.pop(0) if self.waiting else "GET"
        try:
            message = wire.read_response_head(self.stream)
            if not head_only and message.status != 101:
                wire.read_body(self.stream, message, method)
        except wire.Closed as end:
            raise Failed(f"{self.name}: no response: {end}") from None
        self.responses += 1
        return message


# ---- sending ----

@line(r"connect")
def connect(c):
    c.connect()


@line(r"close")
def close(c):
    c.drop()


@line(r"reset")
def do_reset(c):
    reset(c.sock)
    c.sock = None


@line(r"half-close")
def half_close(c):
    c.sock.shutdown(socket.SHUT_WR)


@line(r"send until blocked")
def send_until_blocked(c):
    """As much as the other side and the kernels between take; stops when nothing moves."""
    c.need()
    c.sock.setblocking(False)
    piece = bytes(1 << 16)
    while True:
        try:
            c.sent += c.sock.send(piece)
        except (BlockingIOError, ssl.SSLWantWriteError):
            _, writable, _ = select.select([], [c.sock], [], 0.3)
            if not writable:
                return
        except OSError:
            return


@line(r"send (slowly )?(.+)")
def send(c, slowly, text):
    data = content(text)
    if isinstance(data, Pattern):
        for piece in data.pieces():
            c.write(piece)
    elif slowly:
        for i in range(len(data)):
            c.write(data[i:i + 1])
            time.sleep(0.0003)  # apart, so that each is read alone
    else:
        c.write(data)


@line(r"(?:send )?([a-zA-Z-]+) (/\S*?|\*|https?://\S+?)(?:,? (.*))?")
def request(c, method, target, rest):
    method = method.upper() if method in METHODS else method
    version, body, extra, trailers = "1.1", None, [], []
    as_chunks = slowly = hold = False
    host = c.story.default_host
    for clause in clauses(rest or ""):
        field = re.match(r"(header|trailer) ([^\s:]+): ?(.*)", clause, re.S)
        if field:
            kind, name, value = field.groups()
            pair = (name.encode(), plain_or_quoted(value))
            (extra if kind == "header" else trailers).append(pair)
        elif clause.startswith("host "):
            host = clause[5:]
        elif clause == "no host":
            host = None
        elif clause.startswith("body "):
            body = content(clause[5:])
        elif clause == "chunked":
            as_chunks = True
        elif clause == "slowly":
            slowly = True
        elif clause == "head only":
            hold = True
        elif clause == "http/1.0":
            version = "1.0"
        else:
            raise Wrong(f"unknown part of a request: {clause}")
    if trailers:
        as_chunks = True
    fields = [(b"Host", host.encode())] if host is not None else []
    if as_chunks:
        fields.append((b"Transfer-Encoding", b"chunked"))
    elif body is not None:
        fields.append((b"Content-Length", b"%d" % len(body)))
    head = f"{method} {target} HTTP/{version}\r\n".encode("latin-1")
    head += b"".join(b"%s: %s\r\n" % pair for pair in fields + extra) + b"\r\n"
    pieces = [] if hold else payload(body, as_chunks, trailers)
    c.need()
    c.waiting.append(method)
    send_pieces(c, head, pieces, slowly)


def payload(body, as_chunks, trailers):
    if as_chunks:
        return wire.chunked(body or b"", trailers, 9)
    if body is None:
        return []
    return body.pieces() if isinstance(body, Pattern) else [body]


def send_pieces(c, head, pieces, slowly):
    if slowly:
        data = head + b"".join(pieces)
        for i in range(len(data)):
            c.write(data[i:i + 1])
            time.sleep(0.0003)
        return
    c.write(head)
    for piece in pieces:
        c.write(piece)


# ---- expecting; what is not here is a response ----

def expect_closed(c, how=None):
    try:
        while True:
            extra = c.stream.some(1 << 16)
            raise Failed(f"{c.name}: expected the connection closed, got {extra[:300]!r}")
    except wire.Closed as end:
        if how == "reset" and end.how != "reset":
            raise Failed(f"{c.name}: expected a reset, the connection was {end.how}") from None
    c.drop()


def expect_open(c):
    """Nothing came, and the connection is not closed either."""
    c.sock.setblocking(False)
    try:
        data = c.stream.buffer or c.sock.recv(4096)
    except (BlockingIOError, ssl.SSLWantReadError):
        return
    raise Failed(f"{c.name}: expected nothing yet, got {bytes(data[:300])!r}")


def expect_bytes(c, text):
    wanted = content(text)
    if isinstance(wanted, Pattern):
        body = wire.Body()
        while body.length < len(wanted):
            body.add(c.stream.some(len(wanted) - body.length))
        if not body.equals(wanted):
            raise Failed(f"{c.name}: other bytes than the pattern")
        return
    try:
        got = c.stream.exact(len(wanted))
    except (wire.Closed, wire.Late) as end:
        raise Failed(f"{c.name}: expected {wanted!r}, {end}") from None
    if got != wanted:
        raise Failed(f"{c.name}: expected bytes {wanted!r}, got {got + bytes(c.stream.buffer)!r}")


def expect_cut(c):
    """A response that broke off: the connection ends before its body does."""
    method = c.waiting.pop(0) if c.waiting else "GET"
    message = None
    try:
        message = wire.read_response_head(c.stream)
        wire.read_body(c.stream, message, method)
    except wire.Closed:
        c.drop()
        return
    raise Failed(f"{c.name}: expected the response to break off, got all of it:\n{message!r}")


def expect_tls(c, what, wanted):
    c.need()
    peer = c.sock.getpeercert(binary_form=True)
    got = {
        "version": lambda: c.sock.version(),
        "resumed": lambda: "yes" if c.sock.session_reused else "no",
        "alpn": lambda: c.sock.selected_alpn_protocol() or "none",
        "certificate": lambda: c.story.certificates.name_of(peer),
    }[what]()
    if got != wanted:
        raise Failed(f"{c.name}: tls {what} is {got}, not {wanted}")


def expect_refused(c, text):
    """A new connection, or its handshake, does not come about."""
    c.drop()
    try:
        c.connect()
        c.stream.some(1)
    except wire.Late:
        pass  # nobody closed it
    except Failed as failed:
        if text and text not in str(failed):
            raise Failed(f"{failed}; expected the word {text!r}") from None
        return
    except wire.Closed:
        c.drop()
        return
    raise Failed(f"{c.name}: the connection was accepted")


def expect_sent(c, operator, wanted):
    if not compare(c.sent, operator, wanted):
        raise Failed(f"{c.name} could send {c.sent} bytes, expected {operator} {wanted}")


def expect_codes(c, text):
    """`one of 200, 503`: for races that either side may win."""
    message = c.response()
    if str(message.status) not in clauses(text):
        raise Failed(f"expected one of {text}, got:\n{message!r}")


EXPECTS = [
    (re.compile(r"(closed|reset)"), expect_closed),
    (re.compile(r"nothing"), expect_open),
    (re.compile(r"bytes (.+)", re.S), expect_bytes),
    (re.compile(r"cut off"), expect_cut),
    (re.compile(r"tls (version|resumed|alpn|certificate) (\S+)"), expect_tls),
    (re.compile(r"refused(?:, (.+))?"), expect_refused),
    (re.compile(r"sent (<|>|<=|>=) (.+)"), expect_sent),
    (re.compile(r"one of (.+)"), expect_codes),
]
