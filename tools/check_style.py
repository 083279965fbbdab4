#!/usr/bin/env python3
"""Fail where the source breaks a rule of the house that the compiler cannot see.

Files and functions that grew too long, words that must not be there, files
that do not begin by saying what they are.
"""
import pathlib
import re
import sys

FILE_MAX = 800
FUNCTION_MAX = 80
WIDTH = 100
BANNED = re.compile(
    r"\b(strcpy|strcat|sprintf|vsprintf|strncpy|strncat|atoi|atol|strtok|gets|alloca|setjmp"
    r"|rand|srand|popen)\s*\(")
CLOCK = re.compile(r"\b(clock_gettime|gettimeofday|time)\s*\((?!void)")
SLEEP = re.compile(r"\b(sleep|usleep|nanosleep|clock_nanosleep)\s*\(")
NOTE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'', re.S)
CONDITIONAL = re.compile(r"^\s*#\s*if(?!ndef WEIR_)", re.M)
PLATFORM = ("src/base/", "src/net/", "src/http/scan")


def blank(match):
    """Comments and strings go, lines stay."""
    return re.sub(r"[^\n]", " ", match.group(0))


def functions(code):
    """(first line, length) of each function body; code has no comments or strings."""
    lines = code.split("\n")
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            yield start, number - start - 1
            start = None


def complaints(path, name):
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.split("\n")
    code = TEXT.sub(blank, text)
    if len(lines) - 1 > FILE_MAX:
        yield f"{name}: {len(lines) - 1} lines, at most {FILE_MAX}"
    for start, length in functions(code):
        if length > FUNCTION_MAX:
            yield f"{name}:{start}: a function of {length} lines, at most {FUNCTION_MAX}"
    if not text.startswith("/*"):
        yield f"{name}:1: begin with a comment that says what this file is"
    if not text.endswith("\n") or text.endswith("\n\n"):
        yield f"{name}: end with one newline"
    for number, (line, bare) in enumerate(zip(lines, code.split("\n")), 1):
        if "\t" in line or line.endswith(" "):
            yield f"{name}:{number}: a tab, or a space at the end"
        if len(bare.rstrip()) > WIDTH:  # clang-format leaves comments alone, and so do we
            yield f"{name}:{number}: {len(line)} columns, at most {WIDTH}"
        found = BANNED.search(bare)
        if found:
            yield f"{name}:{number}: {found.group(1)}() is not used here"
        if NOTE.search(line):
            yield f"{name}:{number}: finish it, or file an issue"
        if name.startswith("src/"):
            if CLOCK.search(bare) and name != "src/base/time.c":
                yield f"{name}:{number}: only base/time reads the clock"
            if SLEEP.search(bare):
                yield f"{name}:{number}: nothing sleeps to wait for something"
    if name.startswith("src/") and name.endswith(".c") and not name.startswith(PLATFORM):
        found = CONDITIONAL.search(code)
        if found:
            number = code[:found.start()].count("\n") + 1
            yield f"{name}:{number}: #if belongs in base/ and net/"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    found, count = [], 0
    for folder in ("src", "tests", "bench", "examples"):
        for path in sorted((root / folder).rglob("*.[ch]")):
            if "node_modules" in path.parts:
                continue
            count += 1
            found += complaints(path, str(path.relative_to(root)))
    print("\n".join(found) or f"style: ok, {count} files")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
