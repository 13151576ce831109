"""Which kind of pooler stands in between: found by what it does, as no pooler says it to its clients.

In session mode a client keeps its server process as long as it is connected. In transaction mode it gets one
for each transaction, as a rule the one that was used last: two clients that take turns meet the same process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import asyncpg

from sql.errors import SessionError
from sql.session import DRIVER_TROUBLE
from sql.snapshots import Pooler

TRANSACTION, SESSION = "transaction", "session"
LIMIT_S = 3.0
"""Longest look: in a full pool a second client would wait, and nobody is to wait for our curiosity."""
PID = "SELECT pg_catalog.pg_backend_pid()"
TURNS = (1, 0, 0, 1, 0, 1)
"""Whose turn it is; not strictly alternating, as going round two processes would look like two sessions."""

Open = Callable[[], Awaitable[asyncpg.Connection]]


async def with_kind(found: Pooler, connection: asyncpg.Connection, second: Open) -> Pooler:
    """The pooler with its kind and the evidence; `transaction`, the careful guess, where it cannot be told.

    Nothing is held while it looks: each question is a transaction of its own, and one round trip.

    Args:
        connection: through the pooler, idle.
        second: opens another one, which is closed again.
    """
    try:
        async with asyncio.timeout(LIMIT_S):
            kind, evidence = await _look(connection, second)
    except (*DRIVER_TROUBLE, SessionError, ValueError):
        kind = TRANSACTION
        evidence = "whether it pools sessions could not be told, so the careful way is taken"
    return replace(found, kind=kind, evidence=f"{found.evidence}; {evidence}")


async def _look(connection: asyncpg.Connection, second: Open) -> tuple[str, str]:
    answered = [await _answered(connection), 0]
    other = await second()
    try:
        clients = (connection, other)
        for turn in TURNS:
            pid = await _answered(clients[turn])
            if pid == answered[1 - turn]:
                return TRANSACTION, f"one server process ({pid}) answered two clients"
            if answered[turn] not in (0, pid):
                return TRANSACTION, f"another server process answered in the next transaction ({pid})"
            answered[turn] = pid
    finally:
        other.terminate()
    return SESSION, f"two clients kept a server process each ({answered[0]}, {answered[1]})"


async def _answered(connection: asyncpg.Connection) -> int:
    """The process that answers, in one message and one transaction: COPY has rows in the simple protocol."""
    text = bytearray()

    async def take(content: bytes) -> None:
        text.extend(content)

    await connection.copy_from_query(PID, output=take)
    return int(text)
