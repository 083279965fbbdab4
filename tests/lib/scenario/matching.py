"""What a message has to be: the clauses after `expect`, for requests and responses alike.

    200   2xx   body "ok"   body has "part"   no body   body 5 MB
    header NAME: VALUE   header NAME matches /re/   header NAME   no header NAME
    trailer NAME: VALUE   interim 103   version 1.0   chunked   not chunked
    method GET   path /a?b   2 headers NAME   keep header NAME as WORD   keep body as WORD
"""
import re

from .language import Failed, Wrong, content, plain_or_quoted, split_outside

CHECKS = []


def check(pattern):
    def register(call):
        CHECKS.append((re.compile(pattern, re.S), call))
        return call
    return register


def need(truth, wanted, message):
    if not truth:
        raise Failed(f"expected {wanted}, got:\n{message!r}")


def match(message, clause, words=None):
    """Raises Failed when the message is not what the clause says."""
    for pattern, call in CHECKS:
        found = pattern.fullmatch(clause)
        if found:
            call(message, clause, words, *found.groups())
            return
    raise Wrong(f"unknown expectation: {clause}")


@check(r"(\d)(\d\d|xx)")
def status(message, clause, words, first, rest):
    got = str(message.status)
    need(got == first + rest or (rest == "xx" and got[:1] == first), f"status {clause}", message)


@check(r"\?")
def refused(message, clause, words):
    need(message.status >= 400, "a refusal", message)


@check(r"any")
def anything(message, clause, words):
    pass


@check(r"no body")
def no_body(message, clause, words):
    need(message.body.length == 0, clause, message)


@check(r"body has (.+)")
def body_has(message, clause, words, text):
    need(content(text) in bytes(message.body.start), clause, message)


@check(r"body lacks (.+)")
def body_lacks(message, clause, words, text):
    need(content(text) not in bytes(message.body.start), clause, message)


@check(r"body matches /(.*)/")
def body_matches(message, clause, words, pattern):
    need(re.search(pattern.encode(), bytes(message.body.start)), clause, message)


@check(r"body (.+)")
def body(message, clause, words, text):
    need(message.body.equals(content(text)), clause, message)


def named(fields, name):
    return [value for key, value in fields if key.lower() == name.lower().encode()]


@check(r"no (header|trailer) (\S+)")
def no_field(message, clause, words, kind, name):
    fields = message.fields if kind == "header" else message.trailers
    need(not named(fields, name), clause, message)


@check(r"(\d+) headers? (\S+)")
def count_of(message, clause, words, n, name):
    need(len(named(message.fields, name)) == int(n), clause, message)


@check(r"(header|trailer) (\S+) matches /(.*)/")
def field_matches(message, clause, words, kind, name, pattern):
    fields = message.fields if kind == "header" else message.trailers
    values = named(fields, name)
    need(any(re.search(pattern.encode(), v) for v in values), clause, message)


@check(r"keep header (\S+) as (\S+)")
def keep(message, clause, words, name, word):
    values = named(message.fields, name)
    need(values, f"header {name}", message)
    words[word] = values[0].decode("latin-1")


@check(r"keep body as (\S+)")
def keep_body(message, clause, words, word):
    words[word] = bytes(message.body.start).decode("latin-1")


@check(r"(header|trailer) ([^\s:]+): (.*)")
def field_is(message, clause, words, kind, name, value):
    fields = message.fields if kind == "header" else message.trailers
    need(plain_or_quoted(value) in named(fields, name), clause, message)


@check(r"(header|trailer) ([^\s:]+)")
def field_there(message, clause, words, kind, name):
    fields = message.fields if kind == "header" else message.trailers
    need(named(fields, name), clause, message)


@check(r"no interim")
def no_interim(message, clause, words):
    need(not message.interim, clause, message)


@check(r"interim (\d+)")
def interim(message, clause, words, wanted):
    need(int(wanted) in [m.status for m in message.interim], clause, message)


@check(r"version 1\.(\d)")
def version(message, clause, words, minor):
    need(message.minor == int(minor), clause, message)


@check(r"(not )?chunked")
def is_chunked(message, clause, words, negated):
    need(message.chunked != bool(negated), clause, message)


@check(r"method (\S+)")
def method(message, clause, words, wanted):
    need(message.method == wanted, clause, message)


@check(r"path (\S+)")
def path(message, clause, words, wanted):
    need(message.target == wanted, clause, message)


def split_expect(text):
    """`get /a, host b expect 200, body "x"` in its two halves; the second may be None."""
    parts = split_outside(" " + text, " expect ")
    if len(parts) > 2:
        raise Wrong("more than one `expect` in a line")
    return parts[0].strip(), parts[1].strip() if len(parts) == 2 else None
