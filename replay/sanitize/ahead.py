"""The new texts of a document, mapped together: as soon as a few were met, all simple ones that it holds are.

A simple text is one or more runs of letters and digits with underscores between them, or with blanks and dots between
letters, that nothing but the map of runs has a say in: of what is new in an API's answer, nine of ten. Together they
take a third of the time that they take one by one (``Leaves``), and become the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import batched

from replay.sanitize.base64_text import unbase64
from replay.sanitize.kinds import BASE64, TOP_DOMAINS
from replay.sanitize.pseudonyms import LONGEST_WORD
from replay.sanitize.recent import Recent

FEW = 20
"""After so many new texts it is worth while to look for others,"""
ENOUGH = 40
"""and with so many others to map them together."""
_LONGEST = 128
"""Longer texts are mapped alone, as is whatever is no simple one."""
_BATCH = 2_000
_RUN = r"(?!eyJ)[A-Za-z0-9]++"
_GAP = rf"(?:_++|(?<=[A-Za-z])(?: |\.(?!(?:{TOP_DOMAINS})(?![A-Za-z0-9])))(?=[A-Za-z]))"
_SIMPLE = re.compile(rf'"({_RUN}(?:{_GAP}{_RUN})*+)"(?!\s*+:)')
"""A simple text in a JSON document that is nobody's name. One within a string of it may be found too, to no harm."""
_RUNS = re.compile("([A-Za-z0-9]+)")
_MOST_SPACES = 3
_SHORTEST_BASE64 = 16


class Ahead:
    """Looks ahead in one document at a time.

    Args:
        texts: where the images of texts are kept.
        words: the images of many runs of ASCII letters, of ``LONGEST_WORD`` at most, which it reckons together.
        run: the image of any run of letters and digits.
    """

    def __init__(
        self, texts: Recent[str, str], words: Callable[[Sequence[str]], list[str]], run: Callable[[str], str]
    ) -> None:
        self._texts = texts
        self._words = words
        self._run = run
        self._document = ""
        self._met = 0

    def begin(self, document: str) -> None:
        """Another document is walked now; with '' none is."""
        self._document = document
        self._met = 0

    def has(self, text: str) -> bool:
        """Whether this new text is kept now, since it was mapped with others."""
        self._met += 1
        if self._met != FEW or not self._document:
            return False
        new = set(_SIMPLE.findall(self._document)).difference(self._texts)
        if len(new) < ENOUGH:
            return False
        for batch in batched(filter(_is_by_runs, new), _BATCH):
            self._keep(batch)
        return text in self._texts

    def _keep(self, texts: Sequence[str]) -> None:
        pieces = _RUNS.split("\n".join(texts))
        runs = set(pieces[1::2])
        known = {run: image for run in runs if (image := self._texts.get(run)) is not None}
        new = runs.difference(known)
        words = [run for run in new if len(run) <= LONGEST_WORD and run.isalpha()]
        images = dict(zip(words, self._words(words), strict=True)) if words else {}
        images |= {run: self._run(run) for run in new.difference(images)}
        short = {run: image for run, image in images.items() if len(run) < _SHORTEST_BASE64}
        images |= known
        pieces[1::2] = map(images.__getitem__, pieces[1::2])
        self._texts.keep_all(short | dict(zip(texts, "".join(pieces).split("\n"), strict=True)))


def _is_by_runs(text: str) -> bool:
    """Whether a text of the form of a simple one is neither running text nor base64 of another."""
    if len(text) < _SHORTEST_BASE64:
        return True
    if len(text) > _LONGEST or text.count(" ") > _MOST_SPACES:
        return False
    return BASE64.fullmatch(text) is None or unbase64(text) is None
