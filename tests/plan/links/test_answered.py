"""Every value of an answer by place, and the place most like one that is not there."""

from __future__ import annotations

import pytest

from loadtests.engine.calls import MAX_KEPT_BYTES
from replay.plan.links.answered import LONGEST_BODY, LONGEST_PAGE, Answer, issued
from replay.plan.links.decoders import inside
from replay.plan.links.places import general, is_answer_place
from replay.sanitize.policy import load_policy
from tests.services.recorded import SERVICES, recorded, sanitised

PAGE = """<!DOCTYPE html><html><head><meta name="csrf-token" content="m3ta"></head><body data-build="b1">
<form action="/orders/17/pay?token=f0rm"><input type=hidden name='csrf' value="t&amp;k">
<input name="csrf" value="2nd"></form><a href="/orders/18">a</a><a href="/orders/19">b</a>
<script type="application/json">{"state": {"id": 5}}</script></body></html>"""


def test_a_page_issues_fields_meta_tags_links_data_and_documents() -> None:
    values = dict(issued(Answer([("Content-Type", "text/html")], PAGE)))

    assert values["html/meta/csrf-token"] == "m3ta"
    assert values["html/input/csrf"] == "t&k"
    assert values["html/input/csrf#1"] == "2nd"
    assert values["html/link[/orders/*/pay?token]|url/query/token"] == "f0rm"
    assert values["html/link[/orders/*]|url/path/2"] == "18"
    assert values["html/link[/orders/*]#1|url/path/2"] == "19"
    assert values["html/data/build"] == "b1"
    assert values["html/script/0|json/state/id"] == "5"


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_what_is_issued_at_a_place_is_found_there(service: type) -> None:
    for each in sanitised(recorded(service, 2), load_policy("builtin:strict")):
        assert each.response is not None
        answer = Answer(each.response.headers, each.response.body if isinstance(each.response.body, str) else None)
        for place, value in issued(answer):
            assert answer.at(place) == value, place
            assert is_answer_place(place), place
            assert is_answer_place(general(place)), place


@pytest.mark.parametrize(
    ("place", "text", "value"),
    [
        ("json/items/7/id", '{"items": [{"id": "a"}, {"id": "b"}]}', "b"),
        ("json/id", '{"data": {"order": {"id": 7}}}', "7"),
        ("json/id", '{"first": {"id": 7}, "second": {"id": 8}}', None),
        ("json/id", "not JSON", None),
        ("json/token|jwt/sub", '{"token": "no token"}', None),
        ("html/link[/orders/*]#9|url/path/2", '<html><a href="/orders/18">', "18"),
    ],
)
def test_a_place_that_is_not_there_means_the_one_most_like_it(place: str, text: str, value: str | None) -> None:
    assert Answer([], text).at(place) == value


def test_cookies_and_headers_are_found_whatever_their_case() -> None:
    answer = Answer([("SET-COOKIE", "sid=abc%20d; Path=/"), ("Location", "/a/7?code=x#state=y")], None)

    assert answer.at("set-cookie/sid") == "abc d"
    assert answer.at("header/location|url/path/2") == "7"
    assert answer.at("header/location|url/query/code") == "x"
    assert answer.at("header/location|url/fragment/state") == "y"


@pytest.mark.parametrize("piece", ["<a ", "<a '", "<div ", "<x data-", "<a x=", "x"])
def test_a_page_of_tags_without_an_end_is_read_in_a_time_that_grows_with_it(piece: str) -> None:
    page = "<a " + piece * (1 << 16)  # by its square: minutes

    assert Answer([("Content-Type", "text/html")], page).at("html/meta/token") is None


XML = """<?xml version="1.0"?><!DOCTYPE a><s3:Result xmlns:s3="urn:x"><!-- <Id>no</Id> -->
<s3:UploadId kind="a>b"> t&amp;7 </s3:UploadId><Empty/><Parts><Part><ETag><![CDATA[<1>]]></ETag></Part>
<Part><ETag>2</ETag></Part></Parts></s3:Result>"""


def test_the_elements_of_xml_are_places() -> None:
    answer = Answer([("Content-Type", "application/xml")], XML)

    assert dict(issued(answer)) == {
        "xml/Result/UploadId": "t&7",
        "xml/Result/Parts/Part/ETag": "<1>",
        "xml/Result/Parts/Part/ETag#1": "2",
    }
    assert answer.at("xml/Result/Parts/Part/ETag#5") == "<1>"
    assert answer.at("xml/Result/Other") is None


@pytest.mark.parametrize("piece", ["<!--", "<a b='", "<a>", "<![CDATA[", "<a:", "</a>", "<?", "a"])
def test_xml_without_an_end_is_read_in_a_time_that_grows_with_it(piece: str) -> None:
    assert Answer([("Content-Type", "text/xml")], "<a>" + piece * (1 << 15)).at("xml/a/b") is None


def test_only_the_first_256_kib_of_a_page_are_read() -> None:
    padding = "x" * (LONGEST_PAGE - 60)
    page = f'<html><input name="csrf" value="t">{padding}<input name="late" value="v"><input name="after" value="w">'
    answer = Answer([("Content-Type", "text/html")], page)

    assert [place for place, _ in issued(answer)] == ["html/input/csrf"]
    assert (answer.at("html/input/csrf"), answer.at("html/input/after")) == ("t", None)


def test_a_body_that_the_engine_would_not_read_issues_nothing() -> None:
    longest = '{"id": 7}'.ljust(LONGEST_BODY)

    assert dict(issued(Answer([], longest))) == {"json/id": "7"}
    assert dict(issued(Answer([], f"{longest} "))) == {}
    assert 3 * LONGEST_BODY < MAX_KEPT_BYTES


def test_a_script_that_the_bound_cuts_is_no_value() -> None:
    page = '<html><script type="application/json">' + '{"a": "' + "x" * LONGEST_PAGE + '"}</script>'

    assert list(issued(Answer([("Content-Type", "text/html")], page))) == []


def test_a_tag_keeps_its_attributes_whatever_their_values_hold() -> None:
    page = """<a title='1 < 2 > "0"' href="/users/1"><b class=x data-id="7"data-key=k9>"""

    found = dict(Answer([("Content-Type", "text/html")], page).roots())

    assert (found["html/data/id"], found["html/data/key"], found["html/link[/users/*]"]) == ("7", "k9", "/users/1")


@pytest.mark.parametrize("text", ["//" + "a" * (1 << 17) + " b", 'a"' + '\\"' * (1 << 17)])
def test_a_long_text_is_looked_into_in_a_time_that_grows_with_it(text: str) -> None:
    assert all(inner.value for inner in inside(text))
