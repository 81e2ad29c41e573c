"""The tables of docs/formats.md, made from what the code does; ``pytest --update-golden`` writes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from replay.exchange import Exchange, RawExchange, Request, Response, Sealed
from replay.formats.export_gor import write_gor
from replay.formats.export_har import write_har
from replay.formats.gor import open_gor
from replay.formats.har import open_har
from replay.formats.log_formats import FORMATS, chosen
from replay.formats.recording import Opener
from tests.factories import MS, exchange
from tests.formats.round_trips import Writer, service_time_ns, there_and_back

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
DAY_NS = 1_704_067_200_000_000_000  # what there_and_back gives a capture
JSON = ("Content-Type", "application/json")

WHOLE = exchange(
    "/items/7?a=b&c=",
    method="POST",
    at_ms=10,
    took_ms=90,
    headers=[("X-A", "1"), ("Cookie", "sid=1"), JSON],
    body='{"name": "Köln"}',
    answer_headers=[("X-B", "2"), JSON],
    answer='{"ok": true}',
    requested=20 * MS,
    first_byte=80 * MS,
    bytes_out=17,
    bytes_in=12,
)
OPENS = exchange(requested=5 * MS, connect_started=5 * MS, connected=25 * MS, took_ms=60, first_byte=50 * MS)
FAILED = exchange(took_ms=None, error="timeout")
SECURE = exchange(request=Request("GET", "https", "shop.example", "/", [], None, "HTTP/2.0"))
BINARY = exchange(request=Request("POST", "http", "h", "/", [], Sealed(base64=b"\x00\xff")), bytes_out=2)
PICTURE = exchange(response=Response(200, [], Sealed(opaque_bytes=900)), bytes_in=900)
UNTOLD = exchange(ended=None, first_byte=None)

type Probe = Callable[[RawExchange, Exchange], bool]


def fields(found: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    pairs = [(name.decode(), value.decode()) for name, value in found]
    return [pair for pair in pairs if pair[0] not in {"Host", "Content-Length"}]


ASPECTS: dict[str, tuple[Exchange, Probe]] = {
    "method, host, path and query": (
        WHOLE,
        lambda raw, was: (
            (raw.request.method, raw.request.host, raw.request.path.decode())
            == (was.request.method, was.request.host, was.request.path)
        ),
    ),
    "scheme": (SECURE, lambda raw, was: raw.request.scheme == was.request.scheme),
    "HTTP's version": (SECURE, lambda raw, was: raw.request.version == was.request.version),
    "request headers": (WHOLE, lambda raw, was: fields(raw.request.headers) == was.request.headers),
    "request body, text": (WHOLE, lambda raw, was: raw.request.body == str(was.request.body).encode()),
    "request body, binary": (BINARY, lambda raw, was: raw.request.body == b"\x00\xff"),
    "status": (WHOLE, lambda raw, was: raw.response is not None and raw.response.status == was.status),
    "response headers": (
        WHOLE,
        lambda raw, was: (
            raw.response is not None
            and was.response is not None
            and fields(raw.response.headers) == was.response.headers
        ),
    ),
    "response body": (WHOLE, lambda raw, was: raw.response is not None and raw.response.body == b'{"ok": true}'),
    "length of a body that is not kept": (
        PICTURE,
        lambda raw, was: raw.response is not None and raw.response.body_bytes == was.bytes_in,
    ),
    "that a body is not kept": (PICTURE, lambda raw, was: raw.response is not None and raw.response.body is None),
    "start, request complete, first byte, end": (
        WHOLE,
        lambda raw, was: (
            [time - DAY_NS for time in (raw.started, raw.requested, raw.first_byte, raw.ended)]
            == [was.started, was.requested, was.first_byte, was.ended]
        ),
    ),
    "service time where a connection was opened": (
        OPENS,
        lambda raw, was: service_time_ns(raw) == was.service_time_ns,
    ),
    "when a connection was opened": (
        OPENS,
        lambda raw, was: (
            (raw.connect_started - DAY_NS, raw.connected - DAY_NS) == (was.connect_started, was.connected)
        ),
    ),
    "that an end is not known": (UNTOLD, lambda raw, was: raw.response is not None and raw.ended == 0),
    "class of an error": (FAILED, lambda raw, was: raw.error == was.error),
    "which connection": (WHOLE, lambda raw, was: raw.connection.endswith(was.connection)),
    "session, id, route, which values are pseudonyms": (WHOLE, lambda raw, was: raw.id == was.id),
}
TRIPS: dict[str, tuple[Writer, Opener]] = {"har": (write_har, open_har), "gor": (write_gor, open_gor)}


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def round_trips(folder: Path) -> str:
    lines = [row("", *TRIPS), row("---", *["---"] * len(TRIPS))]
    for aspect, (given, kept) in ASPECTS.items():
        cells = []
        for write, opener in TRIPS.values():
            (found,) = there_and_back(folder, write, opener, [given])
            cells.append("kept" if kept(found, given) else "lost")
        lines.append(row(aspect, *cells))
    return "\n".join(lines)


def log_formats() -> str:
    lines = [row("name", "written by", "time is", "latency", "host", "headers"), row(*["---"] * 6)]
    for known in FORMATS:
        roles, timed = known.roles, known.is_timed
        upstream = bool({"upstream_s", "part_s"} & roles)
        headers = sorted(role.partition(":")[2] for role in roles if role.startswith("header:"))
        lines.append(
            row(
                f"`{known.name}`",
                known.what,
                "the end" if "time" in roles and timed else "the start" if timed else "either",
                "no" if not timed else "at the upstream" if upstream else "with the client",
                "yes" if "host" in roles or known.name.startswith("aws") else "no",
                "all" if "headers" in roles else ", ".join(headers) or "none",
            )
        )
    return "\n".join(lines)


@pytest.mark.parametrize("text", re.findall(r"--log-format '([^']+)'", PAGE.read_text()))
def test_every_format_that_the_page_writes_is_one(text: str) -> None:
    assert chosen(text).reader("l0")


def test_the_page_s_tables_are_what_the_code_does(tmp_path: Path, golden: Callable[[Path, str], None]) -> None:
    page = PAGE.read_text()
    for name, table in (("round trips", round_trips(tmp_path)), ("log formats", log_formats())):
        head, start, rest = page.partition(f"<!-- generated: {name} -->\n")
        assert start, f"docs/formats.md has no place for '{name}'"
        page = f"{head}{start}{table}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"

    golden(PAGE, page)
