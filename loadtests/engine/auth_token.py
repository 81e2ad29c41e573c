"""The token of ``--auth``: fetched before the first request, renewed before it ends, in the engines' memory alone."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import msgspec

from loadtests.engine.requests import may_be_set
from loadtests.hooks import Fetch, Response
from replay.auth_file import TokenCall
from replay.errors import ReplayError
from replay.plan.links.answered import Answer

EXPIRES = "json/expires_in"
_TIMEOUT_S = 10.0
_RETRY_S = 2.0
_EARLY_S = 30.0
"""So long before its end a token is renewed: what waits on the agenda was stamped with the old one."""
_EARLY_SHARE = 0.25
"""Or, of a short life, this much of it before."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when to renew it."""

    value: str = field(repr=False)
    """As the header has it, with its prefix."""
    renew_s: float
    """Monotonic; ∞ for one that stays."""
    ends_s: float
    """Monotonic."""


def fetched(
    call: TokenCall,
    fetch: Fetch,
    environment: Mapping[str, str],
    now_s: Callable[[], float] = time.monotonic,
) -> Token:
    """A new token.

    Raises:
        ReplayError: there is no answer, or none with a token; the message holds nothing of either.
    """
    if not may_be_set(call.header):
        raise ReplayError(f"--auth: header {call.header[:60]} cannot be set. Name another.")
    where = f"--auth: POST {call.target.url if call.target else ''}{call.path.partition('?')[0]}"
    fields = {
        name: environment.get(value.removeprefix("env:"), "") if value.startswith("env:") else value
        for name, value in call.fields.items()
    }
    body = urlencode(fields).encode() if call.is_form else msgspec.json.encode(fields)
    kind = "application/x-www-form-urlencoded" if call.is_form else "application/json"
    headers = {"Content-Type": kind, "Accept": "application/json"}
    asked_s = now_s()
    try:
        answer = fetch("POST", call.path, headers=headers, body=body, timeout_s=_TIMEOUT_S)
    except OSError as error:
        raise ReplayError(f"{where}: no answer ({type(error).__name__}). Is it running there?") from None
    if not 200 <= answer.status < 400:
        raise ReplayError(f"{where}: answered {answer.status}. Are the credentials those of staging?")
    places = _places(answer)
    token = places.at(call.at)
    if not token or not token.isprintable() or not token.isascii() or " " in token:
        raise ReplayError(f"{where}: the answer has no token at {call.at}. Say where it stands: at = …")
    lasts_s = call.lasts_s or _seconds(places.at(EXPIRES))
    ends_s = asked_s + lasts_s
    return Token(call.prefix + token, ends_s - min(_EARLY_S, lasts_s * _EARLY_SHARE), ends_s)


async def keep_fresh(
    token: Token,
    fetch: Callable[[], Token],
    give: Callable[[Token], None],
    fail: Callable[[str], None],
    now_s: Callable[[], float] = time.monotonic,
) -> None:
    """Give each token that follows ``token``, before that ends; ``fail`` where none could be had until then."""
    loop = asyncio.get_running_loop()
    while token.renew_s < math.inf:
        await asyncio.sleep(max(0.0, token.renew_s - now_s()))
        try:
            token = await loop.run_in_executor(None, fetch)
        except ReplayError as error:
            if now_s() + _RETRY_S >= token.ends_s:
                fail(f"the token could not be renewed ({error})")
                return
            await asyncio.sleep(_RETRY_S)
        else:
            give(token)


def _places(answer: Response) -> Answer:
    return Answer(list(answer.headers), answer.body.decode("utf-8", "replace"))


def _seconds(text: str | None) -> float:
    try:
        found = float(text or math.inf)
    except ValueError:
        return math.inf
    return found if found > 0 else math.inf
