"""Durations and shares as people type them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.cli.values import days, duration_s, share
from replay.errors import ReplayError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("250ms", 0.25), ("2", 2), ("1.5 ", 1.5), ("1D", 86400)],
)
def test_a_duration_is_read_in_its_units(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "10 minutes", "-5s", "0", "0s", "1e3", "10m x", "9" * 400, "nan", "inf"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ReplayError, match="is no duration"):
        duration_s(text)


@pytest.mark.parametrize(("text", "number"), [("30d", 30), ("2w", 14), (" 7 ", 7), ("1D", 1)])
def test_days_are_whole(text: str, number: int) -> None:
    assert days(text) == number


@pytest.mark.parametrize("text", ["", "0", "0d", "-1d", "1.5d", "24h", "d", "1000000d", "30d2w"])
def test_what_is_no_number_of_days_is_refused(text: str) -> None:
    with pytest.raises(ReplayError, match="is no number of days"):
        days(text)


@pytest.mark.parametrize(("text", "value"), [("10%", 0.1), ("0.1", 0.1), ("100%", 1), ("1", 1), (" 2.5 % ", 0.025)])
def test_a_share_is_a_percentage_or_a_fraction(text: str, value: float) -> None:
    assert share(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "%", "0", "0%", "101%", "1.1", "-1%", "ten", "nan"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ReplayError, match="is no share"):
        share(text)


@given(st.text(max_size=12))
def test_any_text_is_either_read_or_refused(text: str) -> None:
    for read in (duration_s, share):
        with suppress(ReplayError):
            assert 0 < read(text) < float("inf")
