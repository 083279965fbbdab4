"""A scripted DNS server: answers A and AAAA from a table that a story changes."""
import socket
import struct
import threading

from .language import Wrong


class Dns:
    def __init__(self, text, story):
        self.table = {}
        self.questions = []
        self.update(text)
        self.port = story.free_port("127.0.0.1", socket.SOCK_DGRAM)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", self.port))
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.serve, daemon=True).start()

    def update(self, text):
        """Lines such as `shop.test 127.0.0.2, 127.0.0.3` or `gone.test nothing` or `x fails`."""
        table = {}
        for row in text.splitlines():
            if row.strip():
                name, _, rest = row.strip().partition(" ")
                if not rest:
                    raise Wrong(f"expected a name and its addresses, read {row!r}")
                table[name.lower()] = [part.strip() for part in rest.split(",")]
        self.table = table

    def serve(self):
        while True:
            try:
                data, peer = self.sock.recvfrom(4096)
            except OSError:
                return
            answer = self.answer(data)
            if answer:
                self.sock.sendto(answer, peer)

    def answer(self, data):
        if len(data) < 17:
            return None
        ident, _, count = struct.unpack(">HHH", data[:6])
        names, at = [], 12
        while data[at]:
            names.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
            at += 1 + data[at]
        kind = struct.unpack(">H", data[at + 1:at + 3])[0]
        question = data[12:at + 5]
        name = ".".join(names).lower()
        self.questions.append(name)
        entry = self.table.get(name)
        if entry == ["stalls"]:
            return None
        code = 3 if entry is None else 2 if entry == ["fails"] else 0
        family = {1: socket.AF_INET, 28: socket.AF_INET6}.get(kind)
        rows = [a for a in entry or [] if family and not code and a != "nothing"
                and (":" in a) == (family == socket.AF_INET6)]
        out = struct.pack(">HHHHHH", ident, 0x8180 | code, count, len(rows), 0, 0) + question
        for address in rows:
            packed = socket.inet_pton(family, address)
            out += struct.pack(">HHHIH", 0xC00C, kind, 1, 1, len(packed)) + packed
        return out

    def close(self):
        self.sock.close()
