from __future__ import annotations

import pytest

from replay.errors import ReplayError
from replay.sanitize.explain import explain
from replay.sanitize.policy import load_policy

DEMO = load_policy("builtin:demo")


@pytest.mark.parametrize(
    ("place", "rule"),
    [
        ("POST /api/v1/orders /items/0/sku", "kept by keep.sku (json /**/sku)"),
        ("GET /api/v1/products/7 /id", "kept by keep.product_id (json GET /api/v1/products/{product_id} /id)"),
        ("GET /api/v1/orders /id", "a pseudonym: the default"),
        ("GET /search query:q", "kept by keep.search_word (query q)"),
        ("POST /cart form:csrf_token", "a pseudonym: the name is a secret's"),
        ("GET / cookie:theme", "a pseudonym: the default"),
        ("GET / header:X-Request-Id", "a pseudonym: the default"),
        ("POST /pay /card/cvv", "the name is a secret's"),
        ("GET /orders /created_at", "an integer there is read as a time"),
        ("GET /products/7 path", "keep.product_id: kept inside guard int<=4digits"),
        ("GET /users/7 path", "default: a pseudonym"),
        ("GET /orders /qanary", "stored as a pseudonym: no word of interfaces"),
    ],
)
def test_the_rule_that_decides_is_named(place: str, rule: str) -> None:
    assert rule in "\n".join(explain(DEMO, place))


@pytest.mark.parametrize(
    "place", ["", "GET /", "GET orders /id", "GET /orders sku", "GET /orders air:x", "GET /orders query:"]
)
def test_what_is_no_place_says_how_to_write_one(place: str) -> None:
    with pytest.raises(ReplayError, match="Write 'POST /orders"):
        explain(DEMO, place)
