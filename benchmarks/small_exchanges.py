"""What one core takes for an exchange of an API whose body is small: headers, route, session, ids and the write gate.

    python benchmarks/small_exchanges.py

Each has 8 headers and a cookie, is answered with 5 headers and some 30 bytes of JSON. *Known* asks for one of fifty
orders, *new* for one that nobody asked for before. Microseconds of processor time, the best of four rounds.
"""

from __future__ import annotations

import time

from replay.exchange import RawExchange, RawRequest, RawResponse
from replay.sanitize.keys import KeySource, load_key
from replay.sanitize.policy import load_policy
from replay.sanitize.sanitizer import Sanitizer

EPOCH_NS = 1_790_000_000 * 10**9
ROUNDS, WARM, TIMED = 4, 3_000, 6_000
CLIENTS, ORDERS = 40, 50
AGENT = b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
SENT = [
    (b"Host", b"shop.birdsong-mill.org"),
    (b"User-Agent", AGENT),
    (b"Accept", b"application/json"),
    (b"Accept-Encoding", b"gzip, br"),
    (b"Accept-Language", b"en-GB,en;q=0.9"),
    (b"Referer", b"https://shop.birdsong-mill.org/products/list"),
    (b"Connection", b"keep-alive"),
]
ANSWERED = [
    (b"Content-Type", b"application/json"),
    (b"Cache-Control", b"no-store"),
    (b"Server", b"nginx"),
    (b"Vary", b"Accept-Encoding"),
    (b"Content-Length", b"31"),
]


def exchange(number: int, order: int) -> RawExchange:
    """The exchange of that number, about an order."""
    at = EPOCH_NS + number * 10**6
    cookie = (b"Cookie", b"sid=a8f2c%07dq9" % (number % CLIENTS))
    body = b'{"id":%d,"status":"paid"}' % order
    return RawExchange(
        id=f"c{number}",
        connection=f"k{number % CLIENTS}",
        started=at,
        requested=at,
        connect_started=0,
        connected=0,
        first_byte=at + 5_000_000,
        ended=at + 6_000_000,
        request=RawRequest(
            "GET", "https", "shop.birdsong-mill.org", b"/api/orders/%d" % order, "HTTP/1.1", [*SENT, cookie], b"", 0
        ),
        response=RawResponse(200, "HTTP/1.1", ANSWERED, body, len(body)),
        error="",
    )


def took_us(orders: int) -> float:
    """What an exchange takes where so many orders are asked for, one after the other."""
    best = float("inf")
    for _ in range(ROUNDS):
        cleaner = Sanitizer(load_policy("builtin:strict"), load_key(KeySource()), EPOCH_NS)
        found = [exchange(number, number * 7919 % orders) for number in range(WARM + TIMED)]
        for raw in found[:WARM]:
            cleaner.clean(raw)
        started = time.process_time()
        for raw in found[WARM:]:
            cleaner.clean(raw)
        best = min(best, (time.process_time() - started) / TIMED * 1e6)
    return best


def main() -> None:
    """Print the table."""
    print(f"{'µs an exchange':<16}{'known':>8}{'new':>8}")
    print(f"{'one core':<16}{took_us(ORDERS):>8.0f}{took_us(1_000_003):>8.0f}")


if __name__ == "__main__":
    main()
