from __future__ import annotations

from typing import cast

import pytest

from replay.errors import RefusedError
from replay.exchange import Exchange, RawExchange
from replay.sanitize.sanitizer import Sanitizer
from replay.sanitize.self_test import self_test
from tests.factories import exchange
from tests.sanitize.making import sanitizer


class Fake:
    """A sanitiser that returns what it was told to."""

    def __init__(self, found: Exchange | None) -> None:
        self.found = found

    def clean(self, raw: RawExchange) -> Exchange | None:
        return self.found


def check(found: Exchange | None) -> None:
    self_test(cast(Sanitizer, Fake(found)))


@pytest.mark.parametrize("byte", range(5))
@pytest.mark.parametrize("policy", ["builtin:strict", "builtin:demo"])
def test_a_sound_sanitiser_passes_under_any_key(policy: str, byte: int) -> None:
    self_test(sanitizer(policy, byte=byte))


@pytest.mark.parametrize(
    "leak",
    [
        "/users/QANARYWERTH",
        "/?mail=qanary.fowlmere",
        "/birdsong-mill.org",
        "/8203716494",
        "/4539578763621486",
        "/4915123456789",
    ],
)
def test_any_canary_that_comes_out_is_refused(leak: str) -> None:
    with pytest.raises(RefusedError, match="canaries came out of the sanitiser"):
        check(exchange(leak))


def test_a_sanitiser_that_withholds_the_test_is_refused() -> None:
    with pytest.raises(RefusedError, match="withheld its own test exchange"):
        check(None)


def test_the_message_names_no_canary() -> None:
    with pytest.raises(RefusedError) as caught:
        check(exchange("/users/Qanarywerth"))

    assert "anarywerth" not in str(caught.value)
