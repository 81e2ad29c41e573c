"""The shop's data in SQLite: catalogue, accounts, sessions, carts, orders.

One connection, used by one thread; no call waits for anything but the file. Of a session or an API token only
its hash is stored, of a card only its last four digits.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from replay.demo.catalogue import Customer, Product, customers, products, testers

_TABLES = """
CREATE TABLE product (id INTEGER PRIMARY KEY, sku TEXT UNIQUE, name TEXT, category TEXT, price_cents INTEGER,
                      description TEXT, stock INTEGER);
CREATE INDEX product_category ON product (category, id);
CREATE TABLE account (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, salt BLOB, password BLOB);
CREATE TABLE session (digest BLOB PRIMARY KEY, account INTEGER REFERENCES account, csrf TEXT NOT NULL);
CREATE TABLE cart (session BLOB, product INTEGER REFERENCES product, quantity INTEGER,
                   PRIMARY KEY (session, product));
CREATE TABLE token (digest BLOB PRIMARY KEY, account INTEGER REFERENCES account);
CREATE TABLE "order" (id INTEGER PRIMARY KEY, account INTEGER REFERENCES account, name TEXT, address TEXT, card TEXT);
CREATE TABLE line ("order" INTEGER REFERENCES "order", product INTEGER REFERENCES product, quantity INTEGER,
                   price_cents INTEGER);
"""
_PRODUCT = "SELECT id, sku, name, category, price_cents, description, stock FROM product "


@dataclass(frozen=True, slots=True)
class Account:
    """A customer as the shop knows them."""

    id: int
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account and the hash of its password."""

    account: Account
    salt: bytes
    password: bytes

    def match(self, password: str) -> bool:
        """Whether this is the password; takes about 2 ms of CPU and lets go of the GIL."""
        return hmac.compare_digest(self.password, password_hash(password, self.salt))


@dataclass(frozen=True, slots=True)
class Session:
    """A visitor's session; ``account`` is None until they sign in."""

    digest: bytes
    csrf: str
    account: Account | None


@dataclass(frozen=True, slots=True)
class Line:
    """So many of a product, in a cart or an order."""

    product: Product
    quantity: int

    @property
    def cents(self) -> int:
        """What the line costs."""
        return self.quantity * self.product.price_cents


@dataclass(frozen=True, slots=True)
class Order:
    """An order as its customer sees it."""

    id: int
    lines: tuple[Line, ...]

    @property
    def cents(self) -> int:
        """What the order costs."""
        return sum(line.cents for line in self.lines)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    products: tuple[Product, ...]
    number: int
    pages: int
    total: int


def create(path: Path) -> None:
    """Write a fresh database with the catalogue and the accounts; the same content at every call."""
    with sqlite3.connect(path) as connection:
        connection.executescript(_TABLES)
        connection.executemany("INSERT INTO product VALUES (?, ?, ?, ?, ?, ?, ?)", map(_row, products()))
        connection.executemany("INSERT INTO account VALUES (?, ?, ?, ?, ?)", map(_account_row, customers()))
    connection.close()


def open_test_accounts(path: Path, count: int) -> list[Customer]:
    """Open ``count`` accounts that a staging has for tests, beside those that are there; the same at every call."""
    opened = list(testers(count))
    with sqlite3.connect(path) as connection:
        connection.executemany("INSERT INTO account VALUES (?, ?, ?, ?, ?)", map(_account_row, opened))
    connection.close()
    return opened


def _row(product: Product) -> tuple[object, ...]:
    return (
        product.id,
        product.sku,
        product.name,
        product.category,
        product.price_cents,
        product.description,
        product.stock,
    )


def _account_row(customer: Customer) -> tuple[object, ...]:
    salt = hashlib.sha256(b"salt:%d" % customer.id).digest()[:16]
    return customer.id, customer.email, customer.name, salt, password_hash(customer.password, salt)


def password_hash(password: str, salt: bytes) -> bytes:
    """The scrypt hash (RFC 7914) of a password; its cost is a demonstration's, about 2 ms."""
    return hashlib.scrypt(password.encode(), salt=salt, n=1 << 10, r=8, p=1)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class Store:
    """The open database."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        # The demonstration's data may be lost with the machine; a sync a write would dominate its latency.
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    # -- catalogue

    def product(self, product_id: int) -> Product | None:
        """The product with this id."""
        return next(self._products("WHERE id = ?", product_id), None)

    def by_sku(self, sku: str) -> Product | None:
        """The product with this stock keeping unit."""
        return next(self._products("WHERE sku = ?", sku), None)

    def related(self, product: Product, count: int = 4) -> tuple[Product, ...]:
        """Some others of the same category, the next ones by id."""
        where = "WHERE category = ? AND id != ? ORDER BY (id < ?), id LIMIT ?"
        return tuple(self._products(where, product.category, product.id, product.id, count))

    def featured(self, count: int = 12) -> tuple[Product, ...]:
        """What the front page shows: the best stocked."""
        return tuple(self._products("ORDER BY stock DESC, id LIMIT ?", count))

    def page(self, number: int, category: str = "", word: str = "", size: int = 24) -> Page:
        """A page of the products of a category (all: '') whose name holds ``word``."""
        where, values = (
            "WHERE (? = '' OR category = ?) AND instr(lower(name), ?) > 0",
            (category, category, word.lower()),
        )
        (total,) = self._db.execute(f"SELECT count(*) FROM product {where}", values).fetchone()
        pages = max(1, -(-total // size))
        found = self._products(f"{where} ORDER BY id LIMIT ? OFFSET ?", *values, size, (number - 1) * size)
        return Page(tuple(found), number, pages, total)

    def _products(self, where: str, *values: object) -> Iterator[Product]:
        return (Product(*row) for row in self._db.execute(_PRODUCT + where, values))

    # -- accounts and sessions

    def credentials(self, email: str) -> Credentials | None:
        """What is needed to check a password, or None for an unknown address."""
        query = "SELECT id, name, email, salt, password FROM account WHERE email = ?"
        row = self._db.execute(query, (email.strip().lower(),)).fetchone()
        return Credentials(Account(*row[:3]), *row[3:]) if row else None

    def session(self, secret: str) -> Session | None:
        """The session of a cookie's value."""
        query = """SELECT session.csrf, account.id, account.name, account.email
                   FROM session LEFT JOIN account ON account.id = session.account WHERE digest = ?"""
        digest = _digest(secret)
        row = self._db.execute(query, (digest,)).fetchone()
        if row is None:
            return None
        return Session(digest, row[0], Account(*row[1:]) if row[1] is not None else None)

    def open_session(self, account: Account | None = None, instead_of: Session | None = None) -> str:
        """A new session's secret; the cart of the session that it replaces comes along."""
        secret, csrf = secrets.token_urlsafe(24), secrets.token_urlsafe(18)
        with self._db:
            values = (_digest(secret), account.id if account else None, csrf)
            self._db.execute("INSERT INTO session VALUES (?, ?, ?)", values)
            if instead_of:
                query = "UPDATE cart SET session = ? WHERE session = ?"
                self._db.execute(query, (_digest(secret), instead_of.digest))
                self._db.execute("DELETE FROM session WHERE digest = ?", (instead_of.digest,))
        return secret

    def close_session(self, session: Session) -> None:
        """Forget a session and its cart."""
        with self._db:
            self._db.execute("DELETE FROM cart WHERE session = ?", (session.digest,))
            self._db.execute("DELETE FROM session WHERE digest = ?", (session.digest,))

    def open_token(self, account: Account) -> str:
        """A new API token's secret."""
        secret = secrets.token_urlsafe(32)
        with self._db:
            self._db.execute("INSERT INTO token VALUES (?, ?)", (_digest(secret), account.id))
        return secret

    def token_account(self, secret: str) -> Account | None:
        """Whose API token this is."""
        query = """SELECT account.id, account.name, account.email
                   FROM token JOIN account ON account.id = token.account WHERE digest = ?"""
        row = self._db.execute(query, (_digest(secret),)).fetchone()
        return Account(*row) if row else None

    # -- carts and orders

    def cart(self, session: Session) -> tuple[Line, ...]:
        """What lies in the cart."""
        query = "SELECT product, quantity FROM cart WHERE session = ? ORDER BY product"
        return self._lines(self._db.execute(query, (session.digest,)).fetchall())

    def put(self, session: Session, product: Product, quantity: int) -> None:
        """Lay so many of a product into the cart, beside those that are there."""
        query = """INSERT INTO cart VALUES (?, ?, ?)
                   ON CONFLICT (session, product) DO UPDATE SET quantity = quantity + excluded.quantity"""
        with self._db:
            self._db.execute(query, (session.digest, product.id, quantity))

    def buy(self, session: Session, account: Account, address: str, card: str) -> Order:
        """Turn the cart into an order."""
        order = self.order(account, self.cart(session), address, card)
        with self._db:
            self._db.execute("DELETE FROM cart WHERE session = ?", (session.digest,))
        return order

    def order(self, account: Account, lines: tuple[Line, ...], address: str = "", card: str = "") -> Order:
        """A new order of these lines; of the card's number the last four digits are kept."""
        with self._db:
            values = (account.id, account.name, address, card[-4:])
            query = 'INSERT INTO "order" (account, name, address, card) VALUES (?, ?, ?, ?)'
            number = self._db.execute(query, values).lastrowid or 0
            rows = [(number, line.product.id, line.quantity, line.product.price_cents) for line in lines]
            self._db.executemany("INSERT INTO line VALUES (?, ?, ?, ?)", rows)
        return Order(number, lines)

    def orders(self, account: Account, count: int = 20) -> tuple[Order, ...]:
        """An account's last orders, newest first."""
        numbers = 'SELECT id FROM "order" WHERE account = ? ORDER BY id DESC LIMIT ?'
        lines = 'SELECT product, quantity FROM line WHERE "order" = ? ORDER BY product'
        return tuple(
            Order(number, self._lines(self._db.execute(lines, (number,)).fetchall()))
            for (number,) in self._db.execute(numbers, (account.id, count)).fetchall()
        )

    def _lines(self, rows: list[tuple[int, int]]) -> tuple[Line, ...]:
        found = ((self.product(product), quantity) for product, quantity in rows)
        return tuple(Line(product, quantity) for product, quantity in found if product)
