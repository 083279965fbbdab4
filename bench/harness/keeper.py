"""The keeper's measures: one core has all of Weir's processes, another one the load.

What a signature costs is the processor time of all of Weir's processes, beside what
`openssl speed` needs for the bare signature on the same core in the same run.
"""
import base64
import contextlib
import http.client
import json
import os
import re
import secrets
import statistics
import subprocess
import threading
import time

from . import process
from .measures import Load, Measure, _wrk
from .servers import SERVERS, free_port

SPEED = {"ed25519": "ed25519", "ecdsa-p256": "ecdsap256", "rsa-2048": "rsa2048"}
LOAD_LUA = """
wrk.method = "%s"
wrk.headers["X-Vault-Token"] = "%s"
wrk.body = '%s'
"""
MANY_LUA = """
local next = %d
local last = %d
wrk.headers["X-Vault-Token"] = "%s"
request = function()
    local n = next
    if next < last then next = next + 1 end
    return wrk.format("%s", string.format("%s", n), nil, '%s')
end
"""


class Keeper:
    """A Weir whose only work is its keeper; opened by a key file."""

    def __init__(self, bench, folder):
        self.bench, self.folder = bench, folder
        self.port = free_port()
        self.process = None
        self.token = ""
        self.shares = []
        folder.mkdir(mode=0o755)
        key = folder / "unseal.key"
        key.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
        key.chmod(0o600)
        (folder / "weir.yaml").write_text(
            f"name: bench\nstate: state\nworkers: 1\n"
            f'keeper: {{listen: "127.0.0.1:{self.port}", seal: {{key_file: unseal.key}}}}\n'
            f'listeners: {{main: "127.0.0.1:{free_port()}"}}\n'
            f'routes: [{{respond: {{body: "ok"}}}}]\n')

    def start(self):
        # Not at real-time priority: the kernel's threads that write the journal to the disk run on
        # this core too, and would wait for ever.
        pinned = process.Pinned(self.bench.on_server_core.core, False)
        with open(self.folder / "output", "a") as out:
            self.process = pinned.start(
                [SERVERS["weir"].program, "serve", self.folder / "weir.yaml"], stdout=out,
                stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)

    def stop(self):
        process.stop(self.process, 20)

    def call(self, method, path, body=None):
        """(status, JSON)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        try:
            connection.request(method, "/v1/" + path, None if body is None else json.dumps(body),
                               {"X-Vault-Token": self.token})
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else {}
        finally:
            connection.close()

    def must(self, method, path, body=None):
        status, said = self.call(method, path, body)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {said}")
        return said

    def is_up(self, *wanted):
        try:
            return self.call("GET", "sys/health")[0] in wanted
        except (OSError, http.client.HTTPException, ValueError):
            return False

    def begin(self):
        self.start()
        process.wait_until("the keeper to answer", lambda: self.is_up(501))
        said = self.must("PUT", "sys/init", {"recovery_shares": 3, "recovery_threshold": 2,
                                             "secret_shares": 3, "secret_threshold": 2})
        self.token = said["root_token"]
        process.wait_until("the keeper to open", lambda: self.is_up(200))
        self.must("POST", "sys/mounts/transit", {"type": "transit"})

    def wrk(self, script, path, seconds, connections=16):
        file = self.folder / "load.lua"
        file.write_text(script)
        before = process.cpu_by_process(self.process.pid)
        text = self.bench.on_load_core.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", file,
             f"http://127.0.0.1:{self.port}/v1/{path}"], seconds + 60)
        after = process.cpu_by_process(self.process.pid)
        load = _wrk(text)
        if load.requests == 0 or load.failed:
            raise RuntimeError(f"{path}: {load.requests} requests, {load.failed} failed")
        load.cpu_ns = sum(after.values()) - sum(before.get(p, 0) for p in after)
        return load

    def many(self, count, method, path, body, connections=16, patience=600):
        """count different requests, `path` with %d in it, as fast as they go; the seconds taken."""
        first = time.monotonic()
        threads = [threading.Thread(target=self._some, args=(range(i, count, connections), method,
                                                             path, body))
                   for i in range(connections)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(patience)
        return time.monotonic() - first

    def _some(self, numbers, method, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        for n in numbers:
            connection.request(method, "/v1/" + path % n, body, {"X-Vault-Token": self.token})
            response = connection.getresponse()
            response.read()
            if response.status >= 300:
                raise RuntimeError(f"{path % n}: {response.status}")
        connection.close()

    def fill(self, count, path, body, at_once=20000):
        """count entries written by wrk, which is faster than we are; then the last ones by hand."""
        made = 0
        while made < count:
            last = min(count, made + at_once)
            file = self.folder / "fill.lua"
            file.write_text(MANY_LUA % (made, last, self.token, "POST", "/v1/" + path, body))
            self.bench.on_load_core.run(
                ["wrk", "-t1", "-c32", "-d2s", "-s", file, f"http://127.0.0.1:{self.port}/"], 60)
            made = self._reached(path, made, last)

    def _reached(self, path, first, last):
        """How far wrk came: the first number from which nothing is there."""
        while first < last:
            middle = (first + last) // 2
            if self.call("GET", path % middle)[0] == 200:
                first = middle + 1
            else:
                last = middle
        return first


@contextlib.contextmanager
def _keeper(bench, case):
    bench.count += 1
    keeper = Keeper(bench, bench.folder / f"{case.name}-{bench.count}")
    try:
        keeper.begin()
        yield keeper
    finally:
        keeper.stop()


def _speed(bench, algorithm, seconds):
    """Microseconds of a bare signature, as `openssl speed` says."""
    text = bench.on_server_core.run(["openssl", "speed", "-mr", "-seconds", str(seconds),
                                     algorithm], seconds * 4 + 30)
    # +F2, +F4 and +F6 lines: number:bits[:curve]:signatures a second:verifications a second
    row = [line for line in text.splitlines() if re.match(r"\+F[0-9]:", line)][-1].split(":")
    return 1e6 / float(row[-2])


def sign(bench, case):
    """Processor time of an audited signature over HTTP, beside openssl's bare one."""
    kind = case.mode
    with _keeper(bench, case) as keeper:
        keeper.must("POST", f"transit/keys/k-{kind}", {"type": kind})
        mine, theirs, rates = [], [], []
        script = LOAD_LUA % ("POST", keeper.token, '{"input":"aGVsbG8gd29ybGQ="}')
        for _ in range(bench.rounds):
            load = keeper.wrk(script, f"transit/sign/k-{kind}", bench.seconds, case.connections)
            mine.append(load.cpu_us)
            rates.append(load.rate)
            theirs.append(_speed(bench, SPEED[kind], 2))
    goal = case.peers["openssl speed"]
    m = Measure(case.name, statistics.median(mine), "openssl speed", statistics.median(theirs),
                "cpu us/signature")
    m.goal, m.met = f"ratio >= {goal}", m.ratio >= goal
    m.more = {"runs": bench.rounds, "weir_rps": round(statistics.median(rates)),
              "weir_best": round(min(mine), 2), "peer_best": round(min(theirs), 2)}
    yield m


def _absolute(name, value, unit, limit, more=None):
    m = Measure(name, value, "-", limit, unit, f"<= {limit}", value <= limit)
    m.more = more or {}
    return m


def request(bench, case):
    """Processor time of a request that has no cryptography to speak of."""
    with _keeper(bench, case) as keeper:
        keeper.must("POST", "sys/mounts/kv", {"type": "kv"})
        keeper.must("POST", "kv/one", {"a": "b"})
        script = LOAD_LUA % ("GET", keeper.token, "")
        runs = [keeper.wrk(script, "kv/one", bench.seconds, case.connections)
                for _ in range(bench.rounds)]
    yield _absolute(case.name, statistics.median(r.cpu_us for r in runs), "cpu us/request", case.limit,
                    {"weir_rps": round(statistics.median(r.rate for r in runs))})


def restart(bench, case):
    """From the start of the process until a secret is read, with much in the store."""
    secrets_, leases = 100000, case.rate
    with _keeper(bench, case) as keeper:
        keeper.must("POST", "sys/mounts/kv", {"type": "kv"})
        keeper.fill(secrets_, "kv/%d", '{"value":"%s"}' % ("x" * 300))
        keeper.must("POST", "auth/token/roles/bench", {"allowed_policies": "default", "orphan": True})
        script = LOAD_LUA % ("POST", keeper.token, '{"ttl":"700h"}')
        made = 0
        while made < leases:
            made += keeper.wrk(script, "auth/token/create/bench", 10, 32).requests
        times = []
        for _ in range(bench.rounds):
            keeper.stop()
            begin = time.monotonic()
            keeper.start()
            process.wait_until("a secret", lambda: keeper.is_up(200) and
                               keeper.call("GET", "kv/77")[0] == 200, 60)
            times.append(time.monotonic() - begin)
    yield _absolute(case.name, statistics.median(times), "s", case.limit,
                    {"secrets": secrets_, "leases": made})


def rotate(bench, case):
    """10,000 keys get a new version each, every one durable when it is answered."""
    count = case.rate
    with _keeper(bench, case) as keeper:
        keeper.many(count, "POST", "transit/keys/k%d", '{"type":"ed25519"}')
        script = keeper.folder / "rotate.lua"
        script.write_text(MANY_LUA % (0, count, keeper.token, "POST", "/v1/transit/keys/k%d/rotate", "{}"))
        times = []
        for _ in range(bench.rounds):
            times.append(_until_rotated(bench, keeper, script, count))
    yield _absolute(case.name, statistics.median(times), "s", case.limit, {"keys": count})


def _version(keeper, n):
    return keeper.must("GET", f"transit/keys/k{n}")["data"]["latest_version"]


def _until_rotated(bench, keeper, script, count):
    """Seconds until the last of `count` keys is rotated: wrk goes through them in order."""
    before = _version(keeper, count - 2)
    wrk = bench.on_load_core.start(
        ["wrk", "-t1", "-c32", "-d60s", "-s", script, f"http://127.0.0.1:{keeper.port}/"],
        stdout=subprocess.DEVNULL)
    begin = time.monotonic()
    try:
        process.wait_until("the keys to be rotated",
                           lambda: _version(keeper, count - 2) > before, 60)
        return time.monotonic() - begin
    finally:
        wrk.kill()
        wrk.wait()


def incident(bench, case):
    """From the declaration that a key is compromised until its old version refuses to decrypt or sign."""
    times = []
    with _keeper(bench, case) as keeper:
        for n in range(bench.rounds):
            keeper.must("POST", f"transit/keys/c{n}", {"type": "ed25519"})
            begin = time.monotonic()
            keeper.must("POST", "sys/weir/incident",
                        {"key": f"transit/c{n}", "reason": "bench", "dry_run": False})
            status, _ = keeper.call("POST", f"transit/sign/c{n}",
                                    {"input": "aGk=", "key_version": 1})
            if status < 400:
                raise RuntimeError("a compromised version still signs")
            times.append(time.monotonic() - begin)
    yield _absolute(case.name, statistics.median(times), "s", case.limit)


def restore(bench, case):
    """100,000 entries from a backup into an empty keeper, every signing key proven."""
    weir = SERVERS["weir"].program
    with _keeper(bench, case) as keeper:
        keeper.must("POST", "sys/mounts/kv", {"type": "kv"})
        keeper.fill(case.rate, "kv/%d", '{"value":"%s"}' % ("x" * 300))
        for kind in SPEED:
            keeper.must("POST", f"transit/keys/{kind}", {"type": kind})
        folder = keeper.folder
        env = dict(os.environ, VAULT_TOKEN=keeper.token)
        said = _run([weir, "keeper", "identity", folder / "me.key", "--json"], env)
        recipient = json.loads(said)["recipient"]
        _run([weir, "keeper", "backup", folder / "all.backup", "--recipient", recipient,
              "--state", folder / "state"], env)
        begin = time.monotonic()
        _run([weir, "keeper", "drill", folder / "all.backup", "--identity", folder / "me.key",
              "--state", folder / "state"], env)
        drill = time.monotonic() - begin
        size = (folder / "all.backup").stat().st_size
    yield _absolute(case.name, drill, "s", case.limit, {"entries": case.rate, "bytes": size})


def _run(command, env):
    done = subprocess.run([str(c) for c in command], env=env, capture_output=True, text=True,
                          timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[1]} {command[2]}: {done.stderr.strip()}")
    return done.stdout


def tls_signing(bench, case):
    """Signatures for TLS asked over the channel: one at a time, and 16 at once, beside bare ones."""
    said = json.loads(bench.on_load_core.run([bench.tool("keeper")], 60))
    yield _absolute("keeper.tls_added", said["added_us"], "us added to a signature (p50)", 10)
    m = Measure("keeper.tls_depth16", said["depth16_us"], "bare P-256", said["bare_us"],
                "us/signature", "ratio >= 0.75", said["bare_us"] / said["depth16_us"] >= 0.75)
    yield m
