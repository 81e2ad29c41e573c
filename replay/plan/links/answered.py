"""The values that an answer issues, by place, and the value at one place of an answer.

Both ways know the same places: what ``issued`` names, ``Answer.at`` finds, in the recorded answer and in a live one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator
from functools import cached_property
from urllib.parse import unquote

import msgspec

from replay.plan.links.decoders import DEPTH, inside, json_leaves, leaf_at, step_into
from replay.plan.links.places import counted, general, quoted
from replay.routes import is_word, word_set

type Pairs = list[tuple[str, str]]

# In characters. The engine reads answers by these on its loop, and detection too, so that it promises no other links.
LONGEST_BODY = 1 << 20
"""A longer one gives no value; the engine keeps every byte of one as long as this."""
LONGEST_PAGE = 1 << 18
"""So much of a page is read: 4 MiB of tags took a second, in which all other requests are late."""
MAX_VALUES = 5_000
"""Of one answer; a larger one is a bulk of data, and the client has not used all of it."""
_SKIPPED = word_set(
    """
    accept-ranges age allow alt-svc cache-control connection content-disposition content-encoding content-language
    content-length content-security-policy content-type cross-origin-opener-policy date expires keep-alive
    last-modified nel permissions-policy pragma referrer-policy report-to retry-after server server-timing set-cookie
    strict-transport-security trailer transfer-encoding upgrade vary via x-content-type-options x-frame-options
    x-powered-by x-runtime x-xss-protection
    """
)
_SKIPPED_PARTS = ("access-control-", "cf-", "ratelimit", "request-id", "trace", "x-amz")
_TAG = re.compile(
    r"<(input|button|option|textarea|meta|a|form|link|area|iframe|script)\b((?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)>"
    r"|<[a-z][a-z0-9-]*\s(?=[^<>]*\bdata-)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)>",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"(?<![^\s\"'/])([^\s=\"'<>/]++)\s*+=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_DEEPEST = 64
_URL_ATTRIBUTES = ("href", "action", "src", "formaction")
_TAG_OF_XML = re.compile(r"<(/?)(?:[\w.-]++:)?+([\w.-]++)(?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+>")
_PASSED_OVER = (("<!--", "-->"), ("<?", "?>"), ("<!", ">"))
_CDATA = "<![CDATA["
_TEMPLATE = re.compile(r"html/link\[([^\]]*)\](?:#(\d+))?")


class Answer:
    """A response as the places see it; what is asked for is parsed once.

    Args:
        headers: names in any case, in order.
        text: the body, decoded; None where there is none or it was not kept.
    """

    def __init__(self, headers: Pairs, text: str | None) -> None:
        self.headers = [(name.lower(), value) for name, value in headers]
        self.text = text if text is not None and len(text) <= LONGEST_BODY else None

    @cached_property
    def content_type(self) -> str:
        """The media type, in lower case."""
        return next((value.lower() for name, value in self.headers if name == "content-type"), "")

    @cached_property
    def document(self) -> object:
        """The body as JSON; None where it is none."""
        try:
            return msgspec.json.decode((self.text or "").encode("utf-8", "surrogatepass"))
        except (msgspec.DecodeError, RecursionError):
            return None

    @cached_property
    def is_json(self) -> bool:
        """Whether the body says or looks so."""
        return "json" in self.content_type or (self.text or " ").lstrip()[:1] in {"{", "["}

    @cached_property
    def is_html(self) -> bool:
        """Whether the body says or looks so."""
        return "html" in self.content_type or (not self.is_json and "<html" in (self.text or "")[:2000].lower())

    @cached_property
    def page(self) -> dict[str, str]:
        """Place → text of what a page holds for the next request."""
        return dict(_page((self.text or "")[:LONGEST_PAGE]))

    @cached_property
    def is_xml(self) -> bool:
        """Whether the body says or looks so."""
        return not self.is_html and ("xml" in self.content_type or (self.text or " ").lstrip()[:5] == "<?xml")

    @cached_property
    def elements(self) -> dict[str, str]:
        """Place → text of the elements of XML that hold nothing but text."""
        return dict(_elements((self.text or "")[:LONGEST_PAGE]))

    def roots(self) -> Iterator[tuple[str, str]]:
        """Every place without a step, and its text."""
        seen: dict[str, int] = {}
        for name, value in self.headers:
            if name == "set-cookie":
                cookie, equals, text = value.partition(";")[0].strip().partition("=")
                if equals and text.strip('"'):
                    yield f"set-cookie/{counted(cookie, 0)}", _cookie_value(text)
            elif name not in _SKIPPED and not any(part in name for part in _SKIPPED_PARTS):
                count = seen.get(name, 0)
                seen[name] = count + 1
                yield f"header/{counted(name, count)}", value
        if self.text is None:
            return
        if self.is_json:
            for leaf in json_leaves(self.text):
                yield f"json{leaf.pointer}", leaf.value
        elif self.is_html:
            yield from self.page.items()
        elif self.is_xml:
            yield from self.elements.items()
        elif self.text:
            yield "body", self.text.strip()

    def at(self, place: str) -> str | None:
        """The text at ``place`` or, where it is not there, at the place most like it; None where neither is."""
        root, *steps = place.split("|")
        text = self._root(root)
        for step in steps:
            if text is None:
                return None
            text = step_into(text, step)
        return text

    def _root(self, root: str) -> str | None:
        kind, _, rest = root.partition("/")
        if kind == "json":
            return leaf_at(self.document, rest)
        if kind == "html":
            return self.page.get(root) or self._similar(root)
        if kind == "xml":
            return self.elements.get(root) or _first(self.elements, root)
        if kind == "body":
            return (self.text or "").strip() or None
        return next((text for place, text in Answer(self.headers, None).roots() if place == root), None)

    def _similar(self, root: str) -> str | None:
        """The last link of the template, where there are fewer of them; the first of a name, where it came once."""
        return _first(dict(reversed(self.page.items())), root)


def issued(answer: Answer, roots: Collection[str] | None = None) -> Iterator[tuple[str, str]]:
    """Every value of an answer with its place, the outer one before those inside it; at most 5,000.

    ``roots`` limits it to what stands at these places of rules, or inside them.
    """
    count = 0
    for place, text in answer.roots():
        if roots is not None and general(place) not in roots:
            continue
        for found in _nested(place, text, 0):
            yield found
            count += 1
            if count >= MAX_VALUES:
                return


def _nested(place: str, text: str, depth: int) -> Iterator[tuple[str, str]]:
    yield place, text
    if depth < DEPTH:
        is_url = place.endswith("/location") or place.startswith("html/link")
        for inner in inside(text, is_url_text=is_url):
            yield from _nested(f"{place}|{inner.step}", inner.value, depth + 1)


def _first(found: dict[str, str], root: str) -> str | None:
    """The first of that place, whatever its count."""
    start = root.partition("#")[0]
    return next((text for place, text in found.items() if place.partition("#")[0] == start), None)


def _elements(text: str) -> Iterator[tuple[str, str]]:
    """Elements that hold nothing but text; ends where the text is no XML. Every character is looked at once."""
    names: list[str] = []
    held: list[str] = []
    is_leaf = False
    seen: dict[str, int] = {}
    at = 0
    while (start := text.find("<", at)) >= 0:
        held.append(html.unescape(text[at:start]))
        if text.startswith(_CDATA, start):
            end = text.find("]]>", start)
            held.append(text[start + len(_CDATA) : end])
            at = end + 3
        elif found := _TAG_OF_XML.match(text, start):
            end, at = found.start(), found.end()
            if not found[1] and text[at - 2] != "/":
                names.append(quoted(found[2]))
                held, is_leaf = [], True
            elif found[1] and names:
                place, value = "xml/" + "/".join(names[:_DEEPEST]), "".join(held).strip()
                if is_leaf and value:
                    count = seen[place] = seen.get(place, -1) + 1
                    yield (f"{place}#{count}" if count else place), value
                names.pop()
                is_leaf = False
        else:
            close = next((close for opening, close in _PASSED_OVER if text.startswith(opening, start)), None)
            end = text.find(close, start) if close is not None else -1
            at = end + len(close or "")
        if end < 0:
            return


def _cookie_value(text: str) -> str:
    return unquote(text.strip('"'))


def _page(text: str) -> Iterator[tuple[str, str]]:
    seen: dict[str, int] = {}
    scripts = 0

    def number(name: str) -> int:
        seen[name] = seen.get(name, -1) + 1
        return seen[name]

    for tag in _TAG.finditer(text):
        kind = (tag[1] or "").lower()
        attributes = {
            found[1].lower(): html.unescape(next(g for g in found.groups()[1:] if g is not None))
            for found in _ATTRIBUTE.finditer(tag[2] or tag[3] or "")
        }
        if kind in {"input", "button", "option", "textarea"}:
            name = attributes.get("name", "")
            if name and (value := attributes.get("value")):
                place = f"html/input/{counted(name, 0)}"
                count = number(place)
                yield (f"{place}#{count}" if count else place), value
        elif kind == "meta":
            name = attributes.get("name") or attributes.get("property") or ""
            if name and (value := attributes.get("content")):
                yield f"html/meta/{counted(name, 0)}", value
        elif kind == "script" and "json" in attributes.get("type", ""):
            end = text.find("</script", tag.end())
            if end >= 0:
                yield f"html/script/{scripts}", text[tag.end() : end].strip()
            scripts += 1
        for name, value in attributes.items():
            if name in _URL_ATTRIBUTES and kind != "script" and value:
                place = f"html/link[{template(value)}]"
                count = number(place)
                yield (f"{place}#{count}" if count else place), value
            elif name.startswith("data-") and value:
                place = f"html/data/{counted(name[5:], 0)}"
                count = number(place)
                yield (f"{place}#{count}" if count else place), value


def template(url: str) -> str:
    """The shape of a link: what is no word of interfaces is ``*``, and of the query only the names are left."""
    path, _, query = re.sub(r"^(?:[a-z][a-z0-9+.-]*:)?//[^/?#]*", "", url).partition("#")[0].partition("?")
    shape = "/".join(segment if not segment or is_word(segment.lower()) else "*" for segment in path.split("/"))
    names = "&".join(piece.partition("=")[0] for piece in query.split("&") if piece)
    return (shape + (f"?{names}" if names else "")).replace("|", "").replace("]", "").replace("[", "")
