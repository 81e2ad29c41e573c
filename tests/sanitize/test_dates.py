from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.sanitize.dates import NEAR_DAYS, REFERENCE
from tests.sanitize.making import EPOCH_NS, clock, leaves

CLOCK = clock()
START = datetime.fromtimestamp(EPOCH_NS // 10**9, UTC)
NEAR = st.datetimes(
    (START - timedelta(days=NEAR_DAYS - 1)).replace(tzinfo=None),
    (START + timedelta(days=NEAR_DAYS - 1)).replace(tzinfo=None),
)
FAR = st.datetimes(datetime(1930, 1, 1), datetime(2020, 1, 1))  # noqa: DTZ001


def written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds") + "Z"


def moved(moment: datetime) -> datetime:
    found = CLOCK.iso(written(moment))
    assert found is not None
    return datetime.fromisoformat(found)


@given(NEAR, NEAR)
def test_intervals_between_near_times_survive(one: datetime, other: datetime) -> None:
    one, other = (m.replace(microsecond=m.microsecond // 1000 * 1000) for m in (one, other))

    assert moved(other) - moved(one) == other - one


def test_the_start_of_the_capture_is_written_as_the_reference() -> None:
    assert moved(START.replace(tzinfo=None)) == REFERENCE


@given(FAR)
def test_a_far_time_is_moved_by_at_most_six_years_and_never_near_the_reference(moment: datetime) -> None:
    there = moved(moment)

    assert abs(there - moment.replace(tzinfo=UTC)) < timedelta(days=6.5 * 365)
    assert abs(there - REFERENCE) > timedelta(days=NEAR_DAYS)


@given(st.dates(datetime(1930, 1, 1).date(), datetime(2020, 1, 1).date()))  # noqa: DTZ001
def test_a_far_date_keeps_its_day_of_the_week(day: object) -> None:
    found = CLOCK.iso(str(day))

    assert found is not None
    assert datetime.fromisoformat(found).weekday() == datetime.fromisoformat(str(day)).weekday()


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-21",
        "2026-09-21T14:13",
        "2026-09-21 14:13:20",
        "2026-09-21T14:13:20Z",
        "2026-09-21T14:13:20.5Z",
        "2026-09-21T16:13:20.123456789+02:00",
        "2026-09-21T16:13:20-0330",
    ],
)
def test_an_iso_time_keeps_its_layout(text: str) -> None:
    found = CLOCK.iso(text)

    assert found is not None
    assert found != text
    assert [c if not c.isdigit() else "9" for c in found] == [c if not c.isdigit() else "9" for c in text]
    assert found[19:].lstrip(".0123456789") == text[19:].lstrip(".0123456789")


def test_an_http_date_keeps_its_layout_and_says_the_right_weekday() -> None:
    found = CLOCK.http("Mon, 21 Sep 2026 14:13:20 GMT")

    assert found is not None
    assert parsedate_to_datetime(found) == REFERENCE
    assert found.startswith(f"{REFERENCE:%a}, ")


@pytest.mark.parametrize(("text", "is_day_first"), [("21/09/2026", True), ("9/21/2026", False)])
def test_a_slashed_date_keeps_its_order(text: str, is_day_first: bool) -> None:
    found = CLOCK.slashed(text)

    assert found == ("01/01/2036" if is_day_first else "1/1/2036")


@pytest.mark.parametrize("digits", [10, 13, 16, 19])
def test_an_epoch_time_is_moved_in_its_own_unit(digits: int) -> None:
    unit_ns = 10 ** (19 - digits)

    assert CLOCK.epoch(str(EPOCH_NS // unit_ns)) == str(int(REFERENCE.timestamp()) * 10**9 // unit_ns)


@pytest.mark.parametrize("years", [-11, 11])
def test_digits_that_lie_ten_years_off_are_no_time(years: int) -> None:
    assert CLOCK.epoch(str(EPOCH_NS // 10**9 + years * 31_557_600)) is None


@pytest.mark.parametrize("text", ["2026-13-01", "2026-02-30T10:00:00Z", "0000-00-00", "2026-09-21T25:00:00Z"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert CLOCK.iso(text) is None


@given(
    st.from_regex(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{4})?)?",
        fullmatch=True,
    )
)
def test_no_iso_like_text_raises(text: str) -> None:
    CLOCK.iso(text)


@given(st.from_regex(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", fullmatch=True))
def test_no_slashed_text_raises(text: str) -> None:
    CLOCK.slashed(text)


@pytest.mark.parametrize("zone", ["+02", "+0200", "+02:00"])
def test_a_zone_of_hours_alone_is_one_as_databases_write_it(zone: str) -> None:
    found = clock().iso(f"2026-09-21 16:13:20.5{zone}")

    assert found == f"2036-01-01 02:00:00.5{zone}"


def test_what_looks_like_a_zone_and_goes_on_is_none() -> None:
    assert leaves().text("2026-09-21 16:13:20-123")[:4] == "2036"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "0001-01-01",
            "9999-12-31",
            "9999-12-30T19:00:00-05:00",
            "9999-12-31T23:59:59-05:00",
            "0001-01-01T00:00:00+05:00",
        ),
        *("9999-12-31 23:59:59.9999999", "0001-01-01T00:00:00Z"),
    ],
)
def test_the_calendar_s_ends_stay(text: str) -> None:
    assert CLOCK.iso(text) == text


@given(st.dates())
def test_every_other_day_is_moved_to_a_day(day: date) -> None:
    found = CLOCK.iso(str(day))

    assert found is not None
    assert (found == str(day)) == (day <= date(1, 1, 2) or day >= date(9999, 12, 30))


@given(st.datetimes(), st.integers(-14, 14))
def test_every_time_is_moved_to_a_time(moment: datetime, hours: int) -> None:
    text = f"{moment.isoformat(timespec='microseconds')}{hours:+03d}:00"
    found = CLOCK.iso(text)

    assert found is not None
    assert len(found) == len(text)
