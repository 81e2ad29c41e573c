"""Samples moved to where the proxy in front of the target saw them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from replay.proxied import ROW, ProxyTimes
from replay.samples import ERRORS, SCHEMA


def sample(trace: int, *, status: int = 200, error: str = "") -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(SCHEMA.names, 0)
    return row | {
        "route": "GET /a",
        "method": "GET",
        "protocol": "http/1.1",
        "reused": False,
        "trace": trace,
        "status": status,
        "error": error,
        "intended": 100,
        "ready": 110,
        "sent": 120,
        "first_byte": 900 if status else 0,
        "end": 1000,
    }


def moved(folder: Path, rows: list[tuple[int, int, int, int]], samples: list[dict[str, Any]]) -> tuple[Any, int]:
    files = []
    for number, part in enumerate((rows[::2], rows[1::2])):  # of two proxies
        files.append(folder / f"proxy-{number}.times")
        np.array(part, ROW).tofile(files[-1])
    columns = {name: [row[name] for row in samples] for name in SCHEMA.names}
    table = pa.table({field.name: pa.array(columns[field.name]).cast(field.type) for field in SCHEMA})
    times = ProxyTimes(files)
    found = times.moved(table)
    assert found.schema == SCHEMA
    return found.to_pylist(), times.unseen


def test_what_the_proxy_saw_stands_behind_what_the_client_waited(tmp_path: Path) -> None:
    [row], unseen = moved(tmp_path, [(5, 400, 300, 0)], [sample(5)])

    assert (row["sent"], row["first_byte"], row["end"]) == (120, 420, 520)
    assert (row["intended"], row["ready"], row["status"], row["error"], unseen) == (100, 110, 200, "", 0)


def test_where_the_target_gave_no_answer_the_proxy_s_own_is_none(tmp_path: Path) -> None:
    rows, unseen = moved(tmp_path, [(5, -1, -1, ERRORS.index("connect"))], [sample(5, status=502)])

    assert [(row["status"], row["error"], row["end"], unseen) for row in rows] == [(0, "connect", 1000, 0)]


def test_errors_of_the_client_and_what_the_proxy_missed_stay_and_are_counted(tmp_path: Path) -> None:
    samples = [sample(1), sample(2, status=0, error="timeout"), sample(3)]
    rows, unseen = moved(tmp_path, [(2, -1, -1, 0), (3, 400, 300, 0), (9, 1, 1, 0)], samples)

    assert [(row["end"], row["error"]) for row in rows] == [(1000, ""), (1000, "timeout"), (520, "")]
    assert unseen == 1
    assert moved(tmp_path, [], [sample(1)])[1] == 1


def test_of_a_request_that_was_sent_twice_the_later_answer_counts(tmp_path: Path) -> None:
    [row], _ = moved(tmp_path, [(5, -1, -1, 3), (0, 0, 0, 0), (5, 400, 300, 0)], [sample(5)])

    assert (row["end"], row["error"]) == (520, "")


def test_a_file_that_was_cut_off_counts_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "proxy-0.times"
    path.write_bytes(np.array([(5, 1, 1, 0)], ROW).tobytes() + b"half")

    assert len(ProxyTimes([path])._rows) == 1
