"""Cookies by the rules of a browser."""

from __future__ import annotations

import time

import pytest

from loadtests.engine.jar import Jar, Site, site

HERE = Site("shop.staging.example", is_secure=True)


def sent(line: str, path: str = "/a/b", where: Site = HERE, later_s: float = 1) -> str:
    jar = Jar()
    jar.take([line], HERE, "/a/login", 1000)
    return jar.sent(where, path, 1000 + later_s)


@pytest.mark.parametrize(
    ("line", "path", "expected"),
    [
        ("sid=x; Path=/", "/", "sid=x"),
        ("sid=x; Path=/a", "/ab", ""),
        ("sid=x; Path=/a", "/a/b", "sid=x"),
        ("sid=x", "/a/b", "sid=x"),  # the default path is that of the request, up to its last slash
        ("sid=x", "/b", ""),
        ("sid=x; Domain=.staging.example; Path=/", "/", "sid=x"),
        ("sid=x; Domain=other.example; Path=/", "/", ""),
        ("sid=x; Max-Age=0; Path=/", "/", ""),
        ("sid=x; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/", "/", "sid=x"),
        ("sid=x; Expires=Thu, 01-Jan-1970 00:00:00 GMT; Path=/", "/", ""),
        ("sid=a\r\nX: y; Path=/", "/", ""),
        ("=x; Path=/", "/", ""),
    ],
)
def test_a_cookie_is_sent_where_and_while_its_attributes_allow(line: str, path: str, expected: str) -> None:
    assert sent(line, path) == expected


def test_a_cookie_expires_on_its_own() -> None:
    assert sent("sid=x; Max-Age=10; Path=/", later_s=9) == "sid=x"
    assert sent("sid=x; Max-Age=10; Path=/", later_s=10) == ""


def test_a_date_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        line = "sid=x; Path=/; Expires=Thu, 01 Jan 1970 00:20:00"
        assert sent(line, later_s=199) == "sid=x"
        assert sent(line, later_s=200) == ""
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_secure_cookie_goes_over_tls_and_to_loopback_alone() -> None:
    assert sent("sid=x; Secure; Path=/", where=Site("shop.staging.example", is_secure=False)) == ""
    assert site("127.0.0.1:8080", is_tls=False).is_secure
    assert site("shop.example:80", is_tls=False) == Site("shop.example", is_secure=False)


def test_a_cookie_of_another_host_is_not_sent() -> None:
    assert sent("sid=x; Path=/", where=Site("www.shop.staging.example", is_secure=True)) == ""


def test_the_longest_path_comes_first_and_a_cookie_set_again_is_replaced() -> None:
    jar = Jar()
    jar.take(["a=1; Path=/", "b=2; Path=/deep", "a=3; Path=/"], HERE, "/", 0)

    assert jar.sent(HERE, "/deep/er", 0) == "b=2; a=3"
    assert jar.seen == {"a", "b"}


def test_a_jar_is_bounded() -> None:
    jar = Jar()
    jar.take((f"c{n}=x; Path=/" for n in range(5000)), HERE, "/", 0)

    assert jar.sent(HERE, "/", 0).count("=") == 100
    assert len(jar.seen) == 1000
