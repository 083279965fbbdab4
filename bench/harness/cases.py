"""The table of what is measured, against whom, and what is wanted."""
import dataclasses
import typing

from . import keeper, measures


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    says: str
    measure: typing.Callable
    peers: dict  # {name: the ratio wanted, or None}
    path: str = "/2"
    connections: int = 64
    tls: bool = False
    mode: str = "plain"  # of connects
    rate: int = 0
    limit: int = 0  # bytes, of idle_memory
    logs: dict = dataclasses.field(default_factory=dict)  # {name: bool}; True where absent


CASES = (
    Case("fixed", "a fixed response, keep-alive", measures.keep_alive, {"nginx": 0.9},
         path="/fixed", logs={"nginx": False}),
    Case("proxy", "reverse proxy, keep-alive to a fast origin, logs on", measures.keep_alive,
         {"nginx": 1.4, "nginx_tuned": None, "haproxy": 2.0,
          "haproxy_tuned": None}),
    Case("proxy_nolog", "the same with logs off on both sides", measures.keep_alive,
         {"nginx": 1.1}, logs={"weir": False, "nginx": False, "haproxy": False}),
    Case("proxy_tls", "reverse proxy behind TLS 1.3", measures.keep_alive,
         {"nginx": 1.2, "nginx_tuned": None}, tls=True),
    Case("proxy_100k", "reverse proxy of 100 KB bodies", measures.keep_alive,
         {"nginx": 1.6, "nginx_tuned": None},
         path="/102400", connections=16),
    Case("proxy_1m", "reverse proxy of 1 MB bodies", measures.keep_alive,
         {"nginx": 1.3, "nginx_tuned": None},
         path="/1048576", connections=16),
    Case("tls_full", "a full TLS 1.3 handshake and one request", measures.connects,
         {"nginx": 0.95}, path="/fixed", mode="full", connections=16),
    Case("tls_resumed", "a resumed TLS 1.3 handshake and one request", measures.connects,
         {"nginx": 1.0}, path="/fixed", mode="resumed", connections=16),
    Case("connect", "a new connection for each request", measures.connects, {"nginx": 1.1},
         path="/fixed", connections=16),
    Case("rate", "latency at 10,000 requests/s, open loop, through the proxy",
         measures.open_loop, {"nginx": 0.91, "haproxy": 0.91}, rate=10000),
    Case("idle_plain", "memory of an idle connection", measures.idle_memory, {"nginx": None},
         path="/fixed", connections=5000, limit=1024),
    Case("idle_tls", "memory of an idle TLS connection", measures.idle_memory, {"nginx": None},
         path="/fixed", connections=5000, tls=True, limit=16384),
    Case("reload", "a new configuration each second under 5,000 requests/s", measures.reloads,
         {"nginx": None, "haproxy": None}, rate=5000),
    Case("keeper.sign_ed25519", "an audited Ed25519 signature over HTTP, all of Weir on one core",
         keeper.sign, {"openssl speed": 1.0}, mode="ed25519"),
    Case("keeper.sign_p256", "the same with ECDSA P-256", keeper.sign, {"openssl speed": 0.55},
         mode="ecdsa-p256"),
    Case("keeper.sign_rsa2048", "the same with RSA-2048", keeper.sign, {"openssl speed": 0.9},
         mode="rsa-2048"),
    Case("keeper.request", "a request beside its cryptography", keeper.request, {}, limit=20),
    Case("keeper.tls", "signatures for the edge's TLS, asked over a channel", keeper.tls_signing, {}),
    Case("keeper.restart", "start to serving, 100,000 secrets and 1,000,000 leases", keeper.restart,
         {}, rate=1000000, limit=1),
    Case("keeper.rotate", "10,000 keys rotated, durable", keeper.rotate, {}, rate=10000, limit=5),
    Case("keeper.incident", "a key declared compromised until its version refuses", keeper.incident,
         {}, limit=1),
    Case("keeper.restore", "100,000 entries restored, every signing key proven", keeper.restore, {},
         rate=100000, limit=60),
)
