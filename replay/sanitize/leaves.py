"""The map of one leaf of text: cut into kinds, each replaced in its own shape, the same in every place.

Composite text is mapped piece by piece, so that an id inside it still joins. In running text the words are filler
drawn for the whole text, so that no word of it can be counted; ids, addresses and dates in it are mapped as anywhere.
"""

from __future__ import annotations

import base64
import re
import string
from collections.abc import Callable
from functools import partial
from urllib.parse import quote, unquote

from replay.sanitize import kinds
from replay.sanitize.ahead import Ahead
from replay.sanitize.base64_text import base64url, jwt_header, unbase64
from replay.sanitize.dates import Clock
from replay.sanitize.marks import NO_MARKS, TOKEN_MARKS, Marks, is_bare
from replay.sanitize.pseudonyms import Pseudonyms, recased
from replay.sanitize.recent import Recent
from replay.sanitize.registered import number_kind
from replay.sanitize.shapes import Shapes, laid_out

DEPTH = 6
"""How deep strings within strings are looked into; what lies deeper is replaced as a whole."""
_TEXTS_BYTES = 16 << 20
_SECRETS_BYTES = 3 << 20
_FREE_CHARACTERS = 40
_DECODED_CHARACTERS = 16
"""Shorter runs are not looked into: too little to be base64 of a text."""
_FREE_SPACES = 4
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_PUNCTUATION = frozenset(string.punctuation + " ") - {"%"}
_ALWAYS_PLAIN = frozenset(string.ascii_letters + string.digits)

type TextMap = Callable[[str], str]
type DocumentMap = Callable[[str], str | None]


def _refused(_text: str) -> str | None:
    return None


class Leaves:
    """The map of leaves under one key. ``url``, ``document`` and ``query`` are set by the walkers of those."""

    def __init__(self, pseudonyms: Pseudonyms, clock: Clock) -> None:
        self.pseudonyms = pseudonyms
        self.clock = clock
        self.url: DocumentMap = _refused
        self.document: DocumentMap = _refused
        self.query: DocumentMap = _refused
        self._depth = 0
        self.secrets_around = 0
        """How many secrets the text at hand stands in; no rule keeps a part of one."""
        self.ruled = 0
        """How often a rule had a say that it may not have elsewhere; it tells whether a result may be cached."""
        self.texts = Recent[str, str](self._text, _TEXTS_BYTES)
        """``texts[text]`` is the pseudonym of any text; '' is itself. Equal texts have equal ones, in every place."""
        self.ahead = Ahead(self.texts, pseudonyms.words, self.run)
        self.secrets = {
            stays: Recent[str, str](partial(self._secret, stays=stays), _SECRETS_BYTES)
            for stays in (NO_MARKS, TOKEN_MARKS)
        }
        """``secrets[stays][text]`` is the same for secrets; of the marks between pieces only ``stays`` are left."""
        self.shapes = shapes = Shapes(pseudonyms, clock)
        self._kinds: dict[str, TextMap] = {
            "run": self._run,
            "foreign": pseudonyms.foreign,
            "email": shapes.email,
            "jwt": self.jwt,
            "uuid": shapes.uuid,
            "mac": shapes.mac,
            "card": self._spaced,
            "iban": self._spaced,
            "grouped": self._grouped,
            "ssn": shapes.ssn,
            "phone": shapes.phone,
            "nanp": shapes.nanp,
            "clock": shapes.time_of_day,
            "host": shapes.host,
            # What only looked like the kind is mapped run by run.
            "url": lambda text: self.url(text) or self._runs(text),
            "iso": lambda text: clock.iso(text) or self._runs(text),
            "http": lambda text: clock.http(text) or self._runs(text),
            "slashed": lambda text: clock.slashed(text) or self._runs(text),
            "ipv4": lambda text: shapes.ip(text) or self._runs(text),
            "ipv6": lambda text: shapes.ip(text) or self._runs(text),
        }

    @property
    def is_inside(self) -> bool:
        """Whether it is inside of a text: in a document, URL or query that a string holds."""
        return self._depth > 0

    def note_ruled(self) -> None:
        """A rule let a part of the text at hand pass, or speaks at one route alone: the text is not cached."""
        self.ruled += 1

    def text(self, text: str) -> str:
        """The pseudonym of any text, as ``texts`` has it."""
        return self.texts[text]

    def secret(self, text: str, stays: frozenset[str]) -> str:
        """The pseudonym of a secret: that of ``text``, with all marks between its pieces replaced but ``stays``."""
        return self.secrets[stays][text]

    def _text(self, text: str) -> str:
        if self.ahead.has(text):
            return self.texts[text]
        return self._deeper(text, None, self.texts)

    def _secret(self, text: str, stays: frozenset[str]) -> str:
        return self._deeper(text, stays, self.secrets[stays])

    def _deeper(self, text: str, stays: frozenset[str] | None, recent: Recent[str, str]) -> str:
        """Text one level further down; kept as recent where it will be the same again, everywhere."""
        if self._depth >= DEPTH:
            return self.filler(text)
        self._depth += 1
        self.secrets_around += stays is not None
        ruled = self.ruled
        try:
            found = self._mapped(text, stays)
        finally:
            self._depth -= 1
            self.secrets_around -= stays is not None
        if not self._depth and ruled == self.ruled:
            recent.keep(text, found)
        return found

    def _mapped(self, text: str, stays: frozenset[str] | None = None) -> str:
        if text.isascii() and text.isalnum():
            return self._decoded(text) or self.run(text) if len(text) >= _DECODED_CHARACTERS else self.run(text)
        if not text or text.isspace():
            return text
        first, last = text[0], text[-1]
        if first + last in {"{}", "[]", '""'} and len(text) > 2:
            nested = self.document(text)
            if nested is not None:
                return nested
        if kinds.URL_START.match(text) and " " not in text:
            nested = self.url(text)
            if nested is not None:
                return nested
        if "%" in text:
            nested = self._unescaped(text, stays)
            if nested is not None:
                return nested
        nested = self._decoded(text)
        if nested is not None:
            return nested
        if last == "}" and "{" in text:
            nested = self.query(text)
            if nested is not None:
                return nested
        return self.composite(text, stays)

    def _unescaped(self, text: str, stays: frozenset[str] | None) -> str | None:
        """Percent-encoded text, mapped behind its escapes and escaped again; None where it is no such thing."""
        escaped = {chr(int(code, 16)) for code in _ESCAPED.findall(text)}
        if not escaped or not text.isascii() or escaped & set(_ESCAPED.sub("", text)) - _ALWAYS_PLAIN:
            return None  # what stands both escaped and plain parts the text: behind the escapes its parts were lost
        try:
            plain = unquote(text, errors="strict")
        except UnicodeDecodeError:
            return None
        image = self.text(plain) if stays is None else self.secret(plain, stays)
        return quote(image, safe="".join(_PUNCTUATION - escaped))

    def composite(self, text: str, stays: frozenset[str] | None = None) -> str:
        """Text, piece by piece; what lies between passes, unless the text is nothing else or a secret's.

        ``stays`` is given for secrets: the marks between the pieces that are left alone.
        """
        maps = self._kinds
        scan = kinds.SCAN if kinds.may_be_structured(text) else kinds.PLAIN
        is_free = len(text) > _FREE_CHARACTERS and text.count(" ") >= _FREE_SPACES
        words = _Filler(self.pseudonyms, text) if is_free else None

        def mapped(found: re.Match[str]) -> str:
            piece = found[0]
            if words is not None and found.lastgroup == "run" and piece.isalpha():
                return words.next(piece)
            return maps[found.lastgroup or "run"](piece)

        if stays is not None:
            return self._marked(text, scan, mapped, stays)
        image = scan.sub(mapped, text)
        return self._bare(text) if image == text and is_bare(text) else image

    def _marked(
        self, text: str, scan: re.Pattern[str], mapped: Callable[[re.Match[str]], str], stays: frozenset[str]
    ) -> str:
        if is_bare(text):
            stays = NO_MARKS
        marks = Marks(self.pseudonyms, text, stays)
        written, at = [], 0
        for found in scan.finditer(text):
            image = mapped(found)
            if found.lastgroup == "foreign":  # as many characters, its own marks among them
                image = marks.of(image, found.start())
            written += [marks.of(text[at : found.start()], at), image]
            at = found.end()
        return "".join(written) + marks.of(text[at:], at)

    def _bare(self, text: str) -> str:
        return Marks(self.pseudonyms, text, NO_MARKS).of(text, 0)

    def _run(self, run: str) -> str:
        """A run inside a text: short ones are what a text of them alone is, and as often asked for."""
        if len(run) >= _DECODED_CHARACTERS:
            return self.run(run)
        found = self.texts.get(run)
        if found is None:
            found = self.run(run)
            self.texts.keep(run, found)
        return found

    def run(self, run: str) -> str:
        """A run of ASCII letters and digits."""
        if run.isdigit():
            return self.shapes.number(run)
        if run.isalpha():
            return self.pseudonyms.letters(run)
        size = len(run)
        if size >= 15 and kinds.is_iban(run):
            return self.shapes.iban(run)
        if size == 26 and kinds.ULID.fullmatch(run):
            return self.shapes.ulid(run)
        if size == 32 and kinds.UUID.fullmatch(run):
            return self.shapes.uuid(run)
        if size in {9, 17}:
            found = self.shapes.registered(run)
            if found is not None:
                return found
        pieces = kinds.TRANSITIONS.findall(run)
        if (size >= 16 or (size >= 8 and len(pieces) > 2)) and kinds.HEX.fullmatch(run):
            return self.pseudonyms.hex(run)
        if len(pieces) == 2:
            return "".join(self.shapes.number(p) if p.isdigit() else self.pseudonyms.letters(p) for p in pieces)
        return self.pseudonyms.token(run) if size >= 16 else self.pseudonyms.code(run)

    def jwt(self, token: str) -> str:
        """A token of three parts with its claims mapped and a signature that verifies nothing; else filler."""
        first, *others = token.split(".")
        if len(others) == 2 and self._depth < DEPTH:
            header, claims = unbase64(first), unbase64(others[0])
            if header is not None and claims is not None:
                walked = self.document(claims)
                if walked is not None:
                    return f"{base64url(jwt_header(header))}.{base64url(walked)}.{self._opaque(others[1])}"
        return ".".join(
            "eyJ" + self._opaque(part[3:]) if part.startswith("eyJ") else self._opaque(part)
            for part in token.split(".")
        )

    def filler(self, text: str) -> str:
        """Text of the same length and layout that says nothing, not even which of its pieces are equal."""
        if is_bare(text) and not text.isspace():
            text = self._bare(text)
        words = _Filler(self.pseudonyms, text)
        return kinds.PLAIN.sub(lambda found: words.next(found[0]), text.replace("@", "."))  # no address of anybody

    def _runs(self, text: str) -> str:
        return kinds.PLAIN.sub(lambda found: self._kinds[found.lastgroup or "run"](found[0]), text)

    def _opaque(self, text: str) -> str:
        return self.pseudonyms.drawn("opaque", text, _BASE64URL, len(text))

    def _decoded(self, text: str) -> str | None:
        """Base64 of text, mapped inside and encoded again; None where it is no such thing."""
        if len(text) < _DECODED_CHARACTERS or not kinds.BASE64.fullmatch(text):
            return None
        plain = unbase64(text)
        if plain is None:
            return None
        image = base64.b64encode(self.text(plain).encode())
        if "-" in text or "_" in text:
            image = image.replace(b"+", b"-").replace(b"/", b"_")
        return image.decode() if len(text) % 4 == 0 else image.decode().rstrip("=")

    def _spaced(self, text: str) -> str:
        separators = [c for c in text if not c.isalnum()]
        compact = "".join(c for c in text if c.isalnum())
        is_kind = kinds.card_prefix(compact) if compact.isdigit() else kinds.is_iban(compact)
        if not is_kind or len(set(separators)) != 1:
            return self._runs(text)
        return laid_out(self.run(compact), text)

    def _grouped(self, text: str) -> str:
        compact = "".join(c for c in text if c.isdigit())
        return laid_out(self.run(compact), text) if number_kind(compact) else self._runs(text)


_BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class _Filler:
    """Words drawn for one text, one after the other."""

    def __init__(self, pseudonyms: Pseudonyms, text: str) -> None:
        self._letters = pseudonyms.drawn("filler", text, "abcdefghijklmnopqrstuvwxyz", len(text))
        self._foreign = pseudonyms.foreign
        self._at = 0

    def next(self, piece: str) -> str:
        """A word of as many letters, with the capitals that its sort of word has."""
        self._at += len(piece)
        image = self._letters[self._at - len(piece) : self._at]
        if not piece.isascii():
            return self._foreign(piece)
        return image if piece.islower() or not piece.isalpha() else recased(image, piece)
