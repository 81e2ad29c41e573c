"""The whole way by addresses, against an S3 server on loopback; and what a store may not do to an artefact."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyarrow import fs

from replay.artefacts import named, new_folder, write_manifest
from replay.cli.main import main
from replay.errors import IncompleteError, InputError, RefusedError, ReplayError
from replay.storage import shown
from replay.stores import Store, is_address
from tests.end_to_end.service import Service
from tests.factories import capture_manifest
from tests.recordings import Visit, har

moto = pytest.importorskip("moto.server", reason="moto is not installed")

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

BUCKET = "s3://rehearsals"
_TARGET = ["--target", "http://127.0.0.1:9"]


@pytest.fixture(scope="module")
def s3() -> Iterator[fs.S3FileSystem]:
    """A bucket on loopback, and what is needed to reach it in the environment."""
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "rehearsal")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "SECRET-OF-THE-STORE")
        environment.setenv("AWS_REGION", "eu-central-1")
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        made = fs.S3FileSystem(
            endpoint_override=f"{host}:{port}", scheme="http", allow_bucket_creation=True, allow_bucket_deletion=True
        )
        made.create_dir("rehearsals")
        yield made
    server.stop()


def recording(url: str, requests: int) -> str:
    """A visit of two pages in turn, twenty a second."""
    return har(
        Visit(f"{url}/{'ab'[number % 2]}", 50 * number, text='{"ok": true}', mime="application/json")
        for number in range(requests)
    )


def test_capture_plan_baseline_run_and_gate_go_by_addresses(
    s3: fs.S3FileSystem,
    service: Callable[..., Service],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def replay(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        return int(ended.value.code or 0)

    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.toml").write_text("slice_s = 0.1\n")
    (tmp_path / "visit.har").write_text(recording("http://shop.example", 30))
    target = service().url

    with s3.open_output_stream("rehearsals/logs/visit.har") as log:
        log.write((tmp_path / "visit.har").read_bytes())
    assert replay("import", "har", f"{BUCKET}/logs/visit.har", "-o", f"{BUCKET}/captures/visit") == 0
    assert replay("plan", f"{BUCKET}/captures/visit", "-o", f"{BUCKET}/plans/visit") == 0
    assert replay("baseline", f"{BUCKET}/captures/visit", "-o", f"{BUCKET}/runs/production") == 0
    run = [f"{BUCKET}/plans/visit.plan", "--target", target, "--no-preflight", "-o", f"{BUCKET}/runs/build"]
    assert replay("run", *run) == 0
    assert replay("inspect", f"{BUCKET}/runs/build", "--json") == 0
    printed = capsys.readouterr()
    gate = [f"{BUCKET}/runs/production", f"{BUCKET}/runs/build", "-o", f"{BUCKET}/reports/build"]
    assert replay("gate", *gate) in {0, 1, 3, 4}
    assert f"report: {BUCKET}/reports/build/report.html" in capsys.readouterr().out
    assert replay("history", f"{BUCKET}/reports", "-o", f"{BUCKET}/trend") == 0
    assert replay("audit", f"{BUCKET}/captures/visit", f"{BUCKET}/runs/build") == 0
    capsys.readouterr()
    assert replay("cat", f"{BUCKET}/plans/visit.plan", "-n", "3") == 0
    assert replay("cat", f"{BUCKET}/runs/build", "-n", "3") == 0
    assert replay("cat", f"{BUCKET}/captures/visit") == 0
    assert len(capsys.readouterr().out.splitlines()) == 3 + 3 + 30
    assert f"{BUCKET}/runs/build: 30 samples of 30 planned requests, complete" in printed.out
    assert "SECRET-OF-THE-STORE" not in printed.out + printed.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gate.toml", "visit.har"]
    stored = {entry.path for entry in s3.get_file_info(fs.FileSelector("rehearsals", recursive=True))}
    assert {
        "rehearsals/captures/visit/manifest.json",
        "rehearsals/captures/visit/segment-000000.jsonl.zst",
        "rehearsals/plans/visit.plan/requests.arrow",
        "rehearsals/runs/production/run.json",
        "rehearsals/runs/build/samples-000.parquet",
        "rehearsals/reports/build/verdict.json",
        "rehearsals/trend/history.html",
    } <= stored
    assert replay("import", "har", "visit.har", "-o", f"{BUCKET}/captures/visit") == 2
    assert f"{BUCKET}/captures/visit: exists already" in capsys.readouterr().err


def test_a_capture_whose_time_is_over_is_removed_from_its_bucket(
    s3: fs.S3FileSystem, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, created in (("old", "2020-01-01"), ("new", "9990-01-01")):
        with new_folder(named(f"{BUCKET}/due/{name}", ".", new=True)) as folder:
            (folder / "segment-000000.jsonl.zst").write_bytes(b"x")
            write_manifest(folder / "manifest.json", capture_manifest(created=created))

    with pytest.raises(SystemExit, match="0"):
        main(["purge", f"{BUCKET}/due/"])
    assert f"{BUCKET}/due/old: removed, was due on 2020-01-31 (2 files" in capsys.readouterr().out
    left = s3.get_file_info(fs.FileSelector("rehearsals/due", recursive=True))
    assert sorted(entry.path for entry in left if entry.type == fs.FileType.File) == [
        "rehearsals/due/new/manifest.json",
        "rehearsals/due/new/segment-000000.jsonl.zst",
    ]


def test_an_artefact_is_at_its_address_when_its_manifest_is(s3: fs.S3FileSystem) -> None:
    address = f"{BUCKET}/whole/one"
    with new_folder(named(address, ".", new=True)) as folder:
        (folder / "run.json").write_bytes(b"{}")
        (folder / "logs").mkdir()
        (folder / "logs" / "master.log").write_bytes(b"x" * 3_000_000)
        assert s3.get_file_info("rehearsals/whole/one/run.json").type == fs.FileType.NotFound

    copy = named(address, ".")

    assert (copy / "logs" / "master.log").stat().st_size == 3_000_000
    assert (copy / "logs" / "master.log").stat().st_mode & 0o777 == 0o600
    assert shown(str(copy / "run.json")) == f"{address}/run.json"


def test_a_store_of_fsspec_keeps_an_artefact_too() -> None:
    pytest.importorskip("fsspec")
    with new_folder(named("memory://deep/down/one", ".", new=True)) as folder:
        (folder / "run.json").write_bytes(b"{}")
        (folder / "logs").mkdir()
        (folder / "logs" / "master.log").write_bytes(b"x" * 3_000_000)

    copy = named("memory://deep/down/one", ".")

    assert (copy / "run.json").read_bytes() == b"{}"
    assert (copy / "logs" / "master.log").stat().st_size == 3_000_000


@pytest.mark.parametrize("name", ["bucket/name/../../.ssh/key", "bucket/name//x", "bucket/other/x"])
def test_a_name_that_climbs_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    class Climbing:
        def get_file_info(self, selector: object) -> list[fs.FileInfo]:
            return [fs.FileInfo(name, type=fs.FileType.File)]

    with pytest.raises(InputError, match="whose name is no path below it"):
        Store("s3://bucket/name", Climbing(), "bucket/name").found()
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_at_its_address_is_kept_here(s3: fs.S3FileSystem) -> None:
    place = named(f"{BUCKET}/gone/one", ".", new=True)
    s3.delete_dir("rehearsals")
    with (
        pytest.raises(IncompleteError, match=r"could not be written .* All of it is in") as said,
        new_folder(place) as f,
    ):
        (f / "run.json").write_bytes(b"{}")

    kept = Path(str(said.value).rpartition(" in ")[2].rstrip("."))
    assert (kept / "run.json").read_bytes() == b"{}"
    (kept / "run.json").unlink()
    kept.rmdir()
    kept.parent.rmdir()
    s3.create_dir("rehearsals")


@pytest.mark.parametrize("failure", [KeyboardInterrupt, LookupError], ids=["interrupt", "a store of its own errors"])
def test_what_an_interrupt_or_a_stores_own_error_broke_off_is_kept_here_too(
    monkeypatch: pytest.MonkeyPatch, failure: type[BaseException]
) -> None:
    pytest.importorskip("fsspec")
    from fsspec.implementations.memory import MemoryFileSystem

    def broken(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(MemoryFileSystem, "open", broken)
    with (
        pytest.raises(IncompleteError, match=rf"could not be written \({failure.__name__}\)") as said,
        new_folder(named("memory://broken/off/one", ".", new=True)) as folder,
    ):
        (folder / "run.json").write_bytes(b"{}")

    kept = Path(str(said.value).rpartition(" in ")[2].rstrip("."))
    assert (kept / "run.json").read_bytes() == b"{}"
    shutil.rmtree(kept.parent)


@pytest.mark.parametrize(
    ("address", "error", "why"),
    [
        ("s3://key:SECRET@bucket/one", RefusedError, "user information"),
        ("s3://bucket/one?secret_key=SECRET", ReplayError, "has no query"),
        ("s3://bucket", ReplayError, "names nothing in a store"),
        ("s3://bucket/one/..", ReplayError, "names nothing in a store"),
        ("file:///srv/runs/one", ReplayError, "Write its path alone"),
        ("nothing://bucket/one", ReplayError, "reads s3:// and gs://"),
    ],
)
def test_an_address_that_is_none_is_said_without_its_secrets(
    address: str, error: type[ReplayError], why: str
) -> None:
    assert is_address(address)
    with pytest.raises(error, match=why) as said:
        named(address, ".")

    assert "SECRET" not in str(said.value)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["capture", "s3://b/friday", "--upstream", "http://127.0.0.1:9"], "a live capture is written on this host"),
        (["metrics", "s3://b/friday"], "writes on this host"),
        (["export", "har", "friday", "-o", "s3://key:SECRET@b/friday"], "an export is written on this host"),
        (["calibrate", "friday.plan", "-o", "s3://b/friday?SECRET", *_TARGET], "its runs are made on this host"),
        (["capacity", "friday.plan", "-o", "s3://b/friday", *_TARGET], "its runs are made on this host"),
        (["learn", "har", "a.har", "-o", "s3://b/friday"], "a policy is read and committed on this host"),
        (
            [
                "pseudonymise",
                "-",
                "--format",
                "csv",
                "-o",
                "s3://b/friday",
                "--key-command",
                "printf 0123456789abcdef0123456789abcdef",
            ],
            "a table is written on this host",
        ),
        (["demo", "-o", "s3://b/friday"], "the demonstration is made on this host"),
        (["gate", "friday", "--init", "-o", "s3://b/friday"], "a gate file is read and committed on this host"),
    ],
    ids=["capture", "metrics", "export", "calibrate", "capacity", "learn", "pseudonymise", "demo", "gate --init"],
)
def test_what_needs_a_folder_of_this_host_says_so(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    why: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "replay: s3://b/friday: " in (said := capsys.readouterr().err)
    assert why in said
    assert "SECRET" not in said
    assert not list(tmp_path.iterdir())
