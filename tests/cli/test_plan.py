"""``replay plan`` with pools and probes, as a person calls it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from replay.artefacts import write_manifest
from replay.capture.manifest import MANIFEST_NAME
from replay.capture.segments import SegmentWriter
from replay.cli.main import main
from replay.errors import EXIT_INPUT, EXIT_REFUSED, EXIT_USAGE
from tests.factories import capture_manifest, exchange
from tests.loadtests.support import Arrival, serving

USER, PRODUCT = "GET /users/{user_id}", "GET /products/{product_id}"
POOLS = """
version = 1
[pools.people]
file = "people.csv"
[pools.people.columns]
user = ["path/{user_id}"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a capture ``friday``: 12 users of their own, two products that all ask for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    capture = tmp_path / "captures" / "friday"
    capture.mkdir(parents=True)
    writer = SegmentWriter(capture, "c1")
    for number in range(12):
        whose = f"s{number}"
        writer.write(
            exchange(f"/users/{8000 + number}", route=USER, session=whose, at_ms=number * 10, mapped=["path/2"])
        )
        writer.write(
            exchange(
                f"/products/{77 + number % 2}", route=PRODUCT, session=whose, at_ms=number * 10 + 5, mapped=["path/2"]
            )
        )
    writer.close()
    manifest = capture_manifest(id="c1", key_mode="file", written=24, segments=list(writer.closed))
    write_manifest(capture / MANIFEST_NAME, manifest)
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
        assert code("-o", "naive", "--probe", "--target", server.url) == 0
        naive = capsys.readouterr().out
        assert len(server.arrivals) == 6
        assert code("-o", "pooled", "--pools", "pools.toml", "--probe", "--target", server.url) == 0
        pooled = capsys.readouterr().out

    rows = {line.split()[0]: line for line in naive.splitlines() if "404 for 200" in line}
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


@pytest.mark.parametrize("arguments", [["--probe"], ["--target", "http://127.0.0.1:1"]])
def test_a_probe_needs_a_target_and_a_target_a_probe(
    folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert code("-o", "naive", *arguments) == EXIT_USAGE

    assert "give both, or neither" in capsys.readouterr().err
