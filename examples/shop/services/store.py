"""The shop's database: products with their stock, carts, orders.  SQLite, shared by all instances.

Every change is one transaction, so that a process may be killed at any moment.

Its password comes from Weir's keeper, in the environment variable SHOP_DATABASE_PASSWORD: nobody has
written it down.  It marks every order (HMAC), so that a row that somebody else put into the file is not
believed, and a process with another password does not start.
"""
import contextlib
import functools
import hashlib
import hmac
import json
import os
import pathlib
import sqlite3
import tempfile
import threading

TABLES = """
create table if not exists products (
    id text primary key, name text not null, text text not null, cents integer not null,
    stock integer not null check (stock >= 0));
create table if not exists cart_items (
    cart text not null, product text not null references products, quantity integer not null,
    primary key (cart, product));
create table if not exists orders (
    id text primary key, key text not null unique, cents integer not null, lines text not null,
    placed text not null default current_timestamp);
create table if not exists marks (id text primary key, mark text not null);
create table if not exists receipts (id text primary key, signature text not null);
create table if not exists settings (name text primary key, value text not null);
"""

_local = threading.local()


def path():
    """SHOP_DATABASE, where this user may write there; else a folder of this user's own.

    Weir started by root runs the shop as an unprivileged user, and keeps its state folder to itself.
    """
    wanted = pathlib.Path(os.environ.get("SHOP_DATABASE", "shop.db"))
    if os.access(wanted.parent, os.W_OK) and (not wanted.exists() or os.access(wanted, os.W_OK)):
        return wanted
    own = pathlib.Path(tempfile.gettempdir(), f"weir-shop-{os.getuid()}")
    own.mkdir(mode=0o700, exist_ok=True)
    if own.is_symlink() or own.stat().st_uid != os.getuid():
        raise SystemExit(f"shop: {own} belongs to someone else; remove it, or set SHOP_DATABASE")
    return own / "shop.db"


@contextlib.contextmanager
def transaction():
    """A connection inside a write transaction; committed at the end, rolled back on an exception."""
    db = connection()
    db.execute("begin immediate")
    try:
        yield db
    except BaseException:
        db.execute("rollback")
        raise
    db.execute("commit")


def connection():
    """This thread's own."""
    if not hasattr(_local, "db"):
        _local.db = sqlite3.connect(path(), timeout=5, isolation_level=None)
        _local.db.row_factory = sqlite3.Row
        _local.db.execute("pragma synchronous = normal")
    return _local.db


def _setting(db, name, value):
    """What is there, or else this."""
    db.execute("insert or ignore into settings values (?, ?)", (name, value))
    return db.execute("select value from settings where name = ?", (name,)).fetchone()["value"]


@functools.cache
def _key():
    password = os.environ.get("SHOP_DATABASE_PASSWORD", "")
    if not password:
        raise SystemExit("shop: SHOP_DATABASE_PASSWORD is not set; Weir sets it, see run.secrets")
    salt = bytes.fromhex(_setting(connection(), "salt", os.urandom(16).hex()))
    return hashlib.scrypt(password.encode(), salt=salt, n=2 ** 14, r=8, p=1, dklen=32)


def mark(text):
    return hmac.new(_key(), text.encode(), "sha256").hexdigest()


def is_mark(known, text):
    return hmac.compare_digest(known, mark(text))


def prepare():
    """Creates the tables and, in an empty shop, the products. Any instance may be the first."""
    connection().execute("pragma journal_mode = wal")
    products = json.loads(pathlib.Path(__file__).with_name("products.json").read_text())
    with transaction() as db:
        for statement in TABLES.split(";"):
            db.execute(statement)
        if db.execute("select count(*) from products").fetchone()[0] == 0:
            db.executemany("insert into products values (:id, :name, :text, :cents, :stock)",
                           products)
    if not is_mark(_setting(connection(), "mark", mark("the shop")), "the shop"):
        raise SystemExit("shop: the database was made with another password")
