"""Frames survive any chopping; words go over in lines."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.capture.wire import (
    COUNTERS,
    EXCHANGE,
    STARTED,
    Counters,
    Failed,
    Fault,
    FrameReader,
    Opened,
    Ready,
    Started,
    frame,
    line,
    words,
)
from replay.exchange import RawExchange, RawRequest


def raw(body: bytes | None) -> RawExchange:
    request = RawRequest("POST", "https", "shop", b"/p\xff", "HTTP/1.1", [(b"a", b"\xff")], body, len(body or b""))
    return RawExchange("i", "c", 1, 2, 0, 0, 0, 0, request, None, "reset")


@given(st.lists(st.one_of(st.none(), st.binary(max_size=300)), max_size=6), st.lists(st.integers(1, 50), min_size=1))
def test_frames_come_out_as_they_went_in_however_they_were_chopped(
    bodies: list[bytes | None], cuts: list[int]
) -> None:
    sent = [raw(body) for body in bodies]
    stream = b"".join(frame(EXCHANGE, exchange) for exchange in sent)
    reader = FrameReader()
    found = []
    at = 0
    while at < len(stream):
        size = cuts[at % len(cuts)]
        found += [msgspec.msgpack.decode(f.payload, type=RawExchange) for f in reader.feed(stream[at : at + size])]
        at += size

    assert found == sent
    assert reader.partial_bytes == 0


def test_a_frame_that_has_not_ended_is_held_and_counted() -> None:
    whole = frame(STARTED, Started(7))
    reader = FrameReader()

    assert list(reader.feed(whole[:-1])) == []
    assert reader.partial_bytes == len(whole) - 1
    assert [f.kind for f in reader.feed(whole[-1:])] == [STARTED]


@pytest.mark.parametrize("head", [b"\xff\xff\xff\xff\x00", b"\x01\x00\x00\x00\x09"])
def test_what_is_no_frame_ends_the_reading(head: bytes) -> None:
    with pytest.raises(ValueError, match="something else than frames"):
        list(FrameReader().feed(head))


def test_words_go_over_in_lines_and_keep_their_kind() -> None:
    said = [
        Ready(),
        Opened(8080),
        Counters(3, {"overflow": 1}, {}, 5, True),
        Fault("ValueError at x.py:1"),
        Failed("m", 6),
    ]

    assert words(b"".join(line(word) for word in said)) == said
    assert frame(COUNTERS, Counters(0, {}, {}, 0))[4] == COUNTERS
