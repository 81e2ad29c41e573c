"""The token of ``--auth``: there before the first request, renewed before it ends, and shown nowhere."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from loadtests.engine.auth_token import Token, fetched, keep_fresh
from loadtests.hooks import Response
from replay.auth_file import TokenCall
from replay.errors import ReplayError
from tests.loadtests.support import Arrival, planned, played, run_spec, serving, write_plan

CALL = TokenCall(
    "/token",
    {"grant_type": "client_credentials", "client_secret": "env:SECRET"},
    is_form=True,
    at="json/access_token",
    header="Authorization",
    prefix="Bearer ",
    lasts_s=0.0,
)
ANSWER = Response(200, (("content-type", "application/json"),), b'{"access_token": "t-1", "expires_in": 100}')


def answering(answer: Response, asked: list[tuple[str, str, Mapping[str, str], bytes]] | None = None) -> Any:
    def fetch(method: str, target: str, *, headers: Mapping[str, str], body: bytes = b"", **_: object) -> Response:
        if asked is not None:
            asked.append((method, target, headers, body))
        return answer

    return fetch


def test_a_token_is_the_place_of_an_answer_and_ends_when_that_says(tmp_path: Path) -> None:
    asked: list[tuple[str, str, Mapping[str, str], bytes]] = []

    token = fetched(CALL, answering(ANSWER, asked), {"SECRET": "ge heim"}, lambda: 1000.0)

    assert token == Token("Bearer t-1", renew_s=1075.0, ends_s=1100.0)
    assert "t-1" not in repr(token)
    method, target, headers, body = asked[0]
    assert (method, target) == ("POST", "/token")
    assert body == b"grant_type=client_credentials&client_secret=ge+heim"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Response(401, (), b"geheim"), r"--auth: POST /token: answered 401\."),
        (Response(200, (), b'{"token": "geheim"}'), "the answer has no token at json/access_token"),
        (Response(200, (), b'{"access_token": "geheim\\r\\nX: y"}'), "the answer has no token"),
    ],
)
def test_an_answer_without_a_token_says_nothing_of_its_content(answer: Response, message: str) -> None:
    with pytest.raises(ReplayError, match=message) as raised:
        fetched(CALL, answering(answer), {})
    assert "geheim" not in str(raised.value)


def test_a_token_without_an_end_is_never_renewed() -> None:
    token = fetched(CALL, answering(Response(200, (), b'{"access_token": "t"}')), {})

    assert token.renew_s == math.inf
    asyncio.run(keep_fresh(token, lambda: token, lambda _: None, lambda _: None))


def kept(fetch: Callable[[], Token], ends_s: float) -> tuple[list[Token], list[str]]:
    """What was given, and why it failed, from a token that is to be renewed at once."""
    given: list[Token] = []
    failed: list[str] = []
    asyncio.run(keep_fresh(Token("old", 0.0, ends_s), fetch, given.append, failed.append, lambda: 5.0))
    return given, failed


def test_a_token_is_renewed_and_one_that_cannot_be_ends_the_run() -> None:
    new = Token("new", math.inf, math.inf)
    assert kept(lambda: new, 6.0) == ([new], [])

    def refuse() -> Token:
        raise ReplayError("--auth: POST /token: answered 503.")

    given, failed = kept(refuse, 6.0)
    assert given == []
    assert failed == ["the token could not be renewed (--auth: POST /token: answered 503.)"]


def test_every_request_of_a_run_carries_a_token_that_is_still_good(tmp_path: Path) -> None:
    issued: list[str] = []

    async def answer(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        if arrival.path == "/token":
            assert arrival.body == b"grant_type=client_credentials&client_secret=geheim-4711"
            issued.append(f"t-{len(issued)}")
            body = b'{"access_token": "%b", "expires_in": 1}' % issued[-1].encode()
        else:
            body = b"{}"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    wire = b"GET /a HTTP/1.1\r\nauthorization: Bearer stale\r\n\r\n"
    plan = write_plan(tmp_path / "plan", [{**planned(20 * n, session=n), "wire": wire} for n in range(100)])
    with serving(answer) as server:
        spec = run_spec(plan, tmp_path / "out", server.url, auth=CALL)
        samples = played(spec, SECRET="geheim-4711").samples()
        seen = [each.header("authorization") for each in server.arrivals if each.path == "/a"]

    assert [sample["status"] for sample in samples] == [200] * 100
    assert len(issued) >= 3  # one at the start, one each three quarters of a second
    used = [token for token in issued if f"Bearer {token}" in seen]
    first = issued.index(used[0])  # where the engine takes long to begin, the first has been renewed by then
    assert len(used) >= 2
    assert used == issued[first : first + len(used)]
    assert list(dict.fromkeys(seen)) == [f"Bearer {token}" for token in used]
    assert seen == sorted(seen)
    for path in (tmp_path / "out").iterdir():
        assert b"geheim" not in path.read_bytes(), path
        assert b"Bearer t-" not in path.read_bytes(), path
