#!/usr/bin/env python3
"""check_docs.py WEIR - are the documents true?

Links lead somewhere, commands exist with their options, every whole blueprint that is shown loads,
and the reference pages can be made.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import make_docs

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
COMMAND = re.compile(r"(?:^|[\s`(/])weir ([a-z]+)((?:[ \t]+[^\s`|;&)]+)*)")


def pages():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT,
                            check=True, capture_output=True, text=True).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def link_complaints(page, text):
    for target in LINK.findall(text):
        path = (page.parent / target).resolve()
        if path.parent == make_docs.REFERENCE and path.name in make_docs.PAGES:
            continue  # make docs writes it
        if "://" not in target and not path.exists():
            yield f"{page.relative_to(ROOT)}: nothing at {target}"


def command_complaints(page, text, commands):
    code = [body for _, body in BLOCK.findall(text)] + re.findall(r"`([^`\n]+)`", text)
    for piece in code:
        for name, words in COMMAND.findall(piece):
            if name not in commands:
                yield f"{page.relative_to(ROOT)}: there is no command weir {name}"
                continue
            for option in re.findall(r"--([a-z-]+)", words):
                if option not in commands[name]:
                    yield f"{page.relative_to(ROOT)}: weir {name} has no --{option}"


def blueprint_complaints(page, text, weir):
    for kind, body in BLOCK.findall(text):
        if kind != "yaml" or "listeners:" not in body or "routes:" not in body:
            continue
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "weir.yaml")
            make_files(pathlib.Path(folder), body)
            file.write_text(body)
            done = subprocess.run([weir, "check", str(file)], capture_output=True, text=True)
            if done.returncode != 0:
                yield f"{page.relative_to(ROOT)}: {(done.stderr + done.stdout).strip()}"


def make_files(folder, body):
    """The certificate that a shown blueprint names."""
    found = re.search(r"chain: (\S+?), key: (\S+?)[,}]", body)
    if found is None:
        return
    chain, key = (folder / name for name in found.groups())
    chain.parent.mkdir(exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=example",
                    "-addext", "subjectAltName=DNS:example.org", "-keyout", str(key), "-out",
                    str(chain)], check=True, capture_output=True)


def main(weir):
    listed = json.loads(make_docs.ask(weir, "help", "--json"))
    commands = {c["name"]: {"json", "help"} | {o["name"] for o in c["options"]} for c in listed}
    found = []
    for page in pages():
        text = page.read_text()
        found += link_complaints(page, text)
        found += command_complaints(page, text, commands)
        found += blueprint_complaints(page, text, weir)
    found += [f"docs/reference/{name}: cannot be made" for name, make in make_docs.PAGES.items()
              if not make(weir).startswith("# ")]
    print("\n".join(found) or "docs: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
