"""Numbers of registers, known by their check digits: of devices, vehicles and persons.

None has a range that is kept for tests and large enough to tell two of them apart, so each becomes another number of
its register with right check digits, one to one; what carries no right check becomes something that carries none.

- IMEI, 15 digits (3GPP TS 23.003, Luhn); VIN, 17 characters (ISO 3779, 49 CFR 565.15);
- Swiss AHV number, 13 digits (EAN-13 behind 756); Brazilian CPF, 11 digits (two sums mod 11);
- French NIR, 15 digits with a month of birth (mod 97); Polish PESEL, 11 digits with a date of birth (weighted sum);
- Spanish DNI and NIE, 8 digits or X, Y, Z and 7, and a letter (mod 23).
"""

from __future__ import annotations

import re
from datetime import date

from replay.sanitize import kinds

VIN = re.compile(r"(?=[A-Z0-9]*[A-Z])(?=[A-Z0-9]*[0-9])[A-HJ-NPR-Z0-9]{8}[0-9X][A-HJ-NPR-Z0-9]{8}")
_VIN_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_VIN_VALUES = dict(
    zip(_VIN_LETTERS, (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_NIR = re.compile(r"[12][0-9]{2}(?:0[1-9]|1[0-2])[0-9]{10}")
_PESEL_WEIGHTS = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
_PESEL_CENTURIES = (1900, 2000, 2100, 2200, 1800)
_DNI = re.compile(r"(?:[0-9]{8}|[XYZ][0-9]{7})[A-Z]")
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def number_kind(digits: str) -> str | None:
    """``nir``, ``imei``, ``ahv``, ``cpf`` or ``pesel`` where digits carry right check digits of one; else None."""
    size = len(digits)
    if size == 15 and _NIR.fullmatch(digits) and digits[-2:] == _nir(digits[:-2]):
        return "nir"
    if size == 15 and kinds.is_luhn(digits):
        return "imei"
    if size == 13 and digits.startswith("756") and digits[-1] == _ean(digits[:-1]):
        return "ahv"
    if size == 11 and digits[-2:] == _cpf(digits[:-2]) and len(set(digits)) > 1:  # equal digits alone are no CPF
        return "cpf"
    if size == 11 and digits[-1] == _pesel(digits[:-1]) and _has_pesel_date(digits):
        return "pesel"
    return None


def body_of(kind: str, digits: str) -> str:
    """The digits of a number that its check digits are reckoned from, without what all of its kind share."""
    ends = {"imei": -1, "ahv": -1, "cpf": -2, "nir": -2, "pesel": -1}
    return digits[3 if kind == "ahv" else 0 : ends[kind]]


def with_check(kind: str, body: str) -> str:
    """The number of a kind that has this body."""
    if kind == "ahv":
        return f"756{body}{_ean('756' + body)}"
    return body + {"imei": kinds.luhn_digit, "cpf": _cpf, "nir": _nir, "pesel": _pesel}[kind](body)


def is_dni(run: str) -> bool:
    """Whether a run is a DNI or NIE with its right letter."""
    return _DNI.fullmatch(run) is not None and run[-1] == dni_letter(run[:-1])


def dni_letter(body: str) -> str:
    """The letter behind the digits of a DNI, or behind the letter and digits of a NIE."""
    return _DNI_LETTERS[int(body.translate({88: "0", 89: "1", 90: "2"})) % 23]


def is_vin(run: str) -> bool:
    """Whether a run is a VIN with its right check digit."""
    return VIN.fullmatch(run) is not None and run[8] == _vin_check(run)


def vin_of(run: str, stream: bytes) -> str:
    """A VIN with letters and digits where ``run`` has them, drawn from 17 bytes of ``stream``, and a right check."""
    image = "".join(
        chr(48 + byte % 10) if c.isdigit() else _VIN_LETTERS[byte % 23] for c, byte in zip(run, stream, strict=True)
    )
    return image[:8] + _vin_check(image) + image[9:]


def _vin_check(run: str) -> str:
    values = (int(c) if c.isdigit() else _VIN_VALUES[c] for c in run)
    rest = sum(value * weight for value, weight in zip(values, _VIN_WEIGHTS, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def _ean(body: str) -> str:
    total = sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(body))
    return str(-total % 10)


def _nir(body: str) -> str:
    return f"{97 - int(body) % 97:02d}"


def _pesel(body: str) -> str:
    return str(-sum(int(digit) * weight for digit, weight in zip(body, _PESEL_WEIGHTS, strict=True)) % 10)


def _has_pesel_date(digits: str) -> bool:
    """Whether a day of birth stands at the start; 20, 40 … are added to its month, by the century."""
    century, month = divmod(int(digits[2:4]), 20)
    try:
        date(_PESEL_CENTURIES[century] + int(digits[:2]), month, int(digits[4:6]))
    except ValueError:
        return False
    return True


def _cpf(body: str) -> str:
    """The two check digits of nine."""
    checked = body
    for _ in range(2):
        weights = range(len(checked) + 1, 1, -1)
        rest = sum(int(digit) * weight for digit, weight in zip(checked, weights, strict=True)) % 11
        checked += str(0 if rest < 2 else 11 - rest)
    return checked[-2:]
