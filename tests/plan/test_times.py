"""Times near the sanitiser's fixed day are moved to the plan's, and nothing else is."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.exchange import Request
from replay.plan.times import Shift, shift_to
from replay.plan.wire import Rewrite, serialise
from replay.sanitize.dates import REFERENCE, Clock

NOW = datetime(2026, 11, 23, 17, 30, tzinfo=UTC)
SHIFT = shift_to(lambda: NOW)
START_S = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp())
REFERENCE_S = int(REFERENCE.timestamp())


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        ("/slots?day=2036-01-01", "/slots?day=2026-11-23"),
        ("/slots?from=2036-01-02T10%3A00%3A00Z&x=1", "/slots?from=2026-11-24T10%3A00%3A00Z&x=1"),
        ("/slots?q=created%3A2035-12-31", "/slots?q=created%3A2026-11-22"),
        (f"/log?ts={REFERENCE_S + 5}&page=2", f"/log?ts={START_S + 5}&page=2"),
        (f"/log?created_at={REFERENCE_S * 1000 + 5}", f"/log?created_at={START_S * 1000 + 5}"),
        ("Tue, 01 Jan 2036 10:00:00 GMT", "Mon, 23 Nov 2026 10:00:00 GMT"),
        ("/a?since=Tue%2C+01+Jan+2036+10%3A00", "/a?since=Mon%2C+23+Nov+2026+10%3A00"),
        ("/reports/sales-2036-01-01.csv", "/reports/sales-2026-11-23.csv"),
    ],
)
def test_a_time_in_a_request_line_or_header_is_moved(stored: str, sent: str) -> None:
    assert SHIFT.head(stored) == sent


def test_times_in_json_are_moved_and_its_length_stays() -> None:
    body = json.dumps({"due_date": "2036-01-08", "created_at": REFERENCE_S, "id": REFERENCE_S, "note": "x"})
    moved = SHIFT.body(body)

    assert json.loads(moved) == {"due_date": "2026-11-30", "created_at": START_S, "id": REFERENCE_S, "note": "x"}
    assert len(moved) == len(body)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23",
        "2038-01-01",
        "2036-13-01",
        "2036-02-30",
        "12036-01-01",
        "2036-01-011",
        "01/02/2036",
        "3f2504e0-2036-0105-9a0c-0305e82c3301",
        f"/orders/{REFERENCE_S}?id={REFERENCE_S}",
        "ts=4000000000",
    ],
)
def test_what_is_no_time_near_the_fixed_day_stays(text: str) -> None:
    assert SHIFT.head(text) == text
    assert SHIFT.body(text) == text


def test_without_a_shift_everything_stays() -> None:
    assert Shift().head("/slots?day=2036-01-01") == "/slots?day=2036-01-01"


@given(st.integers(-390, 390), st.integers(0, 86_399))
def test_what_the_sanitiser_wrote_comes_out_as_far_from_today(days: int, second: int) -> None:
    epoch_ns = 1_790_000_000 * 10**9
    clock = Clock(epoch_ns, lambda _label, _value: 1)
    raw_s = 1_790_000_000 + days * 86_400 + second
    raw = datetime.fromtimestamp(raw_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    stored = clock.iso(raw)
    assert stored is not None

    sent = datetime.fromisoformat(SHIFT.head(stored))

    assert int(sent.timestamp()) - START_S == raw_s - 1_790_000_000


def test_a_prepared_request_has_its_times_moved_and_its_length_kept() -> None:
    headers = [("If-Modified-Since", "Tue, 01 Jan 2036 10:00:00 GMT"), ("Cookie", f"visited_at={REFERENCE_S}; a=b")]
    request = Request("POST", "https", "h", "/slots?day=2036-01-01", headers, '{"at":"2036-01-01T09:00:00Z"}')
    stored, sent = serialise(request, Rewrite()), serialise(request, Rewrite(times=SHIFT))

    assert len(sent) == len(stored)
    assert b"2036" not in sent
    assert f"visited_at={START_S}; a=b".encode() in sent
    assert sent.endswith(b'{"at":"2026-11-23T09:00:00Z"}')
