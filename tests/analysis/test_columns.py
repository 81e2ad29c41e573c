"""Columns as arrays: what pyarrow itself says, with gaps and offsets, and no pandas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.columns import flags, indices, numbers
from tests.runs import shop, write_run

ROWS = st.lists(
    st.tuples(st.none() | st.integers(-(2**40), 2**40), st.none() | st.booleans(), st.none() | st.text("ab"))
)


@given(ROWS, st.integers(0, 20), st.integers(0, 20))
def test_columns_are_those_that_pyarrow_gives(rows: list[tuple], first: int, size: int) -> None:
    values, truths, names = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    batch = pa.record_batch(
        {
            "value": pa.array(values, pa.int64()),
            "is_so": pa.array(truths, pa.bool_()),
            "name": pa.array(names, pa.string()).dictionary_encode(),
        }
    ).slice(first, size)

    assert numbers(batch, "value").tolist() == [value or 0 for value in batch.column("value").to_pylist()]
    assert flags(batch, "is_so", missing=True).tolist() == [
        value is not False for value in batch.column("is_so").to_pylist()
    ]
    assert indices(batch.column("name")).tolist() == batch.column("name").indices.fill_null(0).to_pylist()


@pytest.mark.e2e
def test_a_verdict_needs_no_pandas(tmp_path: Path) -> None:
    write_run(tmp_path / "a", shop(1), kind="production")
    write_run(tmp_path / "b", shop(2))
    code = (
        "import sys; from pathlib import Path; from analysis.gate_file import Gate;"
        "from analysis.rehearsal import rehearse, reports;"
        f"reports(rehearse(Path({str(tmp_path / 'a')!r}), Path({str(tmp_path / 'b')!r}), Gate()));"
        "print('pandas' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
