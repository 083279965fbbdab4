"""Processes that are measured: pinned to a core, and what they cost.

What a server costs is the time that all its processes and threads were on a
processor, from /proc/PID/task/*/schedstat: it does not depend on how busy the
load generator is, as requests a second do.
"""
import os
import pathlib
import signal
import subprocess
import time

SERVER_CORE, LOAD_CORE = 0, 1


def real_time_permitted():
    """Whether SCHED_RR may be used; without it, other work on the machine adds noise."""
    try:
        before = os.sched_getscheduler(0)
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        os.sched_setscheduler(0, before, os.sched_param(0))
        return True
    except OSError:
        return False


def cores():
    """(core of the server, core of the load); the same one where there is but one."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[SERVER_CORE], usable[min(LOAD_CORE, len(usable) - 1)]


class Pinned:
    """Starts programs on one core, at real-time priority where that is permitted."""

    def __init__(self, core, real_time):
        self.core = core
        self.real_time = real_time

    def _settle(self):
        os.sched_setaffinity(0, {self.core})
        if self.real_time:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))

    def start(self, command, **how):
        return subprocess.Popen([str(c) for c in command], preexec_fn=self._settle, **how)

    def run(self, command, timeout):
        done = subprocess.run([str(c) for c in command], preexec_fn=self._settle, timeout=timeout,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout


def _children():
    """{pid: [pids of its children]}"""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        found.setdefault(parent, []).append(int(stat.parent.name))
    return found


def family(pid):
    """The process and all below it."""
    children, todo, seen = _children(), [pid], []
    while todo:
        one = todo.pop()
        seen.append(one)
        todo += children.get(one, [])
    return seen


def cpu_by_process(pid):
    """{pid: nanoseconds on a processor}, for the process and all below it."""
    spent = {}
    for one in family(pid):
        total = 0
        for stat in pathlib.Path(f"/proc/{one}/task").glob("*/schedstat"):
            try:
                total += int(stat.read_text().split()[0])
            except OSError:
                continue
        spent[one] = total
    return spent


def cpu_ns(pid):
    return sum(cpu_by_process(pid).values())


def pss_bytes(pid):
    """Proportional memory of the process and all below it."""
    total = 0
    for one in family(pid):
        try:
            rollup = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        for line in rollup.splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def stop(process, patience=5):
    """SIGTERM, then SIGKILL to the whole family."""
    if process is None or process.poll() is not None:
        return
    members = family(process.pid)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in members[1:]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def wait_until(what, condition, patience=10):
    """Asks often; raises when it did not become true in time."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"gave up waiting for {what}")
        time.sleep(0.02)
