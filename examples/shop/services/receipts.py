"""Receipts: what was bought, signed with a key that never leaves Weir's keeper.

Weir gives this process a token for the keeper (VAULT_TOKEN) that may do two things: sign with the key
`receipts`, and verify.  The keeper speaks HashiCorp Vault's API, at VAULT_ADDR.
"""
import base64
import json
import os
import urllib.error
import urllib.request

SECONDS = 2


class Unavailable(Exception):
    """The keeper does not sign at the moment: it is sealed, or restarting."""


def _ask(what, **body):
    request = urllib.request.Request(
        f"{os.environ['VAULT_ADDR']}/v1/transit/{what}/receipts", method="POST",
        data=json.dumps(body).encode(), headers={"X-Vault-Token": os.environ["VAULT_TOKEN"]})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.load(answer)["data"]
    except (OSError, urllib.error.HTTPError, KeyError, ValueError) as why:
        raise Unavailable(str(why)) from why


def text_of(order, cents, lines):
    """What is signed: the same bytes each time."""
    return json.dumps({"order": order, "cents": cents, "lines": lines}, sort_keys=True,
                      separators=(",", ":"))


def sign(text):
    return _ask("sign", input=base64.b64encode(text.encode()).decode())["signature"]


def verify(text, signature):
    return _ask("verify", input=base64.b64encode(text.encode()).decode(),
                signature=signature)["valid"]
