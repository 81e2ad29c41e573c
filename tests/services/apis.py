"""Services of JSON: OAuth2 with refresh, JWT, ids that are created and used, cursors, GraphQL, uploads, XSRF."""

from __future__ import annotations

import base64
import json
import random
import re
import uuid
from typing import Any, ClassVar

from tests.services.pages import token
from tests.services.web import Answered, Asked, Browser, data, page


class OAuth:
    """Tokens that are worth three requests, and one that renews them."""

    name = "OAuth2 with refresh"

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.access: dict[str, int] = {}
        self.refresh: set[str] = set()

    def answer(self, asked: Asked) -> Answered:
        match asked.method, asked.path:
            case "POST", ["oauth", "token"]:
                if asked.form.get("grant_type") == "refresh_token":
                    if asked.form.get("refresh_token") not in self.refresh:
                        return data({"error": "invalid_grant"}, 400)
                    self.refresh.remove(asked.form["refresh_token"])
                access, refresh = token(self.dice, 32), token(self.dice, 40)
                self.access[access] = 3
                self.refresh.add(refresh)
                return data({"access_token": access, "token_type": "Bearer", "refresh_token": refresh})
            case "GET", ["accounts", *_]:
                if not self.access.get(asked.bearer):
                    return data({"error": "invalid_token"}, 401)
                self.access[asked.bearer] -= 1
                return data({"accounts": [{"name": "current"}, {"name": "savings"}]})
        return data({}, 404)

    links: ClassVar = {
        ("POST /oauth/token", "json/access_token", "GET /accounts", "header/authorization"),
        ("POST /oauth/token", "json/refresh_token", "POST /oauth/token", "form/refresh_token"),
    }
    cookies: ClassVar[set[str]] = set()
    fresh: ClassVar[set[tuple[str, str, str]]] = set()

    @staticmethod
    def visit(browser: Browser) -> None:
        got = browser.form("/oauth/token", grant_type="password", username=f"user{browser.number}", password="pw")
        for _ in range(browser.dice.randint(1, 3)):
            browser.headers = {"Authorization": f"Bearer {got.json['access_token']}"}
            for _ in range(browser.dice.randint(1, 3)):
                browser.get("/accounts")
            browser.headers = {}
            got = browser.form("/oauth/token", grant_type="refresh_token", refresh_token=got.json["refresh_token"])
        browser.headers = {"Authorization": f"Bearer {got.json['access_token']}"}
        browser.get("/accounts")


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


class Notes:
    """A JWT whose subject stands in the paths."""

    name = "JWT"

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.tokens: dict[str, str] = {}
        self.notes: dict[str, str] = {}

    def answer(self, asked: Asked) -> Answered:
        if asked.method == "POST" and asked.path == ["login"]:
            subject = str(uuid.UUID(int=self.dice.getrandbits(128), version=4))
            signature = token(self.dice, 43)
            jwt = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part({'sub': subject, 'exp': 2082758400})}.{signature}"
            self.tokens[jwt] = subject
            return data({"token": jwt})
        subject = self.tokens.get(asked.bearer, "")
        if not subject:
            return data({}, 401)
        match asked.method, asked.path:
            case _, ["users", owner, *_] if owner != subject:
                return data({}, 403)
            case "GET", ["users", _, "notes"]:
                return data({"notes": [number for number, owner in self.notes.items() if owner == subject]})
            case "POST", ["users", _, "notes"]:
                number = str(uuid.UUID(int=self.dice.getrandbits(128), version=4))
                self.notes[number] = subject
                return data({"id": number}, 201)
            case "DELETE", ["users", _, "notes", number]:
                return Answered(204 if self.notes.pop(number, None) else 404)
        return data({}, 404)

    links: ClassVar = {
        ("POST /login", "json/token", "GET /users/{uuid}/notes", "header/authorization"),
        ("POST /login", "json/token", "POST /users/{uuid}/notes", "header/authorization"),
        ("POST /login", "json/token", "DELETE /users/{uuid}/notes/{uuid}", "header/authorization"),
        ("POST /login", "json/token|jwt/sub", "GET /users/{uuid}/notes", "path/2"),
        ("POST /login", "json/token|jwt/sub", "POST /users/{uuid}/notes", "path/2"),
        ("POST /login", "json/token|jwt/sub", "DELETE /users/{uuid}/notes/{uuid}", "path/2"),
        ("POST /users/{uuid}/notes", "json/id", "DELETE /users/{uuid}/notes/{uuid}", "path/4"),
    }
    cookies: ClassVar[set[str]] = set()
    fresh: ClassVar[set[tuple[str, str, str]]] = set()

    @staticmethod
    def visit(browser: Browser) -> None:
        jwt = browser.send("POST", "/login", {"user": f"user{browser.number}", "password": "pw"}).json["token"]
        payload = jwt.split(".")[1]
        subject = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
        browser.headers = {"Authorization": f"Bearer {jwt}"}
        for _ in range(browser.dice.randint(1, 3)):
            number = browser.send("POST", f"/users/{subject}/notes", {"text": "remember"}).json["id"]
            browser.get(f"/users/{subject}/notes")
            browser.ask("DELETE", f"/users/{subject}/notes/{number}")


class Orders:
    """Ids that count from 1, quantities that look like them, and lines with ids of their own."""

    name = "create, then use ids"

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.orders: dict[int, dict[int, int]] = {}

    def answer(self, asked: Asked) -> Answered:
        match asked.method, asked.path:
            case "POST", ["orders"]:
                number = len(self.orders) + 1
                self.orders[number] = {}
                return data({"id": number, "state": "open"}, 201, [("Location", f"/orders/{number}")])
            case _, ["orders", text, *_] if int(text) not in self.orders:
                return data({}, 404)
            case "GET", ["orders", text]:
                return data({"id": int(text), "lines": list(self.orders[int(text)].values())})
            case "POST", ["orders", text, "lines"]:
                line = 1 + sum(map(len, self.orders.values()))
                self.orders[int(text)][line] = asked.json.get("quantity", 0)
                return data({"line": {"id": line, "quantity": asked.json.get("quantity", 0)}}, 201)
            case "PATCH", ["orders", text, "lines", line]:
                if int(line) not in self.orders[int(text)]:
                    return data({}, 404)
                return data({"quantity": asked.json.get("quantity", 0)})
            case "POST", ["payments"]:
                return data({"paid": True}, 201 if asked.json.get("order") in self.orders else 422)
        return data({}, 404)

    links: ClassVar = {
        ("POST /orders", "json/id", "GET /orders/{int}", "path/2"),
        ("POST /orders", "json/id", "POST /orders/{int}/lines", "path/2"),
        ("POST /orders", "json/id", "PATCH /orders/{int}/lines/{int}", "path/2"),
        ("POST /orders", "json/id", "POST /payments", "json/order"),
        ("POST /orders/{int}/lines", "json/line/id", "PATCH /orders/{int}/lines/{int}", "path/4"),
    }
    cookies: ClassVar[set[str]] = set()
    fresh: ClassVar[set[tuple[str, str, str]]] = set()

    @staticmethod
    def visit(browser: Browser) -> None:
        browser.headers = {"X-Api-Key": f"key-{browser.number:04d}-of-the-shop"}
        order = browser.send("POST", "/orders", {"currency": "EUR"}).json["id"]
        for _ in range(browser.dice.randint(1, 3)):
            quantity = browser.dice.randint(1, 9)
            line = browser.send("POST", f"/orders/{order}/lines", {"quantity": quantity}).json["line"]["id"]
            if browser.dice.random() < 0.7:
                browser.send("PATCH", f"/orders/{order}/lines/{line}", {"quantity": browser.dice.randint(1, 9)})
        browser.get(f"/orders/{order}")
        browser.send("POST", "/payments", {"order": order, "amount": browser.dice.randint(5, 500)})


class Events:
    """Pages by cursor, the cursor in the body; and by link, the cursor in the header Link."""

    name = "cursor paging"

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.cursors: dict[str, int] = {}

    def answer(self, asked: Asked) -> Answered:
        if asked.path not in (["events"], ["audit"]):
            return data({}, 404)
        cursor = asked.query.get("cursor") or asked.query.get("after") or ""
        if cursor and cursor not in self.cursors:
            return data({}, 400)
        at = self.cursors.get(cursor, 0)
        mark = self.dice.getrandbits(48)
        following = base64.urlsafe_b64encode(json.dumps({"offset": at + 10, "mark": mark}).encode()).decode()
        self.cursors[following] = at + 10
        items = [{"at": at + n, "kind": "login"} for n in range(10)]
        if asked.path == ["events"]:
            return data({"items": items, "page": {"next": following}})
        return data({"items": items}, headers=[("Link", f'</audit?limit=10&after={following}>; rel="next"')])

    links: ClassVar = {
        ("GET /events", "json/page/next", "GET /events", "query/cursor"),
        ("GET /audit", "header/link|link/next|url/query/after", "GET /audit", "query/after"),
    }
    cookies: ClassVar[set[str]] = set()
    fresh: ClassVar[set[tuple[str, str, str]]] = set()

    @staticmethod
    def visit(browser: Browser) -> None:
        got = browser.get("/events", limit="10")
        for _ in range(browser.dice.randint(1, 3)):
            got = browser.get("/events", limit="10", cursor=got.json["page"]["next"])
        got = browser.get("/audit", limit="10")
        for _ in range(browser.dice.randint(1, 2)):
            found = re.search(r"<([^>]*)>", got.header("link"))
            assert found
            got = browser.get(found[1])


class Graph:
    """GraphQL: ids of nodes in variables, and written into the query."""

    name = "GraphQL with ids"

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.nodes: set[str] = set()

    def _node(self, kind: str) -> str:
        number = base64.b64encode(f"{kind}:{self.dice.randrange(10**8, 10**9)}".encode()).decode()
        self.nodes.add(number)
        return number

    def answer(self, asked: Asked) -> Answered:
        query, variables = asked.json.get("query", ""), asked.json.get("variables") or {}
        if asked.path != ["graphql"]:
            return data({}, 404)
        named = re.search(r'\(id: "([^"]*)"\)', query)
        used = [named[1]] if named else [variables[name] for name in ("id", "projectId") if name in variables]
        if any(number not in self.nodes for number in used):
            return data({"errors": [{"message": "no such node"}]}, 422)
        if "createProject" in query:
            return data({"data": {"createProject": {"project": {"id": self._node("Project")}}}})
        if "addTask" in query:
            return data({"data": {"addTask": {"task": {"id": self._node("Task")}}}})
        return data({"data": {"node": {"name": "plan"}}})

    links: ClassVar = {
        ("POST /graphql", "json/data/createProject/project/id", "POST /graphql", "json/variables/projectId"),
        ("POST /graphql", "json/data/addTask/task/id", "POST /graphql", "json/variables/id"),
        ("POST /graphql", "json/data/createProject/project/id", "POST /graphql", "json/query|quoted/*"),
    }
    cookies: ClassVar[set[str]] = set()
    fresh: ClassVar[set[tuple[str, str, str]]] = set()

    @staticmethod
    def visit(browser: Browser) -> None:
        def ask(query: str, **variables: str) -> Any:
            return browser.send("POST", "/graphql", {"query": query, "variables": variables}).json["data"]

        create = "mutation ($name: String!) { createProject(name: $name) { project { id } } }"
        project = ask(create, name=f"plan {browser.number}")["createProject"]["project"]["id"]
        for _ in range(browser.dice.randint(1, 3)):
            add = "mutation ($projectId: ID!) { addTask(projectId: $projectId) { task { id } } }"
            task = ask(add, projectId=project)["addTask"]["task"]["id"]
            ask("query ($id: ID!) { node(id: $id) { name } }", id=task)
        ask(f'query {{ node(id: "{project}") {{ name }} }}')


class Uploads:
    """An upload in parts: its address comes in Location, and the parts' marks go into the last request."""

    name = "uploads in parts"

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.uploads: dict[str, list[str]] = {}

    def answer(self, asked: Asked) -> Answered:
        match asked.method, asked.path:
            case "POST", ["uploads"]:
                number = token(self.dice, 22)
                self.uploads[number] = []
                return Answered(201, [("Location", f"/uploads/{number}")])
            case _, ["uploads", number, *_] if number not in self.uploads:
                return data({}, 404)
            case "PUT", ["uploads", number, "parts", _]:
                mark = f"{self.dice.getrandbits(128):032x}"
                self.uploads[number].append(mark)
                return Answered(200, [("ETag", f'"{mark}"')])
            case "POST", ["uploads", number, "complete"]:
                marks = [part.get("etag") for part in asked.json.get("parts", [])]
                return data({}, 200 if marks == self.uploads[number] else 400)
        return data({}, 404)

    links: ClassVar = {
        ("POST /uploads", "header/location|url/path/2", "PUT /uploads/{token}/parts/{int}", "path/2"),
        ("POST /uploads", "header/location|url/path/2", "POST /uploads/{token}/complete", "path/2"),
        (
            "PUT /uploads/{token}/parts/{int}",
            "header/etag|quoted/*",
            "POST /uploads/{token}/complete",
            "json/parts/*/etag",
        ),
    }
    cookies: ClassVar[set[str]] = set()
    fresh: ClassVar[set[tuple[str, str, str]]] = set()

    @staticmethod
    def visit(browser: Browser) -> None:
        where = browser.ask("POST", "/uploads").header("location")
        parts = []
        for number in range(1, browser.dice.randint(2, 4)):
            got = browser.ask("PUT", f"{where}/parts/{number}", b"some content", {"Content-Type": "text/plain"})
            parts.append({"number": number, "etag": got.header("etag").strip('"')})
        browser.send("POST", f"{where}/complete", {"parts": parts})


class SinglePage:
    """A page's meta tag and a cookie hold tokens that scripts send back in headers."""

    name = "XSRF cookie, meta tag"

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.xsrf: dict[str, str] = {}
        self.pages: set[str] = set()

    def answer(self, asked: Asked) -> Answered:
        if asked.method == "GET" and asked.path == ["app"]:
            sid, xsrf, mark = token(self.dice), token(self.dice), token(self.dice)
            self.xsrf[sid] = xsrf
            self.pages.add(mark)
            cookies = [("Set-Cookie", f"sid={sid}; Path=/; HttpOnly"), ("Set-Cookie", f"XSRF-TOKEN={xsrf}; Path=/")]
            return page(f'<meta name="csrf-token" content="{mark}"><div data-user-id="u1"></div>', headers=cookies)
        xsrf = self.xsrf.get(asked.cookies.get("sid", ""), "")
        if not xsrf or asked.header("x-xsrf-token") != xsrf:
            return data({}, 403)
        if asked.method == "POST" and asked.header("x-csrf-token") not in self.pages:
            return data({}, 403)
        return data({"items": [1, 2, 3]}, 200 if asked.method == "GET" else 201)

    links: ClassVar = {
        ("GET /app", "set-cookie/XSRF-TOKEN", "GET /api/items", "header/x-xsrf-token"),
        ("GET /app", "set-cookie/XSRF-TOKEN", "POST /api/items", "header/x-xsrf-token"),
        ("GET /app", "html/meta/csrf-token", "POST /api/items", "header/x-csrf-token"),
    }
    cookies: ClassVar = {"sid", "XSRF-TOKEN"}
    fresh: ClassVar[set[tuple[str, str, str]]] = set()

    @staticmethod
    def visit(browser: Browser) -> None:
        text = browser.get("/app").text
        found = re.search(r'name="csrf-token" content="([^"]*)"', text)
        assert found
        browser.headers = {"X-XSRF-TOKEN": browser.cookies["XSRF-TOKEN"]}
        for _ in range(browser.dice.randint(1, 3)):
            browser.get("/api/items")
            browser.send("POST", "/api/items", {"title": "milk"}, X_CSRF_Token=found[1])


class Cart:
    """What looks like a link and is none: a catalogue for all, echoes of what the client chose, small numbers."""

    name = "a shop, all noise but one"

    def __init__(self, seed: int) -> None:
        dice = random.Random(5)  # the catalogue is the same in every deployment
        self.products = [str(uuid.UUID(int=dice.getrandbits(128), version=4)) for _ in range(12)]
        self.carts: dict[str, list[int]] = {}
        self.items = seed

    def answer(self, asked: Asked) -> Answered:
        headers = [("X-Request-Id", asked.header("x-request-id"))]
        match asked.method, asked.path:
            case "GET", ["products"]:
                products = [{"id": each, "price": 5 + n % 7, "stock": n} for n, each in enumerate(self.products)]
                return data({"locale": "en-GB", "currency": "EUR", "products": products}, headers=headers)
            case "GET", ["products", number]:
                return data({"id": number, "price": 7, "related": self.products[:3]}, 200, headers)
            case "GET", ["search"]:
                return data({"query": asked.query, "found": [{"id": self.products[3], "page": 1}]})
            case "PUT", ["carts", cart]:
                self.carts[cart] = []
                return data({"id": cart, "owner": asked.json.get("owner"), "count": 0}, 201)
            case _, ["carts", cart, *_] if cart not in self.carts:
                return data({}, 404)
            case "POST", ["carts", cart, "items"]:
                self.items += 1
                self.carts[cart].append(self.items)
                return data({"item": self.items, "quantity": asked.json["quantity"], "ok": True}, 201, headers)
            case "DELETE", ["carts", cart, "items", item]:
                return data({"count": 1}, 200 if int(item) in self.carts[cart] else 404)
        return data({}, 404)

    links: ClassVar = {("POST /carts/{uuid}/items", "json/item", "DELETE /carts/{uuid}/items/{int}", "path/4")}
    cookies: ClassVar[set[str]] = set()
    fresh: ClassVar = {
        ("PUT /carts/{uuid}", "path/2", "uuid"),
        ("POST /carts/{uuid}/items", "path/2", "same"),
        ("DELETE /carts/{uuid}/items/{int}", "path/2", "same"),
        ("POST /carts/{uuid}/items", "header/idempotency-key", "uuid"),
        ("PUT /carts/{uuid}", "header/x-request-id", "uuid"),
        ("POST /carts/{uuid}/items", "header/x-request-id", "uuid"),
        ("DELETE /carts/{uuid}/items/{int}", "header/x-request-id", "uuid"),
    }

    @staticmethod
    def visit(browser: Browser) -> None:
        dice = browser.dice

        def made_up() -> str:
            return str(uuid.UUID(int=dice.getrandbits(128), version=4))

        browser.headers = {"X-Request-Id": made_up()}
        products = [each["id"] for each in browser.get("/products", lang="en-GB").json["products"]]
        browser.get("/search", q=f"term{dice.randrange(50)}", page=str(dice.randint(1, 4)), lang="en-GB")
        cart = made_up()
        browser.send("PUT", f"/carts/{cart}", {"owner": f"user{browser.number}", "currency": "EUR"})
        for _ in range(dice.randint(1, 3)):
            product = dice.choice(products)
            browser.get(f"/products/{product}")
            asked = {"product": product, "quantity": dice.randint(1, 9), "gift": False}
            item = browser.send("POST", f"/carts/{cart}/items", asked, Idempotency_Key=made_up()).json["item"]
            if dice.random() < 0.8:
                browser.ask("DELETE", f"/carts/{cart}/items/{item}")


class Buckets:
    """Uploads as S3 has them: the id comes in XML and goes into queries."""

    name = "uploads, XML"

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.uploads: set[str] = set()

    def answer(self, asked: Asked) -> Answered:
        if asked.method == "POST" and asked.target.endswith("?uploads"):
            number = token(self.dice, 30)
            self.uploads.add(number)
            text = f"<Result><Bucket>files</Bucket><Key>photo</Key><UploadId>{number}</UploadId></Result>"
            return Answered(200, [("Content-Type", "application/xml")], f'<?xml version="1.0"?>{text}'.encode())
        is_known = asked.query.get("uploadId") in self.uploads
        return Answered(200 if is_known else 404, [("Content-Type", "application/xml")], b"<Done/>")

    links: ClassVar = {
        ("POST /files/photo", "xml/Result/UploadId", "PUT /files/photo", "query/uploadId"),
        ("POST /files/photo", "xml/Result/UploadId", "POST /files/photo", "query/uploadId"),
    }
    cookies: ClassVar[set[str]] = set()
    fresh: ClassVar[set[tuple[str, str, str]]] = set()

    @staticmethod
    def visit(browser: Browser) -> None:
        found = re.search(r"<UploadId>(.*?)</UploadId>", browser.ask("POST", "/files/photo?uploads").text)
        assert found
        for part in range(1, browser.dice.randint(2, 4)):
            browser.ask("PUT", f"/files/photo?partNumber={part}&uploadId={found[1]}", b"some content")
        browser.ask("POST", f"/files/photo?uploadId={found[1]}", b"<Complete/>")


APIS = (OAuth, Notes, Orders, Events, Graph, Uploads, SinglePage, Cart, Buckets)
