"""The kinds that have a public format: each becomes a value of its format that can reach no one."""

from __future__ import annotations

from ipaddress import ip_address

from replay.sanitize import kinds, registered
from replay.sanitize.dates import Clock
from replay.sanitize.pseudonyms import Pseudonyms

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


class Shapes:
    """Pseudonyms in the formats of standards, in ranges that are reserved wherever there are any."""

    def __init__(self, pseudonyms: Pseudonyms, clock: Clock) -> None:
        self._pseudonyms = pseudonyms
        self._clock = clock

    def number(self, digits: str) -> str:
        """A digit run; a card number becomes a test number of its network with a right check digit.

        What is no card number becomes none, and what is a number of a register (``registered``) stays one, no other.
        """
        size = len(digits)
        if size < 13 and size != 11:
            return self._pseudonyms.digits(digits)
        prefix = kinds.card_prefix(digits)
        if prefix is not None:
            body = prefix + self._pseudonyms.drawn("card", digits, "0123456789", size - 7)
            return body + kinds.luhn_digit(body)
        kind, image = registered.number_kind(digits), digits
        while True:  # cycle walking: a bijection of the numbers of one kind
            if kind is None:
                image = self._pseudonyms.digits(image)
            else:
                image = registered.with_check(kind, self._pseudonyms.digits(registered.body_of(kind, image)))
            if kinds.card_prefix(image) is None and registered.number_kind(image) == kind:
                return image

    def registered(self, run: str) -> str | None:
        """A VIN, DNI or NIE as another with a right check; None where a run is none of them."""
        if registered.is_vin(run):
            return registered.vin_of(run, self._pseudonyms.stream("vin", run, 17))
        if registered.is_dni(run):
            body = run[:-1] if run[0].isdigit() else run[1:-1]
            head = "" if run[0].isdigit() else "XYZ"[self._pseudonyms.permute("nie", "XYZ".index(run[0]), 3)]
            image = head + self._pseudonyms.digits(body)
            return image + registered.dni_letter(image)
        return None

    def email(self, address: str) -> str:
        """An address at ``example.com`` (RFC 2606): the local part and the domain are mapped apart."""
        local, _, domain = address.lower().rpartition("@")
        name, plus, tag = local.partition("+")
        image = "u" + self._pseudonyms.drawn("email", name, _BASE32, min(max(len(name) - 1, 9), 63))
        tag = self._pseudonyms.drawn("email-tag", tag, _BASE32, max(len(tag), 4)) if plus else ""
        return f"{image}{plus}{tag}@{self.host(domain)}"

    def host(self, host: str) -> str:
        """A host name under ``example.com`` (RFC 2606), one label for each host."""
        return self._pseudonyms.drawn("host", host.lower().rstrip("."), _BASE32, 8) + ".example.com"

    def uuid(self, text: str) -> str:
        """A UUID of the same version and variant (RFC 9562); the time in a version 7 is moved as that in a ULID."""
        raw = text.lower().replace("-", "")
        image = self._pseudonyms.stream("uuid", raw, 16).hex()
        time_ns = int(raw[:12], 16) * 10**6
        if raw[12] == "7" and self._clock.is_likely(time_ns):
            moved = self._clock.moved_ns(time_ns) // 10**6
            image = f"{moved & (1 << 48) - 1:012x}" + image[12:]
        image = image[:12] + raw[12] + image[13:16] + raw[16] + image[17:]
        if len(text) == 36:
            image = f"{image[:8]}-{image[8:12]}-{image[12:16]}-{image[16:20]}-{image[20:]}"
        return image.upper() if text.isupper() else image

    def ulid(self, run: str) -> str:
        """A ULID; its time is moved with all others where it is one within ten years of the capture's start."""
        image = self._pseudonyms.drawn("ulid", run, _CROCKFORD, 25)
        time_ns = 0
        for c in run[:10]:
            time_ns = time_ns * 32 + _CROCKFORD.index(c)
        time_ns *= 10**6
        if not self._clock.is_likely(time_ns):
            return "0" + image
        moved = self._clock.moved_ns(time_ns) // 10**6
        return "".join(_CROCKFORD[moved >> 5 * at & 31] for at in range(9, -1, -1)) + image[9:]

    def ip(self, text: str) -> str | None:
        """An address of its class: benchmark (RFC 2544), documentation (RFC 3849) or private; None: it is none."""
        try:
            address = ip_address(text)
        except ValueError:
            return None
        number = self._pseudonyms.number("ip", address.compressed)
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
            heads = {10: f"10.{number >> 16 & 255}.", 172: f"172.{16 + (number >> 16 & 15)}.", 192: "192.168."}
            return heads[head] + low
        return f"198.{18 + (number >> 16 & 1)}.{low}"

    def iban(self, compact: str) -> str:
        """An IBAN of the same country and layout, with a right check."""
        country, body = compact[:2], self._pseudonyms.stream("iban", compact, len(compact) - 4)
        image = "".join(
            chr(48 + byte % 10) if c.isdigit() else chr(65 + byte % 26)
            for byte, c in zip(body, compact[4:], strict=True)
        )
        return country + kinds.iban_check(country, image) + image

    def coordinate(self, text: str, degrees: int) -> str:
        """A coordinate of the same scale, anywhere below so many degrees."""
        number = self._pseudonyms.number("coordinate", text.lstrip("-"))
        _, point, fraction = text.lstrip("-").partition(".")
        sign = "-" if number & 1 else ""
        return f"{sign}{(number >> 1) % degrees}{point}{self._pseudonyms.digits(fraction)}"

    def ssn(self, text: str) -> str:
        """A social security number of the areas that are never issued (9xx, group 01 to 49)."""
        number = self._pseudonyms.number("ssn", text)
        return f"9{number % 100:02d}-{1 + number // 100 % 49:02d}-{number // 10000 % 10000:04d}"

    def phone(self, text: str) -> str:
        """An international number of the same country that nobody has: of a range for fiction where there is one."""
        digits = "".join(c for c in text if c.isdigit())
        number = self._pseudonyms.drawn("phone", digits, "0123456789", len(digits))
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

    def nanp(self, text: str) -> str:
        """A North American number in 555-01XX; the same as its international form has."""
        digits = "".join(c for c in text if c.isdigit())
        number = self._pseudonyms.drawn("phone", "1" + digits, "0123456789", 11)
        return laid_out(f"{2 + int(number[0]) % 8}{number[1:3]}55501{number[3:5]}", text)

    def mac(self, text: str) -> str:
        """A hardware address that is locally administered."""
        digits = "".join(c for c in text.lower() if c.isalnum())
        raw = bytearray(self._pseudonyms.stream("mac", digits, 6))
        raw[0] = raw[0] & 0xFC | 0x02  # locally administered, unicast
        image = laid_out(raw.hex(), text)
        return image.upper() if text.isupper() else image

    def time_of_day(self, text: str) -> str:
        """A time of day in the same layout."""
        number = self._pseudonyms.number("clock", text)
        head = f"{number % 24:02d}:{number // 24 % 60:02d}"
        if len(text) == 5:
            return head
        fraction = text[8:9] + self._pseudonyms.digits(text[9:]) if len(text) > 8 else ""
        return f"{head}:{number // 1440 % 60:02d}{fraction}"


def laid_out(image: str, like: str) -> str:
    """The characters of ``image`` with the separators of ``like`` between them."""
    characters = iter(image)
    return "".join(next(characters) if c.isalnum() else c for c in like)
