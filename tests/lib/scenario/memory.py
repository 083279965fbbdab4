"""Searches the memory of a process for bytes that must not be there."""
import re

from .language import Failed

PIECE = 8 << 20


def regions(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as f:
        for row in f:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+\s*(.*)", row)
            if match and match.group(3) not in ("[vvar]", "[vsyscall]"):
                yield int(match.group(1), 16), int(match.group(2), 16), match.group(3)


def find(pid, secrets):
    """[(where, name)] for each secret that the process's readable memory holds."""
    longest = max(len(s) for _, s in secrets)
    hits, total = [], 0
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for start, end, name in regions(pid):
            at, tail = start, b""
            while at < end:
                try:
                    mem.seek(at)
                    data = mem.read(min(PIECE, end - at))
                except OSError:
                    break  # secret memory, or gone meanwhile
                if not data:
                    break
                total += len(data)
                window = tail + data
                hits += [(f"{name or 'anonymous'} at {at:x}", label)
                         for label, secret in secrets if secret in window]
                tail = data[-longest:]
                at += len(data)
    if total < 1 << 16:
        raise Failed(f"could read only {total} bytes of the memory of process {pid}")
    return hits


def has_secret_part(pid):
    """Memory that the kernel keeps from everybody but the process: memfd_secret(2)."""
    return any("secretmem" in name for _, _, name in regions(pid))


def flat(secrets):
    """From Certificates.secrets(): [("shop der", bytes)...]"""
    return [(f"{key} {kind}", value) for key, kinds in secrets.items()
            for kind, values in kinds.items() for value in values if len(value) >= 16]
