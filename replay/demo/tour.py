"""The tour: from two shops to a verdict, each step by the very command that a user would type.

Nothing here knows what the verdict will be. The commands run one after the other as processes of their own; the
first that fails ends the tour with its exit code, and the last one's, the gate's, is the tour's.
"""

from __future__ import annotations

import csv
import math
import os
import select
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from replay.demo.catalogue import CUSTOMERS
from replay.demo.children import Children
from replay.demo.store import create, open_test_accounts
from replay.errors import IncompleteError
from replay.plan.store import PlanManifest, open_plan
from replay.private_files import create_private

SLOWED = "GET /search"
SLOWED_BY = 2.0
FAILING = "GET /products/{product_id}"
FAILING_SHARE = 0.05
GATE = Path(__file__).with_name("gate.toml")
WRITES = ("POST /login", "POST /cart", "POST /checkout", "POST /logout", "POST /api/v1/token", "POST /api/v1/orders")
"""What is sent although it changes data: the shop's staging is there for it."""
ACCOUNTS = "accounts.csv"
_START_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Course:
    """What kind of tour it is."""

    folder: Path
    """Where everything goes; exists and is empty."""
    has_regression: bool = False
    """Whether staging runs a worse build: one route slowed, one failing at times."""
    seconds: float = 58.0
    """How long production is captured, and so how long the replay takes."""
    rate: float = 60.0
    """Production's requests a second."""
    scale: float = 2.0
    seed: int = 1

    @property
    def warmup_s(self) -> float:
        """The first seconds are not judged: all who are there from before connect at once."""
        return min(4.0, self.seconds / 5)


class Tour:
    """One tour; ``say`` takes a line about what happens next."""

    def __init__(self, course: Course, children: Children, say: Callable[[str], None]) -> None:
        self._course = course
        self._children = children
        self._say = say
        self._begun_s = time.monotonic()
        self._stage = 0

    def run(self) -> int:
        """Go the whole way and return the exit code: the gate's, or that of the first command that failed."""
        production, staging = self._open_shops()
        code = self._capture(production)
        for title, command in () if code else self._commands(staging):
            self._announce(title)
            code = self._replay(*command)
            if code:
                break
        return code

    # -- the stages

    def _open_shops(self) -> tuple[str, str]:
        self._announce("Two copies of a small shop: one is production, one is staging")
        master = self._path("production.db")
        create(master)
        shutil.copy(master, self._path("staging.db"))
        self._open_accounts(self._path("staging.db"))
        worse = []
        if self._course.has_regression:
            worse = ["--slow", f"{SLOWED}={SLOWED_BY}", "--fail", f"{FAILING}={FAILING_SHARE}"]
        production = self._open_shop("production", 1, [])
        staging = self._open_shop("staging", 2, worse)
        self._say(f"      production {production}   staging {staging}")
        if worse:
            self._say(f"      staging's build is worse: {SLOWED} takes {SLOWED_BY:g} times as long,")
            self._say(f"      and {FAILING} fails in {FAILING_SHARE:.0%} of requests")
        return production, staging

    def _capture(self, production: str) -> int:
        course = self._course
        self._announce(f"Capture {course.seconds:.0f} s of production's traffic; only pseudonyms reach the disk")
        listen = f"127.0.0.1:{free_port()}"
        arguments = ["capture", str(self._path("capture")), "--upstream", production, "--listen", listen]
        # It is ended when the visitors have gone; the limit is for the case that this process is killed before.
        limit = f"{course.seconds + 60:.0f}s"
        capture = self._children.start(self._command(*arguments, "--policy", "builtin:demo", "--duration", limit))
        if not is_listening(listen, capture):
            return self._children.end(capture) or IncompleteError.exit_code
        options = ["--seconds", f"{course.seconds:g}", "--rate", f"{course.rate:g}", "--seed", str(course.seed)]
        visitors = [sys.executable, "-m", "replay.demo.visitors", f"http://{listen}", *options]
        code = self._children.run(visitors)
        return self._children.end(capture) or code

    def _open_accounts(self, staging: Path) -> None:
        """Accounts of staging's own: as many as could be needed, since each clone of a customer takes one."""
        testers = open_test_accounts(staging, CUSTOMERS * math.ceil(self._course.scale))
        with os.fdopen(create_private(self._path(ACCOUNTS)), "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["email", "password"])
            rows.writerows([tester.email, tester.password] for tester in testers)

    def _commands(self, staging: str) -> Iterator[tuple[str, Sequence[str]]]:
        gate = self._path("gate.toml")
        shutil.copy(GATE, gate)
        capture, plan, report = (str(self._path(name)) for name in ("capture", "shop.plan", "report"))
        production, candidate = (str(self._path(name)) for name in ("production", "staging"))
        scale, warmup = f"{self._course.scale:g}", f"{self._course.warmup_s:g}s"
        yield "What production took", ("baseline", capture, "-o", production)
        yield "The capture as a schedule", ("plan", capture, "-o", plan)
        logins = self._logins(open_plan(Path(plan)).manifest)
        yield (
            f"Replay it against staging, at {scale} times the load, with accounts of staging's own",
            ("run", plan, "--target", staging, "--scale", scale, "--warmup", warmup, *logins, "-o", candidate),
        )
        yield "Compare and judge", ("gate", production, candidate, "--gate", str(gate), "-o", report)

    def _logins(self, plan: PlanManifest) -> Sequence[str]:
        """What has visitors log in, fill carts and buy, as far as they did so in the capture."""
        writes = [part for route in WRITES if route in plan.writes for part in ("--writes", route)]
        return [*writes, *(("--identities", str(self._path(ACCOUNTS))) if plan.logins.requests else ())]

    # -- the means

    def _announce(self, title: str) -> None:
        self._stage += 1
        self._say(f"[{self._stage}/6] {time.monotonic() - self._begun_s:4.0f} s  {title}")

    def _path(self, name: str) -> Path:
        return self._course.folder / name

    def _replay(self, *arguments: str) -> int:
        return self._children.run(self._command(*arguments))

    def _command(self, *arguments: str) -> list[str]:
        self._say(f"      $ replay {shlex.join(arguments)}")
        return [sys.executable, "-m", "replay", *arguments]

    def _open_shop(self, name: str, seed: int, options: Sequence[str]) -> str:
        return open_shop(self._children, self._path(f"{name}.db"), seed, options).url


@dataclass(frozen=True, slots=True)
class OpenShop:
    """A shop that listens; it ends with the children who hold it, or when it is ended."""

    url: str
    process: subprocess.Popen[bytes]


def open_shop(children: Children, database: Path, seed: int, options: Sequence[str] = ()) -> OpenShop:
    """Start a shop on a free port of loopback and wait until it listens.

    Raises:
        IncompleteError: it did not within half a minute.
    """
    command = ["-m", "replay.demo.server", "--database", str(database), "--seed", str(seed), "--until-eof"]
    shop = children.start([sys.executable, *command, *options], piped=True)
    assert shop.stdout
    readable, _, _ = select.select([shop.stdout], [], [], _START_LIMIT_S)
    url = shop.stdout.readline().decode().strip() if readable else ""
    if not url:
        raise IncompleteError(
            f"the demonstration's shop {database.stem} did not start within {_START_LIMIT_S:.0f} s."
        )
    return OpenShop(url, shop)


def is_listening(listen: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether ``listen`` accepts connections before half a minute is over or ``process`` ends."""
    host, _, port = listen.rpartition(":")
    deadline_s = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            socket.create_connection((host, int(port)), 1.0).close()
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False


def free_port() -> int:
    """A port of loopback that was free just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def new_folder_in(parent: Path) -> Path:
    """A new folder ``demo-1``, ``demo-2`` … in ``parent``."""
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = parent / f"demo-{number}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return folder
