"""Sessions that live: what is found in captures of small services, and how far they come at replay.

    python benchmarks/living.py [--visitors 20] [--only NAME]

Every service of tests/services is visited through ``replay capture``, sanitised, planned, started again empty, and
replayed with ``--writes`` at production ×1 and ×5, with the rules that were found and without any. Printed are the
precision and recall of the links against those that the service's code makes, the same of what its clients make up
(``[[fresh]]``), and the share of the requests that got the recorded status class. Loopback only.
"""

from __future__ import annotations

import argparse
import http.client
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from replay.cli.captures import open_capture
from replay.plan.store import open_plan
from replay.samples import read_batches, sample_files
from tests.services.recorded import SERVICES
from tests.services.web import Answered, Asked, Browser, serving

COMMAND = [sys.executable, "-c", "from replay.cli.main import main; main()"]


def replay(folder: Path, *arguments: str) -> None:
    """Run the command; end with what it said where it fails."""
    done = subprocess.run([*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"replay {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")


@contextmanager
def capturing(folder: Path, port: int) -> Iterator[int]:
    """``replay capture`` in front of ``port``; gives its own port."""
    log = folder / "capture.log"
    with log.open("w") as file:
        command = [*COMMAND, "capture", "friday", "--upstream", f"http://127.0.0.1:{port}"]
        command += ["--listen", "127.0.0.1:0", "--policy", "builtin:strict"]
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        while not (found := re.search(r"capturing: http://127\.0\.0\.1:(\d+)", log.read_text())):
            if process.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.1)
        yield int(found[1])
        process.send_signal(signal.SIGINT)
        process.wait(30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def visit(service: Any, port: int, number: int) -> None:
    """One visitor with a connection of its own, who thinks a little between requests."""
    dice = random.Random(number)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def send(asked: Asked) -> Answered:
        time.sleep(dice.uniform(0.005, 0.03))
        connection.request(asked.method, asked.target, asked.body or None, dict(asked.headers))
        got = connection.getresponse()
        return Answered(got.status, got.getheaders(), got.read())

    time.sleep(number * 0.05)
    service.visit(Browser(send, dice, number))
    connection.close()


def reached(folder: Path, service: Any, scale: int, rules: str) -> tuple[int, float]:
    """Requests that the schedule held, and the share of them that got the recorded status class."""
    plan = f"plan-{scale}-{rules or 'found'}"
    replay(folder, "plan", "friday", "-o", plan, *(["--rules", rules] if rules else []))
    writes = [part for route in open_plan(folder / f"{plan}.plan").manifest.writes for part in ("--writes", route)]
    with serving(service(seed=99)) as port:
        target = f"http://127.0.0.1:{port}"
        options = ["--scale", str(scale), "--processes", "1", "--no-preflight", "--breaker", "off", *writes]
        replay(folder, "run", f"{plan}.plan", "--target", target, "-o", str(folder / "out" / plan), *options)
    rows = [
        row
        for path in sample_files(folder / "out" / plan)
        for batch in read_batches(path)
        for row in batch.to_pylist()
    ]
    good = sum(not row["error"] and row["status"] // 100 == row["expected_status"] // 100 for row in rows)
    wanted = scale * sum(1 for _ in open_capture(str(folder / "captures" / "friday"), None))
    return wanted, good / wanted


class Score:
    """What was found beside what is true."""

    def __init__(self) -> None:
        self.right = self.found = self.true = 0

    def add(self, found: set[Any], true: set[Any]) -> str:
        """Count one service's, name what differs, and return precision and recall as text."""
        self.right, self.found, self.true = (
            self.right + len(found & true),
            self.found + len(found),
            self.true + len(true),
        )
        for each in sorted(true - found):
            print(f"    not found: {each}")
        for each in sorted(found - true):
            print(f"    not true: {each}")
        return _shares(len(found & true), len(found), len(true))

    def __str__(self) -> str:
        return f"{_shares(self.right, self.found, self.true)} of {self.true}"


def _shares(right: int, found: int, true: int) -> str:
    precision = f"{right / found:.2f}" if found else "-"
    return f"{precision:>10} {f'{right / true:.2f}' if true else '-':>7}"


def rules_of(folder: Path, plan: str) -> tuple[set[Any], set[Any]]:
    """The links in the rules of a plan, and what is made anew."""
    rules = tomllib.loads((folder / f"{plan}.plan" / "rules.toml").read_text())
    links = {(each["from"], each["at"], to, each["into"]) for each in rules.get("link", []) for to in each["to"]}
    return links, {(to, each["into"], each["sort"]) for each in rules.get("fresh", []) for to in each["to"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--only", default="", help="services whose name holds this")
    options = parser.parse_args()
    both = f"{'precision':>10} {'recall':>7}"
    columns = f"{both}{both} {'requests':>9} {'×1':>7} {'×5':>7} {'unaided ×1':>11} {'×5':>7}"
    print(f"{'':<28}{'links':>18}{'made anew':>18}\n{'service':<28}{columns}", flush=True)
    links, anew = Score(), Score()
    for service in SERVICES:
        if options.only not in service.name:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with (
                serving(service(seed=1)) as port,
                capturing(folder, port) as proxy,
                ThreadPoolExecutor(options.visitors) as pool,
            ):
                list(pool.map(partial(visit, service, proxy), range(options.visitors)))
            shares = [reached(folder, service, scale, rules) for rules in ("", "none") for scale in (1, 5)]
            found_links, found_anew = rules_of(folder, "plan-1-found")
        text = f"{links.add(found_links, service.links)}{anew.add(found_anew, service.fresh)} {shares[0][0]:>9,}"
        text += f" {shares[0][1]:>7.1%} {shares[1][1]:>7.1%} {shares[2][1]:>11.1%} {shares[3][1]:>7.1%}"
        print(f"{service.name:<28}{text}", flush=True)
    print(f"links: {links}\nmade anew: {anew}")


if __name__ == "__main__":
    main()
