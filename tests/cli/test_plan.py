"""``replay plan`` with pools and probes, as a person calls it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from replay.artefacts import write_manifest
from replay.capture.manifest import MANIFEST_NAME
from replay.capture.segments import SegmentWriter
from replay.cli.main import main
from replay.errors import EXIT_INPUT, EXIT_REFUSED, EXIT_USAGE
from replay.exchange import Exchange
from replay.plan.store import open_plan
from replay.runs import Target
from replay.sanitize.policy import load_policy
from tests.factories import capture_manifest, exchange
from tests.loadtests.support import Arrival, played, run_spec, serving
from tests.services.recorded import recorded, sanitised
from tests.services.rows import Depot
from tests.services.web import serving as service_of

USER, PRODUCT = "GET /users/{user_id}", "GET /products/{product_id}"
POOLS = """
version = 1
[pools.people]
file = "people.csv"
[pools.people.columns]
user = ["path/{user_id}"]
"""


def write_capture(folder: Path, exchanges: Iterable[Exchange]) -> None:
    """A capture that was closed, and whose key still exists."""
    folder.mkdir(parents=True)
    writer = SegmentWriter(folder, "c1")
    all_ = list(exchanges)
    for each in all_:
        writer.write(each)
    writer.close()
    manifest = capture_manifest(id="c1", key_mode="file", written=len(all_), segments=list(writer.closed))
    write_manifest(folder / MANIFEST_NAME, manifest)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a capture ``friday``: 12 users of their own, two products that all ask for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    visits = []
    for number in range(12):
        user, product = f"/users/{8000 + number}", f"/products/{77 + number % 2}"
        whose: dict[str, Any] = {"session": f"s{number}", "mapped": ["path/2"]}
        visits.append(exchange(user, route=USER, at_ms=number * 10, **whose))
        visits.append(exchange(product, route=PRODUCT, at_ms=number * 10 + 5, **whose))
    write_capture(tmp_path / "captures" / "friday", visits)
    (tmp_path / "pools.toml").write_text(POOLS)
    (tmp_path / "people.csv").write_text("user\n" + "".join(f"{n}\n" for n in range(1, 21)))
    return tmp_path


def code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["plan", "friday", *arguments])
    return int(ended.value.code or 0)


def test_for_a_program_a_plan_is_its_manifest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not code("-o", "friday", "--json")

    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((folder / "friday.plan" / "plan.json").read_text())
    assert told["routes"] == {USER: 12, PRODUCT: 12}


async def staging(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
    """Users 1 to 20 and nothing else."""
    kind, _, number = arrival.path.strip("/").partition("/")
    is_known = kind == "users" and number.isdigit() and 0 < int(number) <= 20
    writer.write(b"HTTP/1.1 " + (b"200 OK" if is_known else b"404 No") + b"\r\nContent-Length: 0\r\n\r\n")


def test_a_probe_names_what_staging_lacks_and_the_way_that_cures_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(staging) as server:
        assert code("-o", "naive", "--probe", "--target", server.url, "--harvest", "rows") == 0
        naive = capsys.readouterr().out
        assert len(server.arrivals) == 6
        assert code("-o", "pooled", "--pools", "pools.toml", "--probe", "--target", server.url) == 0
        pooled = capsys.readouterr().out

    rows = {line.split()[0]: line for line in naive.splitlines() if "404 for 200" in line}
    unseen = [line.split()[0] for line in naive.splitlines() if "no answer shows it: fill a pool by hand" in line]
    assert unseen == ["user_id", "product_id"]
    assert not (folder / "rows").exists()
    assert "0/3" in rows["user_id"]
    assert "pseudonymise, pool" in rows["user_id"]
    assert "keep, pseudonymise, pool" in rows["product_id"]
    assert f"{USER} path/2" in rows["user_id"]
    assert "Probe: 0% of the requests" in naive
    assert "Probe: 50% of the requests" in pooled
    assert [line.split()[0] for line in pooled.splitlines() if "404 for 200" in line] == ["product_id"]
    assert "Pool people: 12 user in 12 requests, 20 rows" in pooled
    assert (folder / "pooled.plan" / "plan.json").exists()
    assert sorted(path.name for path in (folder / "pooled.plan").iterdir()) == [
        "plan.json",
        "requests.arrow",
        "rules.toml",
    ]


def test_a_probe_goes_under_the_interlock(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(staging) as server:
        (folder / "replay.toml").write_text('[safety]\ndeny = ["127.0.0.1"]\n')
        assert code("-o", "naive", "--probe", "--target", server.url) == EXIT_REFUSED
        assert server.connections == 0


def test_too_few_rows_leave_no_plan(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "people.csv").write_text("user\n1\n2\n")

    assert code("-o", "pooled", "--pools", "pools.toml") == EXIT_INPUT

    assert "people.csv: 12 user are needed, there are 2" in capsys.readouterr().err
    assert not [path for path in folder.iterdir() if "plan" in path.name]


@pytest.fixture
def depot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a capture ``friday`` of a service's users, products and orders, sanitised."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    visits = recorded(Depot, 4, apart_ms=50, think_ms=10)
    write_capture(tmp_path / "captures" / "friday", sanitised(visits, load_policy("builtin:strict")))
    return tmp_path


@pytest.mark.e2e
def test_pools_that_a_probe_harvested_bring_the_unmatched_share_below_one_percent(
    depot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Depot(2)
    with service_of(service) as port:
        url = f"http://127.0.0.1:{port}"
        assert code("-o", "naive", "--probe", "--target", url, "--harvest", "rows") == 0
        said = capsys.readouterr().out
        assert code("-o", "pooled", "--pools", "rows/pools.toml") == 0
        shares = [unmatched(depot, name, url) for name in ("naive", "pooled")]

    assert shares[0] > 0.5
    assert shares[1] < 0.01
    rows = {line.split()[0]: line.split() for line in said.splitlines() if "/3 " in line and "GET" in line}
    assert rows["products"][:4] == ["products", "50", rows["products"][2], "3/3"]
    assert "--pools rows/pools.toml" in said
    assert (depot / "rows").stat().st_mode & 0o777 == 0o700


def unmatched(folder: Path, name: str, url: str) -> float:
    """The share of a plan's requests that get another status class than recorded."""
    (host,) = open_plan(folder / f"{name}.plan").manifest.hosts
    spec = run_spec(folder / f"{name}.plan", folder / f"{name}-out", url, targets=[Target(host, url, "127.0.0.1")])
    samples = played(spec).samples()
    return sum(each["status"] // 100 != each["expected_status"] // 100 for each in samples) / len(samples)


def test_a_harvest_goes_into_a_new_folder_and_needs_a_probe(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("-o", "naive", "--harvest", "rows") == EXIT_USAGE
    assert "--harvest: needs --probe" in capsys.readouterr().err
    (folder / "rows").mkdir()
    assert code("-o", "naive", "--harvest", "rows", "--probe", "--target", "http://127.0.0.1:1") == EXIT_USAGE
    assert "exists already" in capsys.readouterr().err
    assert not (folder / "naive.plan").exists()


@pytest.mark.parametrize("arguments", [["--probe"], ["--target", "http://127.0.0.1:1"]])
def test_a_probe_needs_a_target_and_a_target_a_probe(
    folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert code("-o", "naive", *arguments) == EXIT_USAGE

    assert "give both, or neither" in capsys.readouterr().err
