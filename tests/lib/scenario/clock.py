"""Virtual time: a page that all of Weir's processes map, and that a story moves."""
import mmap
import os
import struct
import time

STEP = 250_000    # microseconds; timers fire in order when steps are small
STEPS_MAX = 200   # a longer advance takes larger steps
LOOK = 0.004      # real seconds between two looks at what Weir's threads do
SETTLE_MAX = 5  # real seconds for the loops to look at one step


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
        self.settle()  # what was sent before is to be seen before
        while usec > 0:
            move = min(step, usec)
            usec -= move
            self.monotonic += move
            self.wall += move
            self.write()
            self.settle()

    def settle(self):
        """Returns when every thread of Weir has seen the clock, as far as it looks at it.

        A loop with timers looks every 2 ms under a test clock: then it has been
        around twice.  One without timers sleeps on, and stays as it was between
        two looks; one that only waits for a processor is not asleep.
        """
        pids = self.watched()
        if not pids:
            return
        before = last = threads(pids)
        todo = set(before)
        end = time.monotonic() + SETTLE_MAX
        while todo and time.monotonic() < end:
            time.sleep(LOOK)
            now = threads(pids)
            todo = {t for t in todo if t in now and now[t][1] < before[t][1] + 2
                    and (now[t] != last.get(t) or now[t][0] == "R")}
            last = now

    def close(self):
        self.page.close()
        os.close(self.fd)


def threads(pids):
    """{(pid, thread): (state, how often it has gone to sleep)}"""
    out = {}
    for pid in pids:
        try:
            for tid in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{tid}/status", encoding="ascii") as f:
                    text = f.read()
                state = text[text.index("State:") + 7:][:1]
                count = text[text.rindex("\nvoluntary_ctxt_switches:") + 25:].split(None, 1)[0]
                out[pid, tid] = (state, int(count))
        except (OSError, ValueError):
            continue
    return out
