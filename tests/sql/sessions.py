"""Watching sessions on a test database, without a profile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from sql.demo.cluster import SUPERUSER
from sql.errors import SessionError
from sql.session import ANSWER_S, WATCH_SETTINGS, Session
from sql.snapshots import ServerIdentity
from tests.servers import Database


async def open_session(
    database: Database,
    user: str = SUPERUSER,
    application: str = "pgdeck watch",
    *,
    answer_s: float = ANSWER_S,
) -> Session:
    """A read-only session as the deck has one.

    Raises:
        SessionError: no connection.
    """
    try:
        connection = await database.connect(user, **WATCH_SETTINGS, application_name=application)
        row = await connection.fetchrow(
            "SELECT current_setting('server_version_num')::int AS number,"
            " (SELECT system_identifier FROM pg_control_system())::text AS system_identifier"
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise SessionError(f"no connection ({type(error).__name__})") from None
    identity = ServerIdentity(
        version=f"{row['number'] // 10000}",
        version_num=row["number"],
        database=database.name,
        user=user,
        address=str(database.cluster.socket),
        system_identifier=row["system_identifier"],
        in_recovery=False,
        read_only=True,
    )
    return Session(connection, identity, answer_s=answer_s)


@asynccontextmanager
async def session(database: Database, user: str = SUPERUSER) -> AsyncIterator[Session]:
    """The same, closed at the end."""
    opened = await open_session(database, user)
    try:
        yield opened
    finally:
        await opened.close()
