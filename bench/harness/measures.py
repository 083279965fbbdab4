"""One function a kind of measure.  Each takes a bench and a case, yields Measure after Measure.

Servers take turns within a round, so that whatever else the machine does meets
all of them; the figure is the median over the rounds.
"""
import dataclasses
import json
import re
import statistics
import subprocess
import threading

from . import process


@dataclasses.dataclass
class Measure:
    """One line of output: the subject's value beside one peer's; smaller is better."""

    name: str
    subject: float
    peer: str
    peer_value: float
    unit: str
    goal: str = ""  # in words
    met: bool = None
    more: dict = dataclasses.field(default_factory=dict)

    @property
    def ratio(self):
        # Counts of lost requests may be zero on both sides.
        if self.unit.startswith("count"):
            return (self.peer_value + 1) / (self.subject + 1)
        return self.peer_value / self.subject if self.subject else None

    def line(self):
        return {"name": self.name, "weir": round(self.subject, 3), "peer": self.peer,
                "peer_value": round(self.peer_value, 3), "unit": self.unit,
                "ratio": None if self.ratio is None else round(self.ratio, 3),
                "goal": self.goal, "met": self.met, **self.more}


@dataclasses.dataclass
class Load:
    """What one run of a load generator did to one server."""

    requests: int
    seconds: float
    cpu_ns: int
    failed: int = 0

    @property
    def cpu_us(self):
        return self.cpu_ns / 1000 / max(self.requests, 1)

    @property
    def rate(self):
        return self.requests / self.seconds


def quiet(values):
    """The lower quartile: what is seen when nothing else on the machine is in the way.

    For the tails of latencies, where one stall of the (virtual) machine makes a round of
    some server useless; a server's own stalls are in more than three rounds out of four.
    """
    ordered = sorted(values)
    return ordered[len(ordered) // 4]


def _ratio_measure(name, subject, peer, runs, take, unit, goal, figure=statistics.median):
    mine, theirs = (figure([take(r) for r in runs[s]]) for s in (subject, peer))
    measure = Measure(name, mine, peer, theirs, unit)
    if goal is not None:
        measure.goal = f"ratio >= {goal}"
        measure.met = measure.ratio is not None and measure.ratio >= goal
    measure.more["runs"] = len(runs[subject])
    return measure


def _cpu_measures(case, subject, runs):
    for peer, goal in case.peers.items():
        m = _ratio_measure(case.name, subject, peer, runs, lambda r: r.cpu_us,
                           "cpu us/request", goal)
        for key, server in (("weir_rps", subject), ("peer_rps", peer)):
            m.more[key] = round(statistics.median(r.rate for r in runs[server]))
        # The best round of each: what the median hides when other work shares the machine's caches.
        m.more["weir_best"] = round(min(r.cpu_us for r in runs[subject]), 2)
        m.more["peer_best"] = round(min(r.cpu_us for r in runs[peer]), 2)
        for key, server in (("weir_failed", subject), ("peer_failed", peer)):
            m.more[key] = sum(r.failed for r in runs[server])
        yield m


def _load(server, tool, read):
    before = process.cpu_by_process(server.process.pid)
    text = tool()
    after = process.cpu_by_process(server.process.pid)
    load = read(text)
    if load.requests == 0 or load.failed > load.requests // 100:
        raise RuntimeError(f"{server.name}: {load.requests} requests answered, {load.failed} failed")
    load.cpu_ns = sum(after.values()) - sum(before.get(pid, 0) for pid in after)
    return load


def _wrk(text):
    requests, seconds = re.search(r"([0-9]+) requests in ([0-9.]+)s", text).groups()
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    failed = sum(map(int, errors.groups())) if errors else 0
    return Load(int(requests), float(seconds), 0, failed + (int(bad.group(1)) if bad else 0))


def keep_alive(bench, case):
    """wrk over kept-alive connections; server CPU for each request."""
    with bench.servers(case) as servers:
        runs = {name: [] for name in servers}
        for _ in range(bench.rounds):
            for name, server in servers.items():
                scheme, port = ("https", server.tls_port) if case.tls else ("http", server.port)
                command = ["wrk", "-t1", f"-c{case.connections}", f"-d{bench.seconds}s",
                           f"{scheme}://127.0.0.1:{port}{case.path}"]
                runs[name].append(_load(
                    server, lambda: bench.load(command, bench.seconds + 20, server), _wrk))
    yield from _cpu_measures(case, bench.subject, runs)


def connects(bench, case):
    """A connection for every request, plain or with a TLS handshake, full or resumed."""
    def read(text):
        said = json.loads(text)
        if case.mode == "resumed" and said["resumed"] < said["done"]:
            raise RuntimeError(f"{case.name}: {said['done'] - said['resumed']} of {said['done']} "
                               "handshakes were not resumed")
        return Load(said["done"], bench.seconds, 0, said["failed"])

    with bench.servers(case) as servers:
        runs = {name: [] for name in servers}
        for _ in range(bench.rounds):
            for name, server in servers.items():
                port = server.port if case.mode == "plain" else server.tls_port
                command = [bench.tool("connects"), f"address=127.0.0.1:{port}",
                           f"path={case.path}", f"seconds={bench.seconds}", f"mode={case.mode}",
                           f"parallel={case.connections}"]
                runs[name].append(_load(
                    server, lambda: bench.load(command, bench.seconds + 20, server), read))
    yield from _cpu_measures(case, bench.subject, runs)


def _rate(bench, case, server, seconds):
    return json.loads(bench.load(
        [bench.tool("rate"), f"address=127.0.0.1:{server.port}", f"path={case.path}",
         f"rate={case.rate}", f"seconds={seconds}", f"connections={case.connections}"],
        seconds + 20, server))


def open_loop(bench, case):
    """Latency at a constant rate, counted from when each request was due."""
    with bench.servers(case) as servers:
        runs = {name: [] for name in servers}
        for _ in range(bench.rounds * bench.seconds):
            for name, server in servers.items():
                runs[name].append(_rate(bench, case, server, 1))
    for quantile in ("p99", "p999"):
        for peer, goal in case.peers.items():
            m = _ratio_measure(f"{case.name}_{quantile}", bench.subject, peer, runs,
                               lambda r: r[quantile], "us", goal, quiet)
            m.more["weir_p50"] = round(quiet(r["p50"] for r in runs[bench.subject]), 1)
            m.more["peer_p50"] = round(quiet(r["p50"] for r in runs[peer]), 1)
            m.more["weir_failed"] = sum(r["failed"] for r in runs[bench.subject])
            m.more["peer_failed"] = sum(r["failed"] for r in runs[peer])
            yield m


def idle_memory(bench, case):
    """Bytes of memory (PSS) that an idle connection adds to a fresh server."""
    grown = {}
    for name in (bench.subject, *case.peers):
        with bench.servers(case, only=name) as servers:
            server = servers[name]
            port = server.tls_port if case.tls else server.port
            common = [bench.tool("idle"), f"address=127.0.0.1:{port}", f"path={case.path}",
                      f"tls={int(case.tls)}"]
            bench.hold([*common, "connections=64"], lambda: None)
            before = process.pss_bytes(server.process.pid)
            after = bench.hold([*common, f"connections={case.connections}"],
                               lambda: process.pss_bytes(server.process.pid))
            grown[name] = (after - before) / case.connections
    for peer in case.peers:
        m = Measure(case.name, grown[bench.subject], peer, grown[peer], "bytes/connection")
        m.goal, m.met = f"<= {case.limit} bytes", grown[bench.subject] <= case.limit
        m.more["connections"] = case.connections
        yield m


class _Reloads(threading.Thread):
    """Reloads a server each second until told to stop."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.over = threading.Event()
        self.count = 0
        self.error = None

    def run(self):
        while not self.over.wait(1):
            try:
                self.count += 1
                self.server.reload(self.count)
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                self.error = error
                return


def _storm(bench, case, server, seconds):
    """The rate while the configuration changes each second; (what the client saw, reloads)."""
    changes = _Reloads(server)
    changes.start()
    try:
        stormy = _rate(bench, case, server, seconds)
    finally:
        changes.over.set()
        changes.join()
    if changes.error is not None:
        raise changes.error
    return stormy, changes.count


def _calm_and_storm(bench, case, name, rounds, seconds):
    """Sums and quiet figures over alternating rounds of one server."""
    calm, storms, count = [], [], 0
    with bench.servers(case, only=name) as servers:
        for _ in range(rounds):
            calm.append(_rate(bench, case, servers[name], 2))
            stormy, reloaded = _storm(bench, case, servers[name], seconds)
            storms.append(stormy)
            count += reloaded
    return {"lost": sum(s["failed"] for s in storms),
            "idle_closed": sum(s["closed_idle"] for s in storms),
            "requests": sum(s["sent"] for s in storms), "reloads": count,
            "calm_p99": quiet(c["p99"] for c in calm), "p99": quiet(s["p99"] for s in storms)}


def reloads(bench, case):
    """A new configuration each second under a constant rate: what clients notice of it."""
    rounds, seconds = 4, bench.seconds + 1
    seen = {name: _calm_and_storm(bench, case, name, rounds, seconds)
            for name in (bench.subject, *case.peers)}
    mine = seen[bench.subject]
    growth = {name: s["p99"] / s["calm_p99"] for name, s in seen.items()}
    for peer in case.peers:
        theirs = seen[peer]
        context = {"requests": mine["requests"], "reloads": mine["reloads"],
                   "peer_reloads": theirs["reloads"], "weir_p99": mine["p99"],
                   "peer_p99": theirs["p99"]}
        yield Measure(f"{case.name}_lost", mine["lost"], peer, theirs["lost"], "count of requests",
                      "0", mine["lost"] == 0, context)
        yield Measure(f"{case.name}_idle_closed", mine["idle_closed"], peer, theirs["idle_closed"],
                      "count of connections", "0", mine["idle_closed"] == 0, context)
        yield Measure(f"{case.name}_p99_growth", growth[bench.subject], peer, growth[peer],
                      "times calm p99", "<= 1.2", growth[bench.subject] <= 1.2, context)
