"""Times and durations as access logs write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.formats.log_time import SECOND_NS, Clock, duration_ns, is_coarse

MOMENT_NS = int(datetime(2015, 5, 17, 10, 5, 3, tzinfo=UTC).timestamp()) * SECOND_NS
MS = 10**6


@pytest.mark.parametrize(
    ("text", "beyond_ns", "coarse"),
    [
        (b"17/May/2015:10:05:03 +0000", 0, True),
        (b"17/May/2015:12:05:03 +0200", 0, True),
        (b"17/May/2015:05:35:03 -0430", 0, True),
        (b"17/May/2015:10:05:03.143", 143 * MS, False),
        (b"17/May/2015:10:05:03", 0, True),
        (b"2015-05-17T10:05:03Z", 0, True),
        (b"2015-05-17T10:05:03+00:00", 0, True),
        (b"2015-05-17T10:05:03.186641Z", 186_641_000, False),
        (b"1431857103", 0, True),
        (b"1431857103.250", 250 * MS, False),
        (b"1431857103250", 250 * MS, False),
        (b"1431857103250750", 250_750_000, False),
        (b"1431857103250750001", 250_750_001, False),
        (b"Sun May 17 10:05:03 2015", 0, True),
    ],
)
def test_a_time_is_read_in_every_notation(text: bytes, beyond_ns: int, coarse: bool) -> None:
    assert Clock().read(text) == MOMENT_NS + beyond_ns
    assert is_coarse(text) is coarse


@given(st.lists(st.integers(0, 4_000_000_000), min_size=1, max_size=5))
def test_a_clock_that_remembers_the_day_is_right_on_every_day(seconds: list[int]) -> None:
    clock = Clock()
    for since in seconds:
        shown = datetime.fromtimestamp(since, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000").encode()

        assert clock.read(shown) == since * SECOND_NS


@pytest.mark.parametrize(
    "text",
    [b"", b"-", b"yesterday", b"99/May/2015:10:05:03 +0000", b"17/Mai/2015:10:05:03 +0000", b"17/May/2015", b"1x2",
     b"17/May/2015:10:05:03x250", b"2015-13-01T00:00:00Z"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        Clock().read(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"0.123", 123 * MS),
        (b"0", 0),
        (b"-", -1),
        (b"-1", -1),
        (b"129 msecs", 129 * MS),
        (b"68 micros", 68_000),
        (b"1.5ms", 1_500_000),
        ("73.649µs".encode(), 73_649),
        (b"0.100, 0.004", 104 * MS),
        (b"0.100, -", 100 * MS),
        (b"0.100 : 0.004", 104 * MS),
        (b"-, -", -1),
        (b"", -1),
    ],
)
def test_a_duration_is_read_with_its_unit_and_a_list_is_added_up(text: bytes, expected: int) -> None:
    assert duration_ns(text, SECOND_NS) == expected


@pytest.mark.parametrize("text", [b"soon", b"1m2s", b"nan", b"inf", b"1e99"])
def test_what_is_no_duration_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        duration_ns(text, SECOND_NS)
