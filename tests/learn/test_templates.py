from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.learn.proposal import routes_of
from replay.learn.templates import MOST_CHILDREN, PathTrie, parameter_name, singular


def learned(paths: list[str], *, k: int = 20, method: str = "GET") -> set[str]:
    """The templates of paths, each sent by the next of 40 clients."""
    trie = PathTrie(k)
    for number, path in enumerate(paths):
        trie.add(method, path, number % 40)
    return {one.path for one in trie.paths()}


def test_typed_segments_are_one_parameter() -> None:
    ids = ["7", "8", "550e8400-e29b-41d4-a716-446655440000", "2026-01-02"]

    assert learned([f"/orders/{id_}" for id_ in ids]) == {"/orders/{order_id}"}


def test_the_own_page_is_never_merged_with_those_of_others() -> None:
    paths = [f"/users/{name}{at}" for at in range(100) for name in ("zor", "blat")] + ["/users/me", "/users/new"]

    assert {"/users/me", "/users/new"} < learned(paths)
    assert len(learned(paths)) == 3


def test_words_that_few_clients_share_under_a_plural_are_values() -> None:
    assert learned([f"/tags/{tag}" for tag in ("zorn", "blat", "quux")] * 4) == {"/tags/{tag}"}


def test_words_that_many_clients_share_stay_literals() -> None:
    paths = [f"/widgets/{word}" for word in ("zorn", "blat") for _ in range(40)]

    assert learned(paths) == {"/widgets/zorn", "/widgets/blat"}


def test_many_words_are_values_and_a_heavy_one_beside_them_is_not() -> None:
    paths = [f"/p/zor{chr(97 + at // 26)}{chr(97 + at % 26)}" for at in range(200)] + ["/p/blatquux"] * 150

    assert learned(paths) == {"/p/{p}", "/p/blatquux"}


def test_a_version_before_the_path_is_no_id() -> None:
    assert learned([f"/2.0/files/{at}" for at in range(30)]) == {"/2.0/files/{file_id}"}


def test_first_segments_of_many_numbers_are_ids() -> None:
    assert learned([f"/{at}/edit" for at in range(30)]) == {"/{int}/edit"}


def test_to_ask_for_templates_twice_gives_the_same() -> None:
    trie = PathTrie(20)
    for at in range(100):
        trie.add("GET", f"/orders/{at}/zorn{at}x/items/{at}", at % 40)

    assert list(trie.templates()) == list(trie.templates())


def test_methods_have_tries_of_their_own() -> None:
    trie = PathTrie(20)
    trie.add("GET", "/orders/7", 1)
    trie.add("DELETE", "/orders/8", 1)

    assert {(one.method, one.path) for one in trie.templates()} == {
        ("GET", "/orders/{order_id}"),
        ("DELETE", "/orders/{order_id}"),
    }


def test_files_and_hostile_paths_are_left_to_the_built_in_routes() -> None:
    assert learned(["*", "", "/a//b", "/x/zorn.css", "/" + "/".join("q" * 50)]) == set()


@given(st.lists(st.text(max_size=30).map(lambda text: "/" + text), max_size=20))
def test_any_path_is_learned_from_without_an_error(paths: list[str]) -> None:
    learned(paths)


def test_more_children_than_are_told_apart_are_values() -> None:
    trie = PathTrie(20)
    for number in range(5_000):
        trie.add("GET", f"/zorn{number}x", number % 40)

    assert trie._nodes <= MOST_CHILDREN + 1
    assert {one.path for one in trie.paths()} == {"/{id}"}


def test_a_full_trie_takes_no_more_paths() -> None:
    trie = PathTrie(20, most_nodes=100)
    for number in range(500):
        trie.add("GET", "/" + "/".join(f"zorn{number}x{step}" for step in range(20)), number % 40)

    assert trie._nodes == 100


@pytest.mark.parametrize(
    ("plural", "single"),
    [
        ("products", "product"),
        ("categories", "category"),
        ("boxes", "box"),
        ("status", "status"),
        ("address", "address"),
    ],
)
def test_the_singular_of_a_name(plural: str, single: str) -> None:
    assert singular(plural) == single


@pytest.mark.parametrize(
    ("before", "kind", "name"),
    [
        (("products",), "int", "product_id"),
        (("tags",), "slug", "tag"),
        (("users", "{user_id}"), "int", "int"),
        (("v1",), "int", "int"),
        (("orders", "{order_id}", "orders"), "id", "order_id2"),
        (("ORDERS-of",), "id", "orders_of_id"),
    ],
)
def test_a_parameter_goes_by_what_stands_before_it(before: tuple[str, ...], kind: str, name: str) -> None:
    assert parameter_name(before, kind) == name


def test_a_word_of_interfaces_that_was_merged_is_routed_as_a_value() -> None:
    trie = PathTrie(20)
    for at in range(200):
        trie.add("GET", f"/tags/zor{chr(97 + at // 26)}{chr(97 + at % 26)}", at % 40)
    trie.add("GET", "/tags/table", 1)
    routes = routes_of(list(trie.templates()))

    assert routes.route("GET", "/tags/table") == "GET /tags/{tag}"
    assert routes.route("GET", "/tags/me") == "GET /tags/me"


CORPORA = Path(
    os.environ.get("DRESS_REHEARSAL_CORPORA", Path(__file__).resolve().parents[2].parent / "shared" / "corpora")
)


@pytest.mark.skipif(not CORPORA.is_dir(), reason=f"no corpora at {CORPORA}")
def test_templates_of_a_public_interface_are_found_again() -> None:
    from benchmarks.routes import interfaces, score

    found = score(interfaces()["github.com/v3"], is_each=False)

    assert found.exact >= 0.95 * found.templates
    assert found.over_merged <= 0.005 * found.templates
