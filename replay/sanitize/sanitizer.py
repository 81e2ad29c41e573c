"""From a raw exchange to a clean one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from itertools import chain

from replay.exchange import Body, Exchange, RawExchange, Request, Response, Sealed
from replay.routes import word_set
from replay.sanitize.gate import Gate
from replay.sanitize.keys import Key
from replay.sanitize.mapping import Map
from replay.sanitize.policy import Policy
from replay.sanitize.repeats import Parts, Repeats
from replay.sanitize.sessions import REMEMBERED, Sessions
from replay.sanitize.walkers.bodies import Bodies, CleanBody
from replay.sanitize.walkers.cookies import Cookies
from replay.sanitize.walkers.headers import Headers

_METHODS = word_set("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT PROPFIND REPORT PURGE QUERY")
_VERSIONS = frozenset({"HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/2", "HTTP/3"})
_ERRORS = frozenset({"", "connect", "timeout", "reset", "protocol", "client"})
_SCHEMES = frozenset({"http", "https", "ws", "wss"})
_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class Sanitizer:
    """Builds clean exchanges under one policy and one key; one capture, one sanitiser a process.

    Every leaf of what it returns is kept by the policy, is a word of interfaces, or is a keyed pseudonym; what was
    not understood is its length alone. The write gate has compared each record with its raw exchange.

    Args:
        policy: what may pass.
        key: the root key of the pseudonyms.
        epoch_ns: the capture's start, nanoseconds since 1970; all times are written from it.
        session_by: ``auto``, ``cookie:NAME``, ``authorization`` or ``connection``.
        repeats: equal requests come as one object, as from a log; what was cleaned lately is cleaned once.
    """

    def __init__(
        self, policy: Policy, key: Key, epoch_ns: int, session_by: str = "auto", *, repeats: bool = False
    ) -> None:
        self.policy = policy
        self.counts: Counter[str] = Counter()
        """Why exchanges were withheld (``withheld:REASON``), and notes (``veto``, ``opaque_body`` …)."""
        self._epoch_ns = epoch_ns
        joined = Map(policy, key, epoch_ns, self.counts)
        self._pseudonyms, self._walk, self._urls = joined.pseudonyms, joined.walk, joined.urls
        self._headers = Headers(self._walk, self._urls, Cookies(self._walk, self._urls))
        self._bodies = Bodies(self._walk, self._urls, joined.documents)
        self._gate = Gate(policy.vocabulary, joined.leaves.shapes.number)
        self._sessions = Sessions(session_by, self._short("session"))
        self._exchange_id, self._connection_id = (
            self._short("exchange"),
            lru_cache(REMEMBERED)(self._short("connection")),
        )
        self._repeats = Repeats(self._walked, lambda: self._walk.is_steady, self.counts) if repeats else None

    def clean(self, raw: RawExchange) -> Exchange | None:
        """The clean exchange; None where it is withheld (see ``counts``). Never raises, whatever it is given."""
        try:
            return self._cleaned(raw)
        except Exception as error:  # noqa: BLE001 - fails closed: what could not be sanitised is not written
            self.counts["withheld:error"] += 1
            self.counts[f"error:{type(error).__name__}"] += 1
            return None

    def _cleaned(self, raw: RawExchange) -> Exchange | None:
        parts = self._walked(raw) if self._repeats is None else self._repeats.parts(raw)
        if parts is None:
            return None
        epoch_ns = self._epoch_ns
        started = raw.started - epoch_ns if raw.started else 0
        answer, response, answered_bytes = raw.response, None, 0
        if answer is not None:
            body, answered_bytes = parts.body, answer.body_bytes
            if answer.body is None and isinstance(body, Sealed):
                body = Sealed(answered_bytes, None, body.type)
            status = answer.status if 100 <= answer.status <= 999 else 0
            response = Response(status, parts.headers, body, _version(answer.version))
        # In order, as names would take four times as long for each exchange.
        return Exchange(
            self._exchange_id(raw.id),
            self._sessions.of(raw),
            self._connection_id(raw.connection),
            started,
            (raw.requested - epoch_ns if raw.requested else 0) or started,
            parts.route,
            parts.request,
            response,
            raw.error if raw.error in _ERRORS else "protocol",
            raw.connect_started - epoch_ns if raw.connect_started else None,
            raw.connected - epoch_ns if raw.connected else None,
            raw.first_byte - epoch_ns if raw.first_byte else None,
            raw.ended - epoch_ns if raw.ended else None,
            raw.request.body_bytes,
            answered_bytes,
            parts.mapped,
        )

    def _walked(self, raw: RawExchange) -> Parts | None:
        """What the texts of the exchange become; None where it is withheld."""
        request = raw.request
        method = request.method.upper()
        if method not in _METHODS or request.scheme not in _SCHEMES:
            self.counts["withheld:method"] += 1
            return None
        target = request.path.decode("utf-8", "replace")
        found = self._urls.match(method, target)
        route = f"{method} {found.path or '/'}"
        self._walk.begin(route)
        mapped = self._walk.mapped = set()
        sent = self._bodies.clean(request.headers, request.body, request.body_bytes)
        path = self._urls.target(target, found)
        if isinstance(sent.body, Sealed):
            mapped.add("body")
        self._walk.mapped = None
        got = None
        if raw.response is not None:
            got = self._bodies.clean(raw.response.headers, raw.response.body, raw.response.body_bytes)
        parts = Parts(
            route=route,
            request=Request(
                method=method,
                scheme=request.scheme,
                host=self._urls.authority(request.host),
                path=path,
                headers=self._headers.clean(request.headers, sent.content_type),
                body=sent.body,
                version=_version(request.version),
            ),
            mapped=sorted(mapped),
            headers=[]
            if raw.response is None or got is None
            else self._headers.clean(raw.response.headers, got.content_type),
            body=None if got is None else got.body,
        )
        if not self._gate.passes(_raw_texts(raw, sent, got), _written_texts(parts), self._walk.kept):
            self.counts["withheld:gate"] += 1
            return None
        return parts

    def _short(self, label: str) -> Callable[[str], str]:
        return self._pseudonyms.drawer(label, _ID_ALPHABET, 16)


def _version(version: str) -> str:
    return version if version in _VERSIONS else "HTTP/1.1"


def _raw_texts(raw: RawExchange, sent: CleanBody, got: CleanBody | None) -> list[bytes]:
    request = raw.request
    texts = [request.host.encode("utf-8", "replace"), request.path, *chain.from_iterable(request.headers), sent.raw]
    if raw.response is not None and got is not None:
        texts += [*chain.from_iterable(raw.response.headers), got.raw]
    return texts


def _written_texts(parts: Parts) -> list[bytes]:
    request = parts.request
    texts = [parts.route, request.host, request.path, *chain.from_iterable(request.headers), _body_text(request.body)]
    texts += [*chain.from_iterable(parts.headers), _body_text(parts.body)]
    return [text.encode("utf-8", "surrogatepass") for text in texts]


def _body_text(body: Body) -> str:
    if isinstance(body, Sealed):  # the bytes themselves: the gate sees into no base64 of bytes
        return (body.base64 or b"").decode("utf-8", "replace")
    return body or ""
