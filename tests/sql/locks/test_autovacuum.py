"""An autovacuum that prevents wraparound keeps a table from everybody: seen, explained and cancelled."""

from __future__ import annotations

import asyncio

import pytest

from profiles.model import EnvironmentClass, Profile
from sql.locks.reading import LockSession, read_locks
from sql.locks.tree import Forest
from sql.steps.ending import end
from sql.steps.signal_rules import what_happens, why_not
from sql.steps.signals import Signal
from tests.servers import Database
from tests.sql.pool.test_reading import role
from tests.sql.sessions import session
from tests.sql.steps.test_forecast_autovacuum import BURN, TABLE, busy
from tests.waiting import until

__all__ = ["busy"]


async def root_of(database: Database, user: str = "postgres") -> LockSession | None:
    async with session(database, user) as watching:
        roots = Forest(await read_locks(watching)).roots
    return next((each for each in roots if each.kind == "autovacuum worker"), None)


@pytest.mark.hazard("PRG-06")
async def test_an_autovacuum_worker_is_a_root_like_any_other(busy: Database) -> None:
    await busy.execute(TABLE)
    await busy.execute(BURN)
    connection = await busy.connect(application_name="waiter")
    await until(
        lambda: connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_progress_vacuum WHERE relid = 't'::regclass)"
        ),
        60,
    )
    async with role(busy, "IN ROLE pg_monitor, pg_signal_backend") as operator:
        task = asyncio.ensure_future(connection.execute("ALTER TABLE t ADD COLUMN more int"))
        root = await until(lambda: root_of(busy))
        assert root.may_signal and "to prevent wraparound" in root.query
        assert ("public.t", "ShareUpdateExclusiveLock") in [(each.target, each.mode) for each in root.holds]
        assert "better let it finish" in what_happens(root, Signal.CANCEL)
        theirs = await until(lambda: root_of(busy, operator))
        assert "pg_signal_autovacuum_worker" in why_not(theirs, Signal.CANCEL)
        where = Profile("sales", EnvironmentClass.STAGING, "none", busy.parameters())
        ended = await end(where, None, Signal.CANCEL, root, wait_s=20)
        assert (ended.sent, ended.effective, ended.waited) == (True, True, 1)
        await task
        await connection.close()
