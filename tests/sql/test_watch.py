from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from profiles.manifest import ConstraintEntry, MigrationEntry, PoolBudget
from sql.findings import ConstraintFinding, MigrationFinding
from sql.poller import Poller
from sql.requirements import Requirements
from sql.snapshots import (
    ConstraintReading,
    ConstraintsSnapshot,
    Event,
    IdentitySnapshot,
    IndexesSnapshot,
    MigrationSnapshot,
    PoolSnapshot,
)
from sql.watch import VIOLATIONS_S, ConstraintWatch, readings_for
from tests.servers import Database
from tests.sql.requiring import requirements
from tests.sql.sessions import open_session, session
from tests.waiting import until

POSITIVE = ConstraintEntry("t", "ck_positive", "CHECK (a > 0)")
SCHEMA = """
CREATE TABLE t (id int PRIMARY KEY, a int);
INSERT INTO t VALUES (1, -1), (2, 5);
ALTER TABLE t ADD CONSTRAINT ck_positive CHECK (a > 0) NOT VALID;
CREATE INDEX t_a ON t (a);
CREATE TABLE alembic_version (version_num varchar(32));
INSERT INTO alembic_version VALUES ('005');
"""


def needed() -> Requirements:
    return replace(
        requirements(["CREATE INDEX t_a ON t (a)"], [POSITIVE]),
        pool=PoolBudget(size=5, applications=("sales%",)),
        migration=MigrationEntry("005"),
    )


async def test_every_part_of_the_deck_is_read(database: Database) -> None:
    await database.execute(SCHEMA)
    events: list[Event] = []
    poller = Poller(lambda: open_session(database), readings_for(needed()), events.append)
    task = asyncio.create_task(poller.run())
    kinds = {IdentitySnapshot, PoolSnapshot, IndexesSnapshot, MigrationSnapshot, ConstraintsSnapshot}
    await until(lambda: {type(event) for event in events} >= kinds)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    migration = next(event.migration for event in events if isinstance(event, MigrationSnapshot))
    assert migration.finding is MigrationFinding.CURRENT
    identity = next(event.server for event in events if isinstance(event, IdentitySnapshot))
    assert identity.database == database.name


def test_without_a_migration_there_is_no_such_reading() -> None:
    parts = [reading.part for reading in readings_for(requirements())]
    assert parts == ["server", "pool", "indexes", "constraints"]


async def test_violations_are_counted_seldom_and_carried_over(database: Database) -> None:
    await database.execute(SCHEMA)
    seconds = 0.0
    watch = ConstraintWatch(needed(), clock=lambda: seconds)

    async def read() -> ConstraintReading:
        async with session(database) as watching:
            return (await watch(watching)).constraints[0]

    first = await read()
    assert (first.finding, first.violations) == (ConstraintFinding.NOT_VALIDATED, 1)
    await database.execute("DELETE FROM t WHERE id = 1")
    carried = await read()
    assert (carried.violations, carried.violating_keys) == (1, first.violating_keys)
    seconds = VIOLATIONS_S
    assert (await read()).violations == 0


async def test_a_refresh_counts_again(newest: Database) -> None:
    await newest.execute(SCHEMA)
    watch = ConstraintWatch(needed())
    async with session(newest) as watching:
        await watch(watching)
        await newest.execute("DELETE FROM t WHERE id = 1")
        watch.forget()
        assert (await watch(watching)).constraints[0].violations == 0


async def test_a_count_is_not_carried_into_another_state(newest: Database) -> None:
    await newest.execute(SCHEMA)
    watch = ConstraintWatch(needed())
    async with session(newest) as watching:
        await watch(watching)
        await newest.execute("DELETE FROM t WHERE id = 1; ALTER TABLE t VALIDATE CONSTRAINT ck_positive")
        reading = (await watch(watching)).constraints[0]
    assert reading.finding is ConstraintFinding.ENFORCED
    assert not reading.violations
