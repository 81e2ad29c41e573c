"""``replay run`` from the outside: what is refused, what is run, and what is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from replay.artefacts import left_behind
from replay.capture.manifest import Origin
from replay.cli.main import main
from replay.cli.run_options import RunOptions
from replay.cli.run_order import prepare
from replay.cli.run_settings import Safety, find_settings
from replay.errors import (
    EXIT_INCOMPLETE,
    EXIT_INPUT,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_USAGE,
    InputError,
    ReplayError,
)
from replay.journal import EngineEnd, JournalReader, journal_path
from replay.repetition import Repetition
from replay.runs import RunManifest, read_run_manifest
from replay.samples import RESERVE_BYTES, read_batches, sample_files
from tests.loadtests.support import SECOND, Arrival, planned, serving, write_plan
from tests.network import in_own_network
from tests.runs import shop, write_run

OUT = "./out/"
COMMAND = str(Path(sys.executable).parent / "replay")


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def command(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """A running ``replay run``."""
    return subprocess.Popen(
        [COMMAND, "run", *(str(folder / "out") if argument == OUT else argument for argument in arguments)],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "160", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def replay_run(folder: Path, *arguments: str, **environment: str) -> Ended:
    """A finished ``replay run``."""
    process = command(folder, *arguments, **environment)
    try:
        out, err = process.communicate(timeout=40)
    finally:
        process.kill()
    return Ended(process.returncode, out, err)


def steady(seconds: float, rate_per_s: int = 40, **changes: Any) -> list[dict[str, Any]]:
    count = int(seconds * rate_per_s)
    return [
        planned(number * 1000 / rate_per_s, session=number, path=f"/a?n={number}", **changes)
        for number in range(count)
    ]


def processes_of(folder: Path) -> list[int]:
    """Live processes whose spec lies in ``folder``: Locust's and their engines."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            ours = entry.name.isdigit() and str(folder).encode() in (entry / "environ").read_bytes()
            if ours and b"loadtests" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def commands_of(folder: Path, part: bytes) -> list[int]:
    """Those of them whose command line holds ``part``."""
    return [pid for pid in processes_of(folder) if part in Path(f"/proc/{pid}/cmdline").read_bytes()]


def wait_for(what: Any, patience_s: float = 15) -> Any:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.05)
    raise TimeoutError


def samples(run: Path) -> list[dict[str, Any]]:
    return [row for path in sample_files(run) for batch in read_batches(path) for row in batch.to_pylist()]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder; at the end no process of a run that was started in it may live."""
    yield tmp_path
    assert processes_of(tmp_path) == []


@pytest.fixture
def run_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Runs ``replay run`` in this process: for what ends before any other process is started."""

    def run(*arguments: str, below: str = ".") -> Ended:
        monkeypatch.chdir(folder / below)
        with pytest.raises(SystemExit) as ended:
            main(["run", *(str(folder / "out") if argument == OUT else argument for argument in arguments)])
        return Ended(int(ended.value.code or 0), *capsys.readouterr())

    return run


def manifest_of(folder: Path) -> RunManifest:
    return read_run_manifest(folder / "out")


@pytest.mark.e2e
def test_a_run_with_real_locust_leaves_samples_and_a_manifest(folder: Path) -> None:
    write_plan(folder / "p", steady(2), repetition=Repetition(80, 2, 0, 0))
    with serving() as server:
        ended = replay_run(
            folder,
            "p",
            "--target",
            server.url,
            "-o",
            OUT,
            "--scale",
            "1.5",
            "--processes",
            "2",
            "--",
            "--csv",
            "locust",
        )
    assert ended.code == EXIT_OK, ended.err
    run = manifest_of(folder)
    aggregated = (folder / "locust_stats.csv").read_text().splitlines()[-1].split(",")

    assert (run.ended, run.workers, run.scale, run.preflight) == ("complete", 2, 1.5, "passed")
    assert run.requests == run.planned == len(samples(folder / "out")) == 80 + 50
    assert {sample["worker"] for sample in samples(folder / "out")} == {0, 1}
    assert int(aggregated[2]) == run.requests  # Locust's own figures, in bulk
    assert sum(tick.sent for tick in run.ticks) == run.requests
    assert run.repetition == Repetition(reads=120, addresses=2, keyed=0, keys=0)
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "logs",
        "run.json",
        "samples-000.parquet",
        "samples-001.parquet",
    ]


@pytest.mark.e2e
def test_every_lane_is_played_once_whichever_worker_has_the_users(folder: Path) -> None:
    """Whatever a person's other load tests have Locust do."""
    write_plan(folder / "p", [planned(1000, session) for session in range(100)])
    (folder / "locust.conf").write_text("run-time = 1s\nprocesses = 2\nhost = http://production.example\n")
    others = {"LOCUST_HOST": "http://production.example", "LOCUST_RUN_TIME": "1s", "LOCUST_USER_CLASSES": "Other"}
    with serving() as server:
        arguments = ["p", "--target", server.url, "-o", OUT, "--processes", "3", "--no-preflight"]
        ended = replay_run(folder, *arguments, LOCUST_SKIP_MONKEY_PATCH="1", **others)
    assert ended.code == EXIT_OK, ended.err

    assert sorted(sample["session"] for sample in samples(folder / "out")) == list(range(100))


@pytest.mark.e2e
@pytest.mark.timed
def test_a_run_may_be_measured_where_production_was(folder: Path) -> None:
    async def slow(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    write_plan(folder / "p", steady(2))
    with serving(slow) as server:
        ended = replay_run(folder, "p", "--target", server.url, "-o", OUT, "--via-proxy")
    assert ended.code == EXIT_OK, ended.err
    run = manifest_of(folder)
    found = samples(folder / "out")

    assert (run.ended, run.via_proxy, run.unseen_at_proxy, run.preflight) == ("complete", True, 0, "passed")
    assert len(found) == 80
    assert {(sample["status"], sample["error"]) for sample in found} == {(200, "")}
    assert all(sample["sent"] + 0.1 * SECOND <= sample["end"] for sample in found)
    assert {arrival.header("Host") for arrival in server.arrivals} == {f"127.0.0.1:{server.port}"}
    assert not list((folder / "out").glob("proxy-*"))


@dataclass
class Broken:
    """A run that something ended before its time."""

    folder: Path
    code: int
    err: str

    @property
    def run(self) -> RunManifest:
        return manifest_of(self.folder)


async def collapses(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
    """Answer well for a while, then with 503 only."""
    status = b"200 OK" if int(arrival.path.partition("=")[2]) < 60 else b"503 No"
    writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")


def retarget(folder: Path, url: str) -> None:
    """Type another host into the web page of the run in ``folder``."""
    [master] = commands_of(folder, b"--web-port")
    arguments = Path(f"/proc/{master}/cmdline").read_bytes().decode().split("\0")
    page = f"http://127.0.0.1:{arguments[arguments.index('--web-port') + 1]}"

    def shown() -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{page}/stats/requests", timeout=10) as answer:
            tabs = {tab["key"]: tab["data"] for tab in json.load(answer)["extended_stats"]}
        return [*tabs["replay"], *tabs["production"]] if tabs["replay"] and tabs["production"] else []

    engine, route = wait_for(shown)  # workers report every three seconds
    assert engine["worker"] == 0
    assert engine["sent"] > 0
    assert engine["state"][0] in "🟢🟡🔴"
    assert route["route"] == "GET /a"
    assert float(route["p50_production"]) > 0 < route["requests"]
    with urllib.request.urlopen(page, timeout=10) as answer:
        assert b"extended_tabs" in answer.read()
    form = urllib.parse.urlencode({"user_count": 50, "spawn_rate": 50, "host": url}).encode()
    with urllib.request.urlopen(f"{page}/swarm", form, timeout=10) as answer:
        assert json.load(answer)["success"]


def is_playing(folder: Path) -> bool:
    """Whether the run under way in ``folder`` has samples enough to lose some."""
    with contextlib.suppress(InputError):
        return any(len(samples(part)) > 20 for part in folder.glob(".out.part-*"))
    return False


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Broken]]:
    """Runs that are ended before their time, all at once: they mostly wait."""
    kills = {"engine": b"loadtests.engine", "worker": b"--worker", "master": b"--master\0"}
    folders = {
        name: tmp_path_factory.mktemp(name)
        for name in (*kills, "command", "stopped", "interrupted", "breaker", "retargeted")
    }
    baseline = write_run(tmp_path_factory.mktemp("runs") / "b", shop(1, length_s=60, routes={"GET /a": 1.0}))
    with serving() as fine, serving(collapses) as failing, serving() as elsewhere:
        started = {}
        for name, folder in folders.items():
            write_plan(folder / "p", steady(60))
            url = failing.url if name == "breaker" else fine.url
            options = [
                "--no-preflight",
                "--processes",
                "1",
                "--breaker",
                "50%/2s",
                *(["--ui", "--baseline", str(baseline)] * (name == "retargeted")),
            ]
            started[name] = command(folder, "p", "--target", url, "-o", OUT, *options)
        try:
            for folder in folders.values():
                wait_for(lambda folder=folder: list(folder.glob(".out.part-*/engine-0.jsonl")), 60)
            for name in (*kills, "command", "stopped", "interrupted"):
                wait_for(lambda name=name: is_playing(folders[name]), 60)
            for name, part in kills.items():
                os.kill(commands_of(folders[name], part)[0], signal.SIGKILL)
            os.kill(commands_of(folders["stopped"], b"--worker")[0], signal.SIGSTOP)
            started["command"].kill()
            started["stopped"].kill()
            started["interrupted"].send_signal(signal.SIGINT)
            retarget(folders["retargeted"], elsewhere.url)
            ended = {}
            for name, process in started.items():
                _, err = process.communicate(timeout=40)
                ended[name] = Broken(folders[name], process.returncode, err)
            assert elsewhere.connections == 0
            yield ended
        finally:
            for process in started.values():
                process.kill()
                process.communicate()
    wait_for(lambda: not [pid for folder in folders.values() for pid in processes_of(folder)])


@pytest.mark.e2e
@pytest.mark.timed
def test_an_interrupted_run_keeps_its_samples(broken: dict[str, Broken]) -> None:
    one = broken["interrupted"]

    assert one.code == EXIT_INTERRUPTED
    assert one.run.ended == "interrupted"
    assert one.run.preflight == "overridden"
    assert one.run.lost_workers == 0
    assert len(samples(one.folder / "out")) == one.run.requests > 20


@pytest.mark.e2e
@pytest.mark.timed
@pytest.mark.parametrize("killed", ["engine", "worker", "master"])
def test_a_killed_process_ends_the_run_with_what_it_has(broken: dict[str, Broken], killed: str) -> None:
    one = broken[killed]

    assert one.code == EXIT_INCOMPLETE, one.err
    assert one.run.ended == "worker lost"
    assert one.run.ended_reason
    assert one.run.lost_workers == (killed == "engine")
    assert one.run.planned >= one.run.requests == len(samples(one.folder / "out")) > 20


@pytest.mark.e2e
@pytest.mark.timed
@pytest.mark.parametrize("killed", ["command", "stopped"])
def test_a_killed_command_leaves_no_process_and_samples_that_can_be_read(
    broken: dict[str, Broken], killed: str
) -> None:
    """Nor where its worker was stopped before: the fixture waits until no process is left."""
    one = broken[killed]
    [left] = left_behind(one.folder)
    end = JournalReader(journal_path(left, 0)).new()[-1]

    assert one.code == -signal.SIGKILL
    assert not (one.folder / "out").exists()
    assert isinstance(end, EngineEnd)
    assert end.samples == len(samples(left)) > 20


@pytest.mark.e2e
@pytest.mark.timed
def test_another_host_on_the_web_page_ends_the_run_and_gets_no_packet(broken: dict[str, Broken]) -> None:
    assert broken["retargeted"].code == EXIT_REFUSED, broken["retargeted"].err
    assert "not the target" in broken["retargeted"].err


@pytest.mark.e2e
@pytest.mark.timed
def test_a_failing_target_opens_the_breaker_and_the_run_is_kept(broken: dict[str, Broken]) -> None:
    one = broken["breaker"]

    assert one.code == EXIT_INCOMPLETE
    assert one.run.ended == "breaker"
    assert "50%" in one.run.ended_reason
    assert 2 * SECOND < (one.run.ended_at_ns or 0) < 10 * SECOND


@pytest.mark.e2e
def test_a_generator_that_runs_out_of_ports_says_so_and_leaves_what_it_has(folder: Path) -> None:
    async def closing(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")

    def replayed() -> Ended:
        with serving(closing, port=9000) as server:
            return replay_run(folder, "p", "--target", server.url, "-o", OUT, "--no-preflight", "--processes", "1")

    write_plan(folder / "p", steady(20))
    ended = in_own_network(replayed, ports=range(32000, 32060))
    run, found = manifest_of(folder), samples(folder / "out")

    assert ended.code == EXIT_INCOMPLETE, ended.err
    assert "127.0.0.1:9000: this machine has no free port left" in ended.err.splitlines()[-1]
    assert "ip_local_port_range" in ended.err.splitlines()[-1]
    assert run.ended == "worker lost"  # so the gate says INVALID: it is not the target's fault
    assert 40 < sum(sample["status"] == 200 for sample in found) < 60
    assert len(found) == run.requests


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own, with 100 kB more than what a run leaves free."""
    disk = folder / "disk"
    disk.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={RESERVE_BYTES + 100_000}", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip("this user may not mount a file system")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.e2e
def test_a_disk_that_is_full_ends_the_run_with_what_it_has(folder: Path, small_disk: Path) -> None:
    write_plan(folder / "p", steady(6, rate_per_s=500))
    arguments = ["-o", str(small_disk / "out"), "--no-preflight", "--processes", "1"]
    with serving() as server:
        ended = replay_run(folder, "p", "--target", server.url, *arguments)
    run = read_run_manifest(small_disk / "out")

    assert ended.code == EXIT_INCOMPLETE, ended.err
    assert ended.err.splitlines()[-1] == (
        "The run did not complete: samples cannot be written (No space left on device)."
    )
    assert run.ended == "recorder"
    assert run.requests == len(samples(small_disk / "out")) == run.planned - run.lost_samples


def test_data_that_staging_lacks_stops_the_run_with_the_cures(folder: Path) -> None:
    async def empty(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        status = b"404 No" if arrival.path.startswith("/p/") else b"200 OK"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    rows = [
        *steady(1),
        *steady(1, method="POST"),
        *[planned(n, 100 + n, path=f"/p/{n}", route="GET /p/{int}") for n in range(20)],
    ]
    write_plan(folder / "p", rows)
    with serving(empty) as server:
        ended = replay_run(folder, "p", "--target", server.url, "-o", OUT)

    assert ended.code == EXIT_USAGE
    assert "GET /p/{int}" in ended.err
    assert "404 for 200" in ended.err
    assert "not in staging" in ended.err
    assert len(server.arrivals) == 6
    assert {arrival.head.split(" ")[0] for arrival in server.arrivals} == {"GET"}
    assert not (folder / "out").exists()
    assert sorted(path.name for path in folder.iterdir()) == ["p"]


def test_hooks_that_cannot_begin_end_the_run_before_locust_starts(folder: Path) -> None:
    write_plan(folder / "p", steady(1))
    (folder / "sign.py").write_text(
        "from urllib.request import getproxies\n"
        "print('canary', end='')\n"
        "def start(run):\n"
        "    assert set(getproxies()) == {'no'}\n"  # whatever this shell says: a proxy could lead anywhere
        "    raise KeyError('canary')\n"
    )
    arguments = ["--target", "URL", "-o", OUT, "--hooks", "sign.py", "--no-preflight"]
    with serving() as server:
        arguments[1] = server.url
        ended = replay_run(
            folder, "p", *arguments, HTTPS_PROXY=server.url, http_proxy=server.url, ALL_PROXY=server.url
        )

    assert ended.code == EXIT_USAGE
    assert "start() failed at sign.py:5 (KeyError)" in ended.err.splitlines()[-1]
    assert "canary" not in ended.err
    assert not server.arrivals
    assert sorted(path.name for path in folder.iterdir()) == ["p", "sign.py"]


def test_a_plan_that_was_changed_ends_the_run_before_anything_is_sent(folder: Path) -> None:
    requests = write_plan(folder / "p", steady(1)) / "requests.arrow"
    requests.write_bytes(requests.read_bytes().replace(b"/a?n=7", b"/b?n=7"))
    with serving() as server:
        ended = replay_run(folder, "p", "--target", server.url, "-o", OUT, "--no-preflight")

    assert ended.code == EXIT_INPUT
    assert "its hash differs" in ended.err.splitlines()[-1]
    assert not server.arrivals
    assert sorted(path.name for path in folder.iterdir()) == ["p"]


def test_a_forbidden_target_gets_not_one_packet(folder: Path, run_here: Callable[..., Ended]) -> None:
    with serving() as production:
        origin = Origin(host="127.0.0.1", port=production.port, addresses=["127.0.0.1"])
        write_plan(folder / "p", steady(1), origins=[origin])
        ended = run_here("p", "--target", f"http://localhost:{production.port}", "-o", OUT)

    assert ended.code == EXIT_REFUSED
    assert ended.err.count("\n") == 1
    assert production.connections == 0
    assert not (folder / "out").exists()


def test_the_allow_list_of_the_settings_limits_the_targets(folder: Path, run_here: Callable[..., Ended]) -> None:
    write_plan(folder / "p", steady(1))
    (folder / "replay.toml").write_text('[safety]\nallow = ["staging.example"]\n')
    (folder / "below").mkdir()
    ended = run_here("../p", "--target", "http://192.0.2.1", "-o", OUT, below="below")

    assert ended.code == EXIT_REFUSED
    assert f"[safety] of {folder.resolve() / 'replay.toml'} applies" in ended.err
    assert "Production is not known to this plan" in ended.err


@pytest.mark.parametrize(
    "text",
    [
        '[saftey]\nallow = ["a"]',
        '[safety]\nalow = ["a"]',
        'allow = ["a"]',
        '[safety]\nallow = "a"',
        "[safety",
        '[safety]\ndeny = ["https://shop.example"]',
        '[safety]\nallow = ["10.0.0.0/99"]',
    ],
)
def test_settings_that_are_not_understood_end_the_run(tmp_path: Path, text: str) -> None:
    (tmp_path / "replay.toml").write_text(text)

    with pytest.raises(ReplayError, match=r"replay\.toml") as caught:
        find_settings(tmp_path)

    assert caught.value.exit_code == EXIT_USAGE
    assert "\n" not in str(caught.value)


def test_the_nearest_settings_apply_up_to_the_git_root(tmp_path: Path) -> None:
    (tmp_path / "replay.toml").write_text('[safety]\nallow = []\ndeny = ["shop.example"]\n')
    inner = tmp_path / "repository" / "deep"
    inner.mkdir(parents=True)

    assert find_settings(inner).safety == Safety(allow=[], deny=["shop.example"])
    (tmp_path / "repository" / ".git").mkdir()
    assert find_settings(inner).path is None
    assert find_settings(inner).safety.allow is None


def test_an_unreachable_target_is_one_line(folder: Path, run_here: Callable[..., Ended]) -> None:
    write_plan(folder / "p", steady(1), origins=[Origin(host="shop.example", port=443)])
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ended = run_here("p", "--target", f"http://127.0.0.1:{closed.getsockname()[1]}", "-o", OUT)

    assert ended.code == EXIT_INCOMPLETE
    assert ended.err.count("\n") == 1
    assert "cannot be reached" in ended.err
    assert not (folder / "out").exists()


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(folder: Path, run_here: Callable[..., Ended]) -> None:
    rows = [*steady(1), planned(5, 900, method="POST", path="/cart"), planned(6, 901, host="other.example")]
    write_plan(folder / "p", rows)
    with serving() as server:
        ended = run_here("p", "--target", f"shop.example={server.url}", "--loops", "3", "--dry-run")

    assert ended.code == EXIT_OK
    assert "40 requests of production ×1, 3 times (120 in all), over" in ended.out
    assert "left out 1: a write without --writes" in ended.out
    assert "left out 1: no --target for the host" in ended.out
    assert "?n=" not in ended.out
    assert server.connections == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": []}, "no target"),
        ({"mode": "fast"}, "--mode"),
        ({"writes": ["POST /no"]}, "no such write"),
        ({"headers": ["A=secret-canary"]}, "env:VARIABLE"),
        ({"headers": ["A=env:NOT_THERE"]}, "no such variable"),
        ({"breaker": "often"}, "--breaker"),
        ({"profile": "up"}, "--profile"),
        ({"warmup": "1h"}, "--warmup"),
        ({"locust": ["--host", "http://production"]}, "--host"),
        ({"locust": ["--host=http://production"]}, "--host"),
        ({"locust": ["--master-bind-hos=0.0.0.0"]}, "--master-bind-hos"),
        ({"locust": ["--csv", "out", "--"]}, "--: is set"),
        ({"locust": ["-Hhttp://production"]}, "-H"),
        ({"locust": ["-u9"]}, "-u9"),
        ({"locust": ["-t", "1s"]}, "-t"),
        ({"locust": ["-lHhttp://production"]}, "apart"),
        ({"locust": ["another"]}, "one plan"),
        ({"scale": 1e4}, "--scale"),
        ({"scale": 50, "max_rate": 10.0}, "--max-rate 10: the run would send about"),
        ({"processes": 9, "max_rate": 8.0, "scale": 0.01}, "for each of 9 processes"),
        ({"baseline": "production"}, "Add --ui"),
        ({"duration": "1d", "speed": 2e5}, "played"),
        ({"connections": "many"}, "--connections many"),
        ({"connections": "0"}, "--connections 0"),
        ({"connect_timeout": "soon"}, "no duration"),
        ({"cert": "/none"}, "--cert /none"),
        ({"key": "/none"}, "Add --cert"),
        ({"ca": "/none"}, "--ca /none"),
        ({"hooks": "nothing.py"}, "--hooks nothing.py: cannot be read"),
        ({"hooks": "/dev/null/x"}, "--hooks"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    plan = write_plan(tmp_path / "p", steady(1))

    with pytest.raises(ReplayError, match=message) as caught:
        prepare(RunOptions(**{"plan": str(plan), "targets": ["http://127.0.0.1:1"], **options}))

    assert caught.value.exit_code == EXIT_USAGE
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_scale_and_profile_become_lanes(tmp_path: Path) -> None:
    plan = str(write_plan(tmp_path / "p", steady(10), captured_share=0.1))
    target = ["http://127.0.0.1:1"]
    plain = prepare(RunOptions(plan, target, scale=2.5))
    shaped = prepare(RunOptions(plan, target, profile="1x for 2s, ramp to 3x over 5s, hold 1s"))

    assert plain.spec.users == 2500  # a tenth was captured: production is ten times its lanes
    assert plain.scale == 2.5
    assert shaped.spec.users == 1000
    assert shaped.schedule_ns == 8 * SECOND


@pytest.mark.parametrize(
    ("options", "loops", "schedule_s"),
    [
        pytest.param({}, 1, 10, id="once"),
        pytest.param({"duration": "4s"}, 1, 4, id="in part"),
        pytest.param({"duration": "25s"}, 3, 25, id="as often as the duration needs"),
        pytest.param({"loops": 3}, 3, 30, id="as often as told"),
        pytest.param({"loops": 3, "duration": "25s"}, 3, 25, id="cut by the duration"),
        pytest.param({"loops": 2, "duration": "25s"}, 2, 20, id="no longer than told"),
        pytest.param({"speed": 0.5}, 1, 20, id="slower"),
        pytest.param({"speed": 2.5, "duration": "10s"}, 3, 10, id="faster"),
        pytest.param({"profile": "1x for 15s"}, 2, 15, id="as often as the profile needs"),
        pytest.param({"mode": "closed", "duration": "25s"}, 0, 25, id="closed: until the end"),
        pytest.param({"mode": "closed", "loops": 2}, 2, 20, id="closed: as often as told"),
    ],
)
def test_a_plan_is_played_as_often_as_the_run_is_long(
    tmp_path: Path, options: dict[str, Any], loops: int, schedule_s: int
) -> None:
    plan = str(write_plan(tmp_path / "p", steady(10), duration_ns=10 * SECOND))
    order = prepare(RunOptions(plan, ["http://127.0.0.1:1"], **options))

    assert (order.spec.loops, order.schedule_ns) == (loops, schedule_s * SECOND)


def test_loading_the_plan_counts_what_is_sent_and_picks_probes(tmp_path: Path) -> None:
    rows = [*steady(1), planned(5, 900, method="POST", path="/cart", route="POST /cart")]
    plan = str(write_plan(tmp_path / "p", rows))
    without = prepare(RunOptions(plan, ["http://127.0.0.1:1"])).examination.result().survey
    with_writes = prepare(RunOptions(plan, ["http://127.0.0.1:1"], writes=["POST /cart"])).examination.result().survey

    assert (without.requests, with_writes.requests) == (40, 41)
    assert without.left_out == {"a write without --writes": 1}
    assert len(without.probes) == len(with_writes.probes) == 3


def test_a_plan_that_is_none_is_bad_input(folder: Path, run_here: Callable[..., Ended]) -> None:
    (folder / "p").mkdir()
    (folder / "p" / "plan.json").write_text(json.dumps({"format": "plan/9"}))

    assert run_here("p", "--target", "http://127.0.0.1:1").code == EXIT_INPUT
    assert run_here("nothing", "--target", "http://127.0.0.1:1").code == EXIT_INPUT


def test_a_scale_that_the_rows_of_the_pools_do_not_reach_is_refused(tmp_path: Path) -> None:
    plan = str(write_plan(tmp_path / "shop.plan", steady(2), clones=2))
    target = ["http://127.0.0.1:1"]

    assert prepare(RunOptions(plan, target, scale=2)).spec.users == 200
    with pytest.raises(
        ReplayError, match=r"played 3 times at once, and the plan's pools have rows for 2\. Plan again"
    ):
        prepare(RunOptions(plan, target, profile="1x for 2s, ramp to 2.1x over 5s"))
