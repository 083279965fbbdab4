#!/usr/bin/env python3
"""Fail where the C files break a house rule that a compiler does not know.

One rule a row below: a name, a pattern, which files it holds for, and what to do instead.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINES_MAX = 800

# name, pattern, glob of files, exempt path prefixes, what to do instead
RULES = [
    ("unsafe call", r"\b(strcpy|strcat|sprintf|vsprintf|strncpy|strncat|atoi|atol|atoll|strtok|gets|"
     r"alloca)\s*\(", "*.[ch]", (), "use struct str, struct buf or snprintf"),
    ("clock", r"\b(clock_gettime|gettimeofday|time)\s*\(", "*.[ch]", ("src/base/time.c",),
     "only base/time reads the clock"),
    ("sleep", r"\b(sleep|usleep|nanosleep)\s*\(", "*.[ch]", (), "wait for something, not for a while"),
    ("typedef of a struct", r"^\s*typedef\s+(struct|union|enum)\s+\w*\s*(\{|\w+\s*;)", "*.[ch]", (),
     "write struct, union or enum"),
    ("C++ comment", r"^\s*//", "*.[ch]", (), "use /* */"),
    ("TODO", r"\b(TODO|FIXME|XXX|HACK)\b", "*", ("tools/check_style.py",), "do it, or file it"),
    ("assert", r"\bassert\s*\(", "src/*.[ch]", (), "use MUST or BUG, which stay in release builds"),
    ("#if in a .c file", r"^\s*#\s*if(?! defined\(__x86_64__\))", "src/*.c",
     ("src/base/", "src/net/"), "choose at run time; instruction sets alone are the platform's"),
    ("tab", r"\t", "*.[ch]", (), "four spaces"),
    ("trailing space", r"[ \t]+$", "*.[ch]", (), "remove it"),
]
COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|"(?:[^"\\\n]|\\.)*"', re.S)


def tracked():
    """Files of the repository, those not yet added too."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.splitlines()
    return [pathlib.PurePath(p) for p in listed
            if pathlib.PurePath(p).suffix in (".c", ".h", ".py", ".sh") and (ROOT / p).is_file()]


def applies(rule, path):
    _, _, glob, exempt, _ = rule
    folder, _, name = glob.rpartition("/")
    if folder and path.parts[0] != folder:
        return False
    return pathlib.PurePath(path.name).match(name) and not str(path).startswith(tuple(exempt) or ("\0",))


def code_of(text):
    """The text with comments and string literals blanked, lines kept."""
    return COMMENT_OR_TEXT.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def rule_complaints(path, text):
    code = code_of(text) if path.suffix in (".c", ".h") else text
    for rule in RULES:
        name, pattern, _, _, instead = rule
        if not applies(rule, path):
            continue
        # Comments matter for these three.
        searched = text if name in ("TODO", "tab", "trailing space") else code
        for found in re.finditer(pattern, searched, re.M):
            line = searched.count("\n", 0, found.start() + len(found.group(0)) -
                                  len(found.group(0).lstrip("\n"))) + 1
            yield f"{path}:{line}: {name}: {instead}"


def shape_complaints(path, text):
    lines = text.count("\n")
    if lines > LINES_MAX:
        yield f"{path}: {lines} lines: past {LINES_MAX} it is two ideas"
    if path.suffix == ".c" and not text.startswith("/*"):
        yield f"{path}:1: begins without a comment that says what it is"
    # A header that one .c file includes many times, with other macros each time, has no guard.
    if path.suffix == ".h" and path.parts[0] == "src" and "included only by" not in text:
        guard = "WEIR_" + "_".join(path.parts[1:]).upper().replace(".", "_").replace("-", "_")
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            yield f"{path}: the include guard is not {guard}"


def main():
    found = []
    for path in tracked():
        text = (ROOT / path).read_text(errors="replace")
        found += rule_complaints(path, text)
        if path.suffix in (".c", ".h"):
            found += shape_complaints(path, text)
    print("\n".join(found) or "style: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
