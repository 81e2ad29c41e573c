"""Milliseconds of CPU a walker takes for 64 kB, over bodies of 64 kB, 256 kB and 1 MB: linear where the row is level.

    python benchmarks/walkers.py

Each body repeats one piece; *hostile* pieces are the beginnings of what never ends. The last column is the time per
byte at 1 MB against that at 64 kB: 1.0 is linear, 16 would be quadratic. Text beyond 1 MiB is opaque.
"""

from __future__ import annotations

import time

import msgspec
from sanitize import exchange, sanitizer

from replay.exchange import RawExchange

SIZES = (64_000, 256_000, 1_000_000)
PIECES = {
    "JSON": ('{"id":1234567,"email":"ann@birdsong.org","total":12.5},', "application/json", "[{}]"),
    "JSON, hostile": ('{"a":', "application/json", "{}"),
    "JSON in strings": ('"{\\"id\\":1234567}",', "application/json", "[{}]"),
    "NDJSON": ('{"id":1234567}\n', "application/x-ndjson", "{}"),
    "form": ("email=ann%40birdsong.org&id=1234567&", "application/x-www-form-urlencoded", "{}"),
    "form, hostile": ("%25", "application/x-www-form-urlencoded", "{}"),
    "multipart": (
        '--b\r\nContent-Disposition: form-data; name="id"\r\n\r\n' + "please tell ann 1234567. " * 100 + "\r\n",
        "multipart/form-data; boundary=b",
        "{}--b--",
    ),
    "HTML": ('<p class="item">ann 1234567</p>\n', "text/html", "<html>{}</html>"),
    "HTML, hostile": ("<a x='", "text/html", "{}"),
    "XML": ("<id>1234567</id>", "text/xml", "<a>{}</a>"),
    "XML, hostile": ("<![CDATA[", "text/xml", "{}"),
    "events": ('data: {"id":1234567}\n\n', "text/event-stream", "{}"),
    "CSV": ("1234567,ann@birdsong.org,ann\n", "text/csv", "id,email,name\n{}"),
    "text": ("please tell ann that order 1234567 is late. ", "text/plain", "{}"),
    "text, hostile": ("a@", "text/plain", "{}"),
    "GraphQL": ('order(id: 1234567, note: "ann") { id total }\n', "application/graphql", "query { {} }"),
}


def body_of(name: str, size: int) -> bytes:
    """A body of one kind, of about ``size`` bytes."""
    piece, _, around = PIECES[name]
    text = piece * (size // len(piece))
    return around.replace("{}", text.rstrip(",") if around == "[{}]" else text, 1).encode()


def milliseconds(name: str, size: int) -> float:
    """CPU time for one body, the best of three with keys of their own."""
    raw = exchange(0, body_of(name, size))
    best = float("inf")
    for _ in range(3):
        mine = sanitizer()
        began = time.process_time()
        mine.clean(_typed(raw, PIECES[name][1]))
        best = min(best, time.process_time() - began)
    return 1000 * best


def _typed(raw: RawExchange, content_type: str) -> RawExchange:
    assert raw.response is not None
    headers = [(b"Content-Type", content_type.encode())]
    return msgspec.structs.replace(raw, response=msgspec.structs.replace(raw.response, headers=headers))


def main() -> None:
    """Print the table."""
    print(
        f"{'ms a 64 kB of a body of':<26}"
        + "".join(f"{size // 1000:>9,} kB" for size in SIZES)
        + f"{'1 MB/64 kB':>14}"
    )
    for name in PIECES:
        rows = [milliseconds(name, size) * 64_000 / size for size in SIZES]
        print(f"{name:<26}" + "".join(f"{ms:>12.1f}" for ms in rows) + f"{rows[-1] / rows[0]:>14.1f}")


if __name__ == "__main__":
    main()
