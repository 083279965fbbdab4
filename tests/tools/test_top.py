#!/usr/bin/env python3
"""weir top in a real terminal: what it shows, its keys, and that it leaves the terminal as it was.

What answers it is a stand-in for the admin API, whose counters grow with each question.

    test_top.py WEIR EXPOSE
"""
import fcntl
import http.server
import json
import os
import pathlib
import re
import select
import signal
import socketserver
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

PATIENCE_SECONDS = 30
STYLE = re.compile(rb"\x1b\[[0-9]*m")


class Admin(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path, expose):
        self.expose, self.asked = expose, 0
        super().__init__(str(path), AdminHandler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01},
                         daemon=True).start()


class AdminHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked += 1
        done = subprocess.run([self.server.expose, "application/json", str(self.server.asked)],
                              stdout=subprocess.PIPE, check=True)
        body = done.stdout.partition(b"\n\n")[2]
        self.send_response(200 if self.path == "/v1/metrics.json" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "client"

    def log_message(self, *args):
        pass


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, *command, columns=100, rows=30, **environment):
        self.pid, self.fd = os.forkpty()
        if self.pid == 0:
            os.environ.pop("NO_COLOR", None)
            os.environ.update(TERM="xterm", **environment)
            os.execv(command[0], command)
        self.seen = b""
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self.fd)

    def resize(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the program has ended
            return False
        self.seen += data
        return bool(data)

    def frames(self):
        """The whole pictures so far, without what colours them."""
        return self.seen.split(b"\x1b[H")[1:-1]

    def wait_for(self, what, found):
        """Until a picture drawn from now on satisfies found()."""
        seen = len(self.frames())
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for frame in self.frames()[seen:]:
                if found(STYLE.sub(b"", frame)):
                    return frame
            if not self.read(0.1):
                break
        raise AssertionError(f"not seen: {what}; the last pictures: {self.frames()[-2:]}")

    def type(self, keys):
        os.write(self.fd, keys)

    def end(self):
        """Its exit status, when it has ended by itself."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and self.read(0.1):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def check_given_back(self):
        assert self.seen.endswith(b"\x1b[0m\x1b[?25h\x1b[?1049l"), self.seen[-60:]
        assert termios.tcgetattr(self.fd) == self.before, "the terminal's modes are others"


def size_of(frame):
    lines = [line.split(b"\x1b")[0].rstrip(b"\r") for line in STYLE.sub(b"", frame).split(b"\n")]
    return max(map(len, lines)), len(lines)


def shows_a_live_table(top):
    t = Terminal(*top)
    frame = t.wait_for("a rate", lambda f: re.search(rb"\nhome +[1-9]\d* ", f))
    assert t.seen.startswith(b"\x1b[?1049h\x1b[?25l"), t.seen[:40]
    assert b"\x1b[1m" in frame, "no colour"
    text = STYLE.sub(b"", frame)
    assert b"requests/s" in text and b"ORIGIN" in text and b" 2.00ms " in text, text
    assert b'a"\\\x0ab' not in text
    t.type(b"e")
    t.wait_for("errors first", lambda f: b"[e errors]" in f)
    t.type(b"9")
    t.wait_for("P99 first", lambda f: b"[9 P99]" in f)
    t.type(b"xyz\x1b[A r")
    t.wait_for("rate first", lambda f: b"[r rate]" in f)
    for columns, rows in ((40, 10), (200, 50), (3, 2)):
        t.resize(columns, rows)
        t.wait_for(f"{columns} x {rows}", lambda f, c=columns, r=rows:
                   size_of(f) <= (c, r) and size_of(f)[0] > c // 3)
    t.type(b"q")
    assert t.end() == 0
    t.check_given_back()


def honours_no_color(top):
    t = Terminal(*top, NO_COLOR="1")
    t.wait_for("a table", lambda f: b"ROUTE" in f)
    t.type(b"q")
    assert t.end() == 0
    assert not re.search(rb"\x1b\[[1-9][0-9]*m", t.seen)


def gives_the_terminal_back(top):
    for sent in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        t = Terminal(*top)
        t.wait_for("a table", lambda f: b"ROUTE" in f)
        os.kill(t.pid, sent)
        assert t.end() == 0
        t.check_given_back()


def outlives_weir(top, admin, path, expose):
    t = Terminal(*top)
    t.wait_for("a table", lambda f: b"ROUTE" in f)
    admin.shutdown()
    admin.server_close()
    path.unlink()
    t.wait_for("why nothing comes", lambda f: b"no Weir runs" in f and b"home" in f)
    Admin(path, expose)
    t.wait_for("a table again", lambda f: b"no Weir runs" not in f and b"home" in f)
    t.type(b"q")
    assert t.end() == 0


def prints_once(top):
    done = subprocess.run([*top, "--once"], capture_output=True, check=True)
    assert b"\nhome " in done.stdout and b"\x1b" not in done.stdout and not done.stderr, done
    done = subprocess.run([*top], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert b"\nhome " in done.stdout and b"\x1b" not in done.stdout, done
    done = subprocess.run([*top, "--json", "--sort", "p99"], capture_output=True, check=True)
    view = json.loads(done.stdout)
    home = next(r for r in view["routes"] if r["route"] == "home")
    assert home["requests_per_second"] > 0 and 0.0019 < home["seconds"]["p50"] < 0.0021, home
    assert 0.095 < home["seconds"]["p99"] < 0.105, home
    assert view["connections"] == 7 and view["interval_seconds"] >= 0.1, view


def says_what_is_wrong(weir, folder):
    for options, code, said in (
            (["--socket", f"{folder}/none"], 1, b"no Weir runs"),
            (["--interval", "0"], 2, b"--interval takes"),
            (["--interval", "nan"], 2, b"--interval takes"),
            (["--sort", "name"], 2, b"--sort takes rate, errors or p99")):
        done = subprocess.run([weir, "top", *options], capture_output=True)
        assert done.returncode == code and said in done.stderr, done
        assert done.stderr.count(b"\n") == 1 and not done.stdout, done


def main():
    weir, expose = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="weir-test-") as folder:
        path = pathlib.Path(folder, "admin.sock")
        admin = Admin(path, expose)
        top = [weir, "top", "--socket", str(path), "--interval", "0.1"]
        prints_once(top)
        shows_a_live_table(top)
        honours_no_color(top)
        gives_the_terminal_back(top)
        says_what_is_wrong(weir, folder)
        outlives_weir(top, admin, path, expose)
    print("top: shows, sorts, resizes, and gives the terminal back")
    return 0


if __name__ == "__main__":
    sys.exit(main())
