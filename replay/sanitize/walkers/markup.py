"""The walker of HTML and XML: text, attributes, comments, embedded JSON; scripts and styles are filler."""

from __future__ import annotations

import re
from html import escape, unescape

from replay.routes import word_set
from replay.sanitize.vocabulary import is_known_name
from replay.sanitize.walk import Walk
from replay.sanitize.walkers.header_names import MIME_TYPES
from replay.sanitize.walkers.json_text import JsonText
from replay.sanitize.walkers.urls import Urls

# One alternative a construct, told apart by their first characters; possessive, so linear even where nothing closes.
# Comments and CDATA sections are found by hand: an expression would look for the end of each that is not closed.
_PIECE = re.compile(
    r"<!(?P<doctype>[A-Za-z][^<>]*+)>"
    r"|<\?(?P<instruction>[^<>?]*+)\?>"
    r"|</(?P<end>[A-Za-z][A-Za-z0-9:._-]*+)\s*+>"
    r"|<(?P<start>[A-Za-z][A-Za-z0-9:._-]*+)(?P<attributes>(?:\"[^\"]*+\"|'[^']*+'|[^\"'<>]++)*+)>"
    r"|(?P<text>[^<]++)|(?P<stray><)"
)
_ATTRIBUTE = re.compile(r"([^\s=\"'<>/]++)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'<>]++)))?+|/")
_RAW = re.compile(r"<(script|style|textarea|noscript|title|xmp|iframe)\b", re.IGNORECASE)
_URL_ATTRIBUTES = word_set("href src action formaction cite data poster background longdesc manifest xlink:href ping")
_KEPT_ATTRIBUTES = word_set(
    """
    type rel method enctype charset http-equiv lang dir role target loading decoding crossorigin autocomplete
    scope rows cols size maxlength minlength min max step width height tabindex colspan rowspan border media sizes
    as fetchpriority referrerpolicy inputmode wrap kind preload xml:lang version encoding standalone shape
    """
)
_LANGUAGE = re.compile(r"[a-z]{2}(?:-[A-Z]{2})?")
_MEASURE = re.compile(r"[0-9]{1,4}(?:px|%|em|rem)?|[0-9]\.[0-9]")
_NAME_ATTRIBUTES = word_set("name for id property itemprop list headers form aria-labelledby aria-controls")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9:._-]{0,39}")
XML_NAMESPACES = (
    "http://www.w3.org/1999/xhtml",
    "http://www.w3.org/2000/svg",
    "http://www.w3.org/1999/xlink",
    "http://www.w3.org/2001/XMLSchema",
    "http://www.w3.org/2001/XMLSchema-instance",
    "http://www.w3.org/2003/05/soap-envelope",
    "http://www.w3.org/2005/Atom",
    "http://schemas.xmlsoap.org/soap/envelope/",
    "http://schemas.xmlsoap.org/soap/encoding/",
    "http://www.sitemaps.org/schemas/sitemap/0.9",
)
"""Names of vocabularies, which are kept; any other is mapped like every URL."""
KEPT_VALUES = word_set(
    "utf-8 get post stylesheet preconnect dns-prefetch noopener noreferrer nofollow lazy eager anonymous _blank _self"
)
TAGS = word_set(
    """
    a abbr address area article aside audio b base bdi bdo blockquote body br button canvas caption center cite
    code col colgroup data datalist dd del details dfn dialog div dl dt em embed fieldset figcaption figure font
    footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins kbd label
    legend li link main map mark marquee menu meta meter nav nobr noscript object ol optgroup option output p
    param picture portal pre progress q rp rt ruby s samp script search section select slot small source span
    strike strong style sub summary sup svg table tbody td template textarea tfoot th thead time title tr track tt
    u ul var video wbr circle clippath defs ellipse fegaussianblur filter foreignobject g image line
    lineargradient mask path pattern polygon polyline radialgradient rect stop symbol text textpath tspan use view
    envelope fault body header soap soapenv xml rss channel item urlset url loc lastmod changefreq priority feed
    entry
    """
)
ATTRIBUTES = word_set(
    """
    abbr accept accept-charset accesskey action align alt async autofocus autoplay bgcolor border cellpadding
    cellspacing checked class color cols colspan content contenteditable controls coords datetime default defer
    disabled download draggable enctype face for form formaction headers height hidden high href hreflang
    http-equiv id integrity ismap itemid itemprop itemref itemscope itemtype lang language list loop low max
    maxlength media method min minlength multiple muted name nonce novalidate nowrap onclick onload open optimum
    pattern ping placeholder playsinline poster preload property radiogroup readonly rel required reversed rev
    rows rowspan sandbox scope selected shape size sizes slot span spellcheck src srcdoc srclang srcset start step
    style summary tabindex target title translate type usemap valign value width wrap xmlns viewbox fill stroke
    stroke-width d x y cx cy r rx ry x1 x2 y1 y2 points transform xlink:href xml:lang xml:space aria-label
    aria-hidden aria-expanded aria-controls aria-labelledby aria-describedby aria-current aria-haspopup aria-live
    role data-id data-url data-value
    """
)


class Markup:
    """Maps HTML and XML. The tree stays, so that forms, links and hidden fields can be found; its texts do not."""

    def __init__(self, walk: Walk, urls: Urls, documents: JsonText) -> None:
        self._walk = walk
        self._urls = urls
        self._documents = documents

    def document(self, text: str, *, is_xml: bool) -> str:
        """The document with every text, attribute value, comment and unknown name replaced."""
        found: list[str] = []
        at = 0
        while at < len(text):
            if text.startswith(("<!--", "<![CDATA["), at):
                at, written = self._section(text, at)
                found.append(written)
                continue
            piece = _PIECE.match(text, at)
            if piece is None:  # cannot be: the last alternatives take anything
                return ""
            at = piece.end()
            found.append(self._piece(piece))
            tag = (piece["start"] or "").lower()
            if tag in {"script", "style"} and not is_xml and not piece["attributes"].endswith("/"):
                end = _closing(text, at, tag)
                found.append(self._embedded(text[at:end], tag, piece["attributes"]))
                at = end
        return "".join(found)

    def _section(self, text: str, at: int) -> tuple[int, str]:
        """Where a comment or a CDATA section ends, and what is written for it; an open one goes to the end."""
        leaves = self._walk.leaves
        start, close = ("<!--", "-->") if text.startswith("<!--", at) else ("<![CDATA[", "]]>")
        at += len(start)
        end = text.find(close, at)
        inner = text[at:] if end < 0 else text[at:end]
        mapped = leaves.filler(inner) if close == "-->" else leaves.text(inner)
        return (len(text) if end < 0 else end + len(close)), start + mapped + close

    def _piece(self, piece: re.Match[str]) -> str:
        kind = piece.lastgroup
        if piece["text"] is not None:
            return self._text(piece["text"])
        if piece["start"] is not None:
            return f"<{self._tag(piece['start'])}{self._attributes(piece['attributes'])}>"
        if kind == "end":
            return f"</{self._tag(piece['end'])}>"
        if kind == "doctype":
            return "<!DOCTYPE html>" if piece["doctype"].lower().startswith("doctype html") else ""
        if kind == "instruction":
            return '<?xml version="1.0" encoding="utf-8"?>' if piece["instruction"].startswith("xml ") else ""
        return "&lt;"

    def _text(self, text: str) -> str:
        if text.isspace():
            return text
        bare = text.strip()
        start = text.index(bare)
        mapped = self._walk.leaves.text(unescape(bare))
        return text[:start] + escape(mapped, quote=False) + text[start + len(bare) :]

    def _tag(self, name: str) -> str:
        prefix, colon, local = name.rpartition(":")
        clean = local if local.lower() in TAGS else self._walk.name(local).clean
        return (self._walk.name(prefix).clean if prefix else "") + colon + clean

    def _attributes(self, text: str) -> str:
        pairs = [
            (found[1], next((g for g in found.groups()[1:] if g is not None), None))
            for found in _ATTRIBUTE.finditer(text)
            if found[1]
        ]
        named = {name.lower(): unescape(value) for name, value in pairs if value is not None}
        field = named.get("name") or named.get("property") or named.get("id") or ""
        written = []
        for name, raw in pairs:
            clean = self._attribute_name(name)
            if raw is None:
                written.append(clean)
                continue
            value = self._value(name.lower(), unescape(raw), field, named)
            if value is not None:
                written.append(f'{clean}="{escape(value)}"')
        return "".join(f" {each}" for each in written) + ("/" if text.rstrip().endswith("/") else "")

    def _attribute_name(self, name: str) -> str:
        lower = name.lower()
        if lower in ATTRIBUTES or lower in _KEPT_ATTRIBUTES:
            return name
        if lower.startswith("xmlns:"):
            return "xmlns:" + self._walk.name(name[6:]).clean
        return self._walk.name(name).clean

    def _value(self, name: str, value: str, field: str, named: dict[str, str]) -> str | None:
        walk = self._walk
        if name in _KEPT_ATTRIBUTES and _is_plain(value):
            return value
        if name in {"lang", "xml:lang", "hreflang"} and _LANGUAGE.fullmatch(value):
            return value[:2]
        if name in _URL_ATTRIBUTES:
            return self._urls.reference(value) or walk.leaves.text(value)
        if name in _NAME_ATTRIBUTES and _NAME.fullmatch(value):
            return walk.name(value).clean
        if name.startswith("xmlns") or name == "itemtype":
            return value if value in XML_NAMESPACES else walk.leaves.text(value)
        if name == "value" and field:  # a form's field goes by its name, as it will when it is sent
            return walk.value("form", field, value)
        if name == "content" and named.get("http-equiv", "").lower() == "content-type":
            return "text/html; charset=utf-8"
        if name in {"style", "srcset", "integrity"} or name.startswith("on"):
            return walk.leaves.filler(value)
        return walk.leaves.text(value)

    def _embedded(self, text: str, tag: str, attributes: str) -> str:
        if tag == "script" and "json" in attributes.lower():
            found = self._documents.document(text.strip())
            if found is not None:
                return found.replace("<", "\\u003c")
        return f"/*{' ' * max(0, len(text.encode('utf-8', 'replace')) - 4)}*/" if text.strip() else text


def _is_plain(value: str) -> bool:
    """Whether an attribute's value is a measure, a media type or words of interfaces."""
    lower = value.lower()
    return (
        _MEASURE.fullmatch(value) is not None
        or lower in MIME_TYPES
        or lower in KEPT_VALUES
        or (len(value) <= 60 and all(is_known_name(word) for word in value.split()))
    )


def _closing(text: str, start: int, tag: str) -> int:
    lower = text.lower() if text.isascii() else "".join(c.lower() if c.isascii() else c for c in text)
    end = lower.find(f"</{tag}", start)
    return len(text) if end < 0 else end
