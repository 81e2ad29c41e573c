"""Foreign files as streams of lines."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.errors import InputError
from replay.formats.reading import BROKEN, CHUNK_BYTES, LONGEST_LINE_BYTES, lines, open_unpacked

CONTENT = b"one\ntwo\r\n\nfour"


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_file_is_unpacked_on_the_way(tmp_path: Path, pack: type[bytes]) -> None:
    path = tmp_path / "some.log"
    path.write_bytes(pack(CONTENT))

    source = open_unpacked(path, "a log")
    assert list(lines(source)) == [b"one", b"two\r", b"", b"four"]


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=30))
def test_lines_come_back_as_they_were(written: list[bytes]) -> None:
    content = b"".join(line + b"\n" for line in written)

    assert list(lines(io.BytesIO(content))) == written


def test_a_line_of_gigabytes_costs_no_more_than_its_beginning() -> None:
    class Endless(io.BufferedIOBase):
        chunks = 40

        def read1(self, size: int = -1) -> bytes:
            self.chunks -= 1
            return b"x" * size if self.chunks > 0 else (b"\nnext\n" if self.chunks == 0 else b"")

    long, after = lines(Endless())

    assert len(long) <= LONGEST_LINE_BYTES + CHUNK_BYTES
    assert after == b"next"


def test_a_packed_file_that_is_cut_off_says_so_where_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "some.log.gz"
    path.write_bytes(gzip.compress(CONTENT * 1000)[:-12])

    found = []
    with pytest.raises(BROKEN):
        found.extend(lines(open_unpacked(path, "a log")))


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.log: no such file. Name an access log."):
        open_unpacked(tmp_path / "gone.log", "an access log")
    with pytest.raises(InputError, match="cannot be read"):
        open_unpacked(tmp_path, "an access log")
