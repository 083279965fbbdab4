"""Virtual time: a page that all of Weir's processes map, and that a story moves."""
import mmap
import os
import struct
import time

STEP = 250_000    # microseconds; timers fire in order when steps are small
STEPS_MAX = 200   # a longer advance takes larger steps
SETTLE_MAX = 0.25  # real seconds for the loops to look at one step


class Clock:
    def __init__(self):
        self.fd = os.memfd_create("clock", 0)
        os.ftruncate(self.fd, mmap.PAGESIZE)
        self.page = mmap.mmap(self.fd, mmap.PAGESIZE)
        self.monotonic = 1_000_000_000
        self.wall = int(time.time() * 1e6)
        self.write()
        self.watched = lambda: []  # pids whose loops have to see each step

    def write(self):
        struct.pack_into("<QQ", self.page, 0, self.monotonic, self.wall)

    def advance(self, usec, step=None):
        step = step or max(STEP, usec // STEPS_MAX)
        while usec > 0:
            move = min(step, usec)
            usec -= move
            self.monotonic += move
            self.wall += move
            self.write()
            settle(self.watched())

    def close(self):
        self.page.close()
        os.close(self.fd)


def switches(pids):
    """{thread: how often it has gone to sleep}"""
    out = {}
    for pid in pids:
        try:
            for tid in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{tid}/status", encoding="ascii") as f:
                    for line in f:
                        if line.startswith("voluntary"):
                            out[pid, tid] = int(line.split()[1])
        except (OSError, ValueError):
            continue
    return out


def settle(pids):
    """Returns when every thread that runs a loop has been around it twice."""
    if not pids:
        return
    before = switches(pids)
    end = time.monotonic() + SETTLE_MAX
    moving = None
    time.sleep(0.004)  # a loop under a test clock looks every 2 ms
    while time.monotonic() < end:
        now = switches(pids)
        moving = [t for t in now if t in before and now[t] > before[t]]
        if moving and all(now[t] >= before[t] + 2 for t in moving):
            return
        time.sleep(0.002)
