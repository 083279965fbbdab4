#!/usr/bin/env python3
"""Carts and orders.  An order is placed once however often it is sent: it carries an Idempotency-Key."""
import http.cookies
import json
import re
import secrets

import receipts
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
        db.execute("insert into marks values (?, ?)",
                   (order, store.mark(receipts.text_of(order, bought["cents"], bought["items"]))))
        db.execute("delete from cart_items where cart = ?", (cart,))
    return 201, {"id": order, "cents": bought["cents"]}, {"Location": f"/api/orders/{order}"}


def find_order(request):
    row = store.connection().execute("select id, cents, lines, placed from orders where id = ?",
                                     (request.parts["id"],)).fetchone()
    if row is None:
        raise Refused(404, "no such order")
    return {**dict(row), "lines": json.loads(row["lines"])}


def order_of(request):
    return 200, find_order(request)


def receipt_of(request):
    """Signed when it is first asked for: an order does not wait for a keeper that is sealed."""
    order = find_order(request)
    text = receipts.text_of(order["id"], order["cents"], order["lines"])
    db = store.connection()
    mark = db.execute("select mark from marks where id = ?", (order["id"],)).fetchone()
    if mark is None or not store.is_mark(mark["mark"], text):
        raise Refused(409, "this order was not written by the shop: no receipt is made for it")
    known = db.execute("select signature from receipts where id = ?", (order["id"],)).fetchone()
    try:
        if known is None:
            signature = receipts.sign(text)
            db.execute("insert or ignore into receipts values (?, ?)", (order["id"], signature))
        else:
            signature = known["signature"]
        return 200, {"receipt": text, "signature": signature,
                     "valid": receipts.verify(text, signature)}
    except receipts.Unavailable as why:
        raise Refused(503, "receipts are not signed at the moment, ask again later") from why


if __name__ == "__main__":
    store.prepare()
    Service("checkout", {
        ("GET", "/healthz"): healthy,
        ("GET", "/api/cart"): show,
        ("PUT", "/api/cart/(?P<id>[a-z]+)"): put,
        ("POST", "/api/checkout"): place,
        ("GET", "/api/orders/(?P<id>[0-9a-f]+)"): order_of,
        ("GET", "/api/orders/(?P<id>[0-9a-f]+)/receipt"): receipt_of,
    }).run()
