"""Databases that were made from one template share their oids: a lock in one says nothing of the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from profiles.manifest import ConstraintEntry
from sql.findings import ConstraintFinding, IndexFinding
from tests.servers import Database, administer, drop_database
from tests.sql.holding import open_transaction
from tests.sql.requiring import constraint_readings, index_readings
from tests.sql.sessions import session

LOCKED = "LOCK TABLE t IN ACCESS EXCLUSIVE MODE"


@pytest.fixture
async def copy(database: Database) -> AsyncIterator[Database]:
    """A second database with the same tables under the same oids."""
    await database.execute(
        "CREATE TABLE t (a int CONSTRAINT ck CHECK (a > 0)); INSERT INTO t SELECT generate_series(1, 1000);"
        "CREATE INDEX ix ON t (a); CREATE INDEX twin ON t ((a + 1)); ANALYZE t"
    )
    made = replace(database, name=f"{database.name}_copy")
    await administer(database.cluster, f"CREATE DATABASE {made.name} TEMPLATE {database.name}")
    yield made
    await drop_database(made)


async def test_indexes_are_compared_and_twins_found(database: Database, copy: Database) -> None:
    async with open_transaction(copy, LOCKED):
        required, twin = await index_readings(
            database, "CREATE INDEX ix ON t (a)", "CREATE INDEX iy ON t ((a + 1))"
        )
    assert (required.finding, required.size_bytes) == (IndexFinding.PRESENT, 40960)
    assert (twin.finding, twin.equivalent) == (IndexFinding.EQUIVALENT, "twin")


async def test_constraints_are_compared(database: Database, copy: Database) -> None:
    async with open_transaction(copy, LOCKED):
        (read,) = await constraint_readings(database, ConstraintEntry("t", "ck", "CHECK (a > 0)"))
    assert read.finding is ConstraintFinding.ENFORCED


async def test_a_preview_knows_size_and_statistics(database: Database, copy: Database) -> None:
    async with open_transaction(copy, LOCKED), session(database) as watch:
        (table,) = await watch.fetch("preview_table", "public", "t")
        (known,) = await watch.fetch("step_statistics", ["public"], ["t"], [""])
    assert (table["rows"], known["table_known"]) == (1000, True)
