"""From a raw exchange to a clean one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from replay.exchange import Body, Exchange, Pair, RawExchange, RawPair, Request, Response, Sealed
from replay.routes import word_set
from replay.sanitize.gate import Gate
from replay.sanitize.keys import Key
from replay.sanitize.mapping import Map
from replay.sanitize.policy import Policy
from replay.sanitize.sessions import Sessions
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
    """

    def __init__(self, policy: Policy, key: Key, epoch_ns: int, session_by: str = "auto") -> None:
        self.policy = policy
        self.counts: Counter[str] = Counter()
        """Why exchanges were withheld (``withheld:REASON``), and notes (``veto``, ``opaque_body`` …)."""
        self._epoch_ns = epoch_ns
        joined = Map(policy, key, epoch_ns, self.counts)
        self._pseudonyms, self._walk, self._urls = joined.pseudonyms, joined.walk, joined.urls
        self._headers = Headers(self._walk, self._urls, Cookies(self._walk, self._urls))
        self._bodies = Bodies(self._walk, self._urls, joined.documents)
        self._gate = Gate(policy.vocabulary, joined.leaves.shapes.number)
        self._sessions = Sessions(session_by, lambda mark: self._short("session", mark))

    def clean(self, raw: RawExchange) -> Exchange | None:
        """The clean exchange; None where it is withheld (see ``counts``). Never raises, whatever it is given."""
        try:
            return self._cleaned(raw)
        except Exception as error:  # noqa: BLE001 - fails closed: what could not be sanitised is not written
            self.counts["withheld:error"] += 1
            self.counts[f"error:{type(error).__name__}"] += 1
            return None

    def _cleaned(self, raw: RawExchange) -> Exchange | None:
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
        exchange = Exchange(
            id=self._short("exchange", raw.id),
            session=self._sessions.of(raw),
            connection=self._short("connection", raw.connection),
            started=self._since(raw.started) or 0,
            requested=self._since(raw.requested) or self._since(raw.started) or 0,
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
            response=self._response(raw, got),
            error=raw.error if raw.error in _ERRORS else "protocol",
            connect_started=self._since(raw.connect_started),
            connected=self._since(raw.connected),
            first_byte=self._since(raw.first_byte),
            ended=self._since(raw.ended),
            bytes_out=request.body_bytes,
            bytes_in=raw.response.body_bytes if raw.response is not None else 0,
            mapped=sorted(mapped),
        )
        if not self._gate.passes(_raw_texts(raw, sent, got), [_written_text(exchange)], self._walk.kept):
            self.counts["withheld:gate"] += 1
            return None
        return exchange

    def _response(self, raw: RawExchange, got: CleanBody | None) -> Response | None:
        if raw.response is None or got is None:
            return None
        return Response(
            status=raw.response.status if 100 <= raw.response.status <= 999 else 0,
            headers=self._headers.clean(raw.response.headers, got.content_type),
            body=got.body,
            version=_version(raw.response.version),
        )

    def _short(self, label: str, value: str) -> str:
        return self._pseudonyms.drawn(label, value, _ID_ALPHABET, 16)

    def _since(self, time_ns: int) -> int | None:
        return time_ns - self._epoch_ns if time_ns else None


def _version(version: str) -> str:
    return version if version in _VERSIONS else "HTTP/1.1"


def _raw_texts(raw: RawExchange, sent: CleanBody, got: CleanBody | None) -> Iterable[bytes]:
    yield raw.request.host.encode("utf-8", "replace")
    yield raw.request.path
    yield from _header_texts(raw.request.headers)
    yield sent.raw
    if raw.response is not None and got is not None:
        yield from _header_texts(raw.response.headers)
        yield got.raw


def _header_texts(headers: list[RawPair]) -> Iterable[bytes]:
    for name, value in headers:
        yield name
        yield value


def _written_text(exchange: Exchange) -> bytes:
    request, response = exchange.request, exchange.response
    texts = [exchange.route, request.host, request.path, *_pair_texts(request.headers), _body_text(request.body)]
    if response is not None:
        texts += [*_pair_texts(response.headers), _body_text(response.body)]
    return "\n".join(texts).encode("utf-8", "surrogatepass")


def _pair_texts(pairs: list[Pair]) -> Iterable[str]:
    return (text for pair in pairs for text in pair)


def _body_text(body: Body) -> str:
    if isinstance(body, Sealed):  # the bytes themselves: the gate sees into no base64 of bytes
        return (body.base64 or b"").decode("utf-8", "replace")
    return body or ""
