"""The keyed map of runs: digits to digits, letters to letters, codes to codes, of the same length and class.

One map for all places: a value has one pseudonym wherever it stands. Runs are mapped by bijections: domains below a
million by a random permutation (a table, drawn from a keyed stream), larger ones by FF1, and those beyond 2 ** 40 by
keyed BLAKE2b, where two values meet with odds below 2 ** -40 a pair. An empty run is itself, and so is zero.
"""

from __future__ import annotations

import hashlib
import math
import re
import string
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from numpy.typing import NDArray

from replay.sanitize import scripts
from replay.sanitize.ff1 import FF1, MINIMUM_DOMAIN
from replay.sanitize.keys import Key

LONGEST_DIGITS = 48
"""Longer digit runs are no numbers: they are mapped by BLAKE2b, digit for digit."""
LONGEST_WORD = 8
"""Longer runs of letters are drawn (BLAKE2b), not encrypted."""
_LONGEST_IN_TABLE = 4
"""There are fewer than a million words of so many letters."""
_RUNS = re.compile(r"[A-Za-z]+|[0-9]+")
_MOST_DRAWS = 16
_EDGES = (2**31, 2**53, 2**63, 2**64)
# A byte of a keyed digest to a character of an alphabet. 256 is no multiple of most sizes: the first letters are up
# to 1/9 more frequent, which tells nothing of the value.
_LOWER = bytes(ord("a") + i % 26 for i in range(256))
_DIGIT = bytes(ord("0") + i % 10 for i in range(256))
_TO_BASE_26 = str.maketrans(string.ascii_lowercase, "0123456789abcdefghijklmnop")


class Pseudonyms:
    """The map of one key. The same key gives the same map in every process."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self._tables: dict[str, NDArray[np.uint32]] = {}
        self._digits = FF1(key.derive(b"digits|v1"))
        self._letters = FF1(key.derive(b"letters|v1"))
        self._codes = FF1(key.derive(b"codes|v1"))
        self._root = hashlib.blake2b(key=key.derive(b"stream|v1"), digest_size=64)

    def digest(self, label: str, value: str) -> bytes:
        """64 keyed bytes for a value of one kind; no one without the key can make or check them."""
        state = self._root.copy()
        state.update(label.encode() + b"\x00" + value.encode("utf-8", "surrogatepass"))
        return state.digest()

    def stream(self, label: str, value: str, size: int) -> bytes:
        """``size`` keyed bytes for a value of one kind."""
        seed = self.digest(label, value)
        return seed[:size] if size <= len(seed) else hashlib.shake_256(seed).digest(size)

    def number(self, label: str, value: str) -> int:
        """A keyed 64-bit number for a value of one kind."""
        return int.from_bytes(self.digest(label, value)[:8])

    def permute(self, label: str, number: int, size: int, cipher: FF1 | None = None) -> int:
        """The image of ``number`` under a keyed bijection of ``range(size)``."""
        if size <= 1:
            return number
        if size < MINIMUM_DOMAIN:
            return int(self._table(label, size)[number])
        ciphered = cipher or self._codes
        radix, length = _domain(size)
        # Cycle walking: FF1 permutes a slightly larger domain; stepping until inside permutes this one.
        while True:
            number = ciphered.encrypt(number, radix, length)
            if number < size:
                return number

    def digits(self, run: str) -> str:
        """A digit run of the same length and leading zeros; the same band, so that 32-bit integers stay so."""
        significant = run.lstrip("0")
        if not significant:
            return run
        if len(significant) > LONGEST_DIGITS:
            body = self.stream("digits", significant, len(significant)).translate(_DIGIT).decode()
            return run[: len(run) - len(significant)] + "1" + body[1:]
        low, high = _band(int(significant))
        image = low + self.permute(f"digits{low}", int(significant) - low, high - low, self._digits)
        return run[: len(run) - len(significant)] + str(image)

    def letters(self, run: str) -> str:
        """A run of ASCII letters of the same length; upper and lower case stand where they stood."""
        lower = run.lower()
        size = len(lower)
        if size <= LONGEST_WORD:
            rank = int(lower.translate(_TO_BASE_26), 26)
            image = _spelled(self.permute(f"letters{size}", rank, 26**size, self._letters), size)
        else:
            image = self.stream("letters", lower, size).translate(_LOWER).decode()
        return image if run == lower else recased(image, run)

    def words(self, runs: Sequence[str]) -> list[str]:
        """``letters`` of many runs of one to eight letters, reckoned together; it pays from some thirty on."""
        lower = np.array("\n".join(runs).lower().encode().split(b"\n"), "S8")
        letters = lower.view(np.uint8).reshape(-1, LONGEST_WORD)
        sizes = np.count_nonzero(letters, axis=1)
        ranks = np.zeros(len(runs), np.uint64)
        for at in range(LONGEST_WORD):
            ranks = np.where(at < sizes, ranks * 26 + letters[:, at] - 97, ranks)
        is_long = sizes > _LONGEST_IN_TABLE
        for size in range(1, _LONGEST_IN_TABLE + 1):
            same = sizes == size
            ranks[same] = self._table(f"letters{size}", 26**size)[ranks[same]]
        if is_long.any():
            ranks[is_long] = self._letters.encrypt_all(ranks[is_long], 26, sizes[is_long].tolist())
        images = np.zeros_like(letters)
        for at in range(LONGEST_WORD - 1, -1, -1):
            images[:, at] = np.where(at < sizes, 97 + ranks % 26, 0)
            ranks = np.where(at < sizes, ranks // 26, ranks)
        spelled = b"\n".join(images.view("S8").ravel().tolist()).decode().split("\n")
        return [image if run.islower() else recased(image, run) for image, run in zip(spelled, runs, strict=True)]

    def code(self, run: str) -> str:
        """A run of letters and digits of the same length, each character of the class that it had."""
        lower = run.lower()
        sizes = [10 if c.isdigit() else 26 for c in lower]
        size = 1
        for each in sizes:
            size *= each
        if size < MINIMUM_DOMAIN:  # run by run, or every pattern would need a table of its own
            return _RUNS.sub(lambda run: self.digits(run[0]) if run[0].isdigit() else self.letters(run[0]), run)
        if size < 1 << 40:
            rank = 0
            for c, each in zip(lower, sizes, strict=True):
                rank = rank * each + (ord(c) - (48 if each == 10 else 97))
            pattern = "".join("9" if each == 10 else "a" for each in sizes)
            rank = self.permute(f"code{pattern}", rank, size)
            found = []
            for each in reversed(sizes):
                rank, digit = divmod(rank, each)
                found.append(chr(digit + (48 if each == 10 else 97)))
            image = "".join(reversed(found))
        else:
            stream = self.stream("code", lower, len(lower))
            image = "".join(
                chr(48 + byte % 10) if each == 10 else chr(97 + byte % 26)
                for byte, each in zip(stream, sizes, strict=True)
            )
        return image if run == lower else recased(image, run)

    def token(self, run: str) -> str:
        """A long run of letters and digits of the same length, drawn from the alphabets that it used, all of them."""
        alphabet = _classes(run)
        image = run
        for draw in range(_MOST_DRAWS):
            image = self.drawn(f"token{draw}", run, alphabet, len(run))
            if _classes(image) == alphabet:
                break
        return image

    def hex(self, run: str) -> str:
        """A hexadecimal run of the same length and case that holds letters and digits, as it did."""
        lower = image = run.lower()
        size = len(run)
        if 16**size < 1 << 40:
            number = int(lower, 16)
            while True:  # cycle walking: a bijection of what looks hexadecimal
                number = self._codes.encrypt(number, 16, size)
                image = f"{number:0{size}x}"
                if len(_RUNS.findall(image)) > 2:
                    break
        else:
            for draw in range(_MOST_DRAWS):
                image = self.stream(f"hex{draw}", lower, (size + 1) // 2).hex()[:size]
                if not image.isdigit() and not image.isalpha():
                    break
        return image if run == lower else image.upper()

    def drawn(self, label: str, value: str, alphabet: str, size: int) -> str:
        """``size`` characters of ``alphabet`` for a value of one kind."""
        return self.stream(label, value, size).translate(_alphabet(alphabet)).decode()

    def drawer(self, label: str, alphabet: str, size: int) -> Callable[[str], str]:
        """``drawn`` for many values of one kind, at most 64 characters of each."""
        root = self._root.copy()
        root.update(label.encode() + b"\x00")
        table, copy = _alphabet(alphabet), root.copy

        def draw(value: str) -> str:
            state = copy()
            state.update(value.encode() if value.isascii() else value.encode("utf-8", "surrogatepass"))
            return state.digest()[:size].translate(table).decode("ascii")

        return draw

    def foreign(self, run: str) -> str:
        """Characters outside ASCII: as many, of the same script and case, each as long in UTF-8."""
        return "".join(
            "".join(each) if passed else self._scripted("".join(each))
            for passed, each in groupby(run, scripts.passes)
        )

    def _scripted(self, run: str) -> str:
        pools = [scripts.pool_of(c) for c in run]
        size, rank = 1, 0
        for pool, c in zip(pools, run, strict=True):
            size *= len(pool.characters)
            rank = rank * len(pool.characters) + pool.rank(c)
        if size >= 1 << 40:
            stream = self.stream("script", run, 4 * len(run))
            draws = [int.from_bytes(stream[at : at + 4]) for at in range(0, len(stream), 4)]
            return "".join(pool.characters[d % len(pool.characters)] for pool, d in zip(pools, draws, strict=True))
        if size < MINIMUM_DOMAIN and len(run) > 1:  # one by one, or every word would need a table of its own
            return "".join(map(self._scripted, run))
        rank = self.permute(f"script{'|'.join(pool.label for pool in pools)}", rank, size)
        found = []
        for pool in reversed(pools):
            rank, digit = divmod(rank, len(pool.characters))
            found.append(pool.characters[digit])
        return "".join(reversed(found))

    def _table(self, label: str, size: int) -> NDArray[np.uint32]:
        name = f"{label}|{size}"
        table = self._tables.get(name)
        if table is None:
            # Sorting by independent random keys is a uniform permutation; 64-bit keys tie with odds below 2 ** -24.
            key = self._key.derive(b"table|" + name.encode() + b"|v1")
            stream = Cipher(AES(key), CTR(bytes(16))).encryptor().update(bytes(8 * size))
            table = np.argsort(np.frombuffer(stream, dtype="<u8"), kind="stable").astype(np.uint32)
            self._tables[name] = table
        return table


def recased(image: str, like: str) -> str:
    """``image`` in upper case where ``like`` is."""
    if like.isupper():
        return image.upper()
    if like[0].isupper() and like[1:].islower():
        return image[0].upper() + image[1:]
    return "".join(c.upper() if model.isupper() else c for c, model in zip(image, like, strict=True))


def _spelled(number: int, size: int) -> str:
    found = bytearray(size)
    for at in range(size - 1, -1, -1):
        number, rest = divmod(number, 26)
        found[at] = 97 + rest
    return found.decode()


@lru_cache(maxsize=256)
def _domain(size: int) -> tuple[int, int]:
    """The radix and length of the tightest FF1 domain around ``size``: that of letters itself, decimal or binary."""
    letters = round(math.log(size, 26))
    if 26**letters == size:
        return 26, letters
    decimal = len(str(size - 1))
    binary = (size - 1).bit_length()
    return (10, decimal) if 10**decimal <= 2**binary else (2, binary)


def _band(number: int) -> tuple[int, int]:
    """The half-open band that ``number`` is permuted in: its count of digits, cut at machines' integer sizes."""
    low = 10 ** (len(str(number)) - 1)
    high = 10 * low
    for edge in _EDGES:
        if low < edge < high:
            if number < edge:
                high = edge
            else:
                low = edge
    return low, high


def _classes(run: str) -> str:
    alphabet = ""
    if run != run.upper():
        alphabet += string.ascii_lowercase
    if run != run.lower():
        alphabet += string.ascii_uppercase
    if not run.isalpha():
        alphabet += string.digits
    return alphabet


@lru_cache(maxsize=64)
def _alphabet(alphabet: str) -> bytes:
    encoded = alphabet.encode()
    return bytes(encoded[i % len(encoded)] for i in range(256))
