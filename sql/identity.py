"""Which server a session is on, and whether a pooler stands in between."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import asyncpg

from sql.errors import ReadingError
from sql.session import Session
from sql.snapshots import IdentitySnapshot, Pooler, ServerIdentity
from sql.statements import OLDEST_SUPPORTED, statement

if TYPE_CHECKING:
    from sql.replicas.values import Recovery


async def read_identity(
    connection: asyncpg.Connection,
    *,
    dialled: str = "",
    asked_read_only: bool = False,
    pooler: Pooler | None = None,
) -> ServerIdentity:
    """What a fresh connection is connected to.

    Args:
        dialled: `host:port` or the socket's path; without it, what the server says of itself.
        asked_read_only: default_transaction_read_only=on was a start-up parameter.
        pooler: evidence found before, while connecting.
    """
    row = await _unnamed(connection, statement("identity", OLDEST_SUPPORTED))
    found = pooler or pooler_behind(row, connection.get_server_pid(), asked_read_only)
    control = None
    if row["can_read_control"] and found is pooler:
        control = await _unnamed(connection, statement("identity_system", row["version_num"]))
    return _identity(row, dialled or _own_address(row), control, found)


def pooler_behind(row: Any, key_pid: int, asked_read_only: bool) -> Pooler | None:
    """The evidence for a pooler in a row of `identity.sql`: another backend answers, or settings got lost."""
    if row["backend_pid"] != key_pid:
        evidence = (
            f"the process that answers ({row['backend_pid']}) is not the one that let us in ({key_pid})"
        )
        return Pooler("transaction", evidence)
    if asked_read_only and row["default_read_only"] != "on":
        return Pooler("transaction", "the settings of the session were dropped on the way to the server")
    return None


async def reread(session: Session) -> IdentitySnapshot:
    """The identity as it is now: a standby may have been promoted since.

    Raises:
        ReadingError: the server refused it.
        SessionError: the connection is lost.
    """
    row = (await session.fetch("identity"))[0]
    was = session.identity
    control = None
    # A connection stays with its server, a pooler's does not; a standby may follow to another timeline.
    if row["can_read_control"] and (was.system_identifier is None or was.pooler or row["in_recovery"]):
        with suppress(ReadingError):
            control = (await session.fetch("identity_system"))[0]
    server = _identity(row, was.address, control, was.pooler)
    if control is None:
        server = replace(server, system_identifier=was.system_identifier)
    return IdentitySnapshot(datetime.now(UTC), server, recovery=await _recovery(session, server))


async def _recovery(session: Session, server: ServerIdentity) -> Recovery | None:
    """How a standby stands by its own word; None for a primary, and where it cannot be read."""
    if not server.in_recovery:
        return None
    from sql.replicas.reading import own_recovery

    with suppress(ReadingError):
        return own_recovery((await session.fetch("replicas_recovery", None))[0])
    return None


def _identity(row: Any, address: str, control: Any, pooler: Pooler | None) -> ServerIdentity:
    timeline = row["timeline"]
    if timeline is None and control is not None:
        timeline = control["timeline"]
    return ServerIdentity(
        version=row["version"],
        version_num=row["version_num"],
        database=row["database"],
        user=row["user"],
        address=address,
        system_identifier=control["system_identifier"] if control is not None else None,
        in_recovery=row["in_recovery"],
        read_only=row["read_only"],
        is_superuser=row["is_superuser"],
        can_read_stats=row["can_read_stats"],
        pooler=pooler,
        timeline=timeline if pooler is None else None,
    )


def _own_address(row: Any) -> str:
    return f"{row['server_address']}:{row['server_port']}" if row["server_address"] else "local socket"


async def _unnamed(connection: asyncpg.Connection, sql: str) -> Any:
    """One row through an unnamed statement: a named one would stay on a server connection of a pooler."""
    prepared = await connection.prepare(sql, name="")
    return await prepared.fetchrow()
