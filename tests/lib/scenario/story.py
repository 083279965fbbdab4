"""Tells a story: carries out the lines of a scenario one after the other.

What each verb does is in verbs.py; here is what they share: names, places,
ports, the clock, patience, and the end, at which everything is taken down and
what must hold for every story is looked at.
"""
import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from .certificates import Certificates
from .clock import Clock
from .language import Failed, Wrong

WORD = re.compile(r"\$\{([\w.-]+)\}")
PORTS = range(20000, 32000)  # below those that the kernel gives out by itself


class Skipped(Exception):
    """This machine or build cannot tell the story; says why."""


class Story:
    def __init__(self, path, settings):
        self.path = path
        self.settings = settings
        self.binary = settings.binary
        self.patience = settings.patience
        self.slot = settings.slot
        self.title = os.path.basename(path)
        self.folder = tempfile.mkdtemp(prefix="scenario-")
        os.chmod(self.folder, 0o755)
        self.clock = Clock()
        self.clock.watched = self.watched
        self.certificates = Certificates(self.folder)
        self.origins, self.clients, self.weirs, self.loads, self.dns = {}, {}, {}, {}, {}
        self.words = {"folder": self.folder}
        self.environment = dict(settings.environment)
        self.gates = {}
        self.mounts = []
        self.programs = {}
        self.default_host = "example.test"
        self.allowance = 0  # virtual microseconds that waiting may still use up
        self.pace = 20_000  # of it in one go
        self.ports = iter(self.port_slice())
        self.table = None
        self.line = None
        self.lock = threading.Lock()

    # ---- names and places ----

    def port_slice(self):
        """Each of the scenarios that run at the same time has ports of its own."""
        share = len(PORTS) // self.settings.slots
        first = PORTS[0] + self.slot * share
        offset = (os.getpid() * 37) % share
        return [first + (offset + i) % share for i in range(share)]

    def free_port(self, host, kind=socket.SOCK_STREAM):
        for port in self.ports:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind((host, port))
                    return port
                except OSError:
                    continue
        raise Failed("no free port")

    def lookup(self, word):
        if word in self.words:
            return self.words[word]
        name, _, rest = word.partition(".")
        if name in self.origins:
            origin = self.origins[name]
            return {"": origin.address, "port": str(origin.where_to[1])}.get(rest)
        if name in self.weirs:
            weir = self.weirs[name]
            return {"": f"127.0.0.1:{weir.port}", "address": f"127.0.0.1:{weir.port}",
                    "port": str(weir.port), "state": weir.state, "folder": weir.folder,
                    "metrics": f"127.0.0.1:{weir.metrics_port}"}.get(rest)
        if name in self.dns:
            return self.dns[name].address
        if name == "port" and rest:  # ${port.NAME}: a free port, the same each time
            self.words[word] = str(self.free_port("127.0.0.1"))
            return self.words[word]
        if rest in ("pem", "key") and name in self.certificates.made:
            return self.certificates.made[name][0 if rest == "pem" else 1]
        if word == "weir":
            return self.binary
        if word == "source":
            return self.settings.source
        return None

    def fill(self, text, strict=True):
        """Puts in ${words}; in a blueprint those that are not ours stay as they are."""
        def one(match):
            value = self.lookup(match.group(1))
            if value is None and strict:
                raise Wrong(f"unknown word {match.group(0)}")
            return match.group(0) if value is None else value
        filled = WORD.sub(one, text)
        return WORD.sub(one, filled) if filled != text else text  # ${owner${n}}

    def place(self, target):
        """(family, address) of `edge`, `edge.metrics`, an origin, host:port or unix:/path."""
        if target in self.origins:
            origin = self.origins[target]
            return origin.family, origin.where_to
        name, _, rest = target.partition(".")
        if name in self.weirs and rest in ("", "metrics"):
            weir = self.weirs[name]
            return socket.AF_INET, ("127.0.0.1", weir.metrics_port if rest else weir.port)
        if target.startswith("unix:"):
            return socket.AF_UNIX, target[5:]
        host, colon, port = target.rpartition(":")
        if not colon or not port.isdigit():
            raise Wrong(f"there is nobody called {target}")
        host = host.strip("[]")
        return (socket.AF_INET6 if ":" in host else socket.AF_INET), (host, int(port))

    def source(self, name):
        """A file of the project, or of this story's folder."""
        own = os.path.join(self.folder, name)
        return own if os.path.exists(own) else os.path.join(self.settings.source, name)

    def gate(self, word):
        with self.lock:
            return self.gates.setdefault(word, threading.Event())

    # ---- time ----

    def watched(self):
        return [pid for weir in self.weirs.values() if not weir.real_time for pid in weir.roles()]

    def tick(self, usec=50_000):
        self.clock.advance(usec)

    @contextlib.contextmanager
    def within(self, duration):
        """While waiting inside, virtual time passes, by at most this much."""
        from .language import duration as usec
        before = self.allowance, self.pace
        if duration:
            self.allowance = usec(duration)
            self.pace = max(20_000, self.allowance // 80)
        try:
            yield
        finally:
            self.allowance, self.pace = before

    def on_wait(self):
        """Called every few milliseconds of waiting: true when time was moved."""
        if self.allowance <= 0:
            return False
        move = min(self.pace, self.allowance)
        self.allowance -= move
        self.tick(move)
        return True

    def eventually(self, check):
        """Repeats until check() raises no more; the last failure is the story's."""
        end = time.monotonic() + self.patience
        while True:
            try:
                return check()
            except (Failed, OSError, ValueError) as failed:
                if self.on_wait():
                    continue
                if time.monotonic() >= end:
                    raise Failed(str(failed)) from None
            time.sleep(0.005)

    # ---- commands ----

    def run_command(self, words, text=None, folder=None):
        env = dict(os.environ, NO_COLOR="1", **self.environment)
        try:
            done = subprocess.run(words, input=text, capture_output=True, check=False, text=True,
                                  errors="replace", env=env, cwd=folder or self.folder,
                                  timeout=self.patience * 6)
        except FileNotFoundError:
            raise Failed(f"there is no command {words[0]}") from None
        except subprocess.TimeoutExpired:
            raise Failed(f"{' '.join(words)} did not end") from None
        return done.returncode, done.stdout, done.stderr

    def mount(self, name, n):
        where = os.path.join(self.folder, name)
        os.makedirs(where)
        code, _, err = self.run_command(
            ["mount", "-t", "tmpfs", "-o", f"size={n},mode=0777", "tmpfs", where])
        if code != 0:
            raise Skipped(f"cannot mount a tmpfs here: {err.strip()}")
        self.mounts.append(where)

    def start_program(self, name, words):
        with open(os.path.join(self.folder, name + ".out"), "ab") as out:
            self.programs[name] = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.folder)

    # ---- the telling ----

    def tell(self, lines):
        from .verbs import carry_out
        for line in lines:
            self.line = line
            carry_out(self, line)

    def finish(self):
        """What holds at the end of every story; then nothing may be left."""
        for load in self.loads.values():
            load.stop()
        for client in self.clients.values():
            client.drop()
        for weir in self.weirs.values():
            if weir.ended() is None and not weir.killed:
                self.stop_cleanly(weir)
            elif weir.ended() is None:
                weir.stop()
            if weir.complaints():
                raise Failed("weir complained:\n" + "\n".join(weir.complaints()[:20]))
        for origin in self.origins.values():
            if origin.broken and not origin.tolerant:
                raise Failed(f"origin {origin.name} received broken HTTP: {origin.broken[0]}")

    def stop_cleanly(self, weir):
        dead = [role for role in ("edge", "keeper", "control") if not weir.given
                and weir.metric('weir_process_restarts_total{role="%s"}' % role)]
        weir.stop()
        if weir.exit != 0:
            raise Failed(f"weir {weir.name} ended with {weir.exit} when it was stopped")
        if dead:
            raise Failed(f"of weir {weir.name} these died by themselves: {', '.join(dead)}")

    def take_down(self, keep=False):
        for gate in self.gates.values():
            gate.set()
        for load in self.loads.values():
            load.over.set()
        for weir in self.weirs.values():
            weir.destroy()
        for program in self.programs.values():
            program.kill()
            program.wait()
        for origin in self.origins.values():
            origin.shut()
        for client in self.clients.values():
            client.drop()
        for dns in self.dns.values():
            dns.close()
        self.clock.close()
        for where in self.mounts:
            self.run_command(["umount", "-l", where])
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
