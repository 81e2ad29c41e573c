"""Whole artefacts: what is found, where it is said to be, and that no value is ever printed."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from typer.testing import CliRunner

from replay.audit.canaries import Canary
from replay.audit.reading import files
from replay.audit.scan import Audit, Finding, audit
from replay.cli.main import application
from replay.errors import InputError

PLANTED = "sess-9f8Kq2LmZx7Rt4Vw1Bn6"
MAIL = "ann@corp.io"


def segment(folder: Path, *records: object, tail: bytes = b"") -> Path:
    path = folder / "segment-000000.jsonl.zst"
    frames = [zstandard.compress(json.dumps(record).encode() + b"\n") for record in records]
    path.write_bytes(b"".join(frames) + tail)
    return path


def scan(*paths: Path, planted: str = PLANTED) -> Audit:
    return audit(files(paths), [Canary(1, planted)])


def places(found: Audit) -> set[tuple[str, str, str]]:
    return {(Path(finding.file).name, finding.record, finding.pointer) for finding in found.findings}


def test_a_segment_is_read_over_all_its_frames(tmp_path: Path) -> None:
    segment(tmp_path, {"format": "capture/1"}, {"request": {"headers": [["Cookie", f"a={PLANTED}"]]}})

    assert places(scan(tmp_path)) == {("segment-000000.jsonl.zst", "line 2", "/request/headers/0/1")}


def test_keys_that_are_not_our_own_are_not_shown_and_are_searched(tmp_path: Path) -> None:
    segment(tmp_path, {"request": {PLANTED: 1}}, {"request": {"whose": {"deep": MAIL}}})

    assert places(scan(tmp_path)) == {
        ("segment-000000.jsonl.zst", "line 1", "/request/*"),
        ("segment-000000.jsonl.zst", "line 2", "/request/*/*"),
    }


def test_a_value_in_nested_notations_is_placed_at_its_leaf(tmp_path: Path) -> None:
    body = json.dumps({"state": base64.b64encode(gzip.compress(PLANTED.encode())).decode()})
    segment(tmp_path, {"request": {"body": body}})

    (finding,) = scan(tmp_path).findings
    assert finding == Finding(
        str(tmp_path / "segment-000000.jsonl.zst"),
        "line 1",
        "/request/body",
        "planted value",
        "raw in compression in base64",
        1,
    )


def test_a_segment_that_is_cut_off_is_searched_as_far_as_it_reads_and_said_to_be_unread(tmp_path: Path) -> None:
    segment(
        tmp_path, {"request": {"path": f"/{PLANTED}"}}, tail=zstandard.compress(b"x" * 500)[:-3] + b"\0\0\0garbage"
    )

    found = scan(tmp_path)
    assert len(found.findings) == 1
    assert len(found.unreadable) == 1


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".stream.arrow"])
def test_tables_are_searched_by_value(tmp_path: Path, suffix: str) -> None:
    table = pa.table({"route": pa.array(["GET /", f"GET /{PLANTED}"]).dictionary_encode(), "wire": [b"ok", b"fine"]})
    path = tmp_path / f"samples{suffix}"
    if suffix == ".parquet":
        pq.write_table(table, path)
    else:
        new = pa.ipc.new_file if suffix == ".arrow" else pa.ipc.new_stream
        with new(str(path), table.schema) as writer:
            writer.write_table(table)

    assert {record for _, record, _ in places(scan(path))} == {"batch 0, column route, value 1"}


@pytest.mark.parametrize("name", ["stdout.log", "report.html", "core.bin", "manifest.json"])
def test_any_other_file_is_searched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'{"a": "\xff\xfe ' + PLANTED.encode() + b'"}')

    assert len(scan(tmp_path).findings) == 1


def test_a_value_across_the_pieces_of_a_very_long_line_is_found(tmp_path: Path) -> None:
    ahead = (4 << 20) + (1 << 18) - 10  # a piece ends within the value
    (tmp_path / "long.log").write_bytes(b"-" * ahead + PLANTED.encode() + b"-" * 1000)

    assert scan(tmp_path).findings


def test_a_file_name_is_searched_and_then_not_shown(tmp_path: Path) -> None:
    (tmp_path / f"{PLANTED}.json").write_text("{}")

    found = scan(tmp_path)
    assert {finding.record for finding in found.findings} == {"file name"}
    assert PLANTED not in repr(found)


def test_a_folder_name_is_searched_and_then_not_shown(tmp_path: Path) -> None:
    (tmp_path / PLANTED).mkdir()
    (tmp_path / PLANTED / "a.json").write_text("{}")

    found = scan(tmp_path)
    assert {finding.record for finding in found.findings} == {"file name"}
    assert PLANTED not in repr(found)


@pytest.mark.parametrize("name", ["link", "a.jsonl.zst.age"])
def test_what_cannot_be_read_is_said_to_be_unread(tmp_path: Path, name: str) -> None:
    if name == "link":
        (tmp_path / name).symlink_to("/etc/hostname")
    else:
        (tmp_path / name).write_bytes(b"age-encryption.org/v1")

    assert len(scan(tmp_path).unreadable) == 1


def test_a_missing_path_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        scan(tmp_path / "nothing")


def run(*arguments: str) -> tuple[int, str]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        result = CliRunner().invoke(application(), ["audit", *arguments], standalone_mode=False)
    return result.return_value, result.output + printed.getvalue()


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_leaks_exit_7_and_no_value_is_printed(tmp_path: Path, options: tuple[str, ...]) -> None:
    planted = tmp_path / "planted.txt"
    planted.write_text(f"{PLANTED}\n")
    folder = tmp_path / "capture"
    folder.mkdir()
    segment(folder, {"request": {"path": f"/{PLANTED}", PLANTED: [MAIL]}})

    code, printed = run(str(folder), "--canaries", str(planted), *options)

    assert code == 7
    assert "line 1" in printed
    assert PLANTED not in printed
    assert MAIL not in printed


def test_a_clean_folder_exits_0_and_says_what_was_not_judged(tmp_path: Path) -> None:
    segment(tmp_path, {"request": {"path": "/u7@k3.example.com"}})

    code, printed = run(str(tmp_path))

    assert code == 0
    assert "no leak found" in printed
    assert "Not judged" in printed


def test_an_unreadable_file_exits_5(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no table")

    code, printed = run(str(tmp_path))

    assert code == 5
    assert "x.parquet" in printed
