"""FF1, the format-preserving cipher of NIST SP 800-38G, over integers.

A numeral string of ``length`` digits in ``radix`` is handled as the integer that it spells, which spares the
conversion of every digit. Only encryption is here: nothing in this project inverts a pseudonym.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from numpy.typing import NDArray

MINIMUM_DOMAIN = 1_000_000
"""SP 800-38G Rev. 1 (2nd draft, 2025) requires radix ** length to be at least this; smaller domains get a table."""


class FF1:
    """One FF1 instance: a bijection on ``range(radix ** length)`` for every radix, length and tweak."""

    __slots__ = ("_block", "_starts")

    def __init__(self, key: bytes) -> None:
        # One ECB context serves for ever: FF1's pseudo-random function is AES on single blocks, chained below.
        self._block: Callable[[bytes], bytes] = Cipher(AES(key), ECB()).encryptor().update  # noqa: S305 - the block cipher itself, inside FF1
        self._starts: dict[tuple[int, int], list[tuple[int, int]]] = {}
        """For each domain the first block, with each pair of turns in it."""

    def encrypt(self, number: int, radix: int, length: int, tweak: bytes = b"") -> int:
        """The image of ``number``, which must be in ``range(radix ** length)``.

        Raises:
            ValueError: the domain is smaller than a million, or ``number`` lies outside.
        """
        shape = _shape(radix, length)
        if not 0 <= number < shape.size:
            raise ValueError("number outside the domain")
        if tweak or not shape.is_short:
            return self._general(number, shape, radix, length, tweak)
        starts = self._starts.get((radix, length))
        if starts is None:
            first = int.from_bytes(self._block(_first_block(radix, length, shape.u, 0)))
            turns = [first ^ turn << 8 * shape.b for turn in range(10)]
            starts = self._starts[radix, length] = list(zip(turns[::2], turns[1::2], strict=True))
        # With no tweak and halves below 2 ** 96 the function is one AES block a round.
        block, rest = self._block, 128 - 8 * shape.d
        u_size, v_size = shape.u_size, shape.v_size
        a, b = divmod(number, v_size)
        for even, odd in starts:
            a = (a + (int.from_bytes(block((even ^ b).to_bytes(16))) >> rest)) % u_size
            b = (b + (int.from_bytes(block((odd ^ a).to_bytes(16))) >> rest)) % v_size
        return a * v_size + b

    def encrypt_all(self, numbers: NDArray[np.uint64], radix: int, lengths: Sequence[int]) -> NDArray[np.uint64]:
        """``encrypt`` of many numbers, each of its own length, with no tweak: one call of AES a round for all.

        Each number must be inside its domain.

        Raises:
            ValueError: a domain is smaller than a million, or half of it is above 2 ** 32 (more than twelve letters).
        """
        shapes = {length: _shape(radix, length) for length in set(lengths)}
        if any(shape.v_size > 1 << 32 for shape in shapes.values()):
            raise ValueError("half of the domain is above 2 ** 32")
        u_size, v_size, step = (
            np.array([getattr(shapes[length], field) for length in lengths], np.uint64)
            for field in ("u_size", "v_size", "step")
        )
        firsts = {length: self._block(_first_block(radix, length, shapes[length].u, 0)) for length in shapes}
        first = np.frombuffer(b"".join([firsts[length] for length in lengths]), ">u8").reshape(-1, 2)
        blocks = first.copy()
        a, b = np.divmod(numbers, v_size)
        halves = [a, b]
        for turn in range(10):
            mine, size = turn % 2, (u_size, v_size)[turn % 2]
            blocks[:, 1] = first[:, 1] ^ step * np.uint64(turn) ^ halves[1 - mine]
            drawn = np.frombuffer(self._block(blocks.tobytes()), ">u8")[::2]
            halves[mine] = (halves[mine] + drawn % size) % size
        return halves[0] * v_size + halves[1]

    def _general(self, number: int, shape: _Shape, radix: int, length: int, tweak: bytes) -> int:
        first = self._block(_first_block(radix, length, shape.u, len(tweak)))
        a, b = divmod(number, shape.v_size)
        for turn in range(10):
            q = tweak + bytes((-len(tweak) - shape.b - 1) % 16) + bytes([turn]) + b.to_bytes(shape.b)
            r = first
            for at in range(0, len(q), 16):
                r = self._block((int.from_bytes(r) ^ int.from_bytes(q[at : at + 16])).to_bytes(16))
            stream = r
            for more in range(1, (shape.d + 15) // 16):
                stream += self._block((int.from_bytes(r) ^ more).to_bytes(16))
            size = shape.v_size if turn % 2 else shape.u_size
            a, b = b, (a + int.from_bytes(stream[: shape.d])) % size
        return a * shape.v_size + b


class _Shape:
    """What depends on radix and length alone; names as in the standard."""

    __slots__ = ("b", "d", "is_short", "size", "step", "u", "u_size", "v_size")

    def __init__(self, radix: int, length: int) -> None:
        self.size: int = radix**length
        self.u = length // 2
        self.u_size: int = radix**self.u
        self.v_size: int = radix ** (length - self.u)
        self.b = ((self.v_size - 1).bit_length() + 7) // 8
        self.d = 4 * ((self.b + 3) // 4) + 4
        self.step: int = 1 << 8 * self.b
        """What the number of the turn counts for in a block."""
        self.is_short = self.d <= 16 and self.b <= 15


@lru_cache(maxsize=1024)
def _shape(radix: int, length: int) -> _Shape:
    if not 2 <= radix <= 1 << 16 or length < 2 or radix**length < MINIMUM_DOMAIN:
        raise ValueError("FF1 needs a radix of 2 to 65536 and a domain of at least a million")
    return _Shape(radix, length)


def _first_block(radix: int, length: int, u: int, tweak_bytes: int) -> bytes:
    return bytes([1, 2, 1]) + radix.to_bytes(3) + bytes([10, u % 256]) + length.to_bytes(4) + tweak_bytes.to_bytes(4)
