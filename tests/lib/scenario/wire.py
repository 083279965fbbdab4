"""HTTP/1 of the runner's own: it must never share the parser that it tests.

Reads strictly: what Weir sends has to be right to the byte, or Broken says why.
"""
import re
import socket
import ssl
import time
import zlib

from .language import Failed, Pattern

KEPT = 1 << 20  # bytes of a body that are kept; of longer ones a checksum
NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/1\.([01])\Z")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)\Z")


class Broken(Failed):
    """The other side does not speak HTTP."""


class Closed(Exception):
    """The other side closed or reset; `how` is the word for it."""

    def __init__(self, how, got=b""):
        super().__init__(f"connection {how}" + (f" after {bytes(got[:200])!r}" if got else ""))
        self.how = how


class Late(Failed):
    """Nothing came in time."""


class Stream:
    """A socket with what was read of it but not used yet."""

    def __init__(self, sock, patience=None, on_wait=None):
        self.sock = sock
        self.patience = patience  # seconds without a byte; None: for ever
        self.on_wait = on_wait    # called every few milliseconds of waiting
        self.buffer = bytearray()
        self.ended = None

    def fill(self):
        if self.ended:
            raise Closed(self.ended, self.buffer)
        deadline = None if self.patience is None else time.monotonic() + self.patience
        self.sock.settimeout(0.01 if self.on_wait else self.patience)
        while True:
            try:
                data = self.sock.recv(1 << 16)
                break
            except (socket.timeout, ssl.SSLWantReadError):
                if self.on_wait and self.on_wait():
                    continue
                if deadline is not None and time.monotonic() >= deadline:
                    raise Late(f"nothing came, read so far: {bytes(self.buffer[:300])!r}") from None
            except ssl.SSLEOFError:
                data = b""
                break
            except OSError:
                self.ended = "reset"
                raise Closed("reset", self.buffer) from None
        if not data:
            self.ended = "closed"
            raise Closed("closed", self.buffer)
        self.buffer += data

    def until(self, mark, limit=1 << 20):
        at = 0
        while True:
            found = self.buffer.find(mark, at)
            if found >= 0:
                return self.take(found + len(mark))
            at = max(0, len(self.buffer) - len(mark) + 1)
            if at > limit:
                raise Broken(f"no {mark!r} within {limit} bytes")
            self.fill()

    def take(self, n):
        out = bytes(self.buffer[:n])
        del self.buffer[:n]
        return out

    def exact(self, n):
        while len(self.buffer) < n:
            self.fill()
        return self.take(n)

    def some(self, n):
        """Between 1 and n bytes."""
        if not self.buffer:
            self.fill()
        return self.take(min(n, len(self.buffer)))


class Body:
    def __init__(self):
        self.start = bytearray()
        self.length = 0
        self.crc = 0

    def add(self, data):
        if self.length < KEPT:
            self.start += data[:KEPT - self.length]
        self.length += len(data)
        self.crc = zlib.crc32(data, self.crc)

    def equals(self, wanted):
        if len(wanted) != self.length:
            return False
        if isinstance(wanted, Pattern):
            crc = 0
            for piece in wanted.pieces():
                crc = zlib.crc32(piece, crc)
            return crc == self.crc
        return zlib.crc32(wanted) == self.crc

    def __repr__(self):
        shown = repr(bytes(self.start[:400]))
        return shown if self.length <= 400 else f"{self.length} bytes, {shown}..."


class Message:
    def __init__(self, line, fields):
        self.line = line
        self.fields = fields
        self.body = Body()
        self.trailers = []
        self.interim = []
        self.chunked = False
        self.whole = False
        self.minor = 1
        self.status = None
        self.method = None
        self.target = None

    def all(self, name):
        name = name.lower().encode() if isinstance(name, str) else name.lower()
        return [value for key, value in self.fields if key.lower() == name]

    def first(self, name):
        found = self.all(name)
        return found[0] if found else None

    def has_token(self, name, token):
        joined = b",".join(self.all(name)).lower()
        return token in [part.strip() for part in joined.split(b",")]

    def __repr__(self):
        rows = [self.line.decode("latin-1")]
        rows += [f"{k.decode('latin-1')}: {v.decode('latin-1')}" for k, v in self.fields]
        if self.body.length:
            rows.append(f"body: {self.body!r}")
        rows += [f"trailer {k.decode('latin-1')}: {v.decode('latin-1')}" for k, v in self.trailers]
        return "\n".join(rows)


def fields_of(lines):
    out = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not NAME.match(name):
            raise Broken(f"bad field line {line!r}")
        value = value.strip(b" \t")
        if not VALUE.match(value):
            raise Broken(f"bad field value {line!r}")
        out.append((name, value))
    return out


def read_head(stream):
    raw = stream.until(b"\r\n\r\n")
    if b"\n" in raw.replace(b"\r\n", b"") or b"\r" in raw.replace(b"\r\n", b""):
        raise Broken(f"bare CR or LF in {raw!r}")
    lines = raw[:-4].split(b"\r\n")
    return Message(lines[0], fields_of(lines[1:]))


def read_request_head(stream):
    message = read_head(stream)
    match = REQUEST_LINE.match(message.line)
    if not match:
        raise Broken(f"bad request line {message.line!r}")
    message.method, message.target = match.group(1).decode(), match.group(2).decode("latin-1")
    message.minor = int(match.group(3))
    return message


def read_response_head(stream, interim=True):
    """The final head; 1xx heads before it are kept in its list (but 101 is final)."""
    earlier = []
    while True:
        message = read_head(stream)
        match = STATUS_LINE.match(message.line)
        if not match:
            raise Broken(f"bad status line {message.line!r}")
        message.minor, message.status = int(match.group(1)), int(match.group(2))
        if 100 <= message.status < 200 and message.status != 101 and interim:
            earlier.append(message)
            continue
        message.interim = earlier
        return message


def framing(message):
    """("none" | "length", n | "chunked" | "close", None)"""
    lengths, codings = message.all("content-length"), message.all("transfer-encoding")
    if len(lengths) > 1 or (lengths and codings):
        raise Broken(f"ambiguous framing: {lengths} {codings}")
    if codings:
        if [c.lower() for c in codings] != [b"chunked"]:
            raise Broken(f"unexpected transfer-encoding {codings}")
        return "chunked", None
    if lengths:
        if not re.fullmatch(rb"[0-9]+", lengths[0]):
            raise Broken(f"bad content-length {lengths[0]!r}")
        return "length", int(lengths[0])
    return ("none", None) if message.method else ("close", None)


def read_body(stream, message, to_method=None, on_piece=None):
    """Reads what the head announces into message.body; on_piece(n) may pace it."""
    kind, n = framing(message)
    if message.status is not None and (
            to_method == "HEAD" or message.status in (204, 304) or 100 <= message.status < 200
            or (to_method == "CONNECT" and message.status < 300)):
        kind = "none"
    message.chunked = kind == "chunked"

    def add(data):
        message.body.add(data)
        if on_piece:
            on_piece(len(data))

    if kind == "length":
        while n > 0:
            piece = stream.some(n)
            n -= len(piece)
            add(piece)
    elif kind == "chunked":
        read_chunks(stream, message, add)
    elif kind == "close":
        try:
            while True:
                add(stream.some(1 << 16))
        except Closed as end:
            if end.how != "closed":
                raise
    message.whole = True
    return message


def read_chunks(stream, message, add):
    while True:
        line = stream.until(b"\r\n", 4096)[:-2]
        if not re.fullmatch(rb"[0-9a-fA-F]{1,16}", line):
            raise Broken(f"bad chunk size line {line!r}")
        left = int(line, 16)
        if left == 0:
            break
        while left > 0:
            piece = stream.some(left)
            left -= len(piece)
            add(piece)
        if stream.exact(2) != b"\r\n":
            raise Broken("no CRLF after a chunk")
    lines = []
    while True:
        line = stream.until(b"\r\n", 65536)[:-2]
        if not line:
            break
        lines.append(line)
    message.trailers = fields_of(lines)


def chunked(body, trailers, piece=None):
    """The pieces of a chunked body, as sent."""
    parts = body.pieces() if isinstance(body, Pattern) else cut(body, piece)
    for part in parts:
        yield b"%x\r\n%s\r\n" % (len(part), part)
    yield b"0\r\n" + b"".join(b"%s: %s\r\n" % t for t in trailers) + b"\r\n"


def cut(body, piece=None):
    piece = piece or max(1, len(body))
    return [body[i:i + piece] for i in range(0, len(body), piece)]
