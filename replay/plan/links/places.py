"""Places: where a value stands in a request or an answer, as a person reads and writes it.

A place is a root and steps, parted by ``|``. Roots of an answer: ``set-cookie/NAME``, ``header/NAME``, ``json/A/B``,
``html/input/NAME``, ``html/meta/NAME``, ``html/data/NAME``, ``html/link[/orders/*]``, ``html/script/0``, ``xml/A/B``
(elements by their local names), ``body``;
roots of a request: ``path/2``, ``query/NAME``, ``header/NAME``, ``cookie/NAME``, ``form/NAME``, ``json/A/B`` and
``body``. A step goes into the text found so far: ``url/path/2``, ``url/query/NAME``, ``url/fragment/NAME``,
``json/A``, ``jwt/CLAIM`` (payload), ``base64``, ``pairs/NAME``, ``link/REL``, ``quoted/0``, ``word/0``. In names
``/`` is ``~1``, ``|`` is ``~2`` and ``~`` is ``~0``; a name that repeats is counted (``id#1``). In a rule ``*``
stands for any index of an array, and a name for any count of it.
"""

from __future__ import annotations

import re
from functools import lru_cache

_NAME = r"[^/|]+"
_POINTER = rf"(?:/(?:{_NAME}|(?=/|$)))+"
_STEP = rf"(?:url/path/(?:\d+|\*)|url/(?:query|fragment)/{_NAME}|(?:json|jwt){_POINTER}|json|base64"
_STEP += rf"|(?:pairs|link)/{_NAME}|(?:quoted|word)/(?:\d+|\*))"
_STEPS = rf"(?:\|{_STEP})*"
_ANSWER = re.compile(
    rf"(?:(?:set-cookie|header)/{_NAME}|json{_POINTER}|json|xml(?:/{_NAME})+|html/(?:input|meta|data)/{_NAME}"
    rf"|html/link\[[^|\]]*\](?:#(?:\d+|\*))?|html/script/(?:\d+|\*)|body){_STEPS}"
)
_REQUEST = re.compile(rf"(?:path/\d+|(?:query|header|cookie|form)/{_NAME}|json{_POINTER}|json|body){_STEPS}")
_INDEX = re.compile(r"(?<=/)\d+(?=[/|]|$)|#\d+(?=[/|]|$)")


def quoted(name: str) -> str:
    """A name as it stands in a place."""
    if "~" in name or "/" in name or "|" in name:
        name = name.replace("~", "~0").replace("/", "~1").replace("|", "~2")
    return name


def plain(name: str) -> str:
    """The name that stands in a place."""
    return name.replace("~1", "/").replace("~2", "|").replace("~0", "~") if "~" in name else name


def counted(name: str, count: int) -> str:
    """The place's name of the ``count``-th of a name, from 0."""
    return f"{quoted(name)}#{count}" if count else quoted(name)


@lru_cache(maxsize=50_000)
def general(place: str) -> str:
    """The place as it stands in a rule: any index of an array, any count of a name; positions in a path stay."""
    pieces = []
    for piece in place.split("|"):
        if piece.startswith(("path/", "url/path/")):
            pieces.append(piece)
            continue
        pieces.append(_INDEX.sub(lambda found: "#*" if found[0].startswith("#") else "*", piece).replace("#*", ""))
    return "|".join(pieces)


def is_listed(place: str) -> bool:
    """Whether a rule's place stands in an array or among several of a name: which one it is depends on the data."""
    return "/*" in general(place).partition("[")[0] or "html/link[" in place


def is_answer_place(place: str) -> bool:
    """Whether this is a place of an answer."""
    return _ANSWER.fullmatch(place) is not None


def is_request_place(place: str) -> bool:
    """Whether this is a place of a request."""
    return _REQUEST.fullmatch(place) is not None


def last_name(place: str) -> str:
    """The name nearest to the value: ``json/order/id`` → ``id``; '' where only a position is known."""
    for piece in reversed(place.split("|")):
        for name in reversed(piece.split("/")[1:]):
            bare = name.partition("#")[0]
            if bare and not bare.isdigit() and bare != "*" and not bare.endswith("]"):
                return plain(bare)
    return ""
