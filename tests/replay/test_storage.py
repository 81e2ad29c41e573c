"""What is read at an address: only what is asked for, one segment at a time, and whole or not at all."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from replay.artefacts import named, new_folder, write_manifest
from replay.capture.manifest import MANIFEST_NAME
from replay.capture.segments import SegmentWriter
from replay.cli.artefact import records
from replay.cli.captures import open_capture
from replay.cli.main import main
from replay.errors import IncompleteError, InputError
from replay.formats.reading import lines, open_unpacked
from replay.samples import SCHEMA, SampleWriter, compact
from replay.storage import complete, files_in, open_file, shown, sources
from replay.stores import Store
from tests.factories import capture_manifest, exchange
from tests.recordings import Visit, har

memory = pytest.importorskip("fsspec.implementations.memory", reason="fsspec is not installed")

CAPTURE = "memory://captures/friday"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty store; what is copied from it lies below ``tmp_path``."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield memory.MemoryFileSystem()
    memory.MemoryFileSystem.store.clear()
    memory.MemoryFileSystem.pseudo_dirs[:] = [""]


def put(address: str, content: bytes) -> None:
    with memory.MemoryFileSystem().open(address, "wb") as file:
        file.write(content)


def make_capture(address: str = CAPTURE, segments: int = 3) -> None:
    """A capture of as many segments of two exchanges each, at ``address``."""
    with new_folder(named(address, ".", new=True)) as folder:
        manifest = capture_manifest(name="friday")
        writer = SegmentWriter(folder, manifest.id, max_bytes=1)
        for number in range(segments):
            writer.write(exchange(at_ms=2 * number))
            writer.write(exchange(at_ms=2 * number + 1))
            writer.flush()
        writer.close()
        write_manifest(folder / MANIFEST_NAME, capture_manifest(name="friday", segments=list(writer.closed)))


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    return int(exit_.value.code or 0)


def test_of_a_capture_one_segment_at_a_time_is_on_this_host() -> None:
    make_capture()
    reader = open_capture(CAPTURE, None)
    here = [sorted(path.name for path in reader.folder.iterdir()) for _ in reader]

    assert here == [[MANIFEST_NAME, f"segment-00000{number}.jsonl.zst"] for number in (0, 0, 1, 1, 2, 2)]
    assert [path.name for path in reader.folder.iterdir()] == [MANIFEST_NAME]


def test_a_few_records_need_no_segment_beyond_them(store: Any) -> None:
    make_capture()
    store.rm("memory://captures/friday/segment-000002.jsonl.zst")
    put("memory://captures/friday/segment-000002.jsonl.zst", b"no segment")

    assert len(list(islice(records(CAPTURE, None), 4))) == 4
    with pytest.raises(InputError, match=r"segment-000002.jsonl.zst: is no segment"):
        list(records(CAPTURE, None))


def test_a_segment_that_is_gone_meanwhile_ends_the_reading_with_one_line(
    store: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    make_capture()
    reader = iter(open_capture(CAPTURE, None))
    next(reader)
    store.rm("memory://captures/friday/segment-000001.jsonl.zst")

    with pytest.raises(InputError, match=r"is not there. Check the address") as said:
        list(reader)
    assert shown(str(said.value)).startswith(f"{CAPTURE}/segment-000001.jsonl.zst: ")
    assert ended("cat", CAPTURE) == 5
    assert f"replay: {CAPTURE}/segment-000001.jsonl.zst: is missing." in capsys.readouterr().err


@pytest.mark.parametrize("size", [3, 20_000_000], ids=["its beginning", "a piece"])
def test_a_file_that_ends_before_its_size_is_no_short_file(size: int) -> None:
    files = SimpleNamespace(
        type_name="fake",
        get_file_info=lambda _: SimpleNamespace(size=size + 1),
        open_input_stream=lambda *_, **__: pa.BufferReader(b"x" * size),
    )

    with pytest.raises(InputError, match=rf"fake://b/x: ended after {size:,} of {size + 1:,} bytes"):
        Store("fake://b/x", files, "b/x").open().read()


def test_an_error_of_a_stores_own_is_told_by_its_class_alone() -> None:
    class SignatureError(Exception):
        pass

    def refused(*_: object, **__: object) -> None:
        raise SignatureError("sig=SECRET")

    files = SimpleNamespace(type_name="fake", get_file_info=refused)
    for use in (Store("fake://b/x", files, "b/x").found, Store("fake://b/x", files, "b/x").open):
        with pytest.raises(InputError, match=r"fake://b/x: cannot be (listed|read) \(SignatureError\)\.$"):
            use()


def test_tables_are_read_where_they_are() -> None:
    with new_folder(named("memory://runs/one", ".", new=True)) as folder:
        writer = SampleWriter(folder / "samples-000.arrow")
        writer.write(pa.RecordBatch.from_pylist([dict.fromkeys(SCHEMA.names) | {"request": 7}], SCHEMA))
        writer.close()
        compact(folder)
        (folder / "run.json").write_bytes(
            json.dumps(
                {"format": "run/1", "kind": "load", "name": "one", "created": "", "versions": {}}
                | {"capture_id": "", "plan_hash": "", "templates": ""}
            ).encode()
        )
    (row,) = records("memory://runs/one", None)
    assert isinstance(row, dict)
    assert row["request"] == 7

    folder = named("memory://runs/one", ".", whole=False)
    assert [path.name for path in folder.iterdir()] == ["run.json"]
    assert files_in(folder) == ["run.json", "samples-000.parquet"]
    assert sorted(path.name for path in complete(folder).iterdir()) == ["run.json", "samples-000.parquet"]


def test_what_this_host_has_no_room_for_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_capture()
    folder = named(CAPTURE, ".", whole=False)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))

    with pytest.raises(IncompleteError, match=r"cannot be copied to .* GB are free\). Make room, or set TMPDIR"):
        complete(folder)
    assert [path.name for path in folder.iterdir()] == [MANIFEST_NAME]


def test_a_source_is_streamed_and_never_on_this_host(tmp_path: Path) -> None:
    put("memory://logs/access.log.gz", gzip.compress(b"one\ntwo\n"))
    (path,) = sources("memory://logs/access.log.gz")

    assert list(lines(open_unpacked(path, "a log"))) == [b"one", b"two"]
    with open_file(path) as file:
        assert file.peek(2)[:2] == b"\x1f\x8b"
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]


def test_a_slash_behind_an_address_means_all_files_below_it() -> None:
    for name in ("b.har", "a.har", "deep/c.har"):
        put(f"memory://bucket/visits/{name}", b"{}")

    assert [shown(str(path)) for path in sources("memory://bucket/visits/")] == [
        "memory://bucket/visits/a.har",
        "memory://bucket/visits/b.har",
        "memory://bucket/visits/deep/c.har",
    ]


def test_an_import_from_addresses_is_that_from_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    visits = har(Visit(f"http://shop.example/{number}", 50 * number) for number in range(3))
    put("memory://bucket/visits/one.har", visits.encode())
    put("memory://bucket/visits/two.har", visits.encode("utf-16"))

    assert ended("import", "har", "memory://bucket/visits/", "-o", CAPTURE) == 0
    assert len(list(open_capture(CAPTURE, None))) == 6
    assert ended("import", "har", "memory://bucket/visits/three.har", "-o", "memory://captures/none") == 5
    assert "replay: memory://bucket/visits/three.har: is not there." in capsys.readouterr().err
    assert not files_in(named("memory://captures/none", "."))


def test_an_artefact_at_an_address_is_audited_file_by_file(capsys: pytest.CaptureFixture[str]) -> None:
    make_capture()
    put(f"{CAPTURE}/notes.txt", b"write to jane.doe@gmail.com\n")

    assert ended("audit", CAPTURE) == 7
    said = capsys.readouterr().out
    assert f"LEAK e-mail (raw): {CAPTURE}/notes.txt, line 1" in said
    assert "5 files, " in said


def test_what_is_no_artefact_is_never_on_this_host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("memory://bucket/visits/one.json", har([Visit("http://shop.example/")]).encode())

    for verb in ("audit", "inspect", "cat"):
        assert ended(verb, "memory://bucket/visits") == 5
        assert "memory://bucket/visits: is no " in capsys.readouterr().err
    assert not list(named("memory://bucket/visits", ".").iterdir())
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_import_whose_source_breaks_off_makes_no_capture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    line = '192.0.2.1 - - [20/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"\n'
    put("memory://logs/access.log", line.encode() * 100)
    known = memory.MemoryFileSystem.info

    def longer(self: Any, path: str, **options: Any) -> dict[str, Any]:
        found: dict[str, Any] = known(self, path, **options)
        return found | {"size": 10_000}

    monkeypatch.setattr(memory.MemoryFileSystem, "info", longer)

    assert ended("import", "log", "memory://logs/access.log", "-o", "monday") == 5
    assert "memory://logs/access.log: ended after 7,400 of 10,000 bytes. Try again." in capsys.readouterr().err
    assert not (tmp_path / "captures" / "monday").exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_policy_is_learned_from_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put("memory://bucket/visits/one.har", har(Visit("http://shop.example/basket") for _ in range(3)).encode())

    assert ended("learn", "har", "memory://bucket/visits/", "-o", "policy.toml") == 0
    assert "1 other hosts were asked for" in (tmp_path / "policy.toml").read_text()
