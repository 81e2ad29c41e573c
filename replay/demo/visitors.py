"""The visitors at work: every visit of a schedule, played in time. ``python -m replay.demo.visitors --help``."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from replay.demo.browser import Answer, Browser
from replay.demo.catalogue import customers, products
from replay.demo.visits import Step, Visit, schedule
from replay.errors import EXIT_INTERRUPTED

SITE = "shop.example"


@dataclass(slots=True)
class Tally:
    """What the visitors met."""

    statuses: Counter[int] = field(default_factory=Counter)
    """Answers by status, redirects followed counted once."""
    failures: Counter[str] = field(default_factory=Counter)
    """Requests without an answer, by class of error."""

    @property
    def requests(self) -> int:
        """Steps taken."""
        return self.statuses.total() + self.failures.total()


async def play(visits: Iterable[Visit], url: str, tally: Tally, site: str = SITE) -> None:
    """Play the visits against ``url`` and count what they meet; ends with the last of them."""
    place = urlsplit(url)
    start_s = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        for visit in visits:
            await _until(start_s + visit.steps[0].at_s)
            browser = Browser(place.hostname or "127.0.0.1", place.port or 80, site, visit.agent)
            group.create_task(_visit(visit, browser, start_s, tally))


async def _visit(visit: Visit, browser: Browser, start_s: float, tally: Tally) -> None:
    visitor = _Visitor(browser, visit.customer)
    try:
        for step in visit.steps:
            await _until(start_s + step.at_s)
            answer = await visitor.take(step)
            tally.statuses[answer.status] += 1
    except (OSError, httptools.HttpParserError) as error:
        tally.failures[type(error).__name__] += 1
    finally:
        await browser.close()


async def _until(moment_s: float) -> None:
    await asyncio.sleep(max(0.0, moment_s - asyncio.get_running_loop().time()))


class _Visitor:
    """One visitor: what they remember from page to page."""

    def __init__(self, browser: Browser, customer: int) -> None:
        self._browser = browser
        self._customer = customers()[customer]
        self._csrf = ""
        self._token = ""

    async def take(self, step: Step) -> Answer:
        answer = await self._act(step)
        self._csrf = answer.hidden_field("csrf_token") or self._csrf
        return answer

    async def _act(self, step: Step) -> Answer:
        customer, form = self._customer, {"csrf_token": self._csrf}
        match step.action:
            case "get":
                return await self._browser.get(step.path)
            case "login":
                form |= {"email": customer.email, "password": customer.password}
                return await self._browser.submit("/login", form)
            case "put":
                form |= {"product_id": str(step.product), "quantity": str(step.quantity)}
                return await self._browser.submit("/cart", form)
            case "checkout":
                form |= {"name": customer.name, "address": customer.address, "card": customer.card}
                return await self._browser.submit("/checkout", form)
            case "logout":
                return await self._browser.submit("/logout", form)
            case "token":
                return await self._sign_in()
            case "orders":
                return await self._browser.get("/api/v1/orders", self._bearer())
            case "order":
                item = {"sku": products()[step.product - 1].sku, "quantity": step.quantity}
                return await self._post("/api/v1/orders", {"items": [item]}, self._bearer())

    async def _sign_in(self) -> Answer:
        answer = await self._post(
            "/api/v1/token", {"email": self._customer.email, "password": self._customer.password}
        )
        if answer.status == 200:
            self._token = msgspec.json.decode(bytes(answer.body))["access_token"]
        return answer

    async def _post(self, path: str, content: object, headers: dict[str, str] | None = None) -> Answer:
        kind = {"Content-Type": "application/json"}
        return await self._browser.send("POST", path, kind | (headers or {}), msgspec.json.encode(content))

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


def main(arguments: list[str] | None = None) -> None:
    """Let the visitors come, then print what they met."""
    parser = argparse.ArgumentParser(
        prog="python -m replay.demo.visitors", description="The demonstration's visitors."
    )
    parser.add_argument("url", help="where the shop, or the proxy before it, listens")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=60.0, help="requests a second, about")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    tally = Tally()
    try:
        asyncio.run(_watched(options, tally))
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    met = ", ".join(f"{count:,} × {what}" for what, count in [*tally.statuses.items(), *tally.failures.items()])
    sys.stdout.write(f"{tally.requests:,} steps of visitors: {met}\n")


async def _watched(options: argparse.Namespace, tally: Tally) -> None:
    """Play the schedule, with a bar on stderr where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    visits = schedule(options.seed, options.seconds, options.rate)
    playing = asyncio.ensure_future(play(visits, options.url, tally))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("visitors", total=options.seconds)
        begun_s = time.monotonic()
        while not playing.done():
            shown = f"      {tally.requests:,} requests"
            bar.update(task, completed=time.monotonic() - begun_s, description=shown)
            await asyncio.wait([playing], timeout=0.5)
    await playing


if __name__ == "__main__":
    main()
