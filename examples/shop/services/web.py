#!/usr/bin/env python3
"""The pages of the shop: the files of web/, read once."""
import hashlib
import os
import pathlib

from service import Service, healthy

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript",
         ".svg": "image/svg+xml"}


def page(file):
    """A handler for one file, with an ETag."""
    body = file.read_bytes().replace(b"{{name}}", os.environ.get("SHOP_NAME", "Shop").encode())
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"Content-Type": TYPES[file.suffix], "ETag": tag, "Cache-Control": "no-cache"}

    def answer(request):
        if request.headers.get("If-None-Match") == tag:
            return 304, b"", {"ETag": tag}
        return 200, body, headers

    return answer


if __name__ == "__main__":
    folder = pathlib.Path(__file__).resolve().parent.parent / "web"
    routes = {("GET", "/" + file.name.replace(".", r"\.")): page(file)
              for file in sorted(folder.iterdir()) if file.suffix in TYPES}
    routes["GET", "/"] = page(folder / "index.html")
    routes["GET", "/healthz"] = healthy
    Service("web", routes).run()
