from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.errors import RefusedError
from replay.exchange import Exchange, RawExchange
from replay.learn.learning import learn
from replay.learn.proposal import Proposal
from replay.sanitize.explain import explain
from replay.sanitize.policy import Policy, load_policy
from replay.sanitize.sanitizer import Sanitizer
from tests.factories import raw_exchange
from tests.learn.shop import CATEGORIES, PRODUCTS, SHARED_KEY, people, visits
from tests.sanitize.making import EPOCH_NS, key


@cache
def recording(count: int = 30) -> tuple[RawExchange, ...]:
    return tuple(visits(people(count)))


@cache
def proposal(count: int = 30, k: int = 20) -> Proposal:
    return learn(lambda: recording(count), k)


def signed(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "policy.toml"
    path.write_text(text.replace('reviewed_by = ""', 'reviewed_by = "Ada, today"'))
    return load_policy(str(path))


def sanitised(policy: Policy, raws: tuple[RawExchange, ...]) -> list[Exchange]:
    mine = Sanitizer(policy, key(), EPOCH_NS)
    found = [mine.clean(raw) for raw in raws]
    assert not [name for name in mine.counts if name.startswith("withheld")], mine.counts
    return [one for one in found if one is not None]


def test_none_of_the_planted_values_is_in_the_proposal() -> None:
    text = proposal().text.lower()

    for person in people():
        for planted in person.planted:
            assert planted.lower() not in text
            assert all(word not in text for word in re.findall(r"[a-z0-9]{5,}", planted.lower()))


def test_the_plants_would_be_found_if_one_client_were_enough() -> None:
    text = proposal(k=1).text

    assert sum(person.nickname in text for person in people()) > 20


def test_a_key_that_every_client_sends_is_not_in_the_proposal() -> None:
    assert SHARED_KEY not in proposal().text


def test_the_proposal_is_a_policy_that_nobody_has_reviewed(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(proposal().text)

    assert load_policy(str(path)).reviewed_by == ""


def test_a_capture_refuses_the_proposal_until_it_is_signed(tmp_path: Path) -> None:
    from replay.capture.live import Order, capture
    from replay.sanitize.keys import KeySource

    path = tmp_path / "policy.toml"
    path.write_text(proposal().text)
    order = Order(
        folder=tmp_path / "captured",
        upstream="http://127.0.0.1:9",
        listen="127.0.0.1:0",
        policy=str(path),
        key=KeySource(),
        session_by="auto",
        share=1.0,
        duration_s=1.0,
        tls_cert=None,
        upstream_ca=None,
        retention_days=1,
        recipient="",
    )

    with pytest.raises(RefusedError, match="nobody has reviewed it"):
        capture(order, lambda _line: None)


def test_the_learned_policy_keeps_the_catalogue_in_every_place(tmp_path: Path) -> None:
    clean = sanitised(signed(tmp_path, proposal().text), recording())

    for raw, found in zip(recording(), clean, strict=True):
        path = raw.request.path.decode()
        if path.startswith(("/products/", "/categories/", "/api/v1/related")):
            assert found.request.path == path
        if path == "/cart":
            assert str(found.request.body).split("&")[0] == (raw.request.body or b"").decode().split("&")[0]
        if path == "/orders":
            sent = json.loads(raw.request.body or b"")
            assert json.loads(str(found.request.body))["items"][0]["sku"] == sent["items"][0]["sku"]
        if path.startswith("/products?"):
            assert found.response is not None
            assert json.loads(str(found.response.body))["products"] == PRODUCTS


def test_the_learned_policy_lets_nothing_of_a_person_through(tmp_path: Path) -> None:
    clean = sanitised(signed(tmp_path, proposal().text), recording())
    written = "\n".join(repr(one) for one in clean)

    for person in people():
        for planted in (*person.planted, str(person.number)):
            assert planted not in written
    assert SHARED_KEY not in written


def test_the_category_in_a_path_is_of_the_domain_of_the_category_in_json() -> None:
    keep = tomllib.loads(proposal().text)["keep"]["category"]

    assert keep["values"] == sorted(CATEGORIES)
    assert keep["path"] == ["category"]
    assert keep["json"] == ["/**/category"]


def test_ids_of_other_names_with_the_same_values_are_of_one_domain() -> None:
    keep = tomllib.loads(proposal().text)["keep"]["product_id"]

    assert keep["guard"] == "int<=3digits"
    assert keep["path"] == keep["query"] == keep["form"] == ["product_id"]
    assert "GET /api/v1/related /items/*/id" in keep["json"]
    assert "GET /products/{product_id} /id" in keep["json"]


def test_an_own_id_is_not_kept_although_its_name_is_that_of_a_product_s() -> None:
    kept = [place for rule in tomllib.loads(proposal().text)["keep"].values() for place in rule.get("json", [])]

    assert not [place for place in kept if "/users" in place or "POST /orders /id" in place]


def test_with_fewer_clients_than_k_nothing_is_kept_and_no_value_is_named() -> None:
    few = proposal(count=10)

    assert "keep" not in tomllib.loads(few.text)
    assert "# product_id (int): seen " in few.text
    assert not any(category in few.text for category in ("garden", "lamps", "rugs"))
    assert few.candidates > 3


def test_a_candidate_without_its_marks_is_a_rule(tmp_path: Path) -> None:
    few = proposal(count=10).text
    begin = few.index("# [keep.product_id]")
    rule = few[begin:].partition("\n#\n")[0].replace("# ", "")
    path = tmp_path / "policy.toml"
    path.write_text(few.replace('reviewed_by = ""', 'reviewed_by = "a person"') + rule)
    policy = load_policy(str(path))

    assert any("keep.product_id" in line for line in explain(policy, "GET /products/7 path"))


def test_a_proposal_says_of_each_rule_how_often_and_by_how_many_it_was_seen() -> None:
    lines = proposal().text.splitlines()

    for at, line in enumerate(lines):
        if line.startswith("[keep."):
            assert re.search(r"# Seen [0-9,]+ times in exchanges of 30 clients", lines[at - 1] + lines[at - 2])


def requests(make: Callable[[int], str], count: int = 40) -> list[RawExchange]:
    """One request of each client."""
    return [
        raw_exchange(make(at), connection=f"c{at}", headers=[(b"Cookie", b"sid=%024d" % at)]) for at in range(count)
    ]


def learned_from(make: Callable[[int], str], count: int = 40) -> str:
    raws = requests(make, count)
    return learn(lambda: raws).text


@pytest.mark.parametrize(
    "value",
    [
        SHARED_KEY,
        "Ab3dEf6hIj9k",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "qwrtpsdf",
        "alice@example.org",
        "+44 20 7946 0018",
        "4111111111111111",
        "DE89370400440532013000",
        "deadbeefdeadbeef",
        "550e8400-e29b-41d4-a716-446655440000",
        "a-very-long-value-of-more-than-24-characters",
    ],
)
@pytest.mark.parametrize("name", ["app", "tag", "category", "code", "lang"])
def test_a_value_that_everybody_sends_is_not_thereby_promoted(name: str, value: str) -> None:
    text = learned_from(lambda _at: f"/search?{name}={value}")

    assert value not in text
    assert name not in tomllib.loads(text).get("keep", {})


@pytest.mark.parametrize(
    "name", ["session", "api_key", "csrfToken", "email", "first_name", "userId", "created_at", "pin"]
)
def test_no_value_of_a_barred_name_is_promoted(name: str) -> None:
    text = learned_from(lambda at: f"/search?{name}={('red', 'blue')[at % 2]}")

    assert "red" not in tomllib.loads(text).get("keep", {}).get(name, {}).get("values", [])
    assert "keep" not in tomllib.loads(text)


def test_a_path_segment_and_a_name_that_few_sent_are_not_in_the_file() -> None:
    text = learned_from(lambda at: f"/zorblat/{at}?frobnik={at}" if at < 19 else "/search?page=1")

    assert "zorblat" not in text
    assert "frobnik" not in text


def test_a_path_segment_and_a_name_that_many_sent_are_proposed() -> None:
    found = tomllib.loads(learned_from(lambda at: f"/zorblat/{at}?frobnik={at % 2}"))

    assert found["routes"][0]["template"] == "/zorblat/{zorblat_id}"
    assert found["names"]["keep"] == ["frobnik"]


def test_names_of_a_map_by_person_are_in_no_place_and_no_domain() -> None:
    raws = [
        raw_exchange(
            "/scores",
            connection=f"c{at}",
            headers=[(b"Cookie", b"sid=%024d" % at)],
            answer=json.dumps({f"zaphod{at:02}": {"id": 100 + at % 5, "level": at % 3}}).encode(),
            answer_headers=[(b"Content-Type", b"application/json")],
        )
        for at in range(60)
    ]
    text = learn(lambda: raws).text

    assert "zaphod" not in text
    assert tomllib.loads(text)["keep"]["level"]["json"] == ["GET /scores /*/level"]


@pytest.mark.parametrize(
    "path", [f"/api/{SHARED_KEY}/orders", "/users/zaphod", "/token/zaphod", "/hooks/kQzPwXrT/run"]
)
def test_a_path_that_everybody_asks_for_does_not_name_a_person_or_a_key(path: str) -> None:
    text = learned_from(lambda _at: path)

    assert not any(word in text for word in (SHARED_KEY, "zaphod", "kQzPwXrT"))


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WORDS = st.sampled_from(
    ["red", "Blue", "price_desc", "7", "12.5", "AB-7", "a b", 'x"y', "\\", "\u007f", "true", "zorn"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXT, st.dictionaries(TEXT | WORDS, TEXT | WORDS | st.integers(), max_size=4)), max_size=4))
def test_whatever_was_sent_the_proposal_is_a_policy(sent: list[tuple[str, dict[str, object]]]) -> None:
    raws = [
        raw_exchange(
            f"/orders/{quote(segment, safe='/')}?{urlencode(members)}",
            method="POST",
            connection=f"c{client}",
            headers=[(b"Content-Type", b"application/json")],
            body=json.dumps(members).encode(),
        )
        for segment, members in sent
        for client in range(6)
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "policy.toml"
        path.write_text(learn(lambda: raws, k=5).text, "utf-8")

        assert load_policy(str(path)).reviewed_by == ""
