"""What a story may expect of its actors, besides what a client reads.

    shop.requests == 5          shop.requests of /health >= 3    a.requests + b.requests == 10
    shop.connections <= 2       shop.open == 0                   shop.sent < 5 MB
    shop.request header X: y    (clauses as after a client's `expect`; the last request)
    edge.metric NAME{LABELS} == 1       edge.log has key=value key=value
    edge.log has no reason=x            edge.log has 3 times event=request
    edge.status PATH == value           edge.stderr has "text"   edge.stdout has "text"
    edge.rss of edge < 60 MB            edge.exit == 0
    spin.failed == 0            spin.requests > 100              spin.status 200 > 10
    names.questions of shop.test >= 2   exists FILE              no file FILE
"""
import os
import re

from .language import Failed, Wrong, clauses, compare, content, split_outside
from .matching import match

COMPARISON = re.compile(r"(.+?) (==|!=|<=|>=|<|>|in) (.+)", re.S)


def expect(story, text):
    for pattern, call in TABLE:
        found = pattern.fullmatch(text)
        if found:
            story.eventually(lambda: call(story, *found.groups()))
            return
    found = COMPARISON.fullmatch(text)
    if found is None:
        raise Wrong(f"cannot read the expectation: {text}")
    left, operator, right = found.groups()

    def check():
        got = value(story, left)
        wanted = right
        if "." in right or " + " in right:
            try:
                wanted = str(value(story, right))
            except Wrong:
                pass
        if not compare(got, operator, wanted):
            raise Failed(f"{left} is {got}, expected {operator} {right}")
    story.eventually(check)


def value(story, text):
    parts = [p.strip() for p in split_outside(text, " + ")]
    if len(parts) > 1:
        return sum(float(value(story, p)) for p in parts)
    found = re.fullmatch(r"(\w+)\.(\w+)(?: (?:of )?(.+))?", text.strip(), re.S)
    if found is None:
        raise Wrong(f"cannot read {text!r}")
    name, what, rest = found.groups()
    for group, table in ((story.origins, ORIGIN), (story.weirs, WEIR), (story.loads, LOAD),
                         (story.dns, DNS)):
        if name in group and what in table:
            return table[what](group[name], rest)
    raise Wrong(f"there is no {name}.{what}")


def dig(data, path, operator, wanted):
    """Is the value at `a.b.0.c` so?  `count` at the end is a length."""
    for part in path.split("."):
        if isinstance(data, list) and part == "count":
            data = len(data)
        elif isinstance(data, list) and "=" in part:  # the element with that value
            key, _, word = part.partition("=")
            data = next((e for e in data if str(e.get(key)) == word), None)
        elif isinstance(data, list):
            data = data[int(part)] if int(part) < len(data) else None
        elif isinstance(data, dict):
            data = data.get(part)
        else:
            data = None
    if isinstance(data, bool):
        data = str(data).lower()
    if data is None:
        data = "null"
    return compare(data, operator, wanted)


ORIGIN = {
    "requests": lambda o, path: o.requests(path),
    "connections": lambda o, _: o.used,
    "open": lambda o, _: o.open,
    "sent": lambda o, _: o.sent,
}
WEIR = {
    "metric": lambda w, selector: w.metric(selector),
    "rss": lambda w, role: w.rss(role or "edge"),
    "exit": lambda w, _: w.ended() if w.process.poll() is not None else "running",
    "pid": lambda w, role: w.pid(role or "edge"),
}
LOAD = {
    "failed": lambda l, _: l.failed if l.failed == 0 else Shown(l.failed, l.first_failure),
    "requests": lambda l, _: l.requests,
    "reconnects": lambda l, _: l.reconnects,
    "status": lambda l, code: l.statuses.get(int(code), 0),
}
DNS = {
    "questions": lambda d, name: sum(1 for q in d.questions if name is None or q == name),
}


class Shown(int):
    """A count that tells of its first case when it is printed."""

    def __new__(cls, count, first):
        self = super().__new__(cls, count)
        self.first = first
        return self

    def __str__(self):
        return f"{int(self)} (first: {self.first})"


def request_is(story, name, text):
    if name not in story.origins:
        raise Wrong(f"there is no origin {name}")
    received = story.origins[name].received
    if not received:
        raise Failed(f"{name} has received no request")
    for clause in clauses(text):
        match(received[-1], clause, story.words)


def log_has(story, name, how, text):
    weir = story.weirs[name]
    wanted = dict(pair.split("=", 1) for pair in text.split())
    hits = [e for e in weir.log() if all(fits(e, k, v) for k, v in wanted.items())]
    if how == "no ":
        if hits:
            raise Failed(f"the log has {hits[0]}")
        return
    if how:
        if len(hits) != int(how.split()[0]):
            raise Failed(f"the log has {len(hits)} events with {text}, expected {how.strip()}")
    elif not hits:
        tail = "\n".join(str(e) for e in weir.log()[-5:])
        raise Failed(f"the log has no event with {text}; its last ones:\n{tail}")


def fits(event, key, wanted):
    if wanted == "?":
        return key in event
    if wanted.startswith("/") and wanted.endswith("/"):
        return key in event and re.search(wanted[1:-1], str(event[key])) is not None
    got = event.get(key)
    if isinstance(got, bool):
        got = str(got).lower()
    return got is not None and str(got) == wanted


def status_is(story, name, path, operator, wanted):
    data = story.weirs[name].status()
    if not dig(data, path, operator, wanted):
        raise Failed(f"status {path} is not {operator} {wanted}: {data}")


def output_has(story, name, where, negated, text):
    got = story.weirs[name].read(where)
    wanted = content(text).decode()
    if (wanted in got) == bool(negated):
        raise Failed(f"{where} of {name} {'has' if negated else 'lacks'} {wanted!r}:\n{got[-2000:]}")


def noticed(story, name, text):
    notices = story.weirs[name].notices
    if not any(content(text).decode() in notice for notice in notices):
        raise Failed(f"systemd was not told {text}, but {notices}")


def file_there(story, negated, name):
    if os.path.exists(os.path.join(story.folder, name)) == bool(negated):
        raise Failed(f"{name} is {'' if negated else 'not '}there")


TABLE = [
    (re.compile(r"(\w+)\.request (.+)", re.S), request_is),
    (re.compile(r"(\w+)\.log has (no |\d+ times )?(.+)"), log_has),
    (re.compile(r"(\w+)\.status (\S+) (==|!=|<=|>=|<|>) (.+)"), status_is),
    (re.compile(r"(\w+)\.(stderr|stdout) (?:has )?(no )?(\".+\")", re.S), output_has),
    (re.compile(r"(\w+)\.notices have (\".+\")"), noticed),
    (re.compile(r"(no )?file (\S+)"), file_there),
]
