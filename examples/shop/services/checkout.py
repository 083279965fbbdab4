#!/usr/bin/env python3
"""Carts and orders.  An order is placed once however often it is sent: it carries an Idempotency-Key."""
import http.cookies
import json
import re
import secrets

import store
from service import Refused, Service, healthy

QUANTITY_MAX = 20


def cart_of(request):
    """(id, headers that set it when it is new)"""
    cookie = http.cookies.SimpleCookie(request.headers.get("Cookie", ""))
    known = cookie["cart"].value if "cart" in cookie else ""
    if re.fullmatch(r"[A-Za-z0-9_-]{22}", known):
        return known, {}
    cart = secrets.token_urlsafe(16)
    return cart, {"Set-Cookie": f"cart={cart}; Path=/api; HttpOnly; Secure; SameSite=Strict"}


def contents(db, cart):
    rows = db.execute("select p.id, p.name, p.cents, c.quantity from cart_items c join products p "
                      "on p.id = c.product where c.cart = ? order by p.name", (cart,)).fetchall()
    items = [dict(row) for row in rows]
    return {"items": items, "cents": sum(i["cents"] * i["quantity"] for i in items)}


def show(request):
    cart, headers = cart_of(request)
    return 200, contents(store.connection(), cart), headers


def put(request):
    cart, headers = cart_of(request)
    quantity = request.json().get("quantity", 1)
    if not isinstance(quantity, int) or not 0 <= quantity <= QUANTITY_MAX:
        raise Refused(400, f"quantity is a number from 0 to {QUANTITY_MAX}")
    with store.transaction() as db:
        product = request.parts["id"]
        if db.execute("select 1 from products where id = ?", (product,)).fetchone() is None:
            raise Refused(404, "no such product")
        if quantity == 0:
            db.execute("delete from cart_items where cart = ? and product = ?", (cart, product))
        else:
            db.execute("insert or replace into cart_items values (?, ?, ?)", (cart, product, quantity))
        return 200, contents(db, cart), headers


def place(request):
    cart, _ = cart_of(request)
    key = request.headers.get("Idempotency-Key", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{8,64}", key):
        raise Refused(400, "an order needs an Idempotency-Key of 8 to 64 letters and digits")
    with store.transaction() as db:
        placed = db.execute("select id, cents from orders where key = ?", (key,)).fetchone()
        if placed is not None:
            return 200, dict(placed)
        bought = contents(db, cart)
        if not bought["items"]:
            raise Refused(409, "the cart is empty")
        for item in bought["items"]:
            taken = db.execute("update products set stock = stock - ? where id = ? and stock >= ?",
                               (item["quantity"], item["id"], item["quantity"]))
            if taken.rowcount != 1:
                raise Refused(409, f"there is not enough left of: {item['name']}")
        order = secrets.token_hex(6)
        db.execute("insert into orders (id, key, cents, lines) values (?, ?, ?, ?)",
                   (order, key, bought["cents"], json.dumps(bought["items"])))
        db.execute("delete from cart_items where cart = ?", (cart,))
    return 201, {"id": order, "cents": bought["cents"]}, {"Location": f"/api/orders/{order}"}


def order_of(request):
    row = store.connection().execute("select id, cents, lines, placed from orders where id = ?",
                                     (request.parts["id"],)).fetchone()
    if row is None:
        raise Refused(404, "no such order")
    return 200, {**dict(row), "lines": json.loads(row["lines"])}


if __name__ == "__main__":
    store.prepare()
    Service("checkout", {
        ("GET", "/healthz"): healthy,
        ("GET", "/api/cart"): show,
        ("PUT", "/api/cart/(?P<id>[a-z]+)"): put,
        ("POST", "/api/checkout"): place,
        ("GET", "/api/orders/(?P<id>[0-9a-f]+)"): order_of,
    }).run()
