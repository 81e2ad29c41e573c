from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.engine.requests import Stamp
from replay.cli.run_headers import header_sources
from replay.errors import ReplayError
from replay.traces import span, trace_id

PARENT = re.compile(rb"\r\ntraceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-01\r\n")
WIRE = (
    b"POST /a HTTP/1.1\r\nTraceparent: 00-old-old-01\r\nAccept: */*\r\ntracestate: a=1\r\nContent-Length: 16\r\n\r\n"
    b"\r\ntraceparent: x"
)

traces = st.integers(1, 2**63 - 1)


@given(traces)
def test_what_goes_out_is_the_trace_that_the_sample_leads_to(trace: int) -> None:
    head, _, body = (
        Stamp("h", "cafe", {"X-More": "m"}, traceparent=True).wire(WIRE, "POST", trace).partition(b"\r\n\r\n")
    )
    found = PARENT.search(head + b"\r\n")

    assert found is not None
    assert found[1].decode() == trace_id("cafe", trace)
    assert int(found[2], 16) != 0
    assert head.lower().count(b"traceparent") == 1
    assert b"tracestate" not in head
    assert f"X-Dress-Rehearsal: cafe-{trace}\r\n".encode() in head
    assert head.endswith(b"Accept: */*\r\nContent-Length: 16")
    assert body == b"\r\ntraceparent: x"


def test_a_run_without_it_sends_what_was_recorded() -> None:
    assert b"Traceparent: 00-old-old-01" in Stamp("h", "cafe", {}).wire(WIRE, "POST", 7)


@given(st.lists(traces, unique=True, max_size=50))
def test_no_two_requests_of_a_run_share_a_trace(found: list[int]) -> None:
    assert len({span(trace) for trace in found}) == len(found)


def test_another_run_has_other_traces() -> None:
    assert trace_id("cafe", 7) != trace_id("beef", 7)
    assert trace_id("cafe", 7)[16:] == trace_id("beef", 7)[16:]


def test_a_sampler_of_one_in_ten_takes_about_one_in_ten_of_requests_in_a_row() -> None:
    taken = sum(span((3 << 40) + trace) < 2**64 // 10 for trace in range(10_000))

    assert 950 < taken < 1050


def test_a_header_of_the_user_does_not_speak_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARENT", "00-1-1-01")

    assert header_sources(["traceparent=env:PARENT"], traceparent=False) == {"traceparent": "PARENT"}
    with pytest.raises(ReplayError, match="--traceparent sets it too"):
        header_sources(["Traceparent=env:PARENT"], traceparent=True)
