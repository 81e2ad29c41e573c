"""Names: which are words that every interface uses, which are secrets' names, and which name a time.

A name (of a JSON member, a form field, a query parameter, a cookie, a header) is data like any other: it passes only
where every word in it is of the built-in list or of the policy.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import cast

import msgspec

from replay.routes import is_word, word_set

LONGEST_NAME = 64
_MOST_DIGITS = 3
_MOST_LETTERS = 2
# Splits camelCase, snake_case and kebab-case; every alternative is one run, so matching is linear.
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NAME = re.compile(r"[A-Za-z_$@:.-][A-Za-z0-9_:.\[\]-]*")
_SECRET_PARTS = word_set(
    """
    pass pwd passwd password passphrase passcode passkey pw secret secrets token tokens apikey apikeys auth
    authorization authentication session sessions sess sessid sid jsessionid phpsessid sessionid csrf xsrf
    csrftoken xsrftoken otp totp mfa pin cvv cvc cvn ssn key signature sig hmac credential credentials cookie
    cookies assertion verifier samlrequest samlresponse bearer jwt jwk nonce captcha authenticity viewstate ticket
    """
)
_SECRET_PREFIXES = (
    "passw",
    "secret",
    "apikey",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "csrf",
    "xsrf",
    "session",
)
_PASSWORD_PARTS = word_set("pass pwd passwd password passphrase passcode pw secret secrets")
_TIME_PARTS = word_set(
    """
    at time times timestamp ts date datetime created updated modified changed deleted started ended expires expiry
    exp expiration iat nbf since until issued published scheduled canceled renewed
    """
)
_BOUNDS = word_set("before after start end begin due paid")
"""They name a time only beside a word that does: alone they are as often a cursor's or an amount's."""
_COORDINATES = {"lat": 90, "latitude": 90, "lng": 180, "lon": 180, "long": 180, "longitude": 180}
_RANDOM_PARTS = word_set("cvv cvc cvn pin otp totp")


def _remembered[**P, T](asked: Callable[P, T]) -> Callable[P, T]:
    """``asked``, remembered for the latest 5,000 names; long ones, which anybody may send, would fill the memory."""
    found = cast(Callable[P, T], lru_cache(maxsize=5_000)(asked))

    @wraps(asked)
    def asking(*given: P.args, **named: P.kwargs) -> T:
        return (found if len(str(given[0])) <= LONGEST_NAME else asked)(*given, **named)

    return asking


class Facts(msgspec.Struct, frozen=True):
    """All that a name says."""

    is_known: bool
    is_secret: bool
    is_password: bool
    is_time: bool
    is_random: bool
    degrees: int


def facts(name: str, secrets: frozenset[str]) -> Facts:
    """What the functions below say of a name, found out at once; nothing of it is remembered."""
    found = _parts(name)
    return Facts(
        is_known=_is_known(name, found),
        is_secret=_is_secret(found, secrets),
        is_password=_is_password(found),
        is_time=_is_time(found),
        is_random=not _RANDOM_PARTS.isdisjoint(found),
        degrees=_COORDINATES.get(found[-1], 0) if found else 0,
    )


@_remembered
def parts(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case: ``orderId`` → ``order``, ``id``; digits are parts of their own."""
    return _parts(name)


@_remembered
def is_known_name(name: str) -> bool:
    """Whether a name is made of built-in words, one single letter and two digits; with more it could be an id."""
    return _is_known(name, _parts(name))


@_remembered
def is_secret_name(name: str, more: frozenset[str] = frozenset()) -> bool:
    """Whether a name is one that secrets go by, however it is spelled; such a value is never kept."""
    return _is_secret(_parts(name), more)


@_remembered
def is_password_name(name: str) -> bool:
    """Whether a name is one of secrets that a person chose, in which every character counts."""
    return _is_password(_parts(name))


@_remembered
def is_time_name(name: str) -> bool:
    """Whether a name says that a bare integer is a point in time."""
    return _is_time(_parts(name))


@_remembered
def is_random_name(name: str) -> bool:
    """Whether a name is one of short codes that nobody may join: card checks, PINs, one-time passwords."""
    return not _RANDOM_PARTS.isdisjoint(_parts(name))


def _parts(name: str) -> tuple[str, ...]:
    return tuple([part.lower() for part in _PARTS.findall(name)])


def _is_known(name: str, found: tuple[str, ...]) -> bool:
    if not name or len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        return False
    if is_word(name.lower()):
        return True
    if not found and len(name) > _MOST_LETTERS:  # marks alone
        return False
    digits, letters, has_word = 0, 0, False
    for part in found:
        if part.isdigit():
            digits += len(part)
        elif len(part) == 1:
            letters += 1
        elif is_word(part):
            has_word = True
        else:
            return False
    return letters <= 1 and digits <= (2 if has_word else 1)


def _is_secret(found: tuple[str, ...], more: frozenset[str]) -> bool:
    joined = "".join(found)
    if joined in _SECRET_PARTS or joined in more or joined.startswith(_SECRET_PREFIXES):
        return True
    return not (_SECRET_PARTS.isdisjoint(found) and more.isdisjoint(found))


def _is_password(found: tuple[str, ...]) -> bool:
    joined = "".join(found)
    if joined in _PASSWORD_PARTS or not _PASSWORD_PARTS.isdisjoint(found):
        return True
    return "passw" in joined and any(part.startswith("passw") for part in (*found, joined))


def _is_time(found: tuple[str, ...]) -> bool:
    if not found:
        return False
    if found[-1] in _BOUNDS:
        return not _TIME_PARTS.isdisjoint(found)
    return found[-1] in _TIME_PARTS or found[0] in {"date", "time", "timestamp", "ts"}


JWT_ALGORITHMS = word_set("HS256 HS384 HS512 RS256 RS384 RS512 ES256 ES384 ES512 PS256 PS384 PS512 EdDSA none")
JWT_TYPES = word_set("JWT at+jwt")
"""All that a token's head may say (RFC 7515, RFC 9068); anything else in it is data."""
