"""The bundled shop for benchmarks that rehearse it: production captured and planned, and copies to replay against."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from replay.demo.children import Children
from replay.demo.store import create
from replay.demo.tour import free_port, is_listening, open_shop


def replay(*arguments: str) -> list[str]:
    """The command of a verb."""
    return [sys.executable, "-m", "replay", *arguments]


@contextmanager
def shop(children: Children, database: Path, seed: int, options: Sequence[str]) -> Iterator[str]:
    """The URL of a shop that runs meanwhile."""
    opened = open_shop(children, database, seed, options)
    try:
        yield opened.url
    finally:
        children.end(opened.process)


def rehearsable(folder: Path, children: Children, seconds: float, rate: float, options: Sequence[str] = ()) -> None:
    """Make ``capture``, ``production`` and ``shop.plan`` in ``folder``, and the databases of production and staging.

    Args:
        seconds: how long production is visited through the proxy.
        rate: requests a second of its visitors.
        options: how production's shop is started.
    """
    create(folder / "production.db")
    shutil.copy(folder / "production.db", folder / "staging.db")
    with shop(children, folder / "production.db", 1, options) as production:
        listen = f"127.0.0.1:{free_port()}"
        policy = ("--policy", "builtin:demo", "--duration", f"{seconds + 60:.0f}s")
        order = replay("capture", str(folder / "capture"), "--upstream", production, "--listen", listen, *policy)
        capture = children.start(order)
        assert is_listening(listen, capture)
        visits = ["--seconds", f"{seconds:g}", "--rate", f"{rate:g}", "--seed", "1"]
        children.run([sys.executable, "-m", "replay.demo.visitors", f"http://{listen}", *visits])
        assert children.end(capture) == 0
    for verb, name in (("baseline", "production"), ("plan", "shop.plan")):
        assert children.run(replay(verb, str(folder / "capture"), "-o", str(folder / name))) == 0
