"""Learning from live traffic: the proxy of a capture, the learner's process behind it, nothing on the disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from replay.capture.launch import Ending, Launch, Worker
from replay.capture.live import bindable, check_pem, parse_listen, resolve
from replay.capture.proxy import ProxySettings
from replay.errors import IncompleteError
from replay.learn.worker import Settings


@dataclass(frozen=True, slots=True)
class LiveOrder:
    """What to learn from, and where the policy goes."""

    output: Path
    """A new file in a folder that is there."""
    upstream: str
    listen: str
    k: int
    session_by: str
    duration_s: float | None = None
    tls_cert: Path | None = None
    upstream_ca: Path | None = None


def learn_live(order: LiveOrder, tell: Callable[[str], None]) -> Ending:
    """Learn until a signal or the end of the duration, and write the policy; the ending holds its counts.

    Must be called in the main thread, as ``replay.capture.live.capture``.

    Raises:
        ReplayError: wrong order.
        IncompleteError: it could not start, or the learner died, or no exchange passed, and nothing was written; or
            the proxy ended by itself, and the policy is made of what came before.
    """
    resolve(order.upstream)
    for path in (order.tls_cert, order.upstream_ca):
        check_pem(path)
    listen = bindable(parse_listen(order.listen))
    proxy = ProxySettings(order.upstream, listen.host, listen.port, order.tls_cert, order.upstream_ca)
    settings = Settings(str(order.output.resolve()), order.k, order.session_by)
    worker = Worker("replay.learn.worker", settings, name="learner", doing="learning")
    ending = Launch(proxy, worker, tell).run(order.duration_s)
    if ending.worker_died:
        raise IncompleteError(f"the learner died ({ending.worker_died}); nothing was written. Learn again.")
    if not ending.counts.get("exchanges"):
        raise IncompleteError(
            "no exchange passed; nothing was written. Send traffic through the proxy, or wait longer."
        )
    if ending.proxy_died:
        raise IncompleteError(f"the proxy ended by itself; {order.output} is made of what came before. Learn again.")
    return ending
