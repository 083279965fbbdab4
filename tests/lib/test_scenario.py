#!/usr/bin/env python3
"""The scenario runner tells what is wrong: each of these stories has to fail, with these words."""
import argparse
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from scenario import language, wire  # noqa: E402
from scenario.language import Failed, Wrong  # noqa: E402
from scenario.story import Story  # noqa: E402

ACTORS = """\
origin shop
    on GET /hello       reply 200 "hello", header A: b
    on GET /chunks      reply 200 "hello", trailer T: u
    on GET /once 1 time reply 200 "once"
    on GET /twice       send "HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\nContent-Length: 1\\r\\n\\r\\na"
    on GET /lf          send "HTTP/1.1 200 OK\\nContent-Length: 0\\r\\n\\r\\n"
    on GET /chunk       send "HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n1\\r\\nab\\r\\n"
    on GET /close       close
    on GET /short
        send "HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\na"
        close
    on GET /stall       stall
"""

MUST_FAIL = [  # (lines of a client, words of the failure)
    ("get /hello expect 404", "expected status 404"),
    ("get /hello expect 200, body \"hallo\"", "expected body"),
    ("get /hello expect 200, body has \"x\"", "expected body has"),
    ("get /hello expect 200, body 5 KB", "expected body 5 KB"),
    ("get /hello expect 200, header A: c", "expected header A: c"),
    ("get /hello expect 200, header C", "expected header C"),
    ("get /hello expect 200, no header A", "expected no header A"),
    ("get /hello expect 200, header A matches /c/", "expected header A matches"),
    ("get /hello expect 200, 2 headers A", "expected 2 headers"),
    ("get /hello expect 200, chunked", "expected chunked"),
    ("get /hello expect 200, interim 100", "expected interim"),
    ("get /hello expect 200, closed", "nothing came"),
    ("get /hello expect 200\nget /hello\nexpect closed", "expected the connection closed"),
    ("get /chunks expect 200, trailer T: v", "expected trailer"),
    ("get /chunks expect 200, not chunked", "expected not chunked"),
    ("get /chunks expect bytes \"HTTP/1.1 201\"", "expected bytes"),
    ("get /once expect 200\nget /once expect 200", "expected status 200"),
    ("get /twice expect 200", "ambiguous framing"),
    ("get /lf expect 200", "bare CR or LF"),
    ("get /chunk expect 200", "no CRLF after a chunk"),
    ("get /close expect 200", "no response"),
    ("get /short expect 200", "no response"),
    ("get /hello expect cut off", "got all of it"),
    ("get /stall expect 200", "nothing came"),
    ("get /hello\nexpect 200\nexpect 200", "nothing came"),
    ("get /hello\nexpect head 200\nexpect nothing", "expected nothing"),
    ("connect\nexpect refused", "was accepted"),
    ("send \"POST / HTTP/1.1\\r\\n\\r\\n\" expect 200", "expected status 200"),
]
MUST_FAIL_AT_THE_TOP = [
    ("expect shop.requests == 1", "shop.requests is 0"),
    ("expect shop.request path /", "has received no request"),
    ("run false", "expected exit 0"),
    ("run echo a expect stdout \"b\"", "expected stdout"),
    ("run echo a expect no stdout", "expected no stdout"),
    ("expect file nowhere", "is not there"),
    ("table a\n    1\neach row\n    expect shop.requests == ${a}", "row "),
]
MUST_BE_WRONG = ["nonsense", "client x", "expect x.y == 1", "advance soon", "wait for nobody",
                 "client c to shop\n    fly away", "client c to shop\n    get / expect pigs",
                 "run echo ${unknown}", "origin o\n    on GET / dance", "stop nobody",
                 "client c to shop\n    send unquoted"]


def tell(text, folder, patience=0.3):
    """The failure of a story, or None when it went well."""
    path = os.path.join(folder, "story.scn")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    settings = argparse.Namespace(binary="weir", patience=patience, slot=0, slots=1, build="plain",
                                  source=folder, environment={})
    story = Story(path, settings)
    try:
        story.tell(language.read(path))
        story.finish()
    except (Failed, Wrong) as why:
        return why
    finally:
        story.take_down()
    return None


def cases():
    for lines, words in MUST_FAIL:
        body = "".join(f"    {row}\n" for row in lines.split("\n"))
        yield lines, f"{ACTORS}client ann to shop\n{body}", Failed, words
    for lines, words in MUST_FAIL_AT_THE_TOP:
        yield lines, f"{ACTORS}{lines}\n", Failed, words
    for lines in MUST_BE_WRONG:
        yield lines, f"{ACTORS}{lines}\n", Wrong, ""
    broken = "client ann to shop\n    send \"G T / HTTP/1.1\\r\\n\\r\\n\"\n    expect closed\n"
    yield "an origin that got broken HTTP", ACTORS + broken, Failed, "received broken HTTP"


def reads_strictly():
    """What must not pass for HTTP."""
    bad = [b"A : b", b"A", b": b", b"A: b\x01", b"A b: c", b" A: b"]
    out = []
    for row in bad:
        try:
            wire.fields_of([row])
            out.append(f"the runner takes {row!r} for a field")
        except wire.Broken:
            pass
    return out


def main():
    passed, failures = 0, reads_strictly()
    with tempfile.TemporaryDirectory() as folder:
        for name, text, kind, words in cases():
            why = tell(text, folder)
            if isinstance(why, kind) and words in str(why):
                passed += 1
            else:
                failures.append(f"{name!r}: expected {kind.__name__} with {words!r}, got {why!r}")
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"{passed + (not failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
