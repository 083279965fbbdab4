#!/usr/bin/env python3
"""The catalogue: what there is, and how much of it is left."""
import store
from service import Refused, Service, healthy

COLUMNS = "id, name, text, cents, stock"


def products(request):
    like = f"%{request.query.get('q', '')}%"
    rows = store.connection().execute(
        f"select {COLUMNS} from products where name like ? or text like ? order by name", (like, like))
    return 200, [dict(row) for row in rows]


def product(request):
    row = store.connection().execute(f"select {COLUMNS} from products where id = ?",
                                     (request.parts["id"],)).fetchone()
    if row is None:
        raise Refused(404, "no such product")
    return 200, dict(row)


def stock(request):
    """A live stream: the stock of every product, each second."""
    request.events(lambda: dict(store.connection().execute("select id, stock from products").fetchall()),
                   seconds=1)


if __name__ == "__main__":
    store.prepare()
    Service("catalogue", {
        ("GET", "/healthz"): healthy,
        ("GET", "/api/catalogue/products"): products,
        ("GET", "/api/catalogue/products/(?P<id>[a-z]+)"): product,
        ("GET", "/api/catalogue/stock"): stock,
    }).run()
