"""What stands around a profile's server, for one verification: the pooler before it, replicas behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from profiles.model import Profile
from profiles.secret import Secret
from sql.errors import ReadingError
from sql.pool.pgbouncer_reading import PgbouncerReading, with_pgbouncer
from sql.snapshots import IndexesSnapshot, PoolSnapshot, Unavailable
from sql.verdict import Parts

if TYPE_CHECKING:
    from sql.session import Session


@asynccontextmanager
async def console_of(profile: Profile) -> AsyncIterator[asyncio.Future[PgbouncerReading | None]]:
    """A look at the pooler's console, where the profile names one, while the server is read."""

    async def look() -> PgbouncerReading | None:
        if profile.pool.pgbouncer is None:
            return None
        from sql.pool.pgbouncer import read_once

        return await read_once(profile)

    looking = asyncio.ensure_future(look())
    try:
        yield looking
    finally:
        looking.cancel()
        await asyncio.wait({looking})


def with_console(parts: Parts, console: PgbouncerReading | None) -> Parts:
    """The pool of the server with what stands before it."""
    if not isinstance(parts.pool, PoolSnapshot):
        return parts
    return replace(parts, pool=replace(parts.pool, pool=with_pgbouncer(parts.pool.pool, console)))


async def with_replicas(
    session: Session, profile: Profile, password: Secret | None, parts: Parts, *, look: bool = True
) -> Parts:
    """The replicas and slots, and the scans of the required indexes on the replicas that the profile names.

    Args:
        look: connect to those that the profile names; else only what the server says is read.

    Raises:
        SessionError: the connection is lost.
    """
    from sql.replicas.looks import look_at_replicas, with_scans
    from sql.replicas.reading import read_replicas

    indexes = parts.indexes
    wanted = indexes.indexes if isinstance(indexes, IndexesSnapshot) else ()
    oids = [each.oid for each in wanted if each.oid is not None]
    try:
        looks = await look_at_replicas(profile, password, session, oids) if look else ()
        replicas = await read_replicas(session, looks)
    except ReadingError as error:
        return replace(parts, replicas=Unavailable("replicas", error.reason, error.remedy, datetime.now(UTC)))
    if isinstance(indexes, IndexesSnapshot):
        indexes = with_scans(indexes, looks)
    return replace(parts, indexes=indexes, replicas=replicas)


def unread(parts: Parts) -> Iterator[Unavailable]:
    """What of the surroundings could not be read."""
    pgbouncer = parts.pool.pool.pgbouncer if isinstance(parts.pool, PoolSnapshot) else None
    if pgbouncer is not None and pgbouncer.unknown:
        yield Unavailable("pgbouncer", pgbouncer.unknown, pgbouncer.remedy)
    if isinstance(parts.replicas, Unavailable):
        yield parts.replicas
