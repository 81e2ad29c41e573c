"""A service whose data are its own: users with orders, products with codes; small numbers that are each other's."""

from __future__ import annotations

import random

from tests.services.web import Answered, Asked, Browser, data, page

_A_PAGE = 20


class Depot:
    """Shows products as pages and as an API, and a user's orders under that user.

    Production (``seed`` 1) counts everything from 1; staging has ids of its own. Stocks and quantities look like ids.
    """

    name = "data of its own"

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed)
        first = 1 if seed == 1 else 301
        self.products = {first + n: f"{'P' if seed == 1 else 'S'}-{dice.randrange(10**6):06d}" for n in range(50)}
        self.users = [first + 200 + n if seed != 1 else 1 + n for n in range(24)]
        self.orders: dict[int, dict[int, int]] = {}
        number = first
        for user in self.users:
            self.orders[user] = {}
            for _ in range(dice.randint(1, 4)):
                self.orders[user][number] = dice.choice(list(self.products))
                number += 1

    def answer(self, asked: Asked) -> Answered:
        match asked.method, asked.path:
            case "GET", ["products"]:
                return self._page(int(asked.query.get("page", "1")))
            case "GET", ["products", text] if int(text) in self.products:
                return page(f"<html><h1>Product</h1><p>{self.products[int(text)]}</p></html>")
            case "GET", ["api", "products"]:
                return data({"items": [{"id": n, "sku": code, "stock": n % 7} for n, code in self.products.items()]})
            case "GET", ["api", "stock", code] if code in self.products.values():
                return data({"stock": 3})
            case "GET", ["users"]:
                return data([{"id": user, "orders": len(self.orders[user])} for user in self.users])
            case "GET", ["users", user, "orders"] if int(user) in self.orders:
                orders = self.orders[int(user)].items()
                return data({"orders": [{"id": n, "product": {"id": which}, "count": n % 5} for n, which in orders]})
            case "GET", ["users", user, "orders", number] if int(number) in self.orders.get(int(user), {}):
                return data({"id": int(number), "state": "paid"})
        return data({}, 404)

    def _page(self, number: int) -> Answered:
        shown = list(self.products)[(number - 1) * _A_PAGE : number * _A_PAGE]
        links = "".join(f'<li><a href="/products/{each}">Thing</a></li>' for each in shown)
        more = f'<a href="/products?page={number + 1}">more</a>' if len(shown) == _A_PAGE else ""
        return page(f"<html><ul>{links}</ul>{more}<a href='/products?sort=1&page=1'>sort</a></html>")

    @staticmethod
    def visit(browser: Browser) -> None:
        dice = browser.dice
        browser.get("/products", page=str(dice.randint(1, 3)))
        shown = browser.get("/api/products").json["items"]
        browser.get("/users")
        for _ in range(3):
            browser.get(f"/products/{dice.choice(shown)['id']}")
        browser.get(f"/api/stock/{dice.choice(shown)['sku']}")
        user = 1 + browser.number % 24
        orders = browser.get(f"/users/{user}/orders").json["orders"]
        browser.get(f"/users/{user}/orders/{dice.choice(orders)['id']}")
