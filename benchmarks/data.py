"""The shop's traffic against three stagings: what each way to data that exists is worth, beside the unaided replay.

    python benchmarks/data.py [--seconds 20] [--rate 60]

Records the shop's visitors once, imports the recording under three policies and one key, and replays its safe
requests against a staging with the same catalogue (keep), one that was filled through ``replay pseudonymise``, and
one with a catalogue of its own (pools: a table by hand, and what ``--harvest`` finds). Then everything, writes too,
against the same catalogue as it was before the first visitor: once with links and accounts of its own, once without
any rules. Takes about six minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import re
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pyarrow.compute as pc
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from replay.capture.segments import read_exchanges
from replay.demo.catalogue import customers
from replay.demo.children import Children
from replay.demo.store import create
from replay.plan.store import open_plan
from replay.samples import read_batches, sample_files

COLUMNS = ("id", "sku", "name", "category", "price_cents", "description", "stock")
PRODUCTS = ("GET /products/{product_id}", "GET /api/v1/products/{product_id}")
POOLS = """
version = 1
[pools.products]
file = "products.csv"
[pools.products.columns]
id = ["path/{product_id}", "form/product_id"]
[pools.skus]
file = "products.csv"
[pools.skus.columns]
sku = ["json/sku"]
"""


def replay(folder: Path, *arguments: str) -> str:
    """What a command of ours printed."""
    done = subprocess.run(
        [sys.executable, "-m", "replay", *arguments], cwd=folder, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"replay {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def policies(folder: Path) -> None:
    """``keep``: as in the demonstration. ``mapped``: without the catalogue's ids. ``nothing``: routes alone."""
    text = resources.files("replay.sanitize").joinpath("policies", "demo.toml").read_text()
    head, *keeps = re.split(r"(?m)^(?=\[keep\.)", text)
    (folder / "keep.toml").write_text(text)
    mapped = [keep for keep in keeps if not keep.startswith(("[keep.product_id]", "[keep.sku]"))]
    (folder / "mapped.toml").write_text(head + "".join(mapped))
    (folder / "nothing.toml").write_text(head)


@contextlib.contextmanager
def shop(children: Children, database: Path) -> Iterator[str]:
    """A running shop's address."""
    command = [sys.executable, "-m", "replay.demo.server", "--database", str(database), "--until-eof"]
    process = children.start(command, piped=True)
    assert process.stdout
    yield process.stdout.readline().decode().strip()
    children.end(process)


def record(children: Children, folder: Path, production: Path, seconds: float, rate: float) -> None:
    """The visitors' traffic, as mitmproxy saves it; they are made up, so it may lie on disk."""
    with shop(children, production) as url:
        port = 20_000 + secrets.randbelow(20_000)
        proxy = [str(Path(sys.executable).with_name("mitmdump")), "-q", "--mode", f"reverse:{url}"]
        process = children.start([*proxy, "--listen-host", "127.0.0.1", "-p", str(port), "-w", str(folder / "flows")])
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        visitors = [sys.executable, "-m", "replay.demo.visitors", f"http://127.0.0.1:{port}"]
        children.run([*visitors, "--seconds", f"{seconds:g}", "--rate", f"{rate:g}", "--seed", "1"])
        children.end(process)


def mapped_catalogue(folder: Path, production: Path) -> Path:
    """Staging with production's catalogue under the capture's map, by the command that a user would type."""
    with sqlite3.connect(production) as database, (folder / "product.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(database.execute(f"SELECT {', '.join(COLUMNS)} FROM product"))
    replay(
        folder, "pseudonymise", "product.csv", "-o", "mapped.csv", "--capture", "./mapped", "--key-file", "team.key",
        "--policy", "mapped.toml", "--column", "price_cents=keep", "--column", "stock=keep",
    )  # fmt: skip
    with (folder / "mapped.csv").open(newline="") as file:
        return catalogue(folder / "mapped.db", production, [list(row.values()) for row in csv.DictReader(file)])


def foreign_catalogue(folder: Path, production: Path) -> Path:
    """Staging with 500 products of its own, and a table of them as a pool."""
    rows = [[70_000 + 3 * n, f"STG-{n:05d}", f"Thing {n}", "lamp", 1000 + n, "Of staging.", 5] for n in range(500)]
    with (folder / "products.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    (folder / "pools.toml").write_text(POOLS)
    return catalogue(folder / "foreign.db", production, rows)


def catalogue(path: Path, production: Path, rows: list[list[object]]) -> Path:
    """A copy of the shop's database with other products."""
    shutil.copy(production, path)
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM product")
        database.executemany("INSERT INTO product VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    return path


def accounts(folder: Path) -> Path:
    """The shop's accounts, as a team that made them for staging would have them."""
    path = folder / "accounts.csv"
    path.touch(0o600)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("email", "password"), *((each.email, each.password) for each in customers())])
    return path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a replay met."""

    requests: int
    unmatched: float
    """Share of the requests that got another status class than production's."""
    ks: float
    """Kolmogorov–Smirnov distance of the rank-frequency of product ids, recorded and replayed."""
    missing: str
    """The domains that the probe named."""


def outcome(
    folder: Path, name: str, capture: str, url: str, *options: str, writes: Sequence[str] | None = None
) -> Outcome:
    """Plan with a probe, run, and count. ``writes``: options of a run with all writes; None: safe requests alone."""
    said = replay(folder, "plan", f"./{capture}", "-o", f"./{name}.plan", "--probe", "--target", url, *options)
    run = ["--no-preflight", "--breaker", "off", "-o", f"./{name}"]
    run += ["--speed", "4"] if writes is None else []  # what a visitor waits for does not get faster
    if writes is not None:
        routes = open_plan(folder / f"{name}.plan").manifest.writes
        run += [*writes, *(part for route in routes for part in ("--writes", route))]
    replay(folder, "run", f"./{name}.plan", "--target", url, *run)
    tables = [batch for path in sample_files(folder / name) for batch in read_batches(path)]
    sent = missed = 0
    played: list[int] = []
    for batch in tables:
        status, expected = batch.column("status"), batch.column("expected_status")
        hits = pc.equal(pc.divide(status, 100), pc.divide(expected, 100))
        sent += batch.num_rows
        missed += batch.num_rows - (pc.sum(hits).as_py() or 0)
        played += batch.column("request").to_pylist()
    wires = {}
    for batch in open_plan(folder / f"{name}.plan").batches():
        for request, route, wire in zip(
            *(batch.column(each).to_pylist() for each in ("request", "route", "wire")), strict=True
        ):
            if route in PRODUCTS:
                wires[request] = product_of(wire.split(b" ")[1].decode())
    recorded = (product_of(each.request.path) for each in read_exchanges(folder / capture) if each.route in PRODUCTS)
    missing = [line.split()[0] for line in said.splitlines() if " for 2" in line or "a write is not tried" in line]
    ks = distance(recorded, (wires[request] for request in played if request in wires))
    return Outcome(sent, missed / sent, ks, ", ".join(missing))


def product_of(path: str) -> str:
    """The id at a path's end."""
    return path.rpartition("/")[2]


def distance(one: Iterable[str], other: Iterable[str]) -> float:
    """How far apart two lists are in how often their first, second, third … value is asked for."""
    ranks = [sorted(Counter(each).values(), reverse=True) for each in (one, other)]
    first, second = ([rank for rank, count in enumerate(counts) for _ in range(count)] for counts in ranks)
    return float(stats.ks_2samp(first, second).statistic)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=60)
    parser.add_argument("--writes-alone", action="store_true", help="leave the three replays of safe requests out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, Children() as children:
        folder = Path(place)
        production = folder / "production.db"
        create(production)
        policies(folder)
        (folder / "team.key").write_text(secrets.token_hex(32))
        (folder / "team.key").chmod(0o600)
        record(children, folder, production, options.seconds, options.rate)
        for policy in ("keep", "mapped", "nothing"):
            arguments = ("flows", "-o", f"./{policy}", "--policy", f"{policy}.toml", "--key-file", "team.key")
            replay(folder, "import", "flows", *arguments)
        rows: list[tuple[str, Outcome, Outcome]] = []
        pools, harvested = ("--pools", "pools.toml"), ("--pools", "harvested/pools.toml")
        foreign = foreign_catalogue(folder, production)
        stagings: tuple[tuple[str, Path, str, str, tuple[str, ...]], ...] = (
            ("the same catalogue · keep", production, "nothing", "keep", ()),
            ("production's, mapped · pseudonymise", mapped_catalogue(folder, production), "", "mapped", ()),
            ("foreign · pools by hand", foreign, "mapped", "mapped", pools),
            ("foreign · pools harvested", foreign, "", "mapped", harvested),
        )
        for number, (title, database, unaided, aided, more) in enumerate(() if options.writes_alone else stagings):
            if aided == "mapped" and not more:  # the same capture, and staging as it was before its data were mapped
                with shop(children, production) as url:
                    without = outcome(folder, f"{number}-without", "mapped", url)
            with shop(children, database) as url:
                if unaided:
                    harvest = ("--harvest", "harvested") if more else ()
                    without = outcome(folder, f"{number}-without", unaided, url, *harvest)
                rows.append((title, without, outcome(folder, f"{number}-with", aided, url, *more)))
        found = []
        for name, options_of_plan, options_of_run in (
            ("alone", ("--rules", "none"), ()),
            ("linked", (), ("--identities", str(accounts(folder)), "--reuse-identities")),
        ):
            create(folder / f"{name}.db")
            with shop(children, folder / f"{name}.db") as url:
                found.append(outcome(folder, name, "keep", url, *options_of_plan, writes=options_of_run))
        rows.append(("the same catalogue · keep, link; writes", *found))
    print(f"{'staging · way':38} {'requests':>8} {'unaided':>8} {'aided':>8} {'KS':>7}  named by the probe, unaided")
    for title, without, aided in rows:
        print(
            f"{title:38} {aided.requests:8,} {without.unmatched:8.2%} {aided.unmatched:8.2%} {aided.ks:7.4f}  "
            f"{without.missing}" + (f" (aided: {aided.missing})" if aided.missing else "")
        )


if __name__ == "__main__":
    main()
