"""Requests that will not mean on staging what they meant in production, counted by why and by route.

They are sent all the same, or left out as ever: this is for a person, before the load. Signs are names and forms
alone; a plan is read once, so none costs more than a search through the request's bytes.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from replay.exchange import Exchange, Sealed
from replay.plan.links.bind import Bound
from replay.plan.links.rules import Rules

CURES = {
    "token": "carry a token that no answer gave: give staging's with run --header Authorization=env:VARIABLE",
    "cookie": "carry a cookie of a session that began before the capture: staging will not know it",
    "signed": "are signed over what staging's host, time or values change: sign anew with --hooks",
    "proof": "prove that the client has a secret (PKCE, client assertion), which pseudonyms cannot: use --hooks",
    "code": "carry a one-time code or a captcha's answer: have staging accept any, or leave the route out",
    "upgrade": "ask for another protocol, as WebSockets: only the request for it is sent",
    "filler": "had a body that was not kept: so many bytes of filler are sent",
}
"""Why such requests cannot be repeated, and what to do, by the reason's short name."""
_TOKEN = re.compile(r"(?:Bearer|Token|JWT|ApiKey) +\S", re.IGNORECASE)
_SIGNED = re.compile(r"AWS4-|Signature |Hawk |OAuth |DPoP |EG1-|Digest ", re.IGNORECASE)
_SIGNATURES = ("signature", "x-amz-content-sha256", "dpop", "x-hmac", "content-hmac")
_UPGRADED = 101


def _named(names: str) -> re.Pattern[bytes]:
    """A parameter, a field of a form or a member of JSON by one of these names."""
    return re.compile(rb'(?i)[?&\n](?:%b)=|"(?:%b)"\s{0,8}:' % (names.encode(), names.encode()))


_PROOF = _named("code_verifier|code_challenge|client_assertion|codeVerifier")
_CODE = _named(
    "otp|totp|mfa_code|one_time_code|captcha|g-recaptcha-response|h-captcha-response|cf-turnstile-response"
)


class Unrepeatable:
    """Takes the requests of a plan."""

    def __init__(self, rules: Rules) -> None:
        self._cookies = frozenset(cookie.name for cookie in rules.cookie)
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, exchange: Exchange, bound: Bound) -> None:
        """Count one planned request, as it is ``bound``."""
        for reason in self._reasons(exchange, bound):
            self._counts[reason][exchange.route] += 1

    def by_route(self) -> dict[str, dict[str, int]]:
        """Reason → route → requests, in the order of ``CURES``."""
        return {reason: dict(self._counts[reason].most_common()) for reason in CURES if reason in self._counts}

    def _reasons(self, exchange: Exchange, bound: Bound) -> set[str]:
        found = set()
        for name, value in exchange.request.headers:
            lower = name.lower()
            if lower == "authorization":
                if _SIGNED.match(value):
                    found.add("signed")
                elif _TOKEN.match(value) and "header/authorization" not in bound.places:
                    found.add("token")
            elif lower == "cookie" and self._cookies:
                live = bound.cookies.names if bound.cookies is not None else ()
                names = {pair.partition("=")[0].strip() for pair in value.split(";")}
                if names & self._cookies and not names & self._cookies & set(live):
                    found.add("cookie")
            elif any(part in lower for part in _SIGNATURES):
                found.add("signed")
        if _PROOF.search(bound.wire):
            found.add("proof")
        if _CODE.search(bound.wire):
            found.add("code")
        if exchange.status == _UPGRADED:
            found.add("upgrade")
        body = exchange.request.body
        if isinstance(body, Sealed) and body.opaque_bytes:
            found.add("filler")
        return found
