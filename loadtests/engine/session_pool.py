"""Connections that follow sessions: each visitor has connections of its own, as production's clients do.

A target then accepts about as many connections, and shakes hands about as often, as it would in production. A shared
pool hides what that costs.
"""

from __future__ import annotations

from typing import Any

from loadtests.engine.calls import Call
from loadtests.engine.connections import Connection
from loadtests.engine.pool import Pool, visitor
from replay.runspec import SECOND_NS

KEEP_IDLE_NS = 60 * SECOND_NS
"""A visitor who asks for nothing so long hangs up, unless the server does before."""


class SessionPool(Pool):
    """The connections to one target, each kept for one visitor (a session and its clone).

    At the ceiling of connections the one that was idle longest is closed for the next visitor; where none is idle,
    calls wait.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._kept: dict[int, list[Connection]] = {}
        """By visitor, the idle connections."""
        self._idle_since: dict[Connection, int] = {}
        """The same by age: the first was idle longest."""

    def send(self, call: Call) -> None:
        """Send ``call`` on an idle connection of its visitor, or on a new one."""
        for connection in reversed(self._kept.get(visitor(call), ())):
            if not connection.closed:
                self._forget(connection)
                connection.send(call, call.ready)
                return
        self._waiting.append(call)
        self._connect_for_waiting(len(self._connecting))

    def release(self, connection: Connection, now: int) -> None:
        """Keep a connection that is free again, at ``now``, for its visitor."""
        waiting = self._waiting
        if waiting and visitor(waiting[0]) == connection.visitor:
            connection.send(waiting.popleft(), now)
        elif waiting:
            connection.close()  # its end makes room for another visitor
        else:
            self._kept.setdefault(connection.visitor, []).append(connection)
            self._idle_since[connection] = now

    def lost(self, connection: Connection) -> None:
        """Forget a connection."""
        self._forget(connection)
        super().lost(connection)

    def expire(self, now: int) -> None:
        """End the calls whose time is up, and hang up for visitors who have been quiet for long."""
        super().expire(now)
        while self._idle_since:
            connection, since = next(iter(self._idle_since.items()))
            if now - since < KEEP_IDLE_NS:
                return
            self._hang_up(connection)

    def _connect_for_waiting(self, on_their_way: int) -> None:
        while self._waiting:
            if len(self._open) + on_their_way >= self._limits.connections:
                if not self._idle_since:
                    return
                self._hang_up(next(iter(self._idle_since)))
            self._connect(self._waiting.popleft())
            on_their_way += 1

    def _hang_up(self, connection: Connection) -> None:
        self._forget(connection)
        self._open.discard(connection)
        connection.close()

    def _forget(self, connection: Connection) -> None:
        if self._idle_since.pop(connection, None) is None:
            return
        kept = self._kept[connection.visitor]
        kept.remove(connection)
        if not kept:
            del self._kept[connection.visitor]
