"""Certificates for stories: made by the openssl command in the scenario's folder."""
import os
import re
import ssl
import subprocess

from .language import Failed, Wrong


def openssl(*arguments, text=None):
    done = subprocess.run(["openssl", *arguments], input=text, capture_output=True, check=False)
    if done.returncode != 0:
        raise Failed(f"openssl {' '.join(arguments)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


class Certificates:
    def __init__(self, folder):
        self.folder = folder
        self.made = {}  # name -> (chain, key)
        self.contexts = {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, name, hosts, options):
        """`certificate NAME for HOST, HOST [expired] [rsa] [by AUTHORITY] [authority]`"""
        key, chain = self.path(name + ".key"), self.path(name + ".pem")
        if "rsa" in options:
            openssl("genrsa", "-out", key, "2048")
        else:
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        os.chmod(key, 0o600)
        config = self.path(name + ".cnf")
        names = ",".join(("IP:" if re.fullmatch(r"[\d.]+|[\da-f:]*::[\da-f]*", h) else "DNS:") + h
                         for h in hosts)
        is_authority = "authority" in options
        with open(config, "w", encoding="ascii") as f:
            f.write("[req]\ndistinguished_name=n\nprompt=no\n[n]\nCN=%s\n[x]\n" % hosts[0]
                    + f"subjectAltName={names}\n"
                    + f"basicConstraints=critical,CA:{'TRUE' if is_authority else 'FALSE'}\n")
        request = self.path(name + ".csr")
        openssl("req", "-new", "-key", key, "-config", config, "-out", request)
        signer = re.search(r"\bby (\S+)", options)
        by = (["-CA", self.path(signer.group(1) + ".pem"),
               "-CAkey", self.path(signer.group(1) + ".key"), "-CAcreateserial"]
              if signer else ["-signkey", key])
        # x509 -req has no start date: a negative number of days ends in the past.
        days = "-1" if "expired" in options else "30"
        openssl("x509", "-req", "-in", request, "-extfile", config, "-extensions", "x",
                "-days", days, "-sha256", *by, "-out", chain)
        self.made[name] = (chain, key)

    def server_context(self, name):
        name = name.split()[0]
        if name not in self.made:
            raise Wrong(f"no certificate {name}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.made[name])
        return context

    def client_context(self, options):
        """One per set of words, so that sessions can be resumed."""
        if options in self.contexts:
            return self.contexts[options]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        trusts = re.search(r"\btrusting (\S+)", options)
        if trusts:
            context.load_verify_locations(self.trusted(trusts.group(1)))
            context.verify_mode = ssl.CERT_REQUIRED
            context.check_hostname = "sni " in options
        if "tls1.2" in options:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if "tls1.3" in options:
            context.minimum_version = ssl.TLSVersion.TLSv1_3
        alpn = re.search(r"\balpn (\S+)", options)
        if alpn:
            context.set_alpn_protocols(alpn.group(1).split("+"))
        self.contexts[options] = context
        return context

    def trusted(self, name):
        return self.made[name][0] if name in self.made else self.path(name)

    def name_of(self, der):
        """The first DNS name of a certificate."""
        text = openssl("x509", "-inform", "DER", "-noout", "-ext", "subjectAltName", text=der)
        found = re.search(r"DNS:([^\s,]+)", text.decode())
        return found.group(1) if found else "none"

    def secrets(self):
        """Of every key file in the folder, also those that Weir made: what none but the keeper
        may hold: {file: {kind: [bytes]}}"""
        out = {}
        for folder, _, files in os.walk(self.folder):
            for name in files:
                path = os.path.join(folder, name)
                if os.path.isfile(path) and holds_key(path):
                    out[os.path.relpath(path, self.folder)] = key_secrets(path)
        return out


def holds_key(path):
    with open(path, "rb") as f:
        return b"PRIVATE KEY-----" in f.read(1 << 16)


def key_secrets(key):
    """PEM lines, DER and the private numbers of a key file, in both byte orders."""
    with open(key, "rb") as f:
        pem = f.read()
    body = [row for row in pem.split(b"\n") if row and not row.startswith(b"-----")]
    der = openssl("pkey", "-in", key, "-outform", "DER")
    text = openssl("pkey", "-in", key, "-noout", "-text").decode()
    numbers = []
    for label in ("priv", "privateExponent", "prime1", "prime2"):
        found = re.search(rf"^{label}:\n((?:\s+[0-9a-f:]+\n)+)", text, re.M)
        if found:
            number = bytes.fromhex(re.sub(r"[\s:]", "", found.group(1))).lstrip(b"\0")
            numbers += [number, number[::-1]]
    return {"pem": [max(body, key=len)], "der": [der], "number": numbers}
