"""The walker of JSON: values, numbers, names of members; NDJSON, sequences, JSONP and guarded JSON beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from replay.sanitize.recent import Recent
from replay.sanitize.scopes import Member, Scope
from replay.sanitize.walk import Walk

_GUARDS = (")]}',\n", ")]}'\n", ")]}',", "while(1);", "for(;;);")
_JSONP = re.compile(r"\s*+(?:/\*\*/)?+\s*+([A-Za-z_$][A-Za-z0-9_$.]{0,127}+)\s*+\(")
_NUMBERS_BYTES = 6 << 20
_TIMES_BYTES = 2 << 20
_REAL = re.compile(r"(-?)([0-9]+)(?:(\.)([0-9]+))?([eE][+-]?[0-9]{1,3})?")


class Real(str):
    """A number with a fraction or an exponent, as it was spelled."""

    __slots__ = ()


class JsonText:
    """Maps JSON documents. What does not parse is none, and the caller must not let it pass."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._decode = msgspec.json.Decoder(float_hook=Real).decode
        self._numbers = Recent[int, int](self._mapped, _NUMBERS_BYTES)
        self._times = Recent[int, int](self._moved, _TIMES_BYTES)

    def document(self, text: str | bytes) -> str | None:
        """One JSON document; None where the text is none, or is nested too deep to be walked."""
        ahead = self._walk.leaves.ahead
        ahead.begin(text if isinstance(text, str) else "")
        try:
            return self._document(text)
        finally:
            ahead.begin("")

    def _document(self, text: str | bytes) -> str | None:
        try:
            root = self._walk.scopes.root(self._walk.route)
            return self._encoded(self._node(self._decode(text), root), text)
        except (ValueError, RecursionError):  # malformed, no UTF-8, or a number of more digits than Python reads
            return None

    def nested(self, text: str) -> str | None:
        """A document within a string. A bare number there is text like any other, so nobody asks for one."""
        if self._walk.scopes.is_by_route:
            self._walk.leaves.note_ruled()
        return self._document(text)

    def parsed(self, text: str | bytes) -> Any:
        """What a document holds, numbers with a fraction as they are spelled; raises ValueError where it is none."""
        return self._decode(text)

    def member(self, name: str, value: Any) -> Any:
        """The image of a value that stands under a name in the outermost object."""
        return self._node(value, self._walk.scopes.root(self._walk.route).below[name])

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

    def _node(self, node: Any, member: Member) -> Any:
        kind = type(node)
        if kind is dict:
            return self._object(node, member.below)
        if kind is list:
            element = member.below.element
            return [self._node(child, element(member, at)) for at, child in enumerate(node)]
        if node is None or kind is bool:
            return node
        image: str | int
        if kind is str:
            image = member.text(node)
        elif kind is int:
            image = self._numbers[node] if member.is_plain_number else self._integer(node, member)
        else:
            image = self._real(node, member)
        self._walk.note_mapped("json", member.clean, node, image)
        return msgspec.Raw(image.encode()) if kind is Real else image  # type: ignore[union-attr]

    def _object(self, node: dict[str, Any], scope: Scope) -> dict[str, Any]:
        """The members of an object; the few lines that nine leaves of ten go through."""
        found = {}
        numbers = self._numbers
        is_noted = self._walk.is_noting
        for key, child in node.items():
            member = scope[key]
            kind = type(child)
            if member.is_dropped:
                self._walk.counts["dropped_by_policy"] += 1
            elif is_noted:
                found[member.clean] = self._node(child, member)
            elif kind is str:
                found[member.clean] = member.text(child)
            elif kind is dict:
                found[member.clean] = self._object(child, member.below)
            elif kind is int and member.is_plain_number:
                found[member.clean] = numbers[child]
            elif child is None or kind is bool:
                found[member.clean] = child
            else:
                found[member.clean] = self._node(child, member)
        return found

    def _integer(self, number: int, member: Member) -> int:
        """An integer where a rule or its name has a say."""
        if member.keeps is not None and member.keeps(str(number)):
            return number
        if member.name.is_time:
            return self._times[number]
        if member.name.is_random:
            return self._signed(number, self._walk.pseudonym(member.name, str(abs(number))))
        return self._numbers[number]

    def _mapped(self, number: int) -> int:
        found = self._signed(number, self._walk.leaves.shapes.number(str(abs(number))))
        self._numbers.keep(number, found)
        return found

    def _moved(self, number: int) -> int:
        moved = self._walk.leaves.clock.epoch(str(abs(number)))
        found = self._numbers[number] if moved is None else self._signed(number, moved)
        self._times.keep(number, found)
        return found

    @staticmethod
    def _signed(number: int, image: str) -> int:
        return -int(image) if number < 0 else int(image)

    def _real(self, text: str, member: Member) -> str:
        """A number with a fraction or an exponent, as it was spelled."""
        if member.keeps is not None and member.keeps(text):
            return text
        if member.name.degrees and "e" not in text.lower():
            return self._walk.pseudonym(member.name, text)
        found = _REAL.fullmatch(text)
        if found is None:
            return "0.0"
        sign, whole, point, fraction, exponent = found.groups()
        number = self._walk.leaves.shapes.number
        return sign + number(whole) + (f".{number(fraction)}" if point else "") + (exponent or "")

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
