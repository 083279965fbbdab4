"""python3 -m scenario [options] FILE.scn...: tells each story, two at a time.

Prints what failed, with the line, what was expected and got, and the ends of
Weir's output and log; the last line is `N passed, N failed, N skipped`.
"""
import argparse
import multiprocessing
import os
import pathlib
import sys
import time
import traceback

from . import language
from .language import Failed, Wrong
from .story import Skipped, Story

ROOT = pathlib.Path(__file__).resolve().parents[3]


def options():
    p = argparse.ArgumentParser(prog="scenario", description=__doc__)
    p.add_argument("files", nargs="*", help="stories or folders; all of tests/scenario by default")
    p.add_argument("--weir", default=str(ROOT / "build/weir"), help="the binary to test")
    p.add_argument("--build", default="plain", help="plain, asan or tsan: what the binary is")
    p.add_argument("--jobs", type=int, default=2, help="stories at the same time")
    p.add_argument("--patience", type=float, default=10, help="seconds to wait for anything")
    p.add_argument("--keep", action="store_true", help="leave the folder of a failed story")
    p.add_argument("--verbose", action="store_true", help="print each story and its time")
    return p.parse_args()


def stories(names):
    for name in names or [ROOT / "tests/scenario"]:
        path = pathlib.Path(name)
        yield from sorted(path.rglob("*.scn")) if path.is_dir() else [path]


def tail(path, lines=25):
    """The end of a file, or what a sanitizer says in it."""
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            rows = f.readlines()
    except OSError:
        return ""
    first = next((i for i, row in enumerate(rows) if "ERROR: " in row or "WARNING: Thread" in row),
                 None)
    return "".join(rows[-lines:] if first is None else rows[first:first + 60])


def report(story, why):
    out = [f"{os.path.relpath(story.path, ROOT)}: {story.title}"]
    if story.line is not None:
        out.append(f"  line {story.line.number}: {story.line.text}")
    out += ["  " + row for row in str(why).splitlines()]
    for weir in story.weirs.values():
        for name in ("stderr", "stdout", "log/access.log"):
            text = tail(os.path.join(weir.folder, name))
            if text:
                out.append(f"  -- {weir.name} {name}:")
                out += ["  | " + row[:600] for row in text.splitlines()]
    for origin in story.origins.values():
        out.append(f"  -- origin {origin.name}: {origin.requests()} requests on "
                   f"{origin.used} connections, {origin.broken or 'all well-formed'}")
    return "\n".join(out)


def tell(path, settings, queue):
    """In a process group of its own, so that nothing can stay behind."""
    os.setpgid(0, 0)
    begun = time.monotonic()
    story = Story(str(path), settings)
    result, text = "passed", ""
    try:
        story.tell(language.read(path))
        story.line = None
        story.finish()
    except Skipped as why:
        result, text = "skipped", f"{os.path.relpath(path, ROOT)}: skipped, {why}"
    except (Failed, Wrong) as why:
        result, text = "failed", report(story, why)
    except Exception:  # of the runner itself
        result, text = "failed", report(story, traceback.format_exc())
    if result == "failed" and settings.keep:
        text += f"\n  folder: {story.folder}"
    story.take_down(keep=result == "failed" and settings.keep)
    queue.put((result, text, str(path), time.monotonic() - begun))
    queue.close()
    queue.join_thread()
    os._exit(0)


def environment(build):
    if build == "asan":
        return {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:handle_abort=1",
                "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
    if build == "tsan":
        return {"TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1"}
    return {}


def run(settings, paths, show):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    limit = settings.patience * 30
    waiting, running = list(paths), {}
    free = list(range(settings.jobs))
    while waiting or running:
        while waiting and free:
            path = waiting.pop(0)
            settings.slot = free.pop()
            queue = multiprocessing.Queue()
            process = multiprocessing.Process(target=tell, args=(path, settings, queue))
            process.start()
            running[process] = (queue, settings.slot, path, time.monotonic() + limit)
        for process in list(running):
            queue, slot, path, end = running[process]
            outcome = None
            try:
                outcome = queue.get(timeout=0.02)
            except Exception:
                if not process.is_alive() and queue.empty():
                    outcome = ("failed", f"{path}: the runner died", str(path), 0)
                elif time.monotonic() > end:
                    outcome = ("failed", f"{path}: did not end in {limit:.0f} s", str(path), limit)
            if outcome is None:
                continue
            process.join(2)
            try:
                os.killpg(process.pid, 9)
            except OSError:
                pass
            del running[process]
            free.append(slot)
            counts[outcome[0]] += 1
            show(outcome)
    return counts


def main():
    settings = options()
    settings.binary = os.path.abspath(settings.weir)
    settings.source = str(ROOT)
    settings.slots = settings.jobs
    settings.environment = environment(settings.build)
    multiprocessing.set_start_method("fork")

    def show(outcome):
        result, text, path, seconds = outcome
        if text:
            print(("FAILED " if result == "failed" else "") + text, flush=True)
        if settings.verbose:
            print(f"{result} {os.path.relpath(path, ROOT)} {seconds:.1f} s", flush=True)

    counts = run(settings, stories(settings.files), show)
    print(f"{counts['passed']} passed, {counts['failed']} failed"
          + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))
    return 1 if counts["failed"] or not sum(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
