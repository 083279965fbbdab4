#!/usr/bin/env python3
"""make_docs.py WEIR - the pages of docs/reference, from the tables that Weir runs on."""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"


def ask(weir, *words):
    return subprocess.run([weir, *words], check=True, capture_output=True, text=True).stdout


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def commands_page(weir):
    page = ["# Commands", "", "`weir help COMMAND` says the same. Every command takes `--json` and",
            "`--help`; it exits with 0 when done, 1 when it failed, 2 when its input is wrong.", ""]
    for command in json.loads(ask(weir, "help", "--json")):
        page += [f"## weir {command['name']} {command.get('arguments') or ''}".rstrip(), "",
                 command["help"], ""]
        if command.get("actions"):
            page += ["| action | does |", "|---|---|"]
            page += [f"| `{a['name']}{' ' + a['arguments'] if a.get('arguments') else ''}` | "
                     f"{cell(a['help'])} |" for a in command["actions"]]
            page.append("")
        if command.get("details"):
            page += ["```text", command["details"].rstrip(), "```", ""]
        options = command.get("options") or []
        if options:
            page += ["| option | meaning |", "|---|---|"]
            page += [f"| `--{o['name']}{' ' + o['value'] if o.get('value') else ''}` | "
                     f"{cell(o['help'])} |" for o in options]
            page.append("")
    return "\n".join(page)


PAGES = {
    "blueprint.md": lambda weir: ask(weir, "explain", "--markdown"),
    "commands.md": commands_page,
    "metrics.md": lambda weir: ask(weir, "metrics", "--markdown"),
}


def main(weir):
    REFERENCE.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make(weir))


if __name__ == "__main__":
    main(*sys.argv[1:])
