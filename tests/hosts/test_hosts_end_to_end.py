"""A master and two workers on three hosts, the target on a fourth: all that was planned is sent; a cut is seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from analysis.compare import compare
from analysis.gate_file import Gate
from analysis.judge import judge
from analysis.samples import read_run
from analysis.verdict import Word
from replay.plan.build import Settings, Source, build
from replay.samples import read_batches, sample_files
from tests.factories import capture_manifest, exchange
from tests.hosts.network import Network, network

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(100)]

COMMAND = str(Path(sys.executable).parent / "replay")
ROOT = Path(__file__).resolve().parents[2]
HOSTS = ("master", "left", "right", "target")
AHEAD_S = {"left": 5000, "right": 90_000}
SECRET = "0123456789abcdef" * 3
SERVICE = (
    "import sys, time; from tests.end_to_end.service import Service; "
    "Service(address=sys.argv[1], port=9000); time.sleep(90)"
)


@pytest.fixture(scope="module")
def hosts() -> Iterator[Network]:
    try:
        with network(*HOSTS) as made:
            service = subprocess.Popen(
                [*made.on("target"), sys.executable, "-c", SERVICE, made.address("target")],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            yield made
            service.kill()
            service.wait()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"network and time namespaces are not allowed here: {error}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plan of 120 requests in 3 s."""
    folder = tmp_path_factory.mktemp("hosts")
    exchanges = [
        exchange("/a" if number % 2 else "/b", at_ms=number * 25, session=str(number)) for number in range(120)
    ]
    (folder / "shop.plan").mkdir()
    build([Source(capture_manifest(name="shop", origins=[]), exchanges)], Settings(), folder / "shop.plan", "shop")
    return folder


@dataclass(frozen=True)
class Played:
    """A run over two hosts, and how each process ended."""

    folder: Path
    codes: dict[str, int]
    said: dict[str, str]

    @property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.folder / "run.json").read_text())  # type: ignore[no-any-return]


def play(hosts: Network, folder: Path, name: str, during: Callable[[], None] = lambda: None) -> Played:
    target = f"http://{hosts.address('target')}:9000"
    master = f"{hosts.address('master')}:7077"
    orders = {
        "master": ["shop.plan", "--master", master, "--hosts", "2", "-o", name, "--no-preflight"],
        "left": ["--worker", master, "-o", f"{name}-left"],
        "right": ["--worker", master, "-o", f"{name}-right"],
    }
    environment = {**os.environ, "NO_COLOR": "1", "DRESS_REHEARSAL_SECRET": SECRET}
    started = {
        host: subprocess.Popen(
            [*hosts.on(host, AHEAD_S.get(host, 0)), COMMAND, "run", *order, "--target", target],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for host, order in orders.items()
    }
    try:
        during()
        said = {host: process.communicate(timeout=60)[0] for host, process in started.items()}
    finally:
        for process in started.values():
            process.kill()
            process.wait()
    return Played(folder / "runs" / name, {host: process.returncode for host, process in started.items()}, said)


@pytest.fixture(scope="module")
def whole(hosts: Network, folder: Path) -> Played:
    """The run of which nothing was lost."""
    return play(hosts, folder, "whole")


def await_file(folder: Path, pattern: str, within_s: float = 40) -> None:
    """Wait for a file that is not empty."""
    deadline = time.monotonic() + within_s
    while not any(path.stat().st_size for path in folder.glob(pattern)):
        assert time.monotonic() < deadline, f"nothing came at {pattern}"
        time.sleep(0.02)


def samples(run: Path) -> pa.Table:
    return pa.Table.from_batches(batch for path in sample_files(run) for batch in read_batches(path))


def test_two_hosts_send_what_was_planned_as_one(whole: Played, folder: Path) -> None:
    assert set(whole.codes.values()) == {0}, whole.said
    manifest = whole.manifest
    assert (manifest["ended"], manifest["planned"], manifest["requests"]) == ("complete", 120, 120)
    table = samples(whole.folder)
    assert sorted(table["request"].to_pylist()) == list(range(120))
    assert set(table["status"].to_pylist()) == {200}
    assert {table["worker"].to_pylist().count(worker) for worker in (0, 1)} == {60}
    assert not list((folder / "runs").glob(".*"))


def test_the_clocks_of_the_hosts_are_known_although_they_are_hours_apart(whole: Played) -> None:
    hosts = whole.manifest["hosts"]
    errors_ns = [host["clock_error_ns"] for host in hosts]

    assert max(errors_ns) < 20e6
    assert sorted(-host["clock_offset_ns"] for host in hosts) == pytest.approx([5000e9, 90_000e9], abs=max(errors_ns))


def test_the_secret_is_in_no_file_and_no_line(whole: Played, folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]

    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert SECRET not in "".join(whole.said.values())


def test_a_host_that_is_cut_off_ends_its_load_and_makes_the_run_invalid(
    hosts: Network, folder: Path, whole: Played
) -> None:
    def cut() -> None:
        await_file(folder, "runs/.cut-right.part-*/engine-*.jsonl")
        hosts.cut("right")

    try:
        played = play(hosts, folder, "cut", cut)
    finally:
        hosts.restore("right")

    assert (played.codes["master"], played.codes["right"]) == (6, 6), played.said
    assert "the master is gone: no word for 2 s" in played.said["right"]
    left_on_the_host = folder / "runs" / "cut-right-lost"
    answered = [row["end"] for row in samples(left_on_the_host).to_pylist() if row["status"] == 200]
    journal = msgspec.json.decode((next(left_on_the_host.glob("engine-*.jsonl"))).read_bytes().splitlines()[-1])
    assert 1.5 < (journal["at_ns"] - max(answered)) / 1e9 < 3.0
    assert (played.manifest["ended"], played.manifest["lost_workers"]) == ("worker lost", 1)
    verdict = judge(compare(read_run(whole.folder), read_run(played.folder), slice_s=0.5), Gate(slice_s=0.5))
    assert (verdict.verdict, verdict.exit_code) == (Word.INVALID, 4)
    assert f"({hosts.address('right')}) was lost (workers" in verdict.reasons[0]
