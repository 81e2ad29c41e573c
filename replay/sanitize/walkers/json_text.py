"""The walker of JSON: values, numbers, names of members; NDJSON, sequences, JSONP and guarded JSON beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from replay.sanitize.walk import Name, Walk

_GUARDS = (")]}',\n", ")]}'\n", ")]}',", "while(1);", "for(;;);")
_JSONP = re.compile(r"\s*+(?:/\*\*/)?+\s*+([A-Za-z_$][A-Za-z0-9_$.]{0,127}+)\s*+\(")
_NUMBERS_CACHED = 200_000
_LARGEST_CACHED = 1 << 64
_REAL = re.compile(r"(-?)([0-9]+)(?:(\.)([0-9]+))?([eE][+-]?[0-9]{1,3})?")
_EMPTY = Name("", "", is_secret=False, is_time=False, is_random=False, degrees=0, is_special=False)


class _Real(str):
    """A number with a fraction or an exponent, as it was spelled."""

    __slots__ = ()


class JsonText:
    """Maps JSON documents. What does not parse is none, and the caller must not let it pass."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._decode = msgspec.json.Decoder(float_hook=_Real).decode
        self._numbers: dict[int, int] = {}

    def document(self, text: str | bytes) -> str | None:
        """One JSON document; None where the text is none, or is nested too deep to be walked."""
        try:
            return self._encoded(self._node(self._decode(text), _EMPTY, ()), text)
        except (ValueError, RecursionError):  # malformed, no UTF-8, or a number of more digits than Python reads
            return None

    def nested(self, text: str) -> str | None:
        """A document within a string. A bare number there is text like any other, so nobody asks for one."""
        return self.document(text)

    def parsed(self, text: str | bytes) -> Any:
        """What a document holds, numbers with a fraction as they are spelled; raises ValueError where it is none."""
        return self._decode(text)

    def member(self, name: str, value: Any) -> Any:
        """The image of a value that stands under a name in the outermost object."""
        return self._node(value, self._walk.name(name), (name,))

    def written(self, node: Any, like: str | bytes) -> str:
        """A document in the layout that ``like`` has: compact, indented, or with Python's separators."""
        return self._encoded(node, like)

    def any(self, text: str) -> str | None:
        """A body that is JSON or one of its relatives, in the same form; None where it is none of them."""
        first = text.lstrip(" \t\r\n")[:1]
        if not first:
            return None
        if first in '{["-0123456789tfn':
            whole = self.document(text)
            if whole is not None:
                return whole
            if first in '{["' and "\n" in text:
                return self._lines(text)
            return None
        if first == "\x1e":
            return self._sequence(text)
        for guard in _GUARDS:
            if text.startswith(guard):
                inner = self.document(text[len(guard) :])
                return None if inner is None else guard + inner
        return self._jsonp(text)

    def _lines(self, text: str) -> str | None:
        found = []
        for line in text.split("\n"):
            clean = self.document(line) if line.strip() else line.strip(" \t") and ""
            if clean is None:
                return None
            found.append(clean)
        return "\n".join(found)

    def _sequence(self, text: str) -> str | None:
        found = [self.document(piece) for piece in text.split("\x1e")[1:]]
        return None if None in found else "".join(f"\x1e{piece}\n" for piece in found)

    def _jsonp(self, text: str) -> str | None:
        start = _JSONP.match(text)
        end = text.rstrip().rstrip(";").rstrip()
        if start is None or not end.endswith(")"):
            return None
        inner = self.document(text[start.end() : len(end) - 1])
        return None if inner is None else f"{self._walk.name(start[1]).clean}({inner});"

    def _node(self, node: Any, name: Name, pointer: tuple[str, ...]) -> Any:
        kind = type(node)
        if kind is str:
            image = self._string(node, name, pointer)
            if self._walk.mapped is not None:
                self._walk.note_mapped("json", name.clean, node, image)
            return image
        if kind is dict:
            return self._members(node, pointer)
        if kind is list:
            if not self._walk.has_json_rules:
                return [self._node(child, name, pointer) for child in node]
            return [self._node(child, name, (*pointer, str(at))) for at, child in enumerate(node)]
        if node is None or kind is bool:
            return node
        number = self._number(node, name, pointer)
        if self._walk.mapped is not None:
            self._walk.note_mapped("json", name.clean, str(node), str(number))
        return number

    def _members(self, node: dict[str, Any], pointer: tuple[str, ...]) -> dict[str, Any]:
        found = {}
        walk = self._walk
        ruled = walk.has_json_rules
        known = walk.names
        cached = walk.leaves.cache
        is_plain = not ruled and walk.mapped is None
        for key, child in node.items():
            name = known.get(key) or walk.name(key)
            if is_plain and not name.is_special:  # nine leaves of ten, and nothing to ask for
                kind = type(child)
                if kind is str:
                    image = cached.get(child)
                    found[name.clean] = walk.leaves.text(child) if image is None else image
                    continue
                if child is None or kind is bool:
                    found[name.clean] = child
                    continue
            inner = (*pointer, key) if ruled else pointer
            if ruled and (place := walk.place("json", key, inner)) is not None and place.domain is None:
                walk.counts["dropped_by_policy"] += 1
                continue
            found[name.clean] = self._node(child, name, inner)
        return found

    def _string(self, text: str, name: Name, pointer: tuple[str, ...]) -> str:
        walk = self._walk
        if walk.has_json_rules and self._is_kept(text, name, pointer):
            return text
        if name.is_special:
            return walk.pseudonym(name, text)
        return walk.leaves.text(text)

    def _number(self, number: int | str, name: Name, pointer: tuple[str, ...]) -> Any:
        walk = self._walk
        if walk.has_json_rules and self._is_kept(str(number), name, pointer):
            return msgspec.Raw(number.encode()) if isinstance(number, str) else number
        if isinstance(number, str):
            image = walk.pseudonym(name, number) if name.degrees and "e" not in number.lower() else self._real(number)
            return msgspec.Raw(image.encode())
        if name.is_time or name.is_random:
            image = walk.pseudonym(name, str(abs(number)))
            number, image = (-1 if number < 0 else 1), image.lstrip("0") or "0"
            return number * int(image)
        found = self._numbers.get(number)
        if found is None:
            image = walk.leaves.shapes.number(str(abs(number)))
            found = -int(image) if number < 0 else int(image)
            if len(self._numbers) >= _NUMBERS_CACHED:
                self._numbers.clear()
            if -_LARGEST_CACHED < number < _LARGEST_CACHED:
                self._numbers[number] = found
        return found

    def _real(self, text: str) -> str:
        found = _REAL.fullmatch(text)
        if found is None:
            return "0.0"
        sign, whole, point, fraction, exponent = found.groups()
        number = self._walk.leaves.shapes.number
        return sign + number(whole) + (f".{number(fraction)}" if point else "") + (exponent or "")

    def _is_kept(self, value: str, name: Name, pointer: tuple[str, ...]) -> bool:
        place = self._walk.place("json", pointer[-1] if pointer else "", pointer)
        return place is not None and self._walk.may_keep(place, name.raw, value, pointer)

    def _encoded(self, node: Any, like: str | bytes) -> str:
        """The document in the layout that it had: compact, indented, or with Python's separators."""
        compact = msgspec.json.encode(node)
        head = like[:4096] if isinstance(like, str) else like[:4096].decode("utf-8", "replace")
        indent = _indent(head)
        if indent is not None:
            return msgspec.json.format(compact, indent=indent).decode()
        return compact.decode()


def _indent(head: str) -> int | None:
    lines = iter(_lines(head))
    next(lines, "")
    second = next(lines, "")
    stripped = second.lstrip(" ")
    if stripped and stripped[0] in '"{[' and 0 < len(second) - len(stripped) <= 8:
        return len(second) - len(stripped)
    return 0 if '": ' in head or '", "' in head else None


def _lines(text: str) -> Iterator[str]:
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]
