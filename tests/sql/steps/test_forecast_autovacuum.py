"""Autovacuum in the way of a build: it steps aside by itself, unless it prevents wraparound."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sql.steps.forecast import forecast
from sql.steps.forecast_rules import FIRST_LOCK, ForecastBlocker
from tests import servers
from tests.servers import Database
from tests.sql.sessions import session
from tests.sql.steps.holding import observe
from tests.sql.steps.locking import create
from tests.waiting import until

BUSY = {
    "autovacuum": "on",
    "autovacuum_naptime": "1s",
    "autovacuum_vacuum_cost_delay": "100ms",
    "autovacuum_vacuum_cost_limit": "1",
}
"""Autovacuum comes at once, and takes a minute for a table of 600 pages."""
TABLE = """
    CREATE TABLE t (id int, a int, filler text) WITH (autovacuum_vacuum_threshold = 1,
        autovacuum_vacuum_scale_factor = 0, autovacuum_analyze_threshold = 100000000,
        autovacuum_vacuum_insert_threshold = -1, autovacuum_freeze_max_age = 100000);
    INSERT INTO t SELECT i, i, repeat('x', 800) FROM generate_series(1, 6000) i;
"""
BURN = """
    CREATE TABLE burnt (a int) WITH (autovacuum_enabled = off);
    DO $$ BEGIN
        FOR i IN 1..110000 LOOP
            BEGIN INSERT INTO burnt VALUES (1); EXCEPTION WHEN division_by_zero THEN NULL; END;
        END LOOP;
    END $$;
"""
"""Takes a transaction id each time, so that the table is older than its autovacuum_freeze_max_age."""


@pytest.fixture(params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
async def busy(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """A database on a server of its own, whose autovacuum is quick to come and slow to go."""
    major = request.param
    if servers.binaries(major) is None:
        pytest.skip(servers.how_to_get(major))
    cluster = servers.start(major, **BUSY)
    try:
        yield await servers.new_database(cluster, major)
    finally:
        cluster.remove()
        cluster.folder.parent.rmdir()


async def _in_the_way(database: Database) -> ForecastBlocker:
    async def found() -> ForecastBlocker | None:
        async with session(database) as watching:
            blockers = (await forecast(watching, create())).blockers
        return next((each for each in blockers if each.backend_type == "autovacuum worker"), None)

    return await until(found, 60)


@pytest.mark.hazard("CIC-09")
@pytest.mark.parametrize(
    ("change", "rule", "yields"),
    [
        ("UPDATE t SET a = a + 1", "autovacuum of this table: it steps aside after deadlock_timeout", True),
        (BURN, "autovacuum of this table to prevent wraparound: it never steps aside", False),
    ],
    ids=["ordinary", "wraparound"],
)
async def test_autovacuum_is_told_apart(busy: Database, change: str, rule: str, yields: bool) -> None:
    await busy.execute(TABLE)
    await busy.execute(change)
    blocker = await _in_the_way(busy)
    assert (blocker.rule, blocker.phase, blocker.yields) == (rule, FIRST_LOCK, yields)
    real = await observe(busy, create())
    assert (real.blockers, real.phase) == ({blocker.pid}, None)
