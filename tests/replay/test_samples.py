"""The table of samples: written a batch at a time, readable up to its last whole batch."""

from __future__ import annotations

import resource
import subprocess
import sys
from array import array
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.errors import InputError
from replay.samples import SCHEMA, SampleWriter, compact, names, read_batches, sample_files


def batch(first: int, count: int, routes: list[str]) -> pa.RecordBatch:
    columns: dict[str, pa.Array] = {}
    for field in SCHEMA:
        if pa.types.is_dictionary(field.type):
            dictionary = routes if field.name == "route" else [field.name]
            numbers = array("i", [(first + i) % len(dictionary) for i in range(count)])
            columns[field.name] = names(numbers, dictionary)
        elif field.type == pa.bool_():
            columns[field.name] = pa.array([True] * count)
        else:
            columns[field.name] = pa.array(range(first, first + count), field.type)
    return pa.record_batch([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def written(path: Path, sizes: list[int]) -> pa.Table:
    writer = SampleWriter(path)
    batches = [batch(sum(sizes[:i]), size, ["GET /é", "GET /b", ""][: i % 3 + 1]) for i, size in enumerate(sizes)]
    for each in batches:
        writer.write(each)
    writer.close()
    assert writer.rows == sum(sizes)
    return pa.Table.from_batches(batches, SCHEMA)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=6))
def test_what_is_written_is_read_also_after_compaction(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    table = written(folder / "samples-0000.arrow", sizes)
    (stream,) = sample_files(folder)
    assert [row for part in read_batches(stream) for row in part.to_pylist()] == table.to_pylist()

    assert compact(folder) == sum(sizes)

    (parquet,) = sample_files(folder)
    assert parquet.suffix == ".parquet"
    assert [row for part in read_batches(parquet) for row in part.to_pylist()] == table.to_pylist()


def test_a_stream_stays_where_the_disk_has_no_room_for_its_table(tmp_path: Path) -> None:
    table = written(tmp_path / "samples-000.arrow", [400, 300])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        assert compact(tmp_path) == 700
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert [path.name for path in tmp_path.iterdir()] == ["samples-000.arrow"]
    assert [
        row for part in read_batches(tmp_path / "samples-000.arrow") for row in part.to_pylist()
    ] == table.to_pylist()
    assert compact(tmp_path) == 700


def test_a_stream_that_was_cut_off_anywhere_reads_up_to_its_last_whole_batch(tmp_path: Path) -> None:
    path = tmp_path / "samples-0000.arrow"
    written(path, [10, 10, 10])
    whole = path.read_bytes()
    seen = set()

    for end in range(len(whole) // 3, len(whole), 97):
        path.write_bytes(whole[:end])
        seen.add(sum(part.num_rows for part in read_batches(path)))

    assert seen <= {0, 10, 20, 30}
    assert len(seen) >= 3


@pytest.mark.parametrize("content", [b"", b"PAR1", b"nothing of ours at all"])
@pytest.mark.parametrize("name", ["samples-0000.arrow", "samples-0000.parquet"])
def test_a_foreign_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(InputError, match=f"{name}: is no table of samples, or is damaged"):
        list(read_batches(path))


def test_a_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "samples-0000.arrow"
    table = pa.table({"x": [1]})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)

    with pytest.raises(InputError, match="its columns are not those of run/1"):
        list(read_batches(path))


def test_dictionary_columns_are_made_without_pandas() -> None:
    code = (
        "import sys; from array import array; from replay.samples import names; "
        "assert names(array('i', [1, 0]), ['a', 'é']).to_pylist() == ['é', 'a']; assert 'pandas' not in sys.modules"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
