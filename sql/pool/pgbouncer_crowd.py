"""Who waits before PgBouncer, and for whom: the longer these lists are, the more seldom they are read."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from sql.pool.pgbouncer_reading import CONSOLE, PgbouncerPool

ROWS_A_S = 500.0
"""Clients and server connections that are listed, on average: each holds up the pooler for a microsecond."""
Uses: TypeAlias = tuple[tuple[str, int], ...]
"""Applications and how many clients, or server connections, of each; the most first."""


class Socket(NamedTuple):
    """What is wanted of a row of SHOW CLIENTS or SHOW SERVERS."""

    application_name: str
    database: str
    user: str
    state: str


LISTED = Socket._fields
Tally: TypeAlias = Mapping[Socket, int]
"""How many there are of each."""


@dataclass(frozen=True)
class Names:
    """What the lists said."""

    waiting: Uses = ()
    holding: Uses = ()
    age_s: float = 0.0


class Crowd:
    """Lists clients and server connections while some wait, and bounds what that costs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: tuple[Uses, Uses, float] | None = None
        self._again_at = float("-inf")

    async def names(self, pools: Iterable[PgbouncerPool], tally: Callable[[str], Awaitable[Tally]]) -> Names:
        """Who waits, and who holds the server connections of those pools; nobody where nobody waits."""
        crowded = {pool.name for pool in pools if pool.cl_waiting}
        now = self._clock()
        if not crowded:
            self._found = None
        elif now >= self._again_at:
            clients, servers = await tally("CLIENTS"), await tally("SERVERS")
            self._again_at = now + (sum(clients.values()) + sum(servers.values())) / ROWS_A_S
            holders = {each: n for each, n in servers.items() if f"{each.database}/{each.user}" in crowded}
            self._found = applications(clients, "waiting"), applications(holders, "active"), now
        if self._found is None:
            return Names()
        waiting, holding, at = self._found
        return Names(waiting, holding, now - at)


def applications(sockets: Tally, state: str) -> Uses:
    """How many sockets each application has in a state."""
    uses: Counter[str] = Counter()
    for socket, number in sockets.items():
        if socket.state == state and socket.database != CONSOLE:
            uses[socket.application_name] += number
    return tuple(sorted(uses.items(), key=lambda item: (-item[1], item[0])))
