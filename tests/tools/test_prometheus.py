#!/usr/bin/env python3
"""Real readers of metrics take what Weir exposes, and answer what they are asked.

promtool lints the text.  A Prometheus scrapes the same metrics in three
formats, each in a job of its own: as it negotiates it (protobuf, with native
histograms), as OpenMetrics and as text.

    test_prometheus.py EXPOSE
"""
import http.server
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

PATIENCE_SECONDS = 60
SKIPPED = 77
FORCED = {"openmetrics": "application/openmetrics-text", "text": "text/plain"}
CONFIG = """
global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}
scrape_configs:
  - {{job_name: native, metrics_path: /native, static_configs: [{{targets: ["{target}"]}}]}}
  - {{job_name: openmetrics, metrics_path: /openmetrics, static_configs: [{{targets: ["{target}"]}}]}}
  - {{job_name: text, metrics_path: /text, static_configs: [{{targets: ["{target}"]}}]}}
"""


def exposed(expose, accept):
    done = subprocess.run([expose, accept], stdout=subprocess.PIPE, check=True)
    content_type, _, body = done.stdout.partition(b"\n\n")
    return content_type.decode(), body


class Server(http.server.ThreadingHTTPServer):
    """/native negotiates; /openmetrics and /text give just that."""

    daemon_threads = True

    def __init__(self, expose):
        super().__init__(("127.0.0.1", 0), Handler)
        self.expose = expose
        self.content_types = {}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        job = self.path.lstrip("/")
        accept = FORCED.get(job, self.headers.get("Accept", ""))
        content_type, body = exposed(self.server.expose, accept)
        self.server.content_types[job] = content_type
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def listening_port(pid):
    """The port that a process listens on, or None: it was told to take any."""
    inodes = set()
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(fd.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        field = line.split()
        if field[3] == "0A" and field[9] in inodes:
            return int(field[1].split(":")[1], 16)
    return None


def eventually(what, attempt):
    """attempt() until it gives something other than None."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            found = attempt()
        except OSError:
            found = None
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE_SECONDS} s: {what}")


class Prometheus:
    def __init__(self, folder, target):
        (folder / "prometheus.yml").write_text(CONFIG.format(target=target))
        self.log = open(folder / "log", "w+b")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml",
             f"--storage.tsdb.path={folder}/data", "--web.listen-address=127.0.0.1:0",
             "--enable-feature=native-histograms,exemplar-storage"],
            stdout=self.log, stderr=subprocess.STDOUT)

    def __enter__(self):
        self.port = eventually("prometheus listens", lambda: listening_port(self.process.pid))
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def get(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def value(self, query):
        """The one number that a query gives, once it gives one."""
        def attempt():
            result = self.get("query", query=query)["result"]
            return float(result[0]["value"][1]) if len(result) == 1 else None
        return eventually(query, attempt)

    def exemplars(self, query, at_least):
        """The trace ids of a query's exemplars, once there are enough of them."""
        found = self.get("query_exemplars", query=query, start=time.time() - 600,
                         end=time.time() + 600)
        ids = {e["labels"]["trace_id"] for series in found for e in series["exemplars"]}
        return ids if len(ids) >= at_least else None


def expect_near(what, got, want, tolerance):
    assert abs(got - want) <= tolerance * want, f"{what}: {got}, not {want} +- {tolerance:.0%}"


def lint(expose):
    _, text = exposed(expose, "text/plain")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0 and not said, f"promtool: {said}"


def ask(prometheus, server):
    for job in ("native", "openmetrics", "text"):
        labels = f'job="{job}",route="home"'
        assert prometheus.value(f'up{{job="{job}"}} == 1') == 1
        assert prometheus.value(f'weir_requests_total{{{labels},class="2xx"}}') == 2000
        assert prometheus.value(f'weir_connections{{job="{job}",listener="home"}}') == 7
        expect_near("cpu", prometheus.value(f'weir_process_cpu_seconds_total{{job="{job}"}}'),
                    7e-9, 1e-6)
    assert server.content_types["native"].startswith("application/vnd.google.protobuf")

    for job, suffix, tolerance in (("native", "", 0.044), ("openmetrics", "_bucket", 1),
                                   ("text", "_bucket", 1)):
        series = f'weir_request_duration_seconds{suffix}{{job="{job}",route="home"}}'
        for quantile, want in ((0.5, 0.002), (0.94, 0.002), (0.96, 0.1), (0.99, 0.1)):
            query = f"histogram_quantile({quantile}, {series})"
            expect_near(f"{job} {query}", prometheus.value(query), want, tolerance)
    native = 'weir_request_duration_seconds{job="native",route="home"}'
    assert prometheus.value(f"histogram_count({native})") == 2000
    expect_near("sum", prometheus.value(f"histogram_sum({native})"), 13.8, 1e-9)
    quiet = 'weir_request_duration_seconds{job="native",route="quiet"}'
    assert prometheus.value(f"histogram_count({quiet})") == 0

    # Prometheus 2.42 keeps one exemplar of a native histogram, later ones keep all.
    for job, suffix, at_least in (("native", "", 1), ("openmetrics", "_bucket", 2)):
        query = f'weir_request_duration_seconds{suffix}{{job="{job}"}}'
        ids = eventually(f"exemplars of {query}",
                         lambda q=query, n=at_least: prometheus.exemplars(q, n))
        assert ids <= {"1" * 32, "2" * 32}, ids


def main():
    for tool in ("promtool", "prometheus"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed (Debian package: prometheus)")
            return SKIPPED
    expose = sys.argv[1]
    lint(expose)
    server = Server(expose)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="weir-test-") as name:
        folder = pathlib.Path(name)
        with Prometheus(folder, f"127.0.0.1:{server.server_port}") as prometheus:
            try:
                ask(prometheus, server)
            except AssertionError:
                sys.stderr.write((folder / "log").read_text())
                sys.stderr.write(json.dumps(prometheus.get("targets")["activeTargets"], indent=1))
                raise
    print("metrics: text, OpenMetrics and native histograms as they should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
