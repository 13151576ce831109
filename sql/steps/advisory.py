"""One builder at a time in a database: an advisory lock, asked for again and again and never waited for.

A session that waits in pg_advisory_lock() holds a snapshot, for which a build would wait: a deadlock
(CIC-08).
"""

from __future__ import annotations

import zlib

import asyncpg

from sql.statements import OLDEST_SUPPORTED, statement
from sql.steps import blockers
from sql.steps.blockers import Blocker

CLASS_ID = int.from_bytes(b"pgdk") & 0x7FFFFFFF
KEY = zlib.crc32(b"pgdeck builder") & 0x7FFFFFFF


async def try_lock(connection: asyncpg.Connection) -> bool:
    """Become the builder of this database, until the session ends; False: somebody else is."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1::int4, $2::int4)", CLASS_ID, KEY))


async def holder(connection: asyncpg.Connection) -> Blocker | None:
    """Who the builder is; None: nobody, or it cannot be seen."""
    rows = await connection.fetch(statement("run_builder", OLDEST_SUPPORTED), CLASS_ID, KEY)
    return blockers.from_row(rows[0]) if rows else None
