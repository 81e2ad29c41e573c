"""The audit: files → findings. A finding names a place and a kind, and never what was found."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from replay.audit.canaries import PART, Canary, Search
from replay.audit.decoding import decodings
from replay.audit.detectors import detect
from replay.audit.reading import Entry, Passage, UnreadableError, passages
from replay.audit.sealed import Opener
from replay.errors import InputError

PLANTED = "planted value"
_QUOTED = "quoted-printable"
_PART_BYTES = 32 << 10
_OVERLAP_BYTES = 2 << 10


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A leak: where, of which kind, and how it was written."""

    file: str
    record: str
    pointer: str
    """JSON pointer within the record; keys that are not our own records' fields are shown as ``*``."""
    kind: str
    """``planted value`` or a kind of ``detectors.JUDGED``."""
    form: str
    """The form that was found, with the notations undone to reach it."""
    canary: int = 0
    """Line of the planted value in its file, 0 without one."""


@dataclass(slots=True)
class Audit:
    """What an audit found."""

    findings: set[Finding] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)
    files: int = 0
    size_bytes: int = 0
    canaries: int = 0
    canaries_not_judged: int = 0

    def counts(self) -> Counter[str]:
        """Findings by kind."""
        return Counter(finding.kind for finding in self.findings)


def audit(
    entries: Sequence[Entry],
    canaries: Sequence[Canary] = (),
    opened: Opener | None = None,
    held: Callable[[Path], AbstractContextManager[Path]] = nullcontext,
) -> Audit:
    """Search the files of ``entries``, their names too, for planted values and for kinds that can be judged.

    Encrypted segments are searched where ``opened`` opens them, and are unreadable else. ``held`` gives each file for
    as long as it is read; a file that it does not give (InputError) is unreadable too.
    """
    search = Search(canaries)
    result = Audit(canaries=len(canaries), canaries_not_judged=search.not_judged)
    for number, entry in enumerate(entries):
        shown = str(entry.path)
        below = str(entry.path.relative_to(entry.root))
        named = Passage("file name", below.encode("utf-8", "surrogateescape"))
        if leaks := set(examine(f"{entry.root}, file {number}", named, search)):
            shown = f"{entry.root}, file {number}"
            result.findings |= leaks
        result.files += 1
        try:
            with held(entry.path):
                result.size_bytes += entry.path.lstat().st_size
                for passage in passages(entry.path, opened):
                    result.findings.update(examine(shown, passage, search))
        except InputError as error:
            result.unreadable.append(str(error).partition(". ")[0])
        except UnreadableError as error:
            result.unreadable.append(f"{shown}: {error}")
    return result


def examine(file: str, passage: Passage, search: Search) -> Iterator[Finding]:
    """The findings of one passage: forward in its bytes as they stand, backward in all that decodes out of it.

    One finding a place and value: the plainest form in which it stands there.
    """
    pieces = _pieces(passage)
    best: dict[tuple[str, str, int], Finding] = {}
    for hit in search.find(pieces.text):
        pointer, chain = pieces.at(hit.position)
        _keep(best, Finding(file, passage.record, pointer, PLANTED, _written(hit.form, chain), hit.canary))
    placed = {canary for _, _, canary in best}
    for hit in search.find(passage.text):
        if hit.canary not in placed:
            _keep(best, Finding(file, passage.record, "", PLANTED, hit.form, hit.canary))
    for detection in detect(pieces.text):
        pointer, chain = pieces.at(detection.position)
        if _QUOTED in chain and detection.kind != "e-mail":  # digits and dots stand in it as they are
            continue
        _keep(best, Finding(file, passage.record, pointer, detection.kind, _written("raw", chain)))
    yield from best.values()


def _keep(best: dict[tuple[str, str, int], Finding], found: Finding) -> None:
    place = (found.pointer, found.kind, found.canary)
    known = best.get(place)
    if known is None or _plainness(found) < _plainness(known):
        best[place] = found


def _plainness(finding: Finding) -> tuple[bool, int]:
    return finding.form.startswith(PART), len(finding.form)


def _written(form: str, chain: tuple[str, ...]) -> str:
    return " in ".join((form, *reversed(chain)))


@dataclass(slots=True)
class _Pieces:
    """All texts of a passage in one buffer, so that one pass searches them; a zero byte parts them."""

    text: bytes
    starts: list[int]
    places: list[tuple[str, tuple[str, ...]]]

    def at(self, position: int) -> tuple[str, tuple[str, ...]]:
        """The pointer and the notations of the text that stands at ``position``."""
        return self.places[max(0, bisect_right(self.starts, position) - 1)]


def _pieces(passage: Passage) -> _Pieces:
    parts: list[bytes] = []
    starts: list[int] = []
    places: list[tuple[str, tuple[str, ...]]] = []
    end = 0
    leaves = [(leaf.pointer, leaf.text) for leaf in passage.leaves] or [("", passage.text)]
    for pointer, text in leaves:
        for part in _parts(text):
            for decoded in decodings(part):
                parts.append(decoded.text)
                starts.append(end)
                places.append((pointer, decoded.chain))
                end += len(decoded.text) + 1
    return _Pieces(b"\0".join(parts), starts, places)


def _parts(text: bytes) -> Iterator[bytes]:
    """A long text in parts that overlap, so that the number of decodings is bounded for each part."""
    for begin in range(0, max(1, len(text) - _OVERLAP_BYTES), _PART_BYTES):
        yield text[begin : begin + _PART_BYTES + _OVERLAP_BYTES]
