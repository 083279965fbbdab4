"""A whole Weir of a story: its folder, blueprint, processes, log, metrics and memory."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

from .language import Failed, Wrong

PRESETS = {  # words that a story's blueprint need not say
    "listeners": "listeners: {{main: '127.0.0.1:{port}'}}",
    "log": "log: {{to: file, path: {folder}/log/access.log}}",
    "metrics": "metrics: {{address: '127.0.0.1:{metrics}'}}",
    "workers": "workers: 1",
}
CRASH = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|BUG|MUST\b")


class Weir:
    def __init__(self, name, options, story):
        self.name = name
        self.story = story
        self.folder = os.path.join(story.folder, name)
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o755)
        os.makedirs(self.path("log"), exist_ok=True)
        os.chmod(self.path("log"), 0o777)  # for the user that the roles run as
        self.port = story.free_port("127.0.0.1")
        self.metrics_port = story.free_port("127.0.0.1")
        self.state = os.path.join(self.folder, "state")
        self.real_time = "on real time" in options
        given = re.search(r"from (\S+)", options)
        self.given = story.source(given.group(1)) if given else None
        self.blueprint = self.given or self.path("weir.yaml")
        self.watchdog = re.search(r"watched every (\d+)us", options)
        self.more = re.search(r"with (--.+)", options)
        self.text = ""
        self.notices = []
        self.process = None
        self.exit = None
        self.log_mark = 0
        self.killed = False  # the story itself ended a process

    def path(self, name):
        return os.path.join(self.folder, name)

    # ---- the blueprint ----

    def write(self, text, name="weir.yaml"):
        self.text = self.complete(text)
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(self.text)
        return self.path(name)

    def complete(self, text):
        for word, preset in PRESETS.items():
            if not re.search(rf"^{word}:", text, re.M):
                text += preset.format(port=self.port, metrics=self.metrics_port,
                                      folder=self.folder) + "\n"
        return text

    # ---- life ----

    def start(self):
        notices = self.listen_for_notices()
        command = [self.story.binary, "serve", self.blueprint, "--state", self.state]
        keep = ()
        if not self.real_time:
            command += ["--test-clock", str(self.story.clock.fd)]
            keep = (self.story.clock.fd,)
        if self.more:
            command += self.more.group(1).split()
        env = dict(os.environ, NOTIFY_SOCKET=self.path("notify.sock"), **self.story.environment)
        if self.watchdog:
            env["WATCHDOG_USEC"] = self.watchdog.group(1)
        with open(self.path("stdout"), "ab") as out, open(self.path("stderr"), "ab") as err:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=err, pass_fds=keep, env=env, cwd=self.folder)
        self.exit = None
        self.await_ready(notices)

    def listen_for_notices(self):
        """What Weir tells systemd, gathered from here on."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.path("notify.sock")
        if os.path.exists(path):
            os.unlink(path)
        sock.bind(path)
        os.chmod(path, 0o777)
        notices = self.notices = []

        def gather():
            while True:
                notices.append(sock.recv(4096).decode())
        threading.Thread(target=gather, daemon=True).start()
        return notices

    def await_ready(self, notices):
        end = time.monotonic() + self.story.patience * 2
        while time.monotonic() < end:
            if any("READY=1" in notice for notice in notices):
                return
            if self.process.poll() is not None:
                self.exit = self.process.returncode
                raise Failed(f"weir {self.name} ended with {self.exit} before it was ready")
            self.story.tick()
            time.sleep(0.002)
        raise Failed(f"weir {self.name} was not ready in time")

    def stop(self, how=signal.SIGTERM):
        """Asks it to end and waits, moving the clock so that a drain comes to its end."""
        if self.process is None or self.process.poll() is not None:
            return self.ended()
        self.process.send_signal(how)
        return self.wait()

    def wait(self):
        end = time.monotonic() + self.story.patience * 2
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise Failed(f"weir {self.name} did not end")
            self.story.tick(250_000)
            time.sleep(0.002)
        return self.ended()

    def ended(self):
        if self.process is not None:
            self.exit = self.process.poll()
        return self.exit

    def destroy(self):
        """At the end of a story that failed: nothing of it may stay."""
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def pids(self):
        """The parent and all below it."""
        if self.process is None or self.process.poll() is not None:
            return []
        out, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            out.append(pid)
            try:
                for tid in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{tid}/children", encoding="ascii") as f:
                        todo += [int(p) for p in f.read().split()]
            except OSError:
                continue
        return out

    def roles(self):
        """The pids of Weir's own processes, without the origins that it runs."""
        return [pid for pid in self.pids()
                if pid == self.process.pid or comm(pid).startswith("role=")]

    def pid(self, role):
        if role == "parent":
            return self.process.pid
        for entry in self.status().get("processes", []):
            if entry.get("role") == role and entry.get("pid"):
                return entry["pid"]
        raise Failed(f"weir {self.name} has no process {role}: {self.status()}")

    def kill(self, role, how=signal.SIGKILL):
        self.killed = True
        os.kill(self.pid(role), how)

    # ---- what it says ----

    def command(self, *words, text=None):
        """(exit status, stdout, stderr) of a weir command for this instance."""
        return self.story.run_command([self.story.binary, *words, "--state", self.state], text)

    def status(self):
        code, out, err = self.command("status", "--json")
        if code != 0:
            raise Failed(f"weir status: exit {code}: {err.strip()}")
        return json.loads(out)

    def log(self):
        """All events from the mark on; a line that is not JSON fails the story."""
        rows = []
        logs = self.path("log")
        path = os.path.join(logs, "access.log")
        older = [n for n in os.listdir(logs) if re.fullmatch(r"access\.log\.\d+", n)]
        older.sort(key=lambda n: -int(n.rsplit(".", 1)[1]))
        for name in [os.path.join(logs, n) for n in older] + [path]:
            if not os.path.exists(name):
                continue
            with open(name, encoding="utf-8", errors="strict") as f:
                text = f.read()
            rows += text[:text.rfind("\n") + 1].splitlines()
        try:
            return [json.loads(row) for row in rows[self.log_mark:]]
        except ValueError:
            bad = next(row for row in rows if not is_json(row))
            raise Failed(f"a log line is not JSON: {bad!r}") from None

    def mark_log(self):
        self.log_mark = 0
        self.log_mark = len(self.log())

    def metrics_text(self, accept="text/plain"):
        with socket.create_connection(("127.0.0.1", self.metrics_port), 5) as s:
            s.sendall(b"GET /metrics HTTP/1.0\r\nHost: m\r\nAccept: %s\r\n\r\n" % accept.encode())
            data = b""
            while True:
                piece = s.recv(1 << 16)
                if not piece:
                    break
                data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise Failed(f"GET /metrics answered {head!r}")
        return body.decode()

    def metric(self, selector):
        """The sum of the series that a selector names; 0 when there is none."""
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})?", selector)
        if match is None:
            raise Wrong(f"cannot read the metric {selector}")
        name, wanted = match.group(1), labels(match.group(2) or "")
        total, seen = 0.0, False
        for row in self.metrics_text().splitlines():
            series = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)(?: .*)?", row)
            if series and series.group(1) == name:
                have = labels(series.group(2) or "")
                if all(have.get(k) == v for k, v in wanted.items()):
                    total += float(series.group(3))
                    seen = True
        return total if seen else 0.0

    def rss(self, role):
        with open(f"/proc/{self.pid(role)}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) * 1024

    def read(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def complaints(self):
        """What must not be in any story's output: crashes, sanitizer reports."""
        text = self.read("stderr") if os.path.exists(self.path("stderr")) else ""
        return [row for row in text.splitlines() if CRASH.search(row)]


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def is_json(row):
    try:
        json.loads(row)
        return True
    except ValueError:
        return False


def labels(text):
    return dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', text))
