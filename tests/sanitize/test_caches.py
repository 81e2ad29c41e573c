"""What was seen before changes nothing: a sanitiser with full caches writes what a fresh one does.

Each cache is also broken on purpose, in the ways in which it could leak; the same property must then fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from replay.exchange import Exchange, RawExchange
from replay.sanitize.gate import Gate
from replay.sanitize.leaves import Leaves
from replay.sanitize.marks import TOKEN_MARKS
from replay.sanitize.recent import Recent
from replay.sanitize.scopes import Member, Scope, Scopes
from replay.sanitize.tokens import Tokens
from replay.sanitize.walkers.headers import Headers
from tests.factories import raw_exchange
from tests.sanitize.making import sanitizer

POLICY = """
version = 1
[[routes]]
template = "/orders"
[[routes]]
template = "/people"
[names]
headers = ["X-Kept"]
[keep.sku]
guard = "slug"
json = ["GET /orders /**/sku", "/list/1", "/odd/*/kind"]
header = ["x-kept"]
[keep.number]
guard = "int<=4digits"
json = ["/**/quantity"]
query = ["n"]
[[drop]]
where = "json"
name = "/gone/**"
"""
BODIES = (
    '{"sku":"floorlamp","quantity":7,"token":{"quantity":7,"sku":"floorlamp"},"name":"floorlamp"}',
    '{"list":["floorlamp","floorlamp","floorlamp"],"odd":[{"kind":"floorlamp"}],"kind":"floorlamp"}',
    '{"gone":{"sku":"floorlamp"},"password":"a.b/c-d","api_key":"a.b/c-d","name":"a.b/c-d","quantity":77777}',
    '{"created":1790000123,"amount":1790000123,"items":[1790000123,"1790000123"],"note":"{\\"quantity\\":7}"}',
)


def exchanges() -> list[RawExchange]:
    """The same values at places where different rules speak."""
    headers = [(b"X-Kept", b"floorlamp"), (b"X-Request-Id", b"floorlamp")]
    return [
        raw_exchange(path, headers=headers, answer=body.encode(), answer_headers=[(b"Content-Type", b"text/json")])
        for body in BODIES
        for path in ("/orders?n=7&m=7", "/people?m=7&n=7")
    ]


def written(clean: Callable[[RawExchange], Exchange | None], raw: RawExchange) -> Exchange:
    found = clean(raw)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("policy") / "policy.toml"
    file.write_text(POLICY)
    return str(file)


@pytest.fixture(scope="module")
def fresh(policy: str) -> list[Exchange]:
    """Each exchange as a sanitiser writes it that saw none before."""
    return [written(sanitizer(policy).clean, raw) for raw in exchanges()]


def check(policy: str, fresh: list[Exchange]) -> None:
    """The property; and that a leak is withheld although all of it was let pass before."""
    warm = sanitizer(policy)
    for _ in range(2):
        assert [written(warm.clean, raw) for raw in exchanges()] == fresh
    leak = [b'{"name":"floorlamp"}']
    assert not warm._gate.passes(leak, leak, [])


def test_what_was_seen_before_changes_nothing(policy: str, fresh: list[Exchange]) -> None:
    check(policy, fresh)


def _one_route(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Scopes.root

    def root(self: Scopes, route: str) -> Member:
        return next(iter(self._roots.values()), None) or original(self, route)

    monkeypatch.setattr(Scopes, "root", root)


def _no_secret_above(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Scopes.scope
    monkeypatch.setattr(Scopes, "scope", lambda self, rules, **_: original(self, rules, is_secret=False))


def _one_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Scopes.scope

    def scope(self: Scopes, rules: object, *, is_secret: bool) -> Scope:
        return next(iter(self._scopes.values()), None) or original(self, rules, is_secret=is_secret)  # type: ignore[arg-type]

    monkeypatch.setattr(Scopes, "scope", scope)


def _one_element(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Scope.element
    monkeypatch.setattr(Scope, "element", lambda self, array, _at: original(self, array, 1))


def _one_kind_of_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Leaves.__init__

    def made(self: Leaves, *arguments: object) -> None:
        original(self, *arguments)  # type: ignore[arg-type]
        self.secrets = dict.fromkeys(self.secrets, self.secrets[TOKEN_MARKS])

    monkeypatch.setattr(Leaves, "__init__", made)


def _secrets_as_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Leaves.__init__

    def made(self: Leaves, *arguments: object) -> None:
        original(self, *arguments)  # type: ignore[arg-type]
        self.secrets = dict.fromkeys(self.secrets, self.texts)

    monkeypatch.setattr(Leaves, "__init__", made)


def _kept_texts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Leaves, "note_ruled", lambda _self: None)


def _all_tokens_as_words(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Gate._is_words

    def remembered(self: Gate, token: bytes) -> bool:
        self._joined.add(token)
        return original(self, token)

    monkeypatch.setattr(Gate, "_is_words", remembered)


def _texts_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate takes any text for the first that it remembers."""
    original = Tokens.of_all

    def of_all(self: Tokens, texts: Iterable[bytes]) -> set[bytes]:
        first = next(iter(self._texts), None)
        return original(self, [text if first is None else first for text in texts])

    monkeypatch.setattr(Tokens, "of_all", of_all)


def _headers_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    class ByValue(dict):  # type: ignore[type-arg]
        def get(self, pair: tuple[bytes, bytes]) -> object:  # type: ignore[override]
            return super().get(pair[1])

        def __setitem__(self, pair: tuple[bytes, bytes], stored: object) -> None:
            super().__setitem__(pair[1], stored)

    original = Headers.__init__

    def made(self: Headers, *arguments: object) -> None:
        original(self, *arguments)  # type: ignore[arg-type]
        self._stored = ByValue()

    monkeypatch.setattr(Headers, "__init__", made)


def _shifted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A generation that hands out another key's value."""
    original = Recent.__missing__

    def missing(self: Recent[str, str], key: str) -> str:
        return next(iter(self.values())) if len(self) > 3 else original(self, key)

    monkeypatch.setattr(Recent, "__missing__", missing)


@pytest.mark.parametrize(
    "broken",
    [
        *(_one_route, _no_secret_above, _one_scope, _one_element, _one_kind_of_secret, _secrets_as_texts),
        *(_kept_texts_too, _all_tokens_as_words, _texts_alike, _headers_by_value, _shifted),
    ],
)
def test_a_cache_that_forgets_what_decides_is_noticed(
    broken: Callable[[pytest.MonkeyPatch], None], policy: str, fresh: list[Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)

    with pytest.raises(AssertionError):
        check(policy, fresh)
