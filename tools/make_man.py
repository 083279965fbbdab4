#!/usr/bin/env python3
"""make_man.py WEIR - the man page weir.yaml(5) on standard output, from `weir explain --json`."""
import json
import subprocess
import sys

HEAD = r""".TH WEIR.YAML 5 "" "weir" "File formats"
.SH NAME
weir.yaml \- the blueprint of a Weir
.SH DESCRIPTION
One YAML file says what Weir listens on, which services stand behind it and which requests go
where.
.BR "weir check" " finds every mistake in it,"
.BR "weir explain" " says at a prompt what this page says."
.PP
Where a list is expected, one value stands for a list of one.
A duration is written 500ms, 10s, 2m, 1h or 1d; a size 512B, 16KB, 10MB or 1GB.
${env.NAME} in a value is an environment variable that \fBvariables\fR declares.
Paths are relative to the file that says them.
.PP
\fIenvironments/NAME.yaml\fR beside the file is an overlay, chosen with \fB\-\-environment NAME\fR:
mappings merge, other values and lists replace, null takes away, routes are merged by name.
.SH WORDS
"""

TAIL = r""".SH SEE ALSO
.BR weir (1)
"""


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def entry(word):
    yield ".TP"
    yield f"\\fB{roff(word['path'])}\\fR"
    yield roff(word["help"])
    facts = [word["type"]]
    facts += [word["range"]] if word.get("range") else []
    facts += ["required"] if word.get("required") else []
    facts += [f"default {word['default']}"] if word.get("default") not in (None, "none") else []
    yield f"\\fI{roff('; '.join(facts))}\\fR."
    for name, meaning in (word.get("choices") or {}).items():
        yield ".br"
        yield roff(f"{name}: {meaning}" if meaning else name)


def main(weir):
    said = subprocess.run([weir, "explain", "--json"], check=True, capture_output=True, text=True)
    sys.stdout.write(HEAD)
    for word in json.loads(said.stdout):
        print("\n".join(entry(word)))
    sys.stdout.write(TAIL)


if __name__ == "__main__":
    main(sys.argv[1])
