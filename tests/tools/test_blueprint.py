#!/usr/bin/env python3
"""weir check, explain, schema and routes, as people and editors use them.

The JSON Schema is held against every blueprint of the examples, by the validator that editors
use in spirit: Python's jsonschema, when it is installed.

    test_blueprint.py WEIR ROOT
"""
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile

try:
    import jsonschema
    import yaml
except ImportError:
    jsonschema = None

GOOD = """\
listeners: {web: ":8080", secure: {address: ":8443", tls: [main]}}
certificates: {main: {local: true, hosts: localhost}}
services: {shop: "127.0.0.1:3000", items: {origins: [a.internal:80], retry: false}}
routes:
- {name: front, match: /*, to: shop}
- {name: item, match: {path: "/items/{id}", method: GET, header: {X-Canary: true}}, to: items}
- {name: admin, match: {host: admin.example.org, from: 10.0.0.0/8}, to: shop}
"""
BAD = """\
listeners: {web: ":8080"}
services:
  shop: {orgins: [a:80]}
routes:
- to: shpo
  max_body: much
"""


def run(weir, *words, code=0, **more):
    done = subprocess.run([weir, *map(str, words)], capture_output=True, text=True, timeout=60, **more)
    assert done.returncode == code, f"weir {words}: exit {done.returncode}: {done.stderr}"
    return done


def check_says_all_and_where(weir, folder):
    bad = folder / "bad.yaml"
    bad.write_text(BAD)
    text = run(weir, "check", bad, code=2).stderr
    for place in (":3:10: error: unknown word \"orgins\"", ":5:7: error: there is no service",
                  ":6:13: error: routes[0].max_body: read \"much\""):
        assert str(bad) + place in text, text
    assert "\x1b" not in text
    problems = json.loads(run(weir, "check", bad, "--json", code=2).stdout)
    assert not problems["ok"] and problems["errors"] == 3
    assert [(p["line"], p["severity"]) for p in problems["problems"]] == [
        (3, "error"), (5, "error"), (6, "error")]


def check_shows_the_line_on_a_terminal(weir, folder):
    (folder / "bad.yaml").write_text(BAD)
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["NO_COLOR"] = "1"
        os.execv(weir, [weir, "check", str(folder / "bad.yaml")])
    shown = b""
    try:
        while chunk := os.read(fd, 65536):
            shown += chunk
    except OSError:
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 2
    lines = shown.decode().splitlines()
    at = lines.index("      shop: {orgins: [a:80]}")
    assert lines[at + 1] == " " * (4 + 9) + "^", lines[at + 1]


def check_praises_what_is_good(weir, folder):
    good = folder / "good.yaml"
    good.write_text(GOOD)
    done = run(weir, "check", good)
    assert "2 listeners, 2 services, 3 routes" in done.stdout and done.stderr == ""
    version = json.loads(run(weir, "check", good, "--json").stdout)["version"]
    good.write_text("# moved\n\n" + GOOD)
    assert json.loads(run(weir, "check", good, "--json").stdout)["version"] == version
    assert "no such file" in run(weir, "check", folder / "none.yaml", code=2).stderr


def routes_are_listed_by_precedence(weir, folder):
    good = folder / "good.yaml"
    good.write_text(GOOD)
    listed = json.loads(run(weir, "routes", good, "--json").stdout)["routes"]
    assert [r["name"] for r in listed] == ["admin", "item", "front"]
    table = run(weir, "routes", good).stdout.splitlines()
    assert len(table) == 4 and table[0].split() == ["HOST", "PATH", "ONLY", "ACTION", "NAME", "SOURCE"]


def routes_explain_says_why(weir, folder):
    good = folder / "good.yaml"
    good.write_text(GOOD)

    def explain(*words):
        return json.loads(run(weir, "routes", good, "--json", "--explain", *words).stdout)

    answer = explain("https://EXAMPLE.org:8443/items/%37?a=b", "--header", "x-canary: 1")
    assert answer["route"] == "item" and answer["captures"] == {"id": "7"}
    assert answer["listener"] == "secure"
    answer = explain("/items/7")
    assert answer["route"] == "front"
    assert [c["taken"] for c in answer["candidates"]] == [False, True]
    assert answer["candidates"][0]["name"] == "x-canary"
    assert explain("http://admin.example.org/", "--from", "10.1.2.3")["route"] == "admin"
    assert explain("http://admin.example.org/", "--from", "11.1.2.3")["route"] == "front"
    text = run(weir, "routes", good, "--explain", "/items/7", "--method", "POST").stdout
    assert "not taken: the method is another" not in text  # the header is looked at first
    assert "=> front: to shop" in text
    assert "400" in run(weir, "routes", good, "--explain", "/a/../../b", code=2).stderr
    assert "not a URL" in run(weir, "routes", good, "--explain", "a.b/c", code=2).stderr


def explain_knows_every_word(weir, folder):
    words = json.loads(run(weir, "explain", "--json").stdout)
    assert len(words) > 150
    for word in words[::7]:
        assert word["help"] in run(weir, "explain", word["path"]).stdout
    assert "did you mean services.NAME.retry" in run(weir, "explain", "retri", code=2).stderr
    page = run(weir, "explain", "--markdown").stdout
    for word in words:
        assert f"| `{word['path'].split('.')[-1]}` |" in page or word["type"].endswith("mapping")


def as_editors_read(text):
    """YAML 1.2: `on` and `no` are text."""
    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {
            first: [(tag, rule) for tag, rule in rules if not tag.endswith(":bool")]
            for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()}
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))
    return yaml.load(text, Loader)


def schema_fits_the_examples(weir, folder, root):
    schema = json.loads(run(weir, "schema").stdout)
    if jsonschema is None:
        return
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    examples = sorted((root / "examples").glob("*/weir.yaml"))
    examples += sorted((root / "tests/fuzz/corpus/blueprint").glob("[ks]*.yaml"))
    assert examples
    for path in examples:
        error = jsonschema.exceptions.best_match(
            validator.iter_errors(as_editors_read(path.read_text())))
        assert error is None, f"{path}: {error}"
    assert validator.is_valid(as_editors_read(GOOD))
    assert not validator.is_valid(as_editors_read(BAD))
    for wrong in ("workers: many", "client: {max_fields: 3}", "forwarded: bth", "nme: x",
                  "routes: [{match: a, to: b}]", "listeners: {w: {tls: [x]}}"):
        assert not validator.is_valid(as_editors_read(wrong)), wrong


def main(weir, root):
    root = pathlib.Path(root)
    tests = [check_says_all_and_where, check_shows_the_line_on_a_terminal,
             check_praises_what_is_good, routes_are_listed_by_precedence, routes_explain_says_why,
             explain_knows_every_word]
    with tempfile.TemporaryDirectory() as name:
        for test in tests:
            test(weir, pathlib.Path(name))
            print("ok", test.__name__)
        schema_fits_the_examples(weir, pathlib.Path(name), root)
        print("ok schema_fits_the_examples" + ("" if jsonschema else " (only that it is JSON)"))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
