"""How fast one core sanitises, with veto and gate on: MB/s cold and warm, and the time of an exchange of 4 kB.

Bodies are real API objects (``json-body/`` of the corpora, see DRESS_REHEARSAL_CORPORA). *Cold* means that no value
was ever seen: every round has a new key. *Warm* means that the pseudonyms are cached. Times are CPU time of one core.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from replay.exchange import RawExchange, RawRequest, RawResponse
from replay.sanitize.keys import KeySource, load_key
from replay.sanitize.policy import load_policy
from replay.sanitize.sanitizer import Sanitizer

CORPORA = Path(
    os.environ.get("DRESS_REHEARSAL_CORPORA", Path(__file__).resolve().parents[1].parent / "shared" / "corpora")
)
EPOCH_NS = 1_790_000_000 * 10**9
ROUNDS = 5


def bodies() -> list[bytes]:
    """Every resource of the fixtures as one compact body."""
    fixtures = json.loads((CORPORA / "json-body" / "stripe-fixtures3.json").read_text())
    return [json.dumps(body, separators=(",", ":")).encode() for body in fixtures["resources"].values()]


def exchange(number: int, body: bytes) -> RawExchange:
    """A request without a body that is answered by one."""
    return RawExchange(
        id=str(number),
        connection=str(number % 20),
        started=EPOCH_NS,
        requested=EPOCH_NS,
        connect_started=0,
        connected=0,
        first_byte=EPOCH_NS,
        ended=EPOCH_NS,
        request=RawRequest(
            method="GET",
            scheme="https",
            host="api.example.org",
            path=b"/v1/charges/%d?limit=10" % (number % 500 + 100_000),
            version="HTTP/1.1",
            headers=[
                (b"Host", b"api.example.org"),
                (b"Accept", b"application/json"),
                (b"Authorization", b"Bearer token-of-user-%d" % (number % 20)),
                (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36"),
            ],
            body=b"",
            body_bytes=0,
        ),
        response=RawResponse(
            status=200,
            version="HTTP/1.1",
            headers=[(b"Content-Type", b"application/json; charset=utf-8"), (b"Cache-Control", b"no-cache")],
            body=body,
            body_bytes=len(body),
        ),
        error="",
    )


def sanitizer() -> Sanitizer:
    """A sanitiser with a key of its own, so with nothing cached; its tables are drawn as at a capture's start."""
    found = Sanitizer(load_policy("builtin:strict"), load_key(KeySource()), EPOCH_NS)
    found.clean(exchange(0, b'{"a":[1,12,123,1234,12345],"b":["x","xy","xyz","wxyz"]}'))
    return found


def seconds(work: Callable[[], object]) -> float:
    """The CPU time of some work."""
    start = time.process_time()
    work()
    return time.process_time() - start


def sizes(wanted_bytes: int, some: list[bytes]) -> Iterator[bytes]:
    """Bodies of about one size: arrays of objects."""
    piece: list[bytes] = []
    for body in some:
        piece.append(body)
        if sum(map(len, piece)) >= wanted_bytes:
            yield b'{"data":[' + b",".join(piece) + b"]}"
            piece = []


def throughput(title: str, some: list[bytes]) -> None:
    """Print the rate over bodies that were never seen, and over the same again."""
    total = sum(map(len, some)) / 1e6
    batch = [exchange(at, body) for at, body in enumerate(some)]
    cold, warm, withheld = [], [], 0
    for _ in range(ROUNDS):
        mine = sanitizer()
        cold.append(seconds(lambda mine=mine: [mine.clean(each) for each in batch]))
        warm.append(seconds(lambda mine=mine: [mine.clean(each) for each in batch]))
        withheld += sum(count for name, count in mine.counts.items() if name.startswith("withheld"))
    print(
        f"{title:<24} cold {total / min(cold):5.1f} MB/s (target 8)   warm {total / min(warm):5.1f} MB/s (target 20)",
        end="",
    )
    print(f"   {withheld} withheld" if withheld else "")


def main() -> int:
    """Print the table."""
    if not (CORPORA / "json-body").is_dir():
        print(f"{CORPORA}: no corpora there. Set DRESS_REHEARSAL_CORPORA.", file=sys.stderr)
        return 5
    some = bodies()
    print(
        f"{len(some)} bodies, {sum(map(len, some)) / 1000:.0f} kB; whole exchanges, with their headers and the gate"
    )
    throughput("one body each (0.7 kB)", some)
    throughput("bodies of 64 kB", list(sizes(64_000, some)))
    mine = sanitizer()
    times = sorted(
        seconds(lambda each=each: mine.clean(each)) * 1000
        for each in [exchange(at, body) for at, body in enumerate(list(sizes(4000, some)) * 20)]
    )
    print(f"an exchange of 4 kB      p50 {times[len(times) // 2]:.2f} ms   target 0.6")
    print(f"                         p99 {times[int(len(times) * 0.99)]:.2f} ms   target 4")
    large = b"[" + b",".join(some * 8) + b"]"
    large_ms = seconds(lambda: mine.clean(exchange(1, large))) * 1000
    print(f"a body of {len(large) / 1e6:.1f} MB         {large_ms:.0f} ms   target 150 at 1 MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
