"""Which of the values that clients made up must be made anew, and of what sort each is.

Known are: times of sending; keys and nonces by their name; cookies that scripts make and send back beside themselves
(double submit); ids that a client gave to what it created; names and addresses in sign-ups. What a value alone cannot
tell (an id that the client made up, or one of what exists) is doubtful, and a person decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from replay.plan.filters import SAFE_METHODS
from replay.plan.links.chosen import EVERY_ROUTE, Choices, Chosen, bare_name, is_unique_name
from replay.plan.links.rules import MIN_CONFIDENCE, Fresh, Place
from replay.routes import word_set

_MOST_DOUBTFUL = 50
_SURE, _MOSTLY = 0.95, 0.9
_KEYS = word_set(
    """
    idempotencykey xidempotencykey idempotencytoken idempotencyid requestid xrequestid correlationid xcorrelationid
    clientmutationid clientrequestid clienttoken nonce xnonce oauthnonce messageid deduplicationid dedupid dedupekey
    """
)
_BUSTERS = word_set("_ cb cachebust cachebuster nocache rnd rand random")
_PAIRED = ("csrf", "xsrf")
_IDS = word_set("id uuid guid")
_SIGN_UPS = word_set("signup sign-up register registration registrations join enroll enrol")
_PEOPLE = word_set("users accounts customers members people profiles subscribers")
_REFERENCES = word_set("reference ref externalid externalreference clientreference sku slug code ordernumber invoice")


@dataclass(frozen=True, slots=True)
class _Guess:
    """A sort for a place, how sure its signs are by themselves, and in words what speaks for it."""

    sort: str
    base: float
    because: str


def fresh_rules(choices: Choices, set_cookies: Collection[str]) -> tuple[list[Fresh], list[Fresh]]:
    """What is to be made anew, and what is doubtful; the surest first. ``set_cookies`` names those of answers."""
    found: defaultdict[tuple[str, str, bool], list[tuple[str, float, str]]] = defaultdict(list)
    made: dict[Place, Chosen] = {}
    for place, chosen in choices.places.items():
        if place[1].startswith("cookie/") and place[1].partition("/")[2] in set_cookies:
            continue  # of a session that began before the capture
        for route, guess, confidence in _guesses(place, chosen, choices.alone(chosen)):
            is_sure = confidence >= MIN_CONFIDENCE
            found[place[1], guess.sort, is_sure].append((route, confidence, _evidence(chosen, guess)))
            if is_sure and guess.sort != "time":
                made[place] = chosen
    sure_places = {(route, written) for (written, _, is_sure), each in found.items() if is_sure for route, *_ in each}
    for chosen in made.values():
        for (route, written), count in chosen.followers.items():
            for to in choices.places[route, written].routes if route == EVERY_ROUTE else [route]:
                if (to, written) not in sure_places and (chosen.strong or _can_follow(written, count)):
                    evidence = f"what its session had made up before, {count:,} times"
                    found[written, "same", True].append((to, 1.0, evidence))
    rules = [
        (is_sure, Fresh(sorted({to for to, *_ in each}), written, sort, *_best(each)))
        for (written, sort, is_sure), each in found.items()
    ]
    rules.sort(key=lambda each: (-each[1].confidence, each[1].written, each[1].to))
    doubtful = [fresh for is_sure, fresh in rules if not is_sure]
    return [fresh for is_sure, fresh in rules if is_sure], doubtful[:_MOST_DOUBTFUL]


def _guesses(place: Place, chosen: Chosen, alone: float) -> Iterator[tuple[str, _Guess, float]]:
    """The routes at which the place is to be made anew."""
    if "|" in place[1] or chosen.own < _MOSTLY * chosen.requests:
        return
    if chosen.now >= _SURE * chosen.requests:
        confidence = round((chosen.now + 1) / (chosen.requests + 2), 3)
        for route in chosen.routes:
            yield route, _Guess("time", 1, "the time of sending"), confidence
        return
    if not chosen.firsts:
        return
    likely = (chosen.firsts * alone + 1) / (chosen.firsts + 2)
    for route in chosen.routes if likely >= 0.5 else ():
        guess = _guess(route, place[1], chosen)
        if guess is not None:
            yield route, guess, round(guess.base * likely, 3)


def _guess(route: str, place: str, chosen: Chosen) -> _Guess | None:
    name = bare_name(place)
    method, _, path = route.partition(" ")
    is_write = method not in SAFE_METHODS
    sort = "uuid" if chosen.uuids == chosen.firsts else "random"
    is_strong = chosen.strong >= _SURE * chosen.firsts
    if name in _KEYS and is_strong:
        # On a safe request it changes nothing but what the request costs, as an id for logs.
        return _Guess(sort, 1.0 if is_write or "nonce" in name else 0.5, "named as a key")
    if any(part in name for part in _PAIRED):
        is_cookie = place.startswith("cookie/")
        is_pair = any(written.startswith("cookie/") != is_cookie for _, written in chosen.followers)
        return _Guess(sort, 1.0, "the same as a cookie and beside it") if is_pair and is_strong else None
    if name in _BUSTERS and place.startswith("query/"):
        return _Guess(sort, 0.9, "named as what keeps caches away")
    return _of_creation(path, place, name, chosen, sort, is_strong) if is_write else None


def _of_creation(path: str, place: str, name: str, chosen: Chosen, sort: str, is_strong: bool) -> _Guess | None:
    segments = path.split("/")
    is_created = chosen.created >= _MOSTLY * chosen.firsts
    if place.startswith("path/"):
        is_last = int(place.partition("/")[2]) == len(segments) - 1
        return _Guess(sort, 1.0, "created under it (201)") if is_last and is_strong and is_created else None
    if is_unique_name(place) and chosen.accepted >= 0.5 * chosen.firsts:
        if any(segment.lower() in _SIGN_UPS for segment in segments):
            return _Guess("unique", 1.0, "in a sign-up")
        is_account = segments[-1].lower() in _PEOPLE
        return _Guess("unique", 0.9 if is_account else 0.5, "created with it (201)") if is_created else None
    if not place.startswith(("json/", "form/")):
        return None
    is_top = place.count("/") == 1
    if name in _IDS and is_top and is_strong and is_created:
        return _Guess(sort, 0.95, "created under it (201)")
    if name in _REFERENCES and is_created and is_top:
        return _Guess("unique", 0.5, "created with it (201)")
    if sort == "uuid" and is_strong and chosen.firsts >= _MOSTLY * chosen.own:
        return _Guess(sort, 0.4, "a UUID that no answer gave")
    return None


def _can_follow(place: str, count: int) -> bool:
    return count >= 2 and (is_unique_name(place) or place.startswith("path/"))


def _evidence(chosen: Chosen, guess: _Guess) -> str:
    if guess.sort == "time":
        return f"{guess.because} in {chosen.now:,} of {chosen.requests:,} requests"
    return f"{guess.because}; {chosen.firsts:,} values in {chosen.requests:,} requests, first sent by the client"


def _best(found: list[tuple[str, float, str]]) -> tuple[float, str]:
    _, confidence, evidence = max(found, key=lambda each: each[1])
    return confidence, evidence
