#!/usr/bin/env python3
"""Fail when an #include crosses the layers that ARCHITECTURE.md draws."""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def layers(text):
    """{folder: {allowed folder or header, ...}} from the ```layers block."""
    block = re.search(r"^```layers\n(.*?)^```", text, re.M | re.S).group(1)
    rules = {}
    for line in block.splitlines():
        folder, _, allowed = line.partition(":")
        rules[folder.strip()] = set(allowed.split())
    return rules


def complaints(root, rules):
    for folder, allowed in rules.items():
        for name in allowed:
            target = name.split("/")[0]
            if target not in rules:
                yield f"{folder}: unknown folder {name}"
            elif list(rules).index(target) >= list(rules).index(folder):
                yield f"{folder}: {name} is not below it"
    for path in sorted(root.rglob("*.[ch]")):
        parts = path.relative_to(root).parts
        folder = parts[0]
        if len(parts) < 2 or folder not in rules:
            yield f"{path}: not in a folder that ARCHITECTURE.md knows"
            continue
        for inc in INCLUDE.findall(path.read_text(errors="replace")):
            target = inc.split("/")[0]
            if "/" not in inc:
                yield f'{path}: write the folder: #include "{folder}/{inc}"'
            elif target != folder and (
                inc.endswith("_int.h") or not {target, inc} & rules[folder]
            ):
                yield f"{path}: {folder} may not include {inc}"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    found = list(complaints(root / "src", layers((root / "ARCHITECTURE.md").read_text())))
    print("\n".join(found) or "layers: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
