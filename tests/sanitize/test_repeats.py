from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.exchange import RawExchange, RawPair, RawResponse
from replay.sanitize import repeats
from replay.sanitize.recent import Recent
from replay.sanitize.sanitizer import Sanitizer
from tests.factories import raw_exchange
from tests.sanitize.making import EPOCH_NS, pseudonyms, sanitizer

POLICY = """
version = 1
[keep.sku]
guard = "slug"
query = ["sku"]
header = ["x-kept"]
"""
AGENT = (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64) Chrome/124.0.0.0")
REQUESTS = [
    raw_exchange(path, method=method, headers=[AGENT, *headers]).request
    for path, headers in (
        ("/orders/8812345", []),
        ("/orders/8812345?sku=floorlamp&name=floorlamp", []),
        ("/orders?email=ann.kirk@birdsong-mill.org", [(b"Referer", b"https://birdsong-mill.org/u/8812345")]),
        ("/search?q=8812345", [(b"X-Kept", b"floorlamp"), (b"X-Unheard-Of", b"floorlamp")]),
        ("/%FF/\x00", []),
    )
    for method in ("GET", "BREW")
]
ANSWERS: list[list[RawPair]] = [[], [(b"Content-Type", b"image/png")], [(b"Location", b"/orders/8812345")]]


def response(status: int, headers: list[RawPair], body: bytes | None, size: int) -> RawResponse:
    return RawResponse(status, "HTTP/1.1", headers, body, size)


responses = st.none() | st.builds(
    response,
    st.sampled_from([200, 404, 7]),
    st.sampled_from(ANSWERS),
    st.sampled_from([None, b"", b"8812345"]),
    st.integers(0, 3),
)


@st.composite
def exchanges(draw: st.DrawFn) -> RawExchange:
    """One of a few requests, which are the same objects each time, answered in some way."""
    number = draw(st.integers(1, 9))
    return msgspec.structs.replace(
        raw_exchange(),
        id=f"log-{number}",
        connection=f"c{number % 3}",
        started=EPOCH_NS + number,
        request=draw(st.sampled_from(REQUESTS)),
        response=draw(responses),
    )


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("policy") / "policy.toml"
    file.write_text(POLICY)
    return str(file)


@pytest.fixture(scope="module")
def both(policy: str) -> tuple[Sanitizer, Sanitizer]:
    """One that remembers and one that does not."""
    return Sanitizer(sanitizer(policy).policy, pseudonyms()._key, EPOCH_NS, repeats=True), sanitizer(policy)


@settings(max_examples=60, deadline=None)
@given(st.lists(exchanges(), min_size=1, max_size=12))
def test_what_was_met_before_becomes_what_it_would_become_alone(
    both: tuple[Sanitizer, Sanitizer], found: list[RawExchange]
) -> None:
    remembers, forgets = both
    for raw in found:
        assert remembers.clean(raw) == forgets.clean(raw)
    for name in ("withheld:method", "withheld:gate", "withheld:error", "body_not_kept", "opaque_body"):
        assert remembers.counts[name] == forgets.counts[name]


def asked(cleaner: Sanitizer, path: str, times: int) -> list[str]:
    """The paths that one request becomes, asked for several times."""
    raw = raw_exchange(path)
    return [found.request.path for found in (cleaner.clean(raw) for _ in range(times)) if found is not None]


def remembering() -> Sanitizer:
    return Sanitizer(sanitizer().policy, pseudonyms()._key, EPOCH_NS, repeats=True)


def test_a_code_for_once_is_drawn_anew_each_time() -> None:
    assert len(set(asked(remembering(), "/login?otp=481516", 12))) > 1


def test_a_request_is_walked_once_while_it_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[RawExchange] = []
    walk = Sanitizer._walked
    monkeypatch.setattr(Sanitizer, "_walked", lambda self, raw: walked.append(raw) or walk(self, raw))  # type: ignore[func-returns-value]

    assert len(asked(remembering(), "/orders/8812345", 5)) == 5
    assert len(walked) == 1


def test_requests_of_equal_text_are_told_apart_by_what_they_are() -> None:
    """A reader that shares nothing loses the speed, and nothing else."""
    cleaner = remembering()

    assert [asked(cleaner, f"/orders/{1000 + n}", 1) for n in range(60)] == [
        asked(sanitizer(), f"/orders/{1000 + n}", 1) for n in range(60)
    ]


def _any_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "_LENGTH_ALONE", 1)


def _any_request(monkeypatch: pytest.MonkeyPatch) -> None:
    class One(Recent[tuple[int, int], object]):
        def __missing__(self, key: tuple[int, int]) -> object:
            return next((msgspec.structs.replace(met, request=REQUESTS[0]) for met in self.values()), None)  # type: ignore[type-var]

    monkeypatch.setattr(repeats, "Recent", One)


@pytest.mark.parametrize("broken", [_any_response, _any_request])
def test_a_memory_that_forgets_what_decides_is_noticed(
    broken: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)
    remembers, forgets = remembering(), sanitizer()
    found = [
        msgspec.structs.replace(raw_exchange(), request=request, response=answer)
        for request in (REQUESTS[2], REQUESTS[0])
        for answer in (response(200, [], b"", 0), response(200, [], None, 9), response(200, [], b"", 0))
    ]

    with pytest.raises(AssertionError):
        assert [remembers.clean(raw) for raw in found] == [forgets.clean(raw) for raw in found]


@given(st.text(), st.sampled_from(["abc", "abcdefghijklmnopqrstuvwxyz234567"]), st.integers(1, 64))
def test_a_drawer_draws_what_is_drawn_alone(value: str, alphabet: str, size: int) -> None:
    mine = pseudonyms()

    assert mine.drawer("id", alphabet, size)(value) == mine.drawn("id", value, alphabet, size)
