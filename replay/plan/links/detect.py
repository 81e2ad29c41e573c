"""Finds links in a capture: what an answer issued first and a later request of the same session carries.

Coincidence is told from cause by four things: how much the value says (``values``), whether it is the session's own
or a constant that many sessions are given, how often the places agree where they could, and whether the client had
it first. Thousands of recorded sessions do what other tools do by recording twice and comparing.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from replay.exchange import Exchange
from replay.plan.links.answered import Answer, issued
from replay.plan.links.chosen import Choices, is_unique_name
from replay.plan.links.fresh import fresh_rules
from replay.plan.links.logins import LoginFinder
from replay.plan.links.places import general, is_listed
from replay.plan.links.rules import Cookie, Link, Place, Rules
from replay.plan.links.scoring import Evidence, Judged, judge
from replay.plan.links.sent import Leaf, sent
from replay.plan.links.stitching import Stitcher
from replay.plan.links.values import bits, is_candidate, is_strong, key_of
from replay.plan.wire import Rewrite, serialise
from replay.sanitize.dates import REFERENCE

MAX_EXCHANGES = 100_000
"""Read for detection; what they show holds for the rest."""
_MAX_SESSIONS = 20_000
_MAX_VALUES = 20_000
_MAX_ISSUED = 2_000_000
_MAX_CANDIDATES = 64
_AS_SENT = Rewrite()


@dataclass(frozen=True, slots=True)
class _Issue:
    """The first sight of a value in a session."""

    producer: Place
    ended: int


@dataclass(slots=True)
class _Session:
    number: int
    issued: dict[str, _Issue] = field(default_factory=dict)
    chosen: set[str] = field(default_factory=set)
    """Values that the client used before any answer issued them; short ones with their place, see ``_own``."""
    producers: set[Place] = field(default_factory=set)
    """Places that have issued something new here."""
    firsts: dict[str, Place] = field(default_factory=dict)
    """Where the client first sent which value of its own."""
    cookies: dict[str, str] = field(default_factory=dict)
    """Cookie that an answer set → the route that did."""


@dataclass(slots=True)
class _Consumer:
    """A place of requests, and the places of answers that its values were seen in first."""

    candidates: dict[Place, Evidence] = field(default_factory=dict)


class Detector:
    """Follows a capture in the order of its answers. Memory is bounded by the constants above.

    Args:
        zero_s: when the capture began, in seconds since 1970, as its own times have it.
    """

    def __init__(self, zero_s: float = REFERENCE.timestamp()) -> None:
        self._choices = Choices(zero_s)
        self._stitcher = Stitcher()
        self._logins = LoginFinder()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._consumers: defaultdict[Place, _Consumer] = defaultdict(_Consumer)
        self._spread: dict[int, list[int]] = {}
        """Hash of a producer and a value it issued → the session that got it last, and how many did."""
        self._answering: defaultdict[Place, list[int]] = defaultdict(lambda: [-1, 0])
        self._cookies: defaultdict[str, set[str]] = defaultdict(set)
        self._set_names: set[str] = set()
        """Cookies that any answer has set."""
        self._cookie_seen: defaultdict[str, int] = defaultdict(int)
        self.exchanges = 0

    def observe(self, exchange: Exchange) -> None:
        """Take the next exchange."""
        self.exchanges += 1
        name = self._stitcher.session(exchange)
        session = self._session(name)
        self._logins.observe(exchange, name)
        self._request(session, exchange)
        if exchange.response is not None:
            self._answer(session, exchange)

    def rules(self) -> Rules:
        """What was found, the surest first."""
        found: defaultdict[tuple[Place, str], list[tuple[str, Judged]]] = defaultdict(list)
        for (route, written), consumer in self._consumers.items():
            agreed = sum(evidence.agreed for evidence in consumer.candidates.values())
            for producer, evidence in consumer.candidates.items():
                shared = self._share_of_sessions(producer, evidence)
                judged = judge(evidence, producer, (route, written), shared, evidence.agreed / agreed)
                if judged.is_link:
                    found[producer, written].append((route, judged))
        links = []
        for ((from_, read), written), routes in found.items():
            best = max((judged for _, judged in routes), key=lambda judged: judged.confidence)
            to = sorted(route for route, _ in routes)
            links.append(Link(from_, read, to, written, round(best.confidence, 3), best.evidence))
        cookies = [
            Cookie(name, sorted(routes), f"set by an answer and sent {self._cookie_seen[name]:,} times")
            for name, routes in self._cookies.items()
        ]
        fresh, doubtful = fresh_rules(self._choices, self._set_names)
        return Rules(
            link=sorted(links, key=lambda link: (-link.confidence, link.from_, link.read, link.written)),
            cookie=sorted(cookies, key=lambda cookie: cookie.name),
            fresh=fresh,
            doubtful=doubtful,
            login=self._logins.logins(),
        )

    def _request(self, session: _Session, exchange: Exchange) -> None:
        route = exchange.route
        done: list[str] = []
        for leaf in sent(serialise(exchange.request, _AS_SENT)):
            if not is_candidate(leaf.value) or any(leaf.place.startswith(place) for place in done):
                continue
            if self._is_cookie(session, leaf):
                done.append(leaf.place)
                continue
            consumer = (route, general(leaf.place))
            issue = None if leaf.is_trace else session.issued.get(key_of(leaf.value))
            own = _own(leaf.value, consumer[1])
            is_own = issue is None or own in session.chosen
            if "|" not in leaf.place:
                self._choices.saw(exchange, consumer[1], leaf.value, session.number, session.firsts, is_own=is_own)
            if leaf.is_trace:
                continue
            if issue is None or is_own:
                if len(session.chosen) < _MAX_VALUES:
                    session.chosen.add(own)
                if issue is None:
                    self._missed(session, consumer)
            elif issue.ended <= exchange.started and leaf.is_writable:
                self._agreed(session, consumer, issue.producer, leaf.value)
                done.append(f"{leaf.place}|")

    def _is_cookie(self, session: _Session, leaf: Leaf) -> bool:
        root, _, name = leaf.place.partition("|")[0].partition("/")
        if root != "cookie" or name not in session.cookies:
            return False
        if "|" not in leaf.place:
            self._cookies[name].add(session.cookies[name])
            self._cookie_seen[name] += 1
        return True

    def _agreed(self, session: _Session, consumer: Place, producer: Place, value: str) -> None:
        candidates = self._consumers[consumer].candidates
        evidence = candidates.get(producer)
        if evidence is None:
            if len(candidates) >= _MAX_CANDIDATES:
                return
            evidence = candidates[producer] = Evidence()
        evidence.agree(session.number, key_of(value), bits(value), is_strong=is_strong(value))

    def _missed(self, session: _Session, consumer: Place) -> None:
        found = self._consumers.get(consumer)
        if found is None:
            return
        for producer, evidence in found.candidates.items():
            if producer in session.producers:
                evidence.differ()

    def _answer(self, session: _Session, exchange: Exchange) -> None:
        response = exchange.response
        if response is None:
            return
        ended = exchange.started if exchange.ended is None else exchange.ended
        answer = Answer(response.headers, response.body if isinstance(response.body, str) else None)
        best: dict[str, tuple[tuple[bool, int, int], str]] = {}
        for place, value in issued(answer):
            if place.startswith("set-cookie/") and "|" not in place:
                session.cookies[place.partition("/")[2]] = exchange.route
                if len(self._set_names) < _MAX_VALUES:
                    self._set_names.add(place.partition("/")[2])
            if not is_candidate(value):
                continue
            key = key_of(value)
            if key in session.chosen or key in session.issued:
                continue
            rank = (is_listed(place), place.count("|"), len(place))
            if key not in best or rank < best[key][0]:
                best[key] = (rank, place)
        seen_here: set[Place] = set()
        for key, (_, place) in best.items():
            if len(session.issued) >= _MAX_VALUES:
                break
            producer = (exchange.route, general(place))
            session.issued[key] = _Issue(producer, ended)
            session.producers.add(producer)
            self._count(producer, key, session.number)
            seen_here.add(producer)
        for producer in seen_here:
            counted = self._answering[producer]
            if counted[0] != session.number:
                counted[0] = session.number
                counted[1] += 1

    def _count(self, producer: Place, key: str, session: int) -> None:
        spread = self._spread.get(mark := hash((producer, key)))
        if spread is None:
            if len(self._spread) < _MAX_ISSUED:
                self._spread[mark] = [session, 1]
        elif spread[0] != session:
            spread[0] = session
            spread[1] += 1

    def _share_of_sessions(self, producer: Place, evidence: Evidence) -> float:
        """Of the sessions that the producer answered, the mean share that got one and the same of these values."""
        sessions = self._answering[producer][1]
        if not evidence.values or sessions < 3:
            return 0.0
        spreads = [self._spread.get(hash((producer, key)), (0, 1))[1] for key in evidence.values]
        alone = sum(spread <= 1 for spread in spreads)
        return 0.0 if alone == len(spreads) else sum(spreads) / len(spreads) / sessions

    def _session(self, name: str) -> _Session:
        session = self._sessions.get(name)
        if session is None:
            session = self._sessions[name] = _Session(self.exchanges)
            if len(self._sessions) > _MAX_SESSIONS:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(name)
        return session


def _own(value: str, place: str) -> str:
    """What a client's own value is remembered by; a short one that is no account's is its own only where it stood."""
    return key_of(value) if is_strong(value) or is_unique_name(place) else f"{value} {place}"


def detect(exchanges: Iterable[Exchange], zero_s: float = REFERENCE.timestamp()) -> Rules:
    """The rules that the first 100,000 exchanges of a capture show, which began at ``zero_s``."""
    detector = Detector(zero_s)
    for exchange in exchanges:
        detector.observe(exchange)
        if detector.exchanges >= MAX_EXCHANGES:
            break
    return detector.rules()
