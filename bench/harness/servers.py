"""The servers under test, each with a configuration that a careful operator would give it.

All listen on loopback: one plain port, one TLS port.  GET /fixed is answered by
the server itself with two bytes; all else goes to the one origin over kept-alive
connections.  All add a request id and X-Forwarded-For, and, where `log` is set,
write one JSON line a request to a file.
"""
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

from . import process


@dataclasses.dataclass(frozen=True)
class Setup:
    """What a case wants of each server."""

    folder: pathlib.Path
    origin: int  # port
    log: bool = True
    certificate: tuple = None  # (chain, key, both in one file)
    log_socket: pathlib.Path = None  # of a log daemon


_given = set()


def free_port():
    """A port that nobody listens on, another one each time."""
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


class Server:
    """One server; subclasses say how it is configured, started and reloaded."""

    name = ""
    program = ""

    def __init__(self, setup, pinned):
        self.setup = setup
        self.pinned = pinned
        self.folder = setup.folder / self.name
        self.folder.mkdir(mode=0o755)
        self.port, self.tls_port = free_port(), free_port()
        self.process = None
        self.output = self.folder / "output"

    def configuration(self, generation):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def reload(self, generation):
        """Takes a changed configuration live; returns when the server was told."""
        raise NotImplementedError

    def _write(self, generation=0):
        self.file = self.folder / self.filename
        self.file.write_text(self.configuration(generation))

    def _accepts(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended at once: {self.output.read_text()[-800:]}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def start(self):
        self._write()
        with open(self.output, "w") as out:
            self.process = self.pinned.start(self.command(), stdout=out, stderr=out,
                                             stdin=subprocess.DEVNULL, start_new_session=True)
        process.wait_until(f"{self.name} to listen", self._accepts)
        return self

    def stop(self):
        process.stop(self.process)

    @classmethod
    def version(cls):
        raise NotImplementedError

    @classmethod
    def installed(cls):
        return shutil.which(cls.program) is not None


def _first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().splitlines()[0]


class Nginx(Server):
    name = "nginx"
    program = "nginx"
    filename = "nginx.conf"
    BUFFERS = ""  # as shipped: eight of a page, then a temporary file
    LOG_BUFFER = ""  # as shipped: a write for each line

    LOG = """log_format json escape=json '{"time":"$time_iso8601","id":"$request_id",'
        '"client":"$remote_addr","method":"$request_method","host":"$host","path":"$uri",'
        '"query":"$args","status":$status,"bytes":$body_bytes_sent,"seconds":$request_time,'
        '"origin":"$upstream_addr","origin_status":"$upstream_status",'
        '"origin_seconds":"$upstream_response_time","agent":"$http_user_agent"}';
    access_log FOLDER/access.log jsonBUFFER;"""

    def configuration(self, generation):
        chain, key, _ = self.setup.certificate
        log = "access_log off;"
        if self.setup.log:
            log = self.LOG.replace("FOLDER", str(self.folder)).replace("BUFFER", self.LOG_BUFFER)
        temporary = "\n    ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in
                                  ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {self.folder}/pid;
error_log {self.folder}/error.log warn;
events {{ worker_connections 16000; multi_accept on; }}
http {{
    {log}
    {temporary}
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    reset_timedout_connection on;
    upstream origin {{
        server 127.0.0.1:{self.setup.origin};
        keepalive 256;
        keepalive_requests 1000000000;
        keepalive_timeout 600s;
    }}
    server {{
        listen 127.0.0.1:{self.port} backlog=4096;
        listen 127.0.0.1:{self.tls_port} ssl backlog=4096;
        ssl_certificate {chain};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ecdh_curve X25519;
        ssl_session_cache shared:tls:10m;
        ssl_session_timeout 1h;
        add_header X-Generation "{generation}";
        location = /fixed {{ return 200 "ok"; }}
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Request-Id $request_id;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            {self.BUFFERS}
        }}
    }}
}}
"""

    def command(self):
        return ["nginx", "-p", self.folder, "-e", self.folder / "error.log", "-c", self.file]

    def reload(self, generation):
        self._write(generation)
        self.process.send_signal(signal.SIGHUP)

    @classmethod
    def version(cls):
        return _first_line("nginx", "-v").split("/")[-1]


class NginxTuned(Nginx):
    """nginx with what its shipped settings leave: larger body buffers, log lines written in bulk."""

    name = "nginx_tuned"
    LOG_BUFFER = " buffer=128k flush=1s"
    BUFFERS = ("proxy_buffer_size 16k; proxy_buffers 16 16k; proxy_busy_buffers_size 64k; "
               "proxy_max_temp_file_size 0;")


class Haproxy(Server):
    name = "haproxy"
    program = "haproxy"
    filename = "haproxy.cfg"

    LOG = r"""log-format '{"time":"%tr","id":"%ID","client":"%ci","method":"%HM","path":"%HP","""\
          r""""query":"%HQ","status":%ST,"bytes":%B,"milliseconds":%Ta,"origin":"%s","""\
          r""""origin_milliseconds":%Tr,"connections":%ac}'"""

    def configuration(self, generation):
        log = f"log {self.log_target()} format raw local0" if self.setup.log else ""
        per_request = f"log global\n    {self.LOG}" if self.setup.log else ""
        return f"""global
    nbthread 1
    maxconn 9000
    tune.ssl.default-dh-param 2048
    ssl-default-bind-options ssl-min-ver TLSv1.2
    stats socket {self.folder}/stats.sock level admin expose-fd listeners
    {log}
defaults
    mode http
    {per_request}
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
frontend web
    bind 127.0.0.1:{self.port} backlog 4096
    bind 127.0.0.1:{self.tls_port} ssl crt {self.setup.certificate[2]} curves X25519 backlog 4096
    unique-id-format %{{+X}}o%ci:%cp_%fi:%fp_%Ts_%rt:%pid
    unique-id-header X-Request-Id
    option forwardfor
    http-response set-header X-Generation "{generation}"
    http-request return status 200 content-type text/plain string ok if {{ path /fixed }}
    default_backend origin
backend origin
    http-reuse always
    server origin 127.0.0.1:{self.setup.origin}
"""

    def log_target(self):
        """A log daemon, as in the configuration that Debian ships."""
        return self.setup.log_socket

    def command(self):
        return ["haproxy", "-W", "-db", "-f", self.file, "-p", self.folder / "pid"]

    def reload(self, generation):
        self._write(generation)
        self.process.send_signal(signal.SIGUSR2)

    @classmethod
    def version(cls):
        return re.search(r"[0-9]+\.[0-9.]+", _first_line("haproxy", "-v")).group(0)


class HaproxyTuned(Haproxy):
    """HAProxy with the cheapest log that it has: its standard output, which is a file here."""

    name = "haproxy_tuned"

    def log_target(self):
        return "stdout"


class Weir(Server):
    name = "weir"
    filename = "weir.yaml"
    program = os.environ.get("WEIR", "build/weir")

    def configuration(self, generation):
        chain, key, _ = self.setup.certificate
        log = f"{{to: file, path: {self.folder}/access.log}}" if self.setup.log else "none"
        return f"""name: bench
state: {self.folder}/state
workers: 1
listeners:
  plain: {{address: "127.0.0.1:{self.port}"}}
  secure: {{address: "127.0.0.1:{self.tls_port}", tls: {{certificates: [main]}}}}
certificates:
  main: {{chain: {chain}, key: {key}, hosts: [localhost]}}
client: {{max_connections: 16000, connections_per_address: 0, idle_timeout: 10m}}
log: {log}
services:
  origin:
    origins: ["127.0.0.1:{self.setup.origin}"]
    pool: {{max_idle: 256, idle_timeout: 10m}}
routes:
  - match: /fixed
    respond: {{body: ok}}
    response_headers: {{set: {{X-Generation: "{generation}"}}}}
  - match: /*
    to: origin
    response_headers: {{set: {{X-Generation: "{generation}"}}}}
"""

    def command(self):
        return [os.path.abspath(self.program), "serve", self.file]

    def reload(self, generation):
        self._write(generation)
        done = subprocess.run([os.path.abspath(self.program), "apply", str(self.file),
                               "--state", str(self.folder / "state")],
                              capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise RuntimeError(f"weir apply: {done.stderr.strip()}")

    @classmethod
    def installed(cls):
        return os.access(cls.program, os.X_OK)

    @classmethod
    def version(cls):
        return _first_line(cls.program, "version").split()[-1]


SERVERS = {s.name: s for s in (Weir, Nginx, NginxTuned, Haproxy, HaproxyTuned)}


def make_certificate(folder):
    """A self-signed P-256 certificate for localhost: (chain, key, both in one file)."""
    chain, key, both = folder / "chain.pem", folder / "key.pem", folder / "both.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", str(key), "-out", str(chain)], check=True, capture_output=True)
    both.write_text(chain.read_text() + key.read_text())
    return chain, key, both
