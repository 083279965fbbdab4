"""The verbs of a story's lines.  One table; tests/scenario/README.md explains each."""
import json
import os
import re
import shlex
import shutil
import signal

from . import memory
from .client import Client
from .dns import Dns
from .expectations import dig, expect
from .language import Failed, Line, Wrong, clauses, content, duration, size, split_outside
from .load import Load
from .matching import split_expect
from .origin import Origin, Rule
from .story import Skipped
from .weir import Weir

VERBS = []


def verb(pattern):
    def register(call):
        VERBS.append((re.compile(pattern, re.S), call))
        return call
    return register


def carry_out(story, line):
    text = line.text if line.text.startswith(("table ", "each row")) else story.fill(line.text)
    for pattern, call in VERBS:
        found = pattern.fullmatch(text)
        if found:
            call(story, line, *found.groups())
            return
    raise Wrong(f"unknown line: {text}")


@verb(r'scenario "(.*)"')
def scenario(story, line, title):
    story.title = title


@verb(r"skip under (.+)")
def skip_under(story, line, builds):
    if story.settings.build in clauses(builds):
        raise Skipped(f"not under {story.settings.build}")


@verb(r"needs (command|root|npm|file) ?(\S*)")
def needs(story, line, kind, name):
    there = {
        "command": lambda: shutil.which(name),
        "root": lambda: os.geteuid() == 0,
        "file": lambda: os.path.exists(name),
        "npm": lambda: os.path.isdir(os.path.join(
            os.path.dirname(story.path), "node_modules", name)),
    }[kind]()
    if not there:
        said = f"needs {kind} {name}".rstrip()
        if os.environ.get("CI") == "true":
            raise Failed(f"{said}, and CI must have it")
        raise Skipped(said)


# ---- actors ----

@verb(r"origin (\S+)(?: (.+))?")
def origin(story, line, name, options):
    if name not in story.origins:
        story.origins[name] = Origin(name, options or "", story)
    else:
        story.origins[name].rules = []
    for row in line.block:
        text = story.fill(row.text)
        if not text.startswith("on "):
            raise Wrong(f"line {row.number}: expected `on METHOD PATH ...`, read {text!r}")
        steps = [Line(r.number, story.fill(r.text)) for r in row.block]
        try:
            story.origins[name].rules.append(Rule(text[3:], steps))
        except Wrong as wrong:
            raise Wrong(f"line {row.number}: {wrong}") from None


@verb(r"weir (\S+)(?: (.+))?")
def weir(story, line, name, rest):
    """weir edge [on real time] [from FILE] [with --option] [expect refused, "words"]"""
    options, expected = split_expect(rest or "")
    made = story.weirs[name] = Weir(name, options, story)
    if not made.given:
        made.write(story.fill(line.raw, strict=False))
    wanted = clauses(expected or "")
    try:
        made.start()
    except Failed as failed:
        said = made.read("stderr")
        if not wanted or wanted[0] != "refused":
            raise Failed(f"{failed}\nstderr: {said}") from None
        for text in wanted[1:]:
            if content(text).decode() not in said:
                raise Failed(f"{failed}, but without saying {text}: {said}") from None
        return
    if wanted:
        raise Failed("it started, but should have been refused")


@verb(r"client (\S+)(?: to (\S+)(?: (.+))?)?")
def client(story, line, name, target, options):
    if target:
        known = story.clients.get(name)
        if known is None or (known.target, known.options) != (target, options or ""):
            if known:
                known.drop()
            story.clients[name] = Client(name, target, options or "", story)
    if name not in story.clients:
        raise Wrong(f"client {name} to whom?")
    for row in line.block:
        story.line = row
        story.clients[name].run(story.fill(row.text))


@verb(r"load (\S+) to ([^\s,]+)(?:,? (.+))?")
def load(story, line, name, target, text):
    rest = ", ".join([text or ""] + [story.fill(row.text) for row in line.block])
    story.loads[name] = Load(name, target, rest, story)


@verb(r"dns (\S+)")
def dns(story, line, name):
    text = story.fill(line.raw)
    if name in story.dns:
        story.dns[name].update(text)
    else:
        story.dns[name] = Dns(text, story)


@verb(r"certificate (\S+) for (.+?)((?: (?:expired|rsa|authority|by \S+))*)")
def certificate(story, line, name, hosts, options):
    story.certificates.make(name, clauses(hosts), options)


@verb(r"file (\S+)")
def file(story, line, name):
    path = os.path.join(story.folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(story.fill(line.raw, strict=False))


@verb(r"file (\S+) is (.+)")
def file_is(story, line, name, text):
    data = content(text)
    with open(os.path.join(story.folder, name), "wb") as f:
        f.writelines([data] if isinstance(data, bytes) else data.pieces())


@verb(r"program (\S+) (.+)")
def program(story, line, name, command):
    """Runs beside the story until its end."""
    story.start_program(name, shlex.split(command))


@verb(r"disk (\S+) (\d+ (?:KB|MB))")
def disk(story, line, name, size_text):
    """A file system of its own, so that it can be full."""
    story.mount(name, size(size_text))


# ---- what happens ----

@verb(r"advance (\S+)(?: in steps of (\S+))?")
def advance(story, line, text, step):
    story.clock.advance(duration(text), duration(step) if step else None)


@verb(r"release (\S+)")
def release(story, line, word):
    story.gate(word).set()


@verb(r"stop (\S+)")
def stop(story, line, name):
    for group in (story.origins, story.loads, story.weirs):
        if name in group:
            group[name].stop()
            return
    raise Wrong(f"there is nobody called {name}")


@verb(r"wait for (\S+)")
def wait_for(story, line, name):
    if name in story.loads:
        story.loads[name].join()
    elif name in story.weirs:
        story.weirs[name].wait()
    else:
        raise Wrong(f"there is nobody to wait for called {name}")


@verb(r"start (\S+)")
def start(story, line, name):
    if name in story.origins:
        story.origins[name].listen()
    elif name in story.weirs:
        story.weirs[name].start()
    else:
        raise Wrong(f"there is nobody called {name}")


@verb(r"kill (\w+)\.(\S+)")
def kill(story, line, name, role):
    story.weirs[name].kill(role)


@verb(r"signal (\w+) (\w+)")
def send_signal(story, line, how, name):
    os.kill(story.weirs[name].process.pid, getattr(signal, "SIG" + how))


@verb(r"(apply|rewrite) (\S+)(?: (.+))?")
def apply(story, line, how, name, rest):
    """`apply edge` writes the new blueprint and applies it; `rewrite edge` only writes it."""
    _, expected = split_expect(rest or "")
    target = story.weirs[name]
    path = target.write(story.fill(line.raw, strict=False)) if line.raw else target.blueprint
    if how == "apply":
        check_outcome(target.command("apply", path), expected or "exit 0", "weir apply")


@verb(r"run (.+)")
def run(story, line, text):
    command, expected = split_expect(text)
    match = re.fullmatch(r"(.*?)(?: within (\S+))?", command, re.S)
    words = shlex.split(match.group(1))
    given = story.fill(line.raw) if line.raw else None
    if words[0] == "weir":
        words[0] = story.binary
    again = "eventually" in clauses(expected or "")

    def once():
        check_outcome(story.run_command(words, given), expected or "exit 0", command, story.words)
    with story.within(match.group(2)):
        if again or match.group(2):
            story.eventually(once)
        else:
            once()


def read_json(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def check_outcome(outcome, expected, what, words=None):
    """exit N, stdout "part", stderr matches /re/, no stderr, json a.b == c"""
    code, out, err = outcome
    texts = {"stdout": out, "stderr": err}

    def need(truth, clause):
        if not truth:
            raise Failed(f"{what}: expected {clause}, got exit {code}\n"
                         f"stdout: {out[-3000:]}\nstderr: {err[-3000:]}")
    wanted = clauses(expected)
    if not any(c.startswith("exit ") for c in wanted):
        wanted.insert(0, "exit 0")
    for clause in wanted:
        match = re.fullmatch(r"(no )?(exit|stdout|stderr|json|eventually)\s*(matches )?(.*)",
                             clause, re.S)
        if match is None:
            raise Wrong(f"unknown expectation of a command: {clause}")
        negated, kind, matches, rest = match.groups()
        if kind == "exit":
            need(code == int(rest), clause)
        elif kind == "json":
            data = read_json(out)
            found = re.fullmatch(r"(\S+) (==|!=|<|<=|>|>=) (.+)", rest)
            need(data is not None and (not rest or found and dig(data, *found.groups())), clause)
        elif kind != "eventually":
            text = texts[kind]
            if matches:
                there = re.search(rest.strip().strip("/"), text, re.M)
            else:
                there = content(rest).decode() in text if rest else text
            need(bool(there) != bool(negated), clause)


# ---- looking ----

@verb(r"expect (.+)")
def expecting(story, line, text):
    match = re.fullmatch(r"(?:within (\S+) )?(.+)", text, re.S)
    with story.within(match.group(1)):
        expect(story, match.group(2))


@verb(r"within (\S+) expect (.+)")
def expecting_within(story, line, allowance, text):
    with story.within(allowance):
        expect(story, text)


@verb(r"keep (\S+) (\S+) as (\S+)")
def keep(story, line, name, what, word):
    """keep edge pid.edge as before"""
    target = story.weirs[name]
    if what.startswith("pid."):
        story.words[word] = str(target.pid(what[4:]))
    else:
        story.words[word] = str(target.metric(what))


@verb(r"mark (\S+)\.log")
def mark(story, line, name):
    story.weirs[name].mark_log()


@verb(r"expect memory of (.+) lacks keys")
def memory_lacks(story, line, names):
    search_memory(story, names, wanted=False)


@verb(r"expect memory of (.+) holds keys")
def memory_holds(story, line, names):
    search_memory(story, names, wanted=True)


def search_memory(story, names, wanted):
    secrets = memory.flat(story.certificates.secrets())
    for place in clauses(names):
        name, _, role = place.partition(".")
        hits = memory.find(story.weirs[name].pid(role), secrets)
        if wanted and not hits and memory.has_secret_part(story.weirs[name].pid(role)):
            continue  # not even root can look there
        if bool(hits) != wanted:
            raise Failed(f"memory of {place}: found {hits or 'no key'}")


# Before `expect ...` in general:
VERBS.sort(key=lambda entry: not entry[0].pattern.startswith("expect memory"))


# ---- again and again ----

@verb(r"table (.+)")
def table(story, line, names):
    story.table = ([n.strip() for n in names.split("|")], line.block)


@verb(r"each row")
def each_row(story, line):
    if story.table is None:
        raise Wrong("`each row` comes after a `table`")
    names, rows = story.table
    for row in rows:
        cells = [cell.strip() for cell in split_outside(row.text, "|")]
        if len(cells) != len(names):
            raise Wrong(f"line {row.number}: {len(cells)} cells, expected {len(names)}")
        story.words.update(zip(names, cells))
        for weir_of in story.weirs.values():
            weir_of.mark_log()
        for client_of in story.clients.values():
            client_of.drop()
        try:
            story.tell(line.block)
        except Failed as failed:
            raise Failed(f"row {row.number} ({cells[0]}): {failed}") from None


@verb(r"repeat (\d+) times")
def repeat(story, line, times):
    for n in range(int(times)):
        story.words["n"] = str(n)
        story.tell(line.block)
