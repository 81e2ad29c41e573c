"""Points in time, read and written anew in the layout that they had."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.plan.moments import moment_s, written_like

NOW_S = 1_790_000_000.25


@pytest.mark.parametrize(
    ("text", "seconds", "now"),
    [
        ("1700000000", 1_700_000_000, "1790000000"),
        ("1700000000.5", 1_700_000_000.5, "1790000000.2"),
        ("1700000000123", 1_700_000_000.123, "1790000000250"),
        ("1700000000123456", 1_700_000_000.123456, "1790000000250000"),
        ("2023-11-14T22:13:20Z", 1_700_000_000, "2026-09-21T14:13:20Z"),
        ("2023-11-14 22:13:20", 1_700_000_000, "2026-09-21 14:13:20"),
        ("2023-11-14T23:13:20.500+01:00", 1_700_000_000, "2026-09-21T15:13:20.250+01:00"),
        ("2023-11-14T17:13:20-0500", 1_700_000_000, "2026-09-21T09:13:20-0500"),
    ],
)
def test_a_moment_is_read_and_written_in_its_layout(text: str, seconds: float, now: str) -> None:
    assert moment_s(text) == pytest.approx(seconds, abs=0.6)
    assert written_like(text, NOW_S) == now


@pytest.mark.parametrize("text", ["", "17000000", "2023-11-14", "2023-13-41T25:61:61Z", "17000000001", "soon"])
def test_what_is_no_moment_is_none(text: str) -> None:
    assert moment_s(text) is None


@given(
    st.sampled_from(["1700000000.123456", "1700000000123", "2023-11-14T22:13:20.123+05:30"]), st.floats(1.5e9, 2e9)
)
def test_what_is_written_is_read_back(text: str, now_s: float) -> None:
    assert moment_s(written_like(text, now_s)) == pytest.approx(now_s, abs=1)
    assert len(written_like(text, now_s)) == len(text)
