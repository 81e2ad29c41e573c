"""Reading runs: one schema with the writer, and one clear line for whatever is not a run."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from analysis.samples import (
    COLUMNS,
    ArtefactError,
    Day,
    Manifest,
    Repetition,
    Run,
    Tick,
    check_comparable,
    read_run,
)
from replay import repetition, runs
from replay.samples import SCHEMA
from tests.runs import shop, write_run


def rows(run: Run) -> int:
    return sum(batch.num_rows for batch in run.batches())


def test_the_columns_are_those_of_the_writer() -> None:
    assert {name: SCHEMA.field(name).type for name in COLUMNS} == COLUMNS


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(Manifest, runs.RunManifest), (Tick, runs.Tick), (Day, runs.Day), (Repetition, repetition.Repetition)],
)
def test_a_manifest_has_the_fields_types_and_defaults_of_the_writer(ours: type, theirs: type) -> None:
    written = {field.name: field for field in msgspec.structs.fields(theirs)}

    for field in msgspec.structs.fields(ours):
        assert field.name in written
        assert field.default == written[field.name].default
        if field.name not in {"ticks", "days", "repetition"}:
            assert field.type == written[field.name].type


def test_tables_and_streams_hold_the_same_samples(tmp_path: Path) -> None:
    samples = shop(1, length_s=60)

    stream = read_run(write_run(tmp_path / "stream", samples, tables=False))
    table = read_run(write_run(tmp_path / "table", samples, tables=True))

    assert {path.suffix for path in stream.folder.glob("samples*")} == {".arrow"}
    columns = [pa.Table.from_batches(run.batches()).unify_dictionaries() for run in (stream, table)]
    assert columns[0].num_rows == len(samples.route)
    assert columns[0].equals(columns[1])


def test_a_stream_that_was_cut_off_reads_up_to_its_last_whole_batch(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", shop(1, length_s=600), tables=False)
    stream = folder / "samples-0.arrow"
    content = stream.read_bytes()

    found = []
    for kept in (1.0, 0.9, 0.5, 0.2):
        stream.write_bytes(content[: int(len(content) * kept)])
        found.append(rows(read_run(folder)))

    assert found[0] == 18_000
    assert found == sorted(found, reverse=True)
    assert all(count % 5000 == 0 for count in found[1:])
    assert 5000 <= found[2] < 18_000


def test_a_compacted_table_stands_in_for_its_stream(tmp_path: Path) -> None:
    samples = shop(1, length_s=60)
    folder = write_run(tmp_path / "run", samples, tables=True)
    (folder / "samples-0.arrow").write_bytes(b"the stream, being removed")

    assert rows(read_run(folder)) == len(samples.route)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
@pytest.mark.parametrize("content", [b"", b"hunter2", b"PAR1" + b"\0" * 100], ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_table_is_refused_without_quoting_it(tmp_path: Path, suffix: str, content: bytes) -> None:
    folder = write_run(tmp_path / "run", shop(1, length_s=60))
    (folder / "samples-0.parquet").unlink()
    (folder / f"samples-0{suffix}").write_bytes(content)

    with pytest.raises(ArtefactError, match=r"samples-0\..*: is no table of samples, or is damaged") as caught:
        rows(read_run(folder))
    assert "hunter2" not in str(caught.value)


def test_a_table_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", shop(1, length_s=60))
    table = folder / "samples-0.parquet"
    content = table.read_bytes()

    for kept in range(0, len(content) - 1, len(content) // 20):
        table.write_bytes(content[:kept])
        with pytest.raises(ArtefactError):
            rows(read_run(folder))


def test_a_table_without_a_column_is_refused_by_its_name(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", shop(1, length_s=60), tables=False)
    path = folder / "samples-0.arrow"
    with pa.ipc.open_stream(path.read_bytes()) as stream:
        table = stream.read_all().drop_columns(["ready"])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)

    with pytest.raises(ArtefactError, match="has no column 'ready'"):
        rows(read_run(folder))


def test_a_column_of_another_type_is_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", shop(1, length_s=60), tables=False)
    path = folder / "samples-0.arrow"
    with pa.ipc.open_stream(path.read_bytes()) as stream:
        table = stream.read_all()
    place = table.schema.get_field_index("end")
    table = table.set_column(place, "end", table["end"].cast(pa.float64()))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)

    with pytest.raises(ArtefactError, match="column 'end' is double, run/1 has int64"):
        rows(read_run(folder))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no run manifest, or is damaged"),
        (b"[1]", "is no run manifest, or is damaged"),
        (b'"text"', "is no run manifest, or is damaged"),
        (b'{"format": "run/1"', "is no run manifest, or is damaged"),
        (b'{"format": "run/2"}', "format 'run/2', this version reads 'run/1'"),
        (b'{"format": "run/1"}', "is damaged"),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    folder = write_run(tmp_path / "run", shop(1, length_s=60))
    (folder / "run.json").write_bytes(content)

    with pytest.raises(ArtefactError, match=message):
        read_run(folder)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="nowhere: no such folder"):
        read_run(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtefactError, match=r"holds no run\.json, so it is no run"):
        read_run(tmp_path / "empty")


def test_a_run_without_samples_is_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", shop(1, length_s=60))
    (folder / "samples-0.parquet").unlink()

    with pytest.raises(ArtefactError, match="holds no samples"):
        read_run(folder)


def test_fields_of_a_later_writer_are_passed_over(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", shop(1, length_s=60))
    manifest = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(manifest | {"mood": "good"}))

    assert read_run(folder).manifest.name == "run"


def test_two_template_sets_are_never_compared(tmp_path: Path) -> None:
    a = read_run(write_run(tmp_path / "a", shop(1, length_s=60), templates="aaaa"))
    b = read_run(write_run(tmp_path / "b", shop(1, length_s=60), templates="bbbb"))

    check_comparable(a, a)
    with pytest.raises(ArtefactError, match=r"its route templates \(bbbb…\) are not those of"):
        check_comparable(a, b)
