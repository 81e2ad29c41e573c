"""Texts → tokens: what the write gate compares, cut without any knowledge of walkers, kinds or places.

A token is a run of letters and digits in lower case, or a run of seven and more digits without their separators, also
of what stands one decoding behind the text: percent signs, JSON escapes, base64 (wrapped, or beside other things).

What a text holds depends on that text alone: no token, base64 or spaced number goes across its commas and lines, but
for base64 that is wrapped, which goes from line to line and not from text to text. So what came before is looked up:
first whole texts, as the headers that every exchange repeats, then the pieces of new ones. Pieces that are new
are cut together, in one pass in C.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import unquote_to_bytes

import numpy as np

SHORTEST_TOKEN = 6
_RUNS = bytes(c if chr(c).isalnum() and c < 128 else 32 for c in bytes(range(256)).lower())
"""Translates letters to lower case and whatever is no letter or digit to a blank."""
_RUNS_OF_LINES = bytes(c if c == 10 else _RUNS[c] for c in range(256))
_ALPHABET = bytes(c for c in range(128) if chr(c).isalnum() or c in b"+/_-")
"""That of base64 without its padding, which is not needed to read it and joins a value to the ``name=`` before it."""
_BASE64_RUNS = bytes(c if c in _ALPHABET else 32 for c in range(256))
_LETTERS_AND_DIGITS = bytes(c for c in _ALPHABET if chr(c).isalnum())
_GAP = b"."
_GAPS = b" ()."
"""What may part the digits of a number; all but the dash, which base64 has too, are one in a phrase."""
_PHRASES = bytes(_GAP[0] if c in _GAPS else c if c in b"\\" else _BASE64_RUNS[c] for c in range(256))
_SPACED_DIGITS = re.compile(rb"[0-9](?:[.-]{0,2}+[0-9]){6,}+")
_SHORTEST_BASE64 = 16
_HIDING = re.compile(rb"[0-9][ ().-]{1,2}+[0-9]|[0-9]{7}|\\u")
"""What may hold more than its words: a number with gaps or beside letters, escapes."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{%d,}+={0,2}+" % _SHORTEST_BASE64)
_CUTS = tuple(bytes.maketrans(cut, b"\n" * len(cut)) for cut in (b"/+", b"-_", b"/+-_"))
"""Where a run of base64's alphabet may be base64 and something before or behind it, as in a path."""
_HEADS = re.compile(rb"^[A-Za-z0-9]*+[/+_-]?", re.MULTILINE)
_OF_BOTH_CUTS = re.compile(rb"^(?=.*[/+])(?=.*[-_]).*$", re.MULTILINE)
_MOST_STARTS = 8
_NOT_DIGITS = bytes(c for c in range(256) if not 48 <= c <= 57)
_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
_ESCAPE = re.compile(rb"\\u([0-9a-fA-F]{4})")
_MOST_ESCAPES = 3
_PERCENT_SIGN, _BACKSLASH, _COMMA, _LINE_END = b"%\\,\n"
_LAYOUT = b"\t\r\n"
_NO_CONTROLS = _LAYOUT + bytes(c for c in range(256) if c > 31 and c != 127)
_STANDARD = bytes.maketrans(b"-_", b"+/")
_LONGEST_REMEMBERED = 256
_MOST_REMEMBERED = 50_000
_FEW_RUNS = 20
"""So many are decoded one by one as soon as all at once."""
_IS_CONTROL = np.array([c not in _NO_CONTROLS for c in range(256)])


class Tokens:
    """Cuts texts into tokens, and remembers those of texts and pieces that came twice: some 25 MB at most.

    Args:
        harmless: tokens that need not be told of.
    """

    def __init__(self, harmless: frozenset[bytes] = frozenset()) -> None:
        self._harmless = harmless
        self._once: set[bytes] = set()
        """Texts that came once."""
        self._texts: dict[bytes, tuple[bytes, ...]] = {}
        """The tokens of those that came twice, but harmless ones."""
        self._new: set[bytes] = set()
        """Pieces that came once."""
        self._bare: set[bytes] = set()
        """Pieces without a token to be told of."""
        self._pieces: dict[bytes, tuple[bytes, ...]] = {}
        """The tokens of all others."""
        self._opaque: set[bytes] = set()
        """Runs that may be base64 and hide nothing."""

    def of_all(self, texts: Iterable[bytes]) -> set[bytes]:
        """The tokens of several texts and of what stands behind their escapes; harmless ones may be left out."""
        known = self._texts
        new = []
        found: list[Iterable[bytes]] = []
        for text in texts:
            tokens = known.get(text)
            if tokens is None:
                new.append(text)
            elif tokens:
                found.append(tokens)
        if new:
            found += self._of_new(new)
        return set[bytes]().union(*found)

    def _of_new(self, texts: list[bytes]) -> Iterator[Iterable[bytes]]:
        again = self._once.intersection(texts)
        for text in again:
            tokens = tuple(self.of(unescaped([text])) - self._harmless)
            yield tokens
            self._texts[text] = tokens
        rest = [text for text in texts if text not in again] if again else texts
        plain = unescaped(rest)
        # A text in one piece, as a path, is not worth a memory of its pieces.
        yield self.of(plain) if _COMMA in plain or len(rest) > 1 else _tokens(plain, self._opaque)
        self._once -= again
        self._once.update([text for text in rest if len(text) <= _LONGEST_REMEMBERED])
        self._bound()

    def of(self, text: bytes) -> set[bytes]:
        """The tokens of a text (see ``unescaped``) of six and more characters, harmless ones or not."""
        pieces = set(text.replace(b"\n", b",").split(b",")).difference(self._bare)
        new = pieces.difference(self._pieces)
        found = set[bytes]().union(*map(self._pieces.__getitem__, pieces.difference(new) if new else pieces))
        if not new:
            return found
        again = new & self._new
        if again:
            found.update(*self._cut(list(again)))
        new -= again
        self._new -= again
        self._new.update([piece for piece in new if len(piece) <= _LONGEST_REMEMBERED])
        self._bound()
        return found | _tokens(b",".join(new), self._opaque)

    def _bound(self) -> None:
        texts = len(self._once) + len(self._texts)
        if texts + len(self._new) + len(self._bare) + len(self._pieces) + len(self._opaque) > _MOST_REMEMBERED:
            for each in (self._once, self._texts, self._new, self._bare, self._pieces, self._opaque):
                each.clear()

    def _cut(self, pieces: list[bytes]) -> Iterator[set[bytes]]:
        """The tokens of each piece, but harmless ones; they are remembered."""
        text = b"\n".join(pieces)
        lines = text.translate(_RUNS_OF_LINES).split(b"\n")
        looked_behind = set(_long_runs(text)) - self._opaque
        for piece, line in zip(pieces, lines, strict=True):
            if _HIDING.search(piece) or (looked_behind and not looked_behind.isdisjoint(_long_runs(piece))):
                tokens = _tokens(piece, self._opaque) - self._harmless
            else:
                tokens = {word for word in line.split() if len(word) >= SHORTEST_TOKEN} - self._harmless
            if tokens:
                self._pieces[piece] = tuple(tokens)
            else:
                self._bare.add(piece)
            yield tokens


def words(text: bytes, opaque: set[bytes]) -> set[bytes]:
    """Every run of letters and digits, short ones too, in lower case.

    ``opaque`` are runs that may be base64 and are known to hide nothing; more of them are added.
    """
    long = [phrase for phrase in text.split() if len(phrase) >= _SHORTEST_BASE64]
    runs = set(_long_runs(b" ".join(long))) - opaque if long else set()
    found: set[bytes] = set()
    if runs:
        hidden = _spelled(runs)
        plain = runs.difference(hidden)
        glued = _spelled(_glued(plain))
        if glued:
            plain = {run for run in plain if glued.keys().isdisjoint(_glued([run]))}
        opaque.update([run for run in plain if len(run) <= _LONGEST_REMEMBERED])
        if hidden:
            # What is base64 of text is judged by that text: the same head of two tokens is no leak, a name inside is.
            text = _BASE64.sub(lambda run: b" " if run[0].rstrip(b"=") in hidden else run[0], text)
        if hidden or glued:
            found.update(b" ".join([*hidden.values(), *glued.values()]).translate(_RUNS).split())
    found.update(text.translate(_RUNS).split())
    if _BACKSLASH in text:
        unescaped_text = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)).encode("utf-8", "surrogatepass"), text)
        found.update(unescaped_text.translate(_RUNS).split())
    return found


def _tokens(text: bytes, opaque: set[bytes]) -> set[bytes]:
    phrases = b" ".join(set(text.translate(_PHRASES).split()))
    found = {word for word in words(phrases, opaque) if len(word) >= SHORTEST_TOKEN}
    found.update(run.translate(None, _NOT_DIGITS) for run in _SPACED_DIGITS.findall(phrases))
    return found


def unescaped(texts: Iterable[bytes]) -> bytes:
    """Texts with what stands behind their percent signs and in their wrapped base64."""
    return b"\n".join([piece for text in texts for piece in _unescaped(text)])


def _unescaped(text: bytes) -> Iterator[bytes]:
    for _ in range(_MOST_ESCAPES):
        if _PERCENT_SIGN not in text or not _PERCENT.search(text):
            break
        text = unquote_to_bytes(text)
    lines = text
    if _BACKSLASH in text:
        escapes = {behind[:1] for behind in text.split(b"\\")}
        if b"/" in escapes:
            lines = text = text.replace(b"\\/", b"/")
        if b"n" in escapes:
            lines = text.replace(b"\\r\\n", b"\n").replace(b"\\n", b"\n")
    yield text
    if _LINE_END in lines:
        yield from _wrapped(lines)


def _long_runs(text: bytes) -> list[bytes]:
    """The runs of base64's alphabet that are long enough to be looked behind."""
    return [run for run in text.translate(_BASE64_RUNS).split() if len(run) >= _SHORTEST_BASE64]


def _glued(runs: Collection[bytes]) -> set[bytes]:
    """The pieces of runs that may be base64 beside other things: between their cuts, and behind each of the first."""
    text = b"\n".join(runs)
    pieces = text.translate(_CUTS[2]).split(b"\n")
    if len(pieces) <= len(runs):  # nothing is cut
        return set()
    both = _OF_BOTH_CUTS.findall(text)  # what stands between two cuts of one kind too
    if both:
        pieces += [piece for cut in _CUTS[:2] for piece in b"\n".join(both).translate(cut).split(b"\n")]
    found = {piece for piece in pieces if len(piece) >= _SHORTEST_BASE64}
    tails: Collection[bytes] = runs
    for _ in range(_MOST_STARTS):
        tails = [tail for tail in _HEADS.sub(b"", b"\n".join(tails)).split(b"\n") if len(tail) >= _SHORTEST_BASE64]
        if not tails:
            break
        found.update(tails)
    return found.difference(runs)


def _wrapped(text: bytes) -> Iterable[bytes]:
    """The texts in base64 that goes on over line breaks; the lines before and behind it may look like base64 too."""
    lines = (text.replace(b"\r\n", b"\n") if b"\r" in text else text).split(b"\n")
    block: list[bytes] = []
    for line, after in zip(lines, [*lines[1:], b""], strict=True):
        if not block:  # the end of a line may be the first of some
            block = [line[len(line.rstrip(_ALPHABET)) :]]
            if len(block[0]) < _SHORTEST_BASE64:
                block = []
                continue
        follows = _leading(after)
        if follows:
            block.append(follows)
        if not follows or follows != after:
            yield from _of_block(block)
            block = []


def _leading(line: bytes) -> bytes:
    """The base64 that a line begins with, padding included."""
    size = len(line) - len(line.lstrip(_ALPHABET))
    padding = line[size : size + 2]
    return line[: size + len(padding) - len(padding.lstrip(b"="))] if size else b""


def _of_block(lines: list[bytes]) -> Iterable[bytes]:
    ends = [end for end in (len(lines), len(lines) - 1) if end > 1]
    tried = {b"".join(lines[start:end]) for end in ends for start in range(min(end - 1, _MOST_STARTS))}
    return [plain for plain in map(_printable, tried) if plain is not None]


def _spelled(runs: Collection[bytes]) -> dict[bytes, bytes]:
    """The texts that runs spell in base64; those that spell none are left out.

    All runs are decoded at once. Where a control character comes out, as for most, no one looks at it again.
    """
    runs = [run for run in runs if len(run) % 4 != 1]
    if not runs:
        return {}
    if len(runs) > _FEW_RUNS:
        whole = b"".join([run + b"A" * (-len(run) % 4) for run in runs]).translate(_STANDARD)
        controls = np.cumsum(_IS_CONTROL[np.frombuffer(binascii.a2b_base64(whole), np.uint8)])
        sizes = np.fromiter(map(len, runs), np.int64, len(runs))
        ends = np.cumsum((sizes + 3) // 4 * 3)
        starts = ends - (sizes + 3) // 4 * 3
        controls = np.concatenate(([0], controls))
        plain = controls[starts + sizes * 3 // 4] == controls[starts]
        runs = [runs[at] for at in np.flatnonzero(plain).tolist()]
    found = ((run, _printable(run)) for run in runs)
    return {run: text for run, text in found if text is not None}


def _printable(run: bytes) -> bytes | None:
    body = run.rstrip(b"=").translate(_STANDARD)
    if len(body) % 4 == 1:
        return None
    try:
        plain = binascii.a2b_base64(body + b"=" * (-len(body) % 4))
        if not plain or plain.translate(None, _NO_CONTROLS):  # as most that is not text
            return None
        return plain if plain.translate(None, _LAYOUT).decode().isprintable() else None
    except ValueError:
        return None
