"""The map of one leaf of text: cut into kinds, each replaced in its own shape, the same in every place.

Composite text is mapped piece by piece, so that an id inside it still joins. In running text the words are filler
drawn for the whole text, so that no word of it can be counted; ids, addresses and dates in it are mapped as anywhere.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from ipaddress import ip_address

import msgspec

from replay.sanitize import kinds
from replay.sanitize.dates import Clock
from replay.sanitize.pseudonyms import Pseudonyms, recased
from replay.sanitize.vocabulary import JWT_ALGORITHMS, JWT_TYPES

DEPTH = 6
"""How deep strings within strings are looked into; what lies deeper is replaced as a whole."""
CACHE_ENTRIES = 200_000
CACHED_CHARACTERS = 256
_FREE_CHARACTERS = 40
_FREE_SPACES = 4
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"

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
        self._kept = 0
        self._cache: dict[str, str] = {}
        self._shapes: dict[str, TextMap] = {
            "run": self.run,
            "foreign": pseudonyms.foreign,
            "url": self._url,
            "email": self.email,
            "jwt": self.jwt,
            "uuid": self.uuid,
            "iso": lambda t: clock.iso(t) or self._runs(t),
            "http": lambda t: clock.http(t) or self._runs(t),
            "slashed": lambda t: clock.slashed(t) or self._runs(t),
            "ipv4": self.ip,
            "ipv6": self.ip,
            "mac": self._mac,
            "card": self._spaced,
            "iban": self._spaced,
            "ssn": self._ssn,
            "phone": self._phone,
            "nanp": self._nanp,
            "clock": self._clock_time,
            "host": self.host,
        }

    def note_kept(self) -> None:
        """A rule let a part of the text at hand pass: it must be asked again, so the text is not cached."""
        self._kept += 1

    def text(self, text: str) -> str:
        """The pseudonym of any text; '' is itself. Equal texts have equal pseudonyms, in every place."""
        found = self._cache.get(text)
        if found is not None:
            return found
        if self._depth >= DEPTH:
            return self.filler(text)
        self._depth += 1
        kept = self._kept
        try:
            found = self._mapped(text)
        finally:
            self._depth -= 1
        if not self._depth and kept == self._kept and len(text) <= CACHED_CHARACTERS:
            if len(self._cache) >= CACHE_ENTRIES:
                self._cache.clear()
            self._cache[text] = found
        return found

    def _mapped(self, text: str) -> str:
        if text.isascii() and text.isalnum():
            return self._decoded(text) or self.run(text) if len(text) >= 20 else self.run(text)
        if not text or text.isspace():
            return text
        first, last = text[0], text[-1]
        if (
            (first == "{" and last == "}")
            or (first == "[" and last == "]")
            or (first == last == '"' and len(text) > 2)
        ):
            nested = self.document(text)
            if nested is not None:
                return nested
        if kinds.URL_START.match(text) and " " not in text:
            nested = self.url(text)
            if nested is not None:
                return nested
        nested = self._decoded(text)
        if nested is not None:
            return nested
        if last == "}" and "{" in text:
            nested = self.query(text)
            if nested is not None:
                return nested
        return self.composite(text)

    def composite(self, text: str) -> str:
        """Text, piece by piece."""
        shapes = self._shapes
        scan = kinds.SCAN if kinds.may_be_structured(text) else kinds.PLAIN
        if len(text) > _FREE_CHARACTERS and text.count(" ") >= _FREE_SPACES:
            words = _Filler(self.pseudonyms, text)

            def free(found: re.Match[str]) -> str:
                piece = found[0]
                if found.lastgroup == "run" and piece.isalpha():
                    return words.next(piece)
                return shapes[found.lastgroup or "run"](piece)

            return scan.sub(free, text)
        return scan.sub(lambda found: shapes[found.lastgroup or "run"](found[0]), text)

    def run(self, run: str) -> str:
        """A run of ASCII letters and digits."""
        if run.isdigit():
            return self.number(run)
        if run.isalpha():
            return self.pseudonyms.letters(run)
        size = len(run)
        if size >= 15 and kinds.is_iban(run):
            return self._iban(run)
        if size == 26 and kinds.ULID.fullmatch(run):
            return "0" + self.pseudonyms.drawn("ulid", run, "0123456789ABCDEFGHJKMNPQRSTVWXYZ", 25)
        pieces = kinds.TRANSITIONS.findall(run)
        if (size >= 16 or (size >= 8 and len(pieces) > 2)) and kinds.HEX.fullmatch(run):
            return self.pseudonyms.hex(run)
        if len(pieces) == 2:
            return "".join(self.number(p) if p.isdigit() else self.pseudonyms.letters(p) for p in pieces)
        return self.pseudonyms.token(run) if size >= 16 else self.pseudonyms.code(run)

    def number(self, digits: str) -> str:
        """A digit run; a card number becomes a test number of its network with a right check digit."""
        if len(digits) < 13:
            return self.pseudonyms.digits(digits)
        prefix = kinds.card_prefix(digits)
        if prefix is not None:
            body = prefix + self.pseudonyms.drawn("card", digits, "0123456789", len(digits) - 7)
            return body + kinds.luhn_digit(body)
        image = self.pseudonyms.digits(digits)
        while kinds.card_prefix(image) is not None:  # what is no card number becomes none
            image = self.pseudonyms.digits(image)
        return image

    def email(self, address: str) -> str:
        """An address at ``example.com`` (RFC 2606): the local part and the domain are mapped apart."""
        local, _, domain = address.lower().rpartition("@")
        name, plus, tag = local.partition("+")
        image = "u" + self.pseudonyms.drawn("email", name, _BASE32, min(max(len(name) - 1, 9), 63))
        tag = self.pseudonyms.drawn("email-tag", tag, _BASE32, max(len(tag), 4)) if plus else ""
        return f"{image}{plus}{tag}@{self.host(domain)}"

    def host(self, host: str) -> str:
        """A host name under ``example.com`` (RFC 2606), one label for each host."""
        return self.pseudonyms.drawn("host", host.lower().rstrip("."), _BASE32, 8) + ".example.com"

    def uuid(self, text: str) -> str:
        """A UUID of the same version and variant (RFC 9562); the time in a version 7 is moved with all others."""
        raw = text.lower().replace("-", "")
        image = self.pseudonyms.stream("uuid", raw, 16).hex()
        if raw[12] == "7":
            moved = self.clock.moved_ns(int(raw[:12], 16) * 10**6) // 10**6
            image = f"{moved & (1 << 48) - 1:012x}" + image[12:]
        image = image[:12] + raw[12] + image[13:16] + raw[16] + image[17:]
        if len(text) == 36:
            image = f"{image[:8]}-{image[8:12]}-{image[12:16]}-{image[16:20]}-{image[20:]}"
        return image.upper() if text.isupper() else image

    def jwt(self, token: str) -> str:
        """A token of three parts with its claims mapped and a signature that verifies nothing; else filler."""
        first, *others = token.split(".")
        if len(others) == 2 and self._depth < DEPTH:
            header, claims = _unbase64(first), _unbase64(others[0])
            if header is not None and claims is not None:
                walked = self.document(claims)
                if walked is not None:
                    return f"{_base64url(_jwt_header(header))}.{_base64url(walked)}.{self._opaque(others[1])}"
        return ".".join(
            "eyJ" + self._opaque(part[3:]) if part.startswith("eyJ") else self._opaque(part)
            for part in token.split(".")
        )

    def ip(self, text: str) -> str:
        """An address of the same class: benchmark (RFC 2544), documentation (RFC 3849), private or loopback."""
        try:
            address = ip_address(text)
        except ValueError:
            return self._runs(text)
        number = self.pseudonyms.number("ip", address.compressed)
        if address.is_unspecified or address.compressed in {"127.0.0.1", "::1"}:
            return text
        if address.version == 6:
            tail = (
                f"{number >> 48 & 0xFFFF:x}:{number >> 32 & 0xFFFF:x}:{number >> 16 & 0xFFFF:x}:{number & 0xFFFF:x}"
            )
            is_inside = address.is_private and not address.compressed.startswith("2001:db8")
            return f"{'fd00:' if is_inside else '2001:db8:'}:{tail}"
        low = f"{number >> 8 & 255}.{number & 255}"
        head = int(text.split(".", 1)[0])
        if address.is_private and head in (10, 172, 192):
            return {10: f"10.{number >> 16 & 255}.", 172: f"172.{16 + (number >> 16 & 15)}.", 192: "192.168."}[
                head
            ] + low
        return f"198.{18 + (number >> 16 & 1)}.{low}"

    def filler(self, text: str) -> str:
        """Text of the same length and layout that says nothing, not even which of its pieces are equal."""
        words = _Filler(self.pseudonyms, text)
        return kinds.PLAIN.sub(lambda found: words.next(found[0]), text)

    def _runs(self, text: str) -> str:
        return kinds.PLAIN.sub(lambda found: self._shapes[found.lastgroup or "run"](found[0]), text)

    def _opaque(self, text: str) -> str:
        return self.pseudonyms.drawn("opaque", text, _BASE64URL, len(text))

    def _url(self, text: str) -> str:
        return self.url(text) or self._runs(text)

    def _decoded(self, text: str) -> str | None:
        """Base64 of text, mapped inside and encoded again; None where it is no such thing."""
        if len(text) < 16 or not kinds.BASE64.fullmatch(text):
            return None
        plain = _unbase64(text)
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

    def _iban(self, compact: str) -> str:
        country, body = compact[:2], self.pseudonyms.stream("iban", compact, len(compact) - 4)
        image = "".join(
            chr(48 + byte % 10) if c.isdigit() else chr(65 + byte % 26)
            for byte, c in zip(body, compact[4:], strict=True)
        )
        return country + kinds.iban_check(country, image) + image

    def _ssn(self, text: str) -> str:
        number = self.pseudonyms.number("ssn", text)
        return f"9{number % 100:02d}-{1 + number // 100 % 49:02d}-{number // 10000 % 10000:04d}"

    def _phone(self, text: str) -> str:
        digits = "".join(c for c in text if c.isdigit())
        number = self.pseudonyms.drawn("phone", digits, "0123456789", len(digits))
        if digits[0] == "1" and len(digits) == 11:
            image = f"1{2 + int(number[0]) % 8}{number[1:3]}55501{number[3:5]}"
        elif digits.startswith("44") and len(digits) == 12:
            image = f"447700900{number[:3]}"
        elif digits.startswith("61") and len(digits) == 11:
            image = f"61491570{number[:3]}"
        else:
            # No national number is dialled with zeros behind the country's code: none can ring.
            code = digits[: 1 if digits[0] in "17" else 2]
            image = code + "00" + number[: len(digits) - len(code) - 2]
        return laid_out(image, text)

    def _nanp(self, text: str) -> str:
        digits = "".join(c for c in text if c.isdigit())
        number = self.pseudonyms.drawn("phone", "1" + digits, "0123456789", 5)
        return laid_out(f"{2 + int(number[0]) % 8}{number[1:3]}55501{number[3:5]}", text)

    def _mac(self, text: str) -> str:
        digits = "".join(c for c in text.lower() if c.isalnum())
        raw = bytearray(self.pseudonyms.stream("mac", digits, 6))
        raw[0] = raw[0] & 0xFC | 0x02  # locally administered, unicast
        image = laid_out(raw.hex(), text)
        return image.upper() if text.isupper() else image

    def _clock_time(self, text: str) -> str:
        number = self.pseudonyms.number("clock", text)
        head = f"{number % 24:02d}:{number // 24 % 60:02d}"
        if len(text) == 5:
            return head
        return f"{head}:{number // 1440 % 60:02d}" + (
            text[8:9] + self.pseudonyms.digits(text[9:]) if len(text) > 8 else ""
        )


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


def laid_out(image: str, like: str) -> str:
    """The characters of ``image`` with the separators of ``like`` between them."""
    characters = iter(image)
    return "".join(next(characters) if c.isalnum() else c for c in like)


def _unbase64(text: str) -> str | None:
    """The printable text that base64 or base64url spells; None where it is none."""
    body = text.rstrip("=")
    if len(body) % 4 == 1:
        return None
    try:
        raw = binascii.a2b_base64(body.replace("-", "+").replace("_", "/") + "=" * (-len(body) % 4), strict_mode=True)
        plain = raw.decode()
    except ValueError:
        return None
    return plain if plain and (plain.isprintable() or all(c.isprintable() or c in "\t\r\n" for c in plain)) else None


def _base64url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _jwt_header(header: str) -> str:
    """A header with its algorithm and type alone; key ids and addresses are dropped."""
    try:
        found = msgspec.json.decode(header)
    except (msgspec.DecodeError, RecursionError):
        found = {}
    if not isinstance(found, dict):
        found = {}
    allowed = {"alg": JWT_ALGORITHMS, "typ": JWT_TYPES}
    return msgspec.json.encode(
        {
            name: found[name]
            for name, words in allowed.items()
            if isinstance(found.get(name), str) and found[name] in words
        }
    ).decode()
