"""How a scenario is written: lines, blocks by indentation, strings, clauses.

Nothing here knows what a line means.  A Line keeps its number, so that every
failure can name it, and its block both ways: as lines, and as raw text for
what is not ours to read (a blueprint, a file's content).
"""
import re
import textwrap

UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
TIMES = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000,
         "d": 86_400_000_000}
ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\", '"': '"'}
TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(\S+))')
SIZE = re.compile(r"(\d+)\s*(B|KB|MB|GB)\b")
DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d)$")


class Wrong(Exception):
    """The scenario itself is not written as it should be."""


class Failed(Exception):
    """What was expected did not happen."""


class Line:
    def __init__(self, number, text):
        self.number = number
        self.text = text
        self.block = []
        self.raw = ""

    def __repr__(self):
        return f"{self.number}: {self.text}"


def indent_of(text):
    return len(text) - len(text.lstrip(" "))


def read(path):
    """The top lines of a file, each with its block."""
    with open(path, encoding="utf-8") as f:
        return parse(f.read().split("\n"))


def parse(lines):
    rows = []  # (number, indent, text)
    number = 0
    while number < len(lines):
        text, start = lines[number], number
        while text.endswith("\\") and number + 1 < len(lines):
            number += 1
            text = text[:-1].rstrip() + " " + lines[number].strip()
        number += 1
        if text.strip() and not text.strip().startswith("#"):
            if "\t" in text[:indent_of(text) + 1]:
                raise Wrong(f"line {start + 1}: indent with spaces, not tabs")
            rows.append((start + 1, indent_of(text), text.strip()))
    return blocks(rows, lines)


def blocks(rows, source):
    out = []
    i = 0
    while i < len(rows):
        number, indent, text = rows[i]
        line = Line(number, text)
        end = i + 1
        while end < len(rows) and rows[end][1] > indent:
            end += 1
        line.block = blocks(rows[i + 1:end], source)
        if end > i + 1:
            first = rows[i + 1][0] - 1
            last = rows[end][0] - 1 if end < len(rows) else len(source)
            line.raw = raw_block(source[first:last], indent)
        out.append(line)
        i = end
    return out


def raw_block(lines, indent):
    """The source of a block, without what follows it that is not indented."""
    kept = []
    for text in lines:
        if text.strip() and indent_of(text) <= indent:
            break
        kept.append(text)
    return textwrap.dedent("\n".join(kept)).rstrip() + "\n"


def unescape(text):
    """The inside of a quoted string as bytes; \\xHH is one byte."""
    def one(match):
        if match.group(1):
            return chr(int(match.group(1), 16))
        if match.group(2) not in ESCAPES:
            raise Wrong(f"unknown escape \\{match.group(2)}")
        return ESCAPES[match.group(2)]
    text = text.encode("utf-8").decode("latin-1")
    return re.sub(r"\\(?:x([0-9a-fA-F]{2})|(.))", one, text).encode("latin-1")


class Quoted(bytes):
    """A token that stood in quotes."""


def tokens(text):
    out = []
    at = 0
    while at < len(text.rstrip()):
        match = TOKEN.match(text, at)
        if match is None:
            raise Wrong(f"cannot read: {text[at:]}")
        quoted, plain = match.groups()
        out.append(plain if quoted is None else Quoted(unescape(quoted)))
        at = match.end()
    return out


def split_outside(text, separator):
    """Splits at a separator that stands outside quotes and /patterns/."""
    parts, start, i = [], 0, 0
    quote = None
    while i < len(text):
        c = text[i]
        if quote:
            if c == "\\":
                i += 1
            elif c == quote:
                quote = None
        elif c == '"' or (c == "/" and text[:i].endswith("matches ")):
            quote = c
        elif text.startswith(separator, i):
            parts.append(text[start:i])
            i += len(separator)
            start = i
            continue
        i += 1
    parts.append(text[start:])
    return parts


def clauses(text):
    return [part.strip() for part in split_outside(text, ",") if part.strip()]


def size(text):
    match = SIZE.fullmatch(text.strip())
    if match is None:
        raise Wrong(f"expected a size such as 64 KB, read {text!r}")
    return int(match.group(1)) * UNITS[match.group(2)]


def duration(text):
    """Microseconds."""
    match = DURATION.fullmatch(text.strip())
    if match is None:
        raise Wrong(f"expected a duration such as 500ms or 10s, read {text!r}")
    return int(float(match.group(1)) * TIMES[match.group(2)])


class Pattern:
    """A large body that anyone can make and check again without keeping it."""
    PERIOD = bytes((i * 7 + i // 251) % 251 for i in range(251 * 251))

    def __init__(self, length):
        self.length = length

    def pieces(self, piece=1 << 16):
        at = 0
        while at < self.length:
            n = min(piece, self.length - at)
            yield self.slice(at, n)
            at += n

    def slice(self, at, n):
        start = at % len(self.PERIOD)
        repeats = (start + n) // len(self.PERIOD) + 1
        return (self.PERIOD * repeats)[start:start + n]

    def __len__(self):
        return self.length


def content(text):
    """`"abc" "x" x 500` is bytes; `5 MB` is a Pattern."""
    if SIZE.fullmatch(text.strip()):
        return Pattern(size(text))
    out = b""
    row = tokens(text)
    i = 0
    while i < len(row):
        if not isinstance(row[i], Quoted):
            raise Wrong(f'expected "text" or a size such as 5 MB, read {text!r}')
        piece = row[i]
        if i + 2 < len(row) and row[i + 1] == "x" and str(row[i + 2]).isdigit():
            piece = piece * int(row[i + 2])
            i += 2
        out += piece
        i += 1
    return out


def plain_or_quoted(text):
    """A value that needs quotes only when it holds a comma or odd bytes."""
    text = text.strip()
    if text.startswith('"'):
        return content(text)
    return text.encode("utf-8")


def compare(left, operator, right):
    """`right` is text of the scenario; numbers are compared as numbers."""
    right = right.strip()
    if operator == "in":
        low, _, high = right.partition("..")
        return float(low) <= float(left) <= float(high)
    if SIZE.fullmatch(right):
        right = size(right)
    try:
        left, right = float(left), float(right)
    except (TypeError, ValueError):
        left, right = str(left), str(right).strip('"')
    table = {"==": left == right, "!=": left != right}
    if isinstance(left, float):
        table.update({"<": left < right, "<=": left <= right,
                      ">": left > right, ">=": left >= right})
    if operator not in table:
        raise Wrong(f"cannot compare {left!r} {operator} {right!r}")
    return table[operator]
