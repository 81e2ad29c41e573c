"""Segments survive a crash, a full disk and damage; what is foreign is refused."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pyrage
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.artefacts import write_manifest
from replay.capture.manifest import MANIFEST_NAME, CaptureManifest, SegmentEntry
from replay.capture.sealing import seal_for
from replay.capture.segments import CaptureReader, SegmentWriter, read_exchanges, segment_name
from replay.errors import InputError, ReplayError
from replay.exchange import Exchange, Request, Response, Sealed

texts = st.text(st.characters(codec="utf-8"), max_size=30)
bodies = st.one_of(
    st.none(),
    texts,
    st.builds(Sealed, base64=st.binary(max_size=30)),
    st.builds(Sealed, opaque_bytes=st.integers(0, 1 << 40), type=texts),
)


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    headers = st.lists(st.tuples(texts, texts), max_size=3)
    moments = st.one_of(st.none(), st.integers(0, 1 << 62))
    return Exchange(
        id=draw(texts),
        session=draw(texts),
        connection=draw(texts),
        started=draw(st.integers(0, 1 << 62)),
        requested=draw(st.integers(0, 1 << 62)),
        route=draw(texts),
        request=Request("POST", "https", "h", draw(texts), draw(headers), draw(bodies)),
        response=draw(st.one_of(st.none(), st.builds(Response, st.integers(100, 599), headers, bodies))),
        error=draw(st.sampled_from(["", "reset"])),
        first_byte=draw(moments),
        ended=draw(moments),
        bytes_in=draw(st.integers(0, 1 << 40)),
    )


def exchange(number: int = 0) -> Exchange:
    return Exchange(
        id=f"{number:08d}",
        session="s",
        connection="c",
        started=number,
        requested=number,
        route="GET /",
        request=Request("GET", "http", "shop", f"/{number}", [("accept", "*/*")]),
        response=Response(200, [], "x" * (number % 7)),
    )


def manifest(**changes: Any) -> CaptureManifest:
    made = CaptureManifest(
        format="capture/1",
        id="C1",
        name="n",
        created="2026-01-01",
        source="live",
        versions={},
        policy_name="p",
        policy_hash="h",
        templates="t",
        key_id="k",
        key_mode="ephemeral",
        session_by="connection",
        complete=True,
    )
    return msgspec.structs.replace(made, **changes)


def closed_capture(folder: Path, batches: list[list[Exchange]], **options: Any) -> SegmentWriter:
    """A closed capture with one frame a batch."""
    writer = SegmentWriter(folder, "C1", **options)
    for batch in batches:
        for item in batch:
            writer.write(item)
        writer.flush()
    writer.close()
    write_manifest(folder / MANIFEST_NAME, manifest(segments=writer.closed))
    return writer


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(exchanges(), max_size=4), max_size=4))
def test_what_was_written_is_read_back_in_order(batches: list[list[Exchange]]) -> None:
    with TemporaryDirectory() as name:
        closed_capture(Path(name), batches)

        assert list(read_exchanges(Path(name))) == [item for batch in batches for item in batch]


def test_a_segment_cut_off_at_any_byte_reads_up_to_its_last_whole_record(folder: Path) -> None:
    closed_capture(folder, [[exchange(n) for n in range(start, start + 3)] for start in (0, 3, 6)])
    path = folder / segment_name(0)
    whole = path.read_bytes()
    ends = [0] * 10  # ends[n]: length of the file that holds the first n records for sure
    begin = 0
    for records in (0, 3, 6, 9):
        frame = zstandard.ZstdDecompressor().decompressobj()
        frame.decompress(whole[begin:])
        begin = len(whole) - len(frame.unused_data)
        ends[records] = begin
    write_manifest(folder / MANIFEST_NAME, manifest(complete=False))

    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        reader = CaptureReader(folder)
        found = [int(item.id) for item in reader]

        assert found == list(range(len(found)))
        assert len(found) >= max(n for n in (0, 3, 6, 9) if n == 0 or ends[n] <= length)
        assert any("ended without closing" in note for note in reader.notes)


def test_each_flush_is_readable_at_once_and_costs_no_closing(folder: Path) -> None:
    write_manifest(folder / MANIFEST_NAME, manifest(complete=False))
    writer = SegmentWriter(folder, "C1")
    for number in range(5):
        writer.write(exchange(number))
        writer.tick(float(number))
        reader = CaptureReader(folder)

        assert [int(item.id) for item in reader] == list(range(number + 1))
        assert "not closed in order" in reader.notes[0]


def test_segments_rotate_by_age_and_by_size(folder: Path) -> None:
    writer = SegmentWriter(folder, "C1", max_age_s=60)
    for now in (0.0, 30.0, 59.0, 60.0, 61.0):
        writer.write(exchange())
        writer.tick(now)
    assert [entry.exchanges for entry in writer.closed] == [4]

    small = SegmentWriter(folder / "small", "C1", max_bytes=1)
    (folder / "small").mkdir()
    for number in range(3):
        small.write(exchange(number))
        small.flush()

    assert [entry.name for entry in small.closed] == [segment_name(n) for n in range(3)]
    assert [entry.exchanges for entry in small.closed] == [1, 1, 1]


def test_an_empty_capture_has_no_segment(folder: Path) -> None:
    closed_capture(folder, [])

    assert [path.name for path in folder.iterdir()] == [MANIFEST_NAME]
    assert list(read_exchanges(folder)) == []


def test_a_segment_is_private_and_never_overwrites(folder: Path) -> None:
    (folder / segment_name(0)).symlink_to(folder / "elsewhere")
    writer = SegmentWriter(folder, "C1")
    writer.write(exchange())
    writer.close()
    assert (writer.written, writer.lost, (folder / "elsewhere").exists()) == (0, 1, False)

    (folder / segment_name(0)).unlink()
    writer.write(exchange())
    writer.close()

    assert stat.S_IMODE((folder / segment_name(0)).stat().st_mode) == 0o600


def test_a_full_disk_is_counted_and_leaves_what_was_written_readable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    failing = [False]

    def write(fd: int, content: bytes) -> int:
        if failing[0]:
            real(fd, bytes(content)[:7])
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, content)

    monkeypatch.setattr(os, "write", write)
    writer = SegmentWriter(folder, "C1")
    for number in range(6):
        failing[0] = number in {0, 2, 3}
        writer.write(exchange(number))
        writer.flush()
    failing[0] = False
    writer.close()
    write_manifest(folder / MANIFEST_NAME, manifest(segments=writer.closed))

    reader = CaptureReader(folder)
    assert [int(item.id) for item in reader] == [1, 4, 5]
    assert (writer.written, writer.lost, reader.notes) == (3, 3, [])


def test_a_damaged_frame_costs_only_its_own_records(folder: Path) -> None:
    closed_capture(folder, [[exchange(0)], [exchange(1)], [exchange(2)]])
    path = folder / segment_name(0)
    whole = path.read_bytes()
    begins = [at for at in range(len(whole)) if whole[at : at + 4] == b"\x28\xb5\x2f\xfd"]
    path.write_bytes(whole[: begins[2] + 12] + bytes([whole[begins[2] + 12] ^ 0xFF]) + whole[begins[2] + 13 :])

    reader = CaptureReader(folder)

    assert [int(item.id) for item in reader] == [0, 2]
    assert reader.damaged
    assert reader.notes == [
        f"segment-000000.jsonl.zst: the frame at byte {begins[2]:,} is damaged and was left out",
        "segment-000000.jsonl.zst: 2 of 3 exchanges could be read",
    ]


def segment(head: object) -> bytes:
    return zstandard.compress(msgspec.json.encode(head) + b"\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04 an archive", "no segment, or its beginning is damaged"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 20, "its beginning is damaged"),
        (zstandard.compress(b"not json\n"), "does not begin as a segment"),
        (segment({"format": "capture/2", "capture": "C1", "segment": 0}), "format 'capture/2', this version reads"),
        (segment({"format": "capture/1", "capture": "C2", "segment": 0}), "of another capture or place"),
        (segment({"format": "capture/1", "capture": "C1", "segment": 1}), "of another capture or place"),
    ],
)
def test_a_foreign_segment_is_refused_with_one_line(folder: Path, content: bytes, message: str) -> None:
    write_manifest(folder / MANIFEST_NAME, manifest(complete=False))
    (folder / segment_name(0)).write_bytes(content)

    with pytest.raises(InputError, match=message) as caught:
        list(read_exchanges(folder))

    assert "\n" not in str(caught.value)


def test_a_missing_segment_is_refused(folder: Path) -> None:
    write_manifest(folder / MANIFEST_NAME, manifest(segments=[SegmentEntry(segment_name(0), 1, 1)]))

    with pytest.raises(InputError, match=r"segment-000000\.jsonl\.zst: is missing"):
        list(read_exchanges(folder))


def test_a_folder_without_manifest_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"holds no manifest\.json, so it is no capture"):
        list(read_exchanges(folder))


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    """A fresh identity."""
    made = pyrage.x25519.Identity.generate()
    path = tmp_path / "identity.txt"
    path.write_text(f"# created: now\n# public key: {made.to_public()}\n{made}\n")
    return Identity(path, str(made.to_public()))


@dataclass(frozen=True)
class Identity:
    path: Path
    recipient: str


def sealed_capture(folder: Path, identity: Identity) -> bytes:
    closed_capture(folder, [[exchange(0)], [exchange(1)], [exchange(2)]], seal=seal_for(identity.recipient))
    return (folder / segment_name(0, sealed=True)).read_bytes()


def test_an_encrypted_capture_is_read_with_the_identity_alone(folder: Path, identity: Identity) -> None:
    content = sealed_capture(folder, identity)

    assert b"capture/1" not in content
    assert b"shop" not in content
    assert [item.id for item in CaptureReader(folder, identity.path)] == ["00000000", "00000001", "00000002"]
    with pytest.raises(InputError, match=r"is encrypted\. Name the file of its identity by --identity"):
        list(CaptureReader(folder))
    assert len(list(read_exchanges(folder, identity.path))) == 3


def test_an_encrypted_segment_cut_off_anywhere_reads_up_to_its_last_whole_message(
    folder: Path, identity: Identity
) -> None:
    whole = sealed_capture(folder, identity)
    write_manifest(folder / MANIFEST_NAME, manifest(complete=False))
    ends = [0]
    while ends[-1] < len(whole):
        ends.append(ends[-1] + 4 + int.from_bytes(whole[ends[-1] : ends[-1] + 4], "little"))

    for length in range(0, len(whole), 3):
        (folder / segment_name(0, sealed=True)).write_bytes(whole[:length])
        found = [int(item.id) for item in CaptureReader(folder, identity.path)]

        assert found == list(range(sum(end <= length for end in ends[1:])))


def test_a_damaged_message_costs_only_its_own_records(folder: Path, identity: Identity) -> None:
    whole = bytearray(sealed_capture(folder, identity))
    second = 4 + int.from_bytes(whole[:4], "little")
    whole[second + 300] ^= 1
    (folder / segment_name(0, sealed=True)).write_bytes(whole)

    reader = CaptureReader(folder, identity.path)

    assert [int(item.id) for item in reader] == [0, 2]
    assert reader.damaged
    assert (
        reader.notes[0] == f"segment-000000.jsonl.zst.age: the message at byte {second:,} is damaged and was left out"
    )


def test_another_identity_opens_nothing(folder: Path, identity: Identity) -> None:
    sealed_capture(folder, identity)
    identity.path.write_text(str(pyrage.x25519.Identity.generate()))

    with pytest.raises(InputError, match="is not for this identity"):
        list(CaptureReader(folder, identity.path))


@pytest.mark.parametrize("content", ["", "AGE-SECRET-KEY-1QANARY", "é"])
def test_a_file_without_an_identity_is_refused_without_quoting_it(
    folder: Path, identity: Identity, content: str
) -> None:
    sealed_capture(folder, identity)
    identity.path.write_text(content)

    with pytest.raises(ReplayError, match="holds no age identity") as caught:
        CaptureReader(folder, identity.path)

    assert "QANARY" not in str(caught.value)


def test_what_is_no_recipient_is_refused() -> None:
    with pytest.raises(ReplayError, match="is no age recipient"):
        seal_for("age1nonsense")
