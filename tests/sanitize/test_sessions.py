from __future__ import annotations

import pytest

from replay.errors import ReplayError
from replay.exchange import RawExchange
from replay.sanitize import sessions as module
from replay.sanitize.sessions import Sessions, session_likeness
from tests.factories import raw_exchange


def visit(connection: str, cookie: str = "", sets: str = "", authorization: str = "") -> RawExchange:
    headers = [(b"Cookie", cookie.encode())] if cookie else []
    headers += [(b"Authorization", authorization.encode())] if authorization else []
    given = [(b"Set-Cookie", f"{sets}; Path=/; HttpOnly".encode())] if sets else []
    return raw_exchange(connection=connection, headers=headers, answer_headers=given)


def sessions(by: str = "auto") -> Sessions:
    return Sessions(by, lambda mark: mark)


def test_a_cookie_is_a_session_on_any_connection() -> None:
    mine = sessions()

    assert mine.of(visit("a", "sid=1")) == mine.of(visit("b", "sid=1"))
    assert mine.of(visit("a", "sid=1")) != mine.of(visit("a", "sid=2"))


def test_the_first_visit_joins_the_session_that_its_answer_opens() -> None:
    mine = sessions()

    assert mine.of(visit("a", sets="sid=1")) == mine.of(visit("b", "sid=1"))


def test_earlier_visits_of_a_connection_join_the_cookie_that_comes_later() -> None:
    mine = sessions()

    assert mine.of(visit("a")) == mine.of(visit("a")) == mine.of(visit("a", "sid=1")) == mine.of(visit("b", "sid=1"))


def test_a_visit_without_its_cookie_stays_with_its_connection() -> None:
    mine = sessions()

    assert mine.of(visit("a", "sid=1")) == mine.of(visit("a"))


def test_a_second_cookie_on_a_shared_connection_is_another_session() -> None:
    mine = sessions()
    mine.of(visit("a"))

    assert mine.of(visit("a", "sid=1")) != mine.of(visit("a", "sid=2"))


def test_a_cookie_exchanged_at_login_stays_in_its_session() -> None:
    mine = sessions()

    assert mine.of(visit("a", "sid=1", sets="sid=2")) == mine.of(visit("b", "sid=2"))


def test_a_cookie_that_is_deleted_opens_nothing() -> None:
    mine = sessions()
    gone = raw_exchange(connection="a", answer_headers=[(b"Set-Cookie", b"sid=gone; Max-Age=0")])
    mine.of(gone)

    assert mine.of(visit("b", "sid=gone")) != mine.of(visit("a"))


def test_credentials_are_the_session_where_no_cookie_is() -> None:
    mine = sessions()

    assert mine.of(visit("a", authorization="Bearer x")) == mine.of(visit("b", authorization="Bearer x"))
    assert mine.of(visit("a", "theme=dark", authorization="Bearer x")) == mine.of(
        visit("b", authorization="Bearer x")
    )


def test_the_cookie_most_like_a_session_is_taken() -> None:
    mine = sessions()

    assert mine.of(visit("a", "theme=dark; sid=1; csrf_token=9")) == mine.of(
        visit("b", "theme=light; sid=1; csrf_token=8")
    )


def test_a_named_cookie_alone_counts_where_it_is_named() -> None:
    mine = sessions("cookie:who")

    assert mine.of(visit("a", "sid=1; who=me")) == mine.of(visit("b", "sid=2; who=me"))


def test_connections_alone_count_where_it_is_said() -> None:
    mine = sessions("connection")

    assert mine.of(visit("a", "sid=1")) != mine.of(visit("b", "sid=1"))


@pytest.mark.parametrize("by", ["", "cookie:", "user"])
def test_an_unknown_way_is_refused(by: str) -> None:
    with pytest.raises(ReplayError, match="Use auto, cookie:NAME, authorization or connection"):
        sessions(by)


@pytest.mark.parametrize("name", ["csrf_token", "XSRF-TOKEN", "theme", "_ga", "cookie_consent", "inside"])
def test_what_is_no_session_has_no_likeness(name: str) -> None:
    assert session_likeness(name) == 0


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 10)
    mine = sessions()
    for at in range(50):
        mine.of(visit(f"c{at}", f"sid={at}"))

    assert len(mine._by_mark) == len(mine._by_connection) == 10
