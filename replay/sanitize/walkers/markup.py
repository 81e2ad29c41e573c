"""The walker of HTML and XML: text, attributes, comments, embedded JSON; scripts and styles are filler."""

from __future__ import annotations

import re
from html import escape, unescape

from replay.routes import word_set
from replay.sanitize.walk import Walk
from replay.sanitize.walkers import markup_words as words
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
_URL_ATTRIBUTES = word_set("href src action formaction cite data poster background longdesc manifest xlink:href ping")
_LANGUAGE = re.compile(r"[a-z]{2}(?:-[A-Z]{2})?")
_MEASURE = re.compile(r"[0-9]{1,4}(?:px|%|em|rem)?|[0-9]\.[0-9]")
_NAME_ATTRIBUTES = word_set("name for id property itemprop list headers form aria-labelledby aria-controls")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9:._-]{0,39}")


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
        name = ""  # of the element that begins right before
        while at < len(text):
            if text.startswith(("<!--", "<![CDATA["), at):
                at, written = self._section(text, at, name)
                found.append(written)
                continue
            piece = _PIECE.match(text, at)
            if piece is None:  # cannot be: the last alternatives take anything
                return ""
            at = piece.end()
            found.append(self._piece(piece, name, is_xml=is_xml))
            name = piece["start"] or ""
            tag = name.lower()
            if tag in {"script", "style"} and not is_xml and not piece["attributes"].endswith("/"):
                end = _closing(text, at, tag)
                found.append(self._embedded(text[at:end], tag, piece["attributes"]))
                at = end
        return "".join(found)

    def _section(self, text: str, at: int, before: str) -> tuple[int, str]:
        """Where a comment or a CDATA section ends, and what is written for it; an open one goes to the end."""
        leaves = self._walk.leaves
        start, close = ("<!--", "-->") if text.startswith("<!--", at) else ("<![CDATA[", "]]>")
        at += len(start)
        end = text.find(close, at)
        inner = text[at:] if end < 0 else text[at:end]
        mapped = leaves.filler(inner) if close == "-->" else self._leaf(before, inner)
        return (len(text) if end < 0 else end + len(close)), start + mapped + close

    def _piece(self, piece: re.Match[str], before: str, *, is_xml: bool) -> str:
        kind = piece.lastgroup
        if piece["text"] is not None:
            return self._text(piece["text"], before)
        if piece["start"] is not None:
            tag = piece["start"].lower()
            is_measured = not is_xml and tag in words.MEASURED_TAGS
            return f"<{self._tag(piece['start'])}{self._attributes(piece['attributes'], is_measured=is_measured)}>"
        if kind == "end":
            return f"</{self._tag(piece['end'])}>"
        if kind == "doctype":
            return "<!DOCTYPE html>" if piece["doctype"].lower().startswith("doctype html") else ""
        if kind == "instruction":
            return '<?xml version="1.0" encoding="utf-8"?>' if piece["instruction"].startswith("xml ") else ""
        return "&lt;"

    def _leaf(self, element: str, text: str) -> str:
        """The pseudonym of an element's text, which is a secret where the element is named like one."""
        name = self._walk.name(element.rpartition(":")[2])
        return self._walk.pseudonym(name, text) if name.is_secret else self._walk.leaves.text(text)

    def _text(self, text: str, before: str) -> str:
        if text.isspace():
            return text
        bare = text.strip()
        start = text.index(bare)
        mapped = self._leaf(before, unescape(bare))
        return text[:start] + escape(mapped, quote=False) + text[start + len(bare) :]

    def _tag(self, name: str) -> str:
        prefix, colon, local = name.rpartition(":")
        clean = local if local.lower() in words.TAGS else self._walk.name(local).clean
        return (self._walk.name(prefix).clean if prefix else "") + colon + clean

    def _attributes(self, text: str, *, is_measured: bool) -> str:
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
            lower, plain = name.lower(), unescape(raw)
            is_kept = _is_word(lower, plain) or (
                is_measured and lower in words.MEASURES and _MEASURE.fullmatch(plain) is not None
            )
            value = plain if is_kept else self._value(lower, plain, field, named)
            if value is not None:
                written.append(f'{clean}="{escape(value)}"')
        return "".join(f" {each}" for each in written) + ("/" if text.rstrip().endswith("/") else "")

    def _attribute_name(self, name: str) -> str:
        lower = name.lower()
        if lower in words.ATTRIBUTES or lower in words.WORDS or lower in words.MEASURES:
            return name
        if lower.startswith("xmlns:"):
            return "xmlns:" + self._walk.name(name[6:]).clean
        return self._walk.name(name).clean

    def _value(self, name: str, value: str, field: str, named: dict[str, str]) -> str | None:
        walk = self._walk
        if name in {"lang", "xml:lang", "hreflang"} and _LANGUAGE.fullmatch(value):
            return value[:2]
        if name in _URL_ATTRIBUTES:
            return self._urls.reference(value) or walk.leaves.text(value)
        if name in _NAME_ATTRIBUTES and _NAME.fullmatch(value):
            return walk.name(value).clean
        if name.startswith("xmlns") or name == "itemtype":
            return value if value in words.XML_NAMESPACES else walk.leaves.text(value)
        if name == "value" and field:  # a form's field goes by its name, as it will when it is sent
            return walk.value("form", field, value)
        if name == "content" and named.get("http-equiv", "").lower() == "content-type":
            return "text/html; charset=utf-8"
        if name in {"style", "srcset", "integrity"} or name.startswith("on"):
            return walk.leaves.filler(value)
        return walk.pseudonym(walk.name(name), value)

    def _embedded(self, text: str, tag: str, attributes: str) -> str:
        if tag == "script" and "json" in attributes.lower():
            found = self._documents.document(text.strip())
            if found is not None:
                return found.replace("<", "\\u003c")
        return f"/*{' ' * max(0, len(text.encode('utf-8', 'replace')) - 4)}*/" if text.strip() else text


def _is_word(name: str, value: str) -> bool:
    """Whether an attribute says nothing but words of its own list; a type may be a media type as well."""
    known = words.WORDS.get(name)
    if known is None:
        return False
    listed = value.lower().split()
    return bool(listed) and (
        all(word in known for word in listed) or (name in {"type", "enctype"} and value.lower() in MIME_TYPES)
    )


def _closing(text: str, start: int, tag: str) -> int:
    lower = text.lower() if text.isascii() else "".join(c.lower() if c.isascii() else c for c in text)
    end = lower.find(f"</{tag}", start)
    return len(text) if end < 0 else end
