"""How fast one core sanitises, with veto and gate on, and how long the proxy's loop is held by the addon.

    python benchmarks/sanitize.py

Bodies are real API objects (``json-body/`` of the corpora, see DRESS_REHEARSAL_CORPORA). A rate counts their bytes
alone, a time the whole exchange with its headers. *Cold* is a process that has seen nothing at all, not even the
names of members; *new values* is what it does once it knows the names; *warm* has seen the values too. Times are
processor time of one core, the best of a few rounds; those of the loop are the clock's.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from replay.capture.addon import Capture
from replay.exchange import RawExchange, RawRequest, RawResponse
from replay.sanitize.gate import Gate
from replay.sanitize.keys import KeySource, load_key
from replay.sanitize.policy import load_policy
from replay.sanitize.sanitizer import Sanitizer
from replay.sanitize.walkers.json_text import JsonText

CORPORA = Path(
    os.environ.get("DRESS_REHEARSAL_CORPORA", Path(__file__).resolve().parents[1].parent / "shared" / "corpora")
)
EPOCH_NS = 1_790_000_000 * 10**9
ROUNDS = 4
_OTHER = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM0234567891",
)


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


def with_other_values(node: Any) -> Any:
    """A document of the same names and shapes with other values."""
    if isinstance(node, dict):
        return {name: with_other_values(child) for name, child in node.items()}
    if isinstance(node, list):
        return [with_other_values(child) for child in node]
    if isinstance(node, str):
        scheme, mark, rest = node.rpartition("://")
        return scheme + mark + rest.translate(_OTHER)
    return node if isinstance(node, bool | float | None) else int(str(node).translate(_OTHER))


def of_other_values(some: list[bytes]) -> list[bytes]:
    """Bodies of the same names and shapes with other values."""
    return [json.dumps(with_other_values(json.loads(body)), separators=(",", ":")).encode() for body in some]


@dataclass
class Rates:
    """The rates of one process in MB/s, and what was withheld."""

    cold: float
    new_values: float
    warm: float
    withheld: int


def rates(some: list[bytes]) -> Rates:
    """What a process that has seen nothing makes of bodies, of the same names with other values, and of the same."""
    total = sum(map(len, some)) / 1e6
    mine = sanitizer()
    batch = [exchange(at, body) for at, body in enumerate(some)]
    others = [exchange(at, body) for at, body in enumerate(of_other_values(some))]
    cold, new, *warm = (seconds(partial(_clean_all, mine, each)) for each in (batch, others, *[batch] * 5))
    withheld = sum(count for name, count in mine.counts.items() if name.startswith("withheld"))
    return Rates(total / cold, total / new, total / min(warm), withheld)


class Spent:
    """The CPU time of calls of some methods, by stage, in this process; a call within a call counts once."""

    def __init__(self) -> None:
        self.by_stage: dict[str, float] = {}

    def watch(self, owner: type, method: str, stage: str) -> None:
        """Count a method from now on."""
        called, inside = getattr(owner, method), False

        def timed(*arguments: Any) -> Any:
            nonlocal inside
            if inside:
                return called(*arguments)
            inside, start = True, time.process_time()
            try:
                return called(*arguments)
            finally:
                inside = False
                self.by_stage[stage] = self.by_stage.get(stage, 0.0) + time.process_time() - start

        setattr(owner, method, timed)


def stages(some: list[bytes]) -> dict[str, list[float]]:
    """Milliseconds a MB by stage, each cold, with new values, and warm; the best of a few processes."""
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        found = pool.map(_stages, [some] * ROUNDS, chunksize=1)
    return {stage: [min(times) for times in zip(*(each[stage] for each in found), strict=True)] for stage in found[0]}


def _stages(some: list[bytes]) -> dict[str, list[float]]:
    mine, spent = sanitizer(), Spent()
    spent.watch(JsonText, "document", "JSON, its leaves")
    spent.watch(Gate, "passes", "gate")
    batch = [exchange(at, body) for at, body in enumerate(some)]
    others = [exchange(at, body) for at, body in enumerate(of_other_values(some))]
    total, found = sum(map(len, some)) / 1e6, dict[str, list[float]]()
    for each in (batch, others, batch, batch, batch):
        spent.by_stage.clear()
        whole = seconds(partial(_clean_all, mine, each))
        rest = whole - sum(spent.by_stage.values())
        for stage, spent_s in (spent.by_stage | {"all else": rest}).items():
            found.setdefault(stage, []).append(spent_s / total * 1000)
    return {stage: [*times[:2], times[-1]] for stage, times in found.items()}


def _clean_all(mine: Sanitizer, batch: list[RawExchange]) -> None:
    for each in batch:
        mine.clean(each)


def throughput(title: str, some: list[bytes]) -> None:
    """Print the best rates of a few processes."""
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        found = pool.map(rates, [some] * ROUNDS, chunksize=1)
    cold, new, warm = (max(getattr(each, kind) for each in found) for kind in ("cold", "new_values", "warm"))
    withheld = max(each.withheld for each in found)
    print(
        f"{title:<24}{cold:>8.1f}{new:>12.1f}{warm:>8.1f}   {f'{withheld} withheld' if withheld else ''}", flush=True
    )


def loop_times_us(size_bytes: int, pause_s: float, rounds: int = 300) -> list[float]:
    """How long all hooks of an exchange hold the loop, one after the other with a pause between them.

    After a pause of some milliseconds the processor has forgotten the code; a proxy under load pauses less.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pyparsing, about how mitmproxy calls it
        from mitmproxy.test import taddons, tflow
    reading, writing = os.pipe()
    reader = threading.Thread(target=_drain, args=(reading,))
    reader.start()
    capture, times = Capture(), list[float]()

    async def play() -> None:
        with taddons.context(capture) as context:
            context.configure(capture, replay_data_fd=writing)
            for _ in range(rounds):
                flow = tflow.tflow(resp=True)
                flow.response.content = bytes(size_bytes)
                start = time.perf_counter()
                for hook in (capture.requestheaders, capture.request, capture.responseheaders, capture.response):
                    hook(flow)
                times.append((time.perf_counter() - start) * 1e6)
                await asyncio.sleep(pause_s)
            capture.done()

    asyncio.run(play())
    reader.join()
    return sorted(times)


def _drain(fd: int) -> None:
    while os.read(fd, 1 << 20):
        pass
    os.close(fd)


def main() -> int:
    """Print the table."""
    if not (CORPORA / "json-body").is_dir():
        print(f"{CORPORA}: no corpora there. Set DRESS_REHEARSAL_CORPORA.", file=sys.stderr)
        return 5
    some = bodies()
    print(f"{len(some)} bodies, {sum(map(len, some)) / 1000:.0f} kB; whole exchanges with veto and gate")
    print(f"{'MB/s':<24}{'cold':>8}{'new values':>12}{'warm':>8}   targets 8 cold, 20 warm")
    throughput("one body each (0.7 kB)", some)
    throughput("bodies of 4 kB", list(sizes(4000, some)))
    throughput("bodies of 64 kB", list(sizes(64_000, some)))
    print(f"{'64 kB, ms a MB':<24}{'cold':>8}{'new values':>12}{'warm':>8}")
    for stage, (cold, new, warm) in stages(list(sizes(64_000, some))).items():
        print(f"{stage:<24}{cold:>8.0f}{new:>12.0f}{warm:>8.1f}")
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
    for title, size_bytes, target in (("1 kB", 1 << 10, 50), ("64 kB", 64 << 10, 50), ("1 MiB", 1 << 20, 1000)):
        for when, pause_s in (("at 120/s", 0.008), ("at 1,000/s", 0.001)):
            held = loop_times_us(size_bytes, pause_s)
            p50, p99 = held[len(held) // 2], held[int(len(held) * 0.99)]
            print(f"the proxy's loop, {title:<6} {when:<11} p50 {p50:.0f} µs, p99 {p99:.0f} µs   target p50 {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
