"""Recordings → captures, with a sanitiser that lets the test see what it was given."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from replay.artefacts import new_folder
from replay.capture.manifest import CaptureManifest, Origin, kept_origin, read_capture_manifest
from replay.capture.segments import SegmentWriter, read_exchanges
from replay.errors import IncompleteError, InputError, RefusedError
from replay.exchange import Exchange, RawExchange, RawRequest, Request
from replay.formats.intake import Client, Intake, Source, close_capture, epoch_ns, take_in
from replay.formats.recording import LeftOut


def raw(name: str = "har0-0", *, host: str = "shop.example.com", connection: str = "har0:page_1:443") -> RawExchange:
    return RawExchange(
        id=name,
        connection=connection,
        started=1_000,
        requested=2_000,
        connect_started=0,
        connected=0,
        first_byte=3_000,
        ended=4_000,
        request=RawRequest("GET", "https", host, b"/", "HTTP/1.1", [], b"", 0),
        response=None,
        error="client",
    )


@dataclass
class Cleaner:
    """Writes the host 'h' in place of every host that is not kept, and withholds where told to."""

    kept: str = ""
    withhold: str = ""
    counts: Counter[str] = field(default_factory=lambda: Counter({"veto": 2, "opaque": 0}))

    def clean(self, exchange: RawExchange) -> Exchange | None:
        if exchange.id == self.withhold:
            self.counts["withheld:gate"] += 1
            return None
        host = exchange.request.host if exchange.request.host == self.kept else "h"
        return Exchange(
            id=exchange.id,
            session=f"session of {exchange.connection}",
            connection=exchange.connection,
            started=0,
            requested=0,
            route="GET /",
            request=Request("GET", "https", host, "/", []),
            ended=exchange.ended - exchange.started,
        )


@dataclass
class Recording:
    items: list[RawExchange | LeftOut]
    started_ns: int = 1_000

    def __iter__(self) -> Iterator[RawExchange | LeftOut]:
        return iter(self.items)


def source(*items: RawExchange | LeftOut, started_ns: int = 1_000) -> Source:
    return Source(Path("some.har"), Recording(list(items), started_ns))


def take(folder: Path, *sources: Source, cleaner: Cleaner | None = None, client: Client = "file") -> Intake:
    return take_in(sources, cleaner or Cleaner(), SegmentWriter(folder, "c1"), client)


@pytest.mark.parametrize(("client", "sessions"), [("file", 1), ("page", 2), ("connection", 3)])
def test_a_file_a_page_or_a_connection_stands_for_a_user(tmp_path: Path, client: Client, sessions: int) -> None:
    connections = ("har0:page_1:443", "har0:page_1:8443", "har0:page_2:443")

    result = take(tmp_path, source(*(raw(connection=connection) for connection in connections)), client=client)

    assert len(result.sessions) == sessions


def test_what_is_left_out_is_counted_with_its_place(tmp_path: Path) -> None:
    left = LeftOut("entry 3", "damaged", "its URL names no host")

    result = take(tmp_path, source(raw("a"), left, raw("har0-7")), cleaner=Cleaner(withhold="har0-7"))

    assert (result.seen, result.written) == (3, 1)
    assert result.left_out == {
        "damaged": ["some.har: entry 3 (its URL names no host)"],
        "withheld:gate": ["some.har: entry 7"],
    }


def test_the_capture_starts_with_the_earliest_of_its_recordings() -> None:
    assert epoch_ns([source(started_ns=0), source(started_ns=7), source(started_ns=5)]) == 5


def test_only_hosts_that_the_policy_keeps_become_origins(tmp_path: Path) -> None:
    writer, cleaner = SegmentWriter(tmp_path, "c1"), Cleaner(kept="shop.example.com")
    result = take_in([source(raw(), raw(host="tracker.example.net"))], cleaner, writer, "file")
    draft = CaptureManifest(
        "capture/1", "c1", "n", "2026-01-01", "import har", {}, "p", "h", "t", "k", "file", "file"
    )

    close_capture(tmp_path, draft, result, writer, cleaner)

    manifest = read_capture_manifest(tmp_path)
    assert manifest.origins == [Origin("shop.example.com", 443)]
    assert (manifest.seen, manifest.written, manifest.complete) == (2, 2, True)
    assert manifest.notes == {"veto": 2}
    assert manifest.duration_ns == 3_000
    assert [exchange.request.host for exchange in read_exchanges(tmp_path)] == ["shop.example.com", "h"]


@pytest.mark.parametrize(
    ("host", "scheme", "expected"),
    [
        ("a.example", "http", ("a.example", 80)),
        ("a.example:8443", "https", ("a.example", 8443)),
        ("A.Example.:8443", "https", ("a.example", 8443)),
        ("[2001:DB8::1]", "https", ("2001:db8::1", 443)),
        ("localhost:8000", "http", None),
        ("127.0.0.1:8000", "http", None),
        ("[::1]", "https", None),
        ("", "https", None),
    ],
)
def test_a_kept_host_is_an_origin_with_a_port(host: str, scheme: str, expected: tuple[str, int] | None) -> None:
    found = kept_origin(scheme, host, host.lower())

    assert (found and (found.host, found.port)) == expected


def test_recordings_without_an_exchange_say_why(tmp_path: Path) -> None:
    left = LeftOut("entry 0", "damaged", "its startedDateTime is no time")

    with pytest.raises(InputError, match=r"some.har: none of its 1 entries .*its startedDateTime is no time"):
        take(tmp_path, source(left))


def test_an_empty_recording_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no entry"):
        take(tmp_path, source())


def test_a_full_disk_is_no_complete_import(tmp_path: Path) -> None:
    with pytest.raises(IncompleteError, match="did not take 1 exchanges"):
        take(tmp_path / "nowhere", source(raw()))


def test_the_third_hit_of_the_gate_ends_an_import_and_leaves_nothing(tmp_path: Path) -> None:
    two = take(tmp_path, source(raw("leaks"), raw("leaks"), raw()), cleaner=Cleaner(withhold="leaks"))
    folder = tmp_path / "capture"

    assert two.written == 1
    with pytest.raises(RefusedError, match="the write gate withheld 3 of 4 exchanges"), new_folder(folder) as part:
        take(part, source(raw(), *[raw("leaks")] * 3, raw()), cleaner=Cleaner(withhold="leaks"))
    assert not folder.exists()


@pytest.mark.parametrize(("hits", "ends"), [(3, False), (4, True)])
def test_what_the_gate_may_withhold_grows_with_the_import(tmp_path: Path, hits: int, ends: bool) -> None:
    left = LeftOut("line 1", "damaged", "it has not the fields of the format")
    many = [raw(), *[left] * 350_000, *[raw("leaks")] * hits]

    with pytest.raises(RefusedError, match="withheld 4 of 350,005") if ends else nullcontext():
        result = take(tmp_path, source(*many), cleaner=Cleaner(withhold="leaks"))
        assert (result.written, result.left_out_counts["withheld:gate"]) == (1, hits)


@pytest.mark.parametrize("verb", ["import", "learn"])
def test_a_verb_that_reads_raw_recordings_forbids_dumps_first(verb: str, tmp_path: Path) -> None:
    code = (
        "import ctypes, sys\n"
        "from replay.cli.main import main\n"
        "sys.argv = ['replay', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('dumpable', ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n"
    )
    arguments = [verb, "no-format", "nothing", "-o", str(tmp_path / "out")]
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.stdout.endswith("dumpable 0\n")
