"""Live values, against a real server: what answers give is what later requests carry, session by session."""

from __future__ import annotations

import asyncio
import gzip
import re
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from replay.cli.run_survey import survey
from replay.plan.bindings import FRESH, POOL, SAME, Bindings, Cookies, Fill, Layer, Take, encode
from replay.plan.store import open_plan
from tests.loadtests.support import HOST, MS, Arrival, LedEngine, planned, played, run_spec, serving, write_plan


def living(due_ms: float, wire: bytes, bindings: Bindings, **changes: Any) -> dict[str, Any]:
    method, path = wire.split(b" ")[:2]
    row = planned(due_ms, method=method.decode(), path=path.decode(), **changes)
    return {**row, "wire": wire, "bindings": encode(bindings).decode()}


def filled(wire: bytes, recorded: bytes, key: int, encoding: str, of: int = 0) -> Fill:
    return Fill(wire.index(recorded), len(recorded), key, of=[of], layers=[Layer(encoding)])


LOGIN = b"GET /login HTTP/1.1\r\nAccept: */*\r\n\r\n"
GIVES = Bindings(take=[Take(0, "json/token"), Take(1, "json/id")], sets_cookies=True, until=400 * MS)
USE = (
    b"POST /orders/OLD-ID HTTP/1.1\r\nAuthorization: Bearer STALE\r\n"
    b'Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{"order": 7}'
)


def needs() -> Bindings:
    line_end = USE.index(b"\r\n") + 2
    return Bindings(
        fill=[
            filled(USE, b"OLD-ID", 1, "path"),
            filled(USE, b"STALE", 0, "raw"),
            filled(USE, b"7", 1, "number"),
        ],
        cookies=Cookies(line_end, ["sid"], [0], is_line=True),
        until=400 * MS,
    )


class Issuer:
    """Gives every login a token, an id and a cookie of its own."""

    def __init__(self, delay_s: float = 0.0, body: bytes | None = None) -> None:
        self._numbers = count(100)
        self._delay_s = delay_s
        self._body = body

    async def __call__(self, arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        number = next(self._numbers) if arrival.path == "/login" else 0
        if number:
            await asyncio.sleep(self._delay_s)
        plain = self._body or b'{"token": "t-%d", "id": %d}' % (number, number)
        body = gzip.compress(plain)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\n"
            b"Set-Cookie: sid=s-%d; Path=/\r\nContent-Length: %d\r\n\r\n%s" % (number, len(body), body)
        )


def run(folder: Path, issuer: Issuer, lanes: int = 100, **spec: Any) -> tuple[LedEngine, list[Arrival]]:
    use = needs()
    use = Bindings(sorted(use.fill, key=lambda fill: fill.at), cookies=use.cookies, until=use.until)
    rows = [
        row
        for session in range(2)
        for row in (
            living(10 + session, LOGIN, GIVES, session=session, request=session),
            living(
                200 + session,
                USE,
                Bindings(
                    [Fill(f.at, f.size, f.key, of=[session], layers=f.layers) for f in use.fill],
                    cookies=Cookies(use.cookies.at, ["sid"], [session], is_line=True) if use.cookies else None,
                    until=use.until,
                ),
                session=session,
                request=2 + session,
                depends_on=-1,
            ),
        )
    ]
    with serving(issuer) as server:
        plan = write_plan(folder / "plan", rows)
        engine = played(run_spec(plan, folder / "out", server.url, writes=["POST /orders/OLD-ID"], **spec), lanes)
        return engine, [each for each in server.arrivals if each.path != "/login"]


def test_every_session_and_clone_carries_what_it_was_given(tmp_path: Path) -> None:
    engine, arrivals = run(tmp_path, Issuer(), lanes=300)

    assert [sample["error"] for sample in engine.samples()] == [""] * 12
    given = set()
    for arrival in arrivals:
        number = arrival.path.rpartition("/")[2]
        given.add(number)
        assert arrival.header("authorization") == f"Bearer t-{number}"
        assert arrival.header("cookie") == f"sid=s-{number}"
        assert arrival.body == b'{"order": %s}' % number.encode()
        assert arrival.header("content-length") == str(len(arrival.body))
    assert len(given) == 6


def test_a_request_waits_for_the_answer_that_it_needs(tmp_path: Path) -> None:
    engine, arrivals = run(tmp_path, Issuer(delay_s=0.4), mode="open")

    assert len(arrivals) == 2
    for sample in engine.samples()[2:]:
        assert sample["error"] == ""
        assert sample["intended"] > sample["due"] + 150 * MS


def test_a_request_whose_value_never_came_is_unresolved_and_not_sent(tmp_path: Path) -> None:
    engine, arrivals = run(tmp_path, Issuer(body=b'{"token": "t"}'))

    assert arrivals == []
    assert [sample["error"] for sample in engine.samples()] == ["", "", "unresolved", "unresolved"]
    assert [sample["status"] for sample in engine.samples()[2:]] == [0, 0]


@pytest.mark.parametrize(("expected", "is_sent"), [(201, False), (500, True), (0, False)])
def test_an_answer_of_another_status_class_gives_no_value(tmp_path: Path, expected: int, is_sent: bool) -> None:
    async def fail(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        body = b'{"error": {"id": 7}}'
        writer.write(
            b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )

    wire = b"GET /use/OLD HTTP/1.1\r\nAccept: */*\r\n\r\n"
    rows = [
        living(0, LOGIN, Bindings(take=[Take(0, "json/id")]), expected_status=expected),
        living(50, wire, Bindings([filled(wire, b"OLD", 0, "path")])),
    ]

    with serving(fail) as server:
        engine = played(run_spec(write_plan(tmp_path / "plan", rows), tmp_path / "out", server.url))

    assert [sample["error"] for sample in engine.samples()] == ["", "" if is_sent else "unresolved"]


def test_an_answer_that_broke_off_gives_no_value(tmp_path: Path) -> None:
    async def cut(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\ntoken-1")
        await writer.drain()
        writer.close()

    wire = b"GET /use/OLD HTTP/1.1\r\nAccept: */*\r\n\r\n"
    rows = [
        living(0, LOGIN, Bindings(take=[Take(0, "body")])),
        living(50, wire, Bindings([filled(wire, b"OLD", 0, "path")])),
    ]

    with serving(cut) as server:
        engine = played(run_spec(write_plan(tmp_path / "plan", rows), tmp_path / "out", server.url))

    assert [sample["error"] for sample in engine.samples()] == ["reset", "unresolved"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"token": "t\\r\\nX-Other: y", "id": 5}', id="header"),
        pytest.param(b'{"token": "t", "id": "5/../../admin"}', id="path"),
    ],
)
def test_a_live_value_that_would_be_another_header_or_path_is_not_sent(tmp_path: Path, body: bytes) -> None:
    engine, arrivals = run(tmp_path, Issuer(body=body))

    assert arrivals == []
    assert engine.samples()[2]["error"] == "unresolved"


def test_a_clone_makes_its_own_values_and_keeps_to_them(tmp_path: Path) -> None:
    wire = b"GET /users/anna%2017 HTTP/1.1\r\nAccept: */*\r\n\r\n"
    made = Fill(wire.index(b"anna"), 9, 0, source=FRESH, name="unique", layers=[Layer("path")])
    later = b"GET /people?name=anna+17&of=bert HTTP/1.1\r\nAccept: */*\r\n\r\n"
    same = [
        Fill(later.index(b"anna"), 7, 0, source=FRESH, name=SAME, layers=[Layer("query")]),
        Fill(later.index(b"bert"), 4, 1, source=FRESH, name=SAME, layers=[Layer("query")]),
    ]
    rows = [
        living(10, wire, Bindings([made], until=100 * MS), session=0),
        living(100, later, Bindings(same, until=100 * MS), session=0),
    ]

    with serving() as server:
        plan = write_plan(tmp_path / "plan", rows)
        played(run_spec(plan, tmp_path / "out", server.url), 200)

    asked = [re.fullmatch(r"/(?:users/|people\?name=)(.*?)(&of=bert)?", each.path) for each in server.arrivals]
    names = [unquote(each[1]) for each in asked if each]
    assert len(names) == 4
    assert sorted(names.count(name) for name in set(names)) == [2, 2]
    assert all(re.fullmatch(r"[a-z]{4} [1-9]{2}[a-z2-9]+", name) for name in names)
    assert sum(bool(each and each[2]) for each in asked) == 2


def test_what_needs_an_unsent_write_is_no_part_of_the_run(tmp_path: Path) -> None:
    post = LOGIN.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
    wire = b"GET /orders/OLD HTTP/1.1\r\nAccept: */*\r\n\r\n"
    use = Bindings([filled(wire, b"OLD", 1, "path")])
    rows = [living(10, post, GIVES), living(50, wire, use), planned(60)]

    with serving() as server:
        engine = played(run_spec(write_plan(tmp_path / "plan", rows), tmp_path / "out", server.url))

    assert [(sample["request"], sample["error"]) for sample in engine.samples()] == [(2, "")]
    assert engine.end().planned == 1


def test_the_cookie_of_an_earlier_answer_does_where_a_write_that_set_it_is_not_sent(tmp_path: Path) -> None:
    gives = Bindings(sets_cookies=True, until=400 * MS)
    post = b"POST /cart HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
    wire = b"GET /orders HTTP/1.1\r\nAccept: */*\r\n\r\n"
    use = Bindings(cookies=Cookies(wire.index(b"Accept"), ["sid"], [1], {1: [0]}, is_line=True), until=400 * MS)
    rows = [living(10, LOGIN, gives), living(50, post, gives), living(100, wire, use)]

    with serving(Issuer()) as server:
        played(run_spec(write_plan(tmp_path / "plan", rows), tmp_path / "out", server.url))

    assert [each.header("cookie") for each in server.arrivals] == [None, "sid=s-100"]


def test_a_header_of_the_run_needs_no_value_of_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "Bearer ours")
    post = LOGIN.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
    wire = b"GET /orders HTTP/1.1\r\nAuthorization: Bearer OLD\r\nAccept: */*\r\n\r\n"
    rows = [living(10, post, GIVES), living(50, wire, Bindings([filled(wire, b"OLD", 0, "raw")]))]
    plan = write_plan(tmp_path / "plan", rows)
    headers = {"Authorization": "SHOP_TOKEN"}

    with serving() as server:
        engine = played(run_spec(plan, tmp_path / "out", server.url, headers=headers))

    assert [arrival.header("authorization") for arrival in server.arrivals] == ["Bearer ours"]
    assert engine.end().planned == 1
    assert survey(open_plan(plan), {HOST}, []).requests == 0
    found = survey(open_plan(plan), {HOST}, [], {"authorization"})
    assert (found.requests, found.left_out) == (1, {"a write without --writes": 1})


def test_a_clone_takes_its_own_row_of_a_pool_and_none_where_there_is_none(tmp_path: Path) -> None:
    wire = b"GET /users/900 HTTP/1.1\r\nAccept: */*\r\n\r\n"
    own = Bindings(fill=[Fill(wire.index(b"900"), 3, 0, POOL, "customers.id", values=["4711"])], until=1)
    rows = [living(0, wire, own), planned(10, path="/about")]
    plan = write_plan(tmp_path / "plan", rows, lanes=1)

    with serving() as server:
        engine = played(run_spec(plan, tmp_path / "run", server.url, users_at_once=1.0), lanes=3)

    assert sorted(arrival.path for arrival in server.arrivals) == ["/about"] * 3 + ["/users/4711", "/users/900"]
    assert [(row["clone"], row["error"]) for row in engine.samples() if row["request"] == 0] == [
        (0, ""),
        (1, ""),
        (2, "unresolved"),
    ]


def test_closed_replay_waits_for_a_value_whose_request_is_not_yet_due(tmp_path: Path) -> None:
    async def slow_start(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.15 if arrival.path == "/start" else 0)
        await Issuer()(arrival, writer)

    wire = b"GET /use/OLD HTTP/1.1\r\nAccept: */*\r\n\r\n"
    rows = [
        planned(0, path="/start"),
        planned(1, path="/beside"),
        living(8, LOGIN, GIVES, depends_on=0, think=3 * MS),
        living(25, wire, Bindings([filled(wire, b"OLD", 1, "path", of=2)]), depends_on=1, think=5 * MS),
    ]

    with serving(slow_start) as server:
        plan = write_plan(tmp_path / "plan", rows, lanes=1)
        engine = played(run_spec(plan, tmp_path / "out", server.url, mode="closed"), lanes=1)

    assert [arrival.path for arrival in server.arrivals][2:] == ["/login", "/use/100"]
    login, use = sorted(engine.samples(), key=lambda sample: sample["request"])[2:]
    assert use["error"] == ""
    assert use["due"] == login["end"]
