"""Indexes that are not usable: who is at work on them, and what is dead. Real builds, real locks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sql.findings import IndexFinding
from sql.indexes import read_indexes
from tests.servers import Database
from tests.sql.holding import SLOW, flags, in_phase, open_transaction, role, running, until_true, waiting
from tests.sql.requiring import index_reading, requirements
from tests.sql.sessions import session

TABLES = """
CREATE TABLE t (id int PRIMARY KEY, a int, b int);
INSERT INTO t SELECT i, i, i FROM generate_series(1, 3000) i;
CREATE TABLE other (a int);
INSERT INTO other VALUES (1);
"""
WRITER = "UPDATE t SET b = b WHERE id = 1"
INVALID_READY = (False, True, True)
INVALID_EMPTY = (False, False, True)
DEAD = (False, False, False)


async def _leave_invalid_ready(database: Database, statement: str) -> None:
    """Cancel a build while it waits for old snapshots: filled and maintained, but not valid."""
    async with (
        open_transaction(database, "SELECT count(*) FROM other", isolation="REPEATABLE READ"),
        running(database, statement) as pid,
    ):
        await in_phase(database, pid, "waiting for old snapshots")


async def _leave_invalid_empty(database: Database, statement: str) -> None:
    """Cancel a build while it waits for a writer: an entry in the catalog and nothing more."""
    async with open_transaction(database, WRITER), running(database, statement) as pid:
        await in_phase(database, pid, "waiting for writers before build")


@pytest.mark.hazard("IDX-04")
async def test_a_running_build_is_building_with_its_phase_and_who_runs_it(database: Database) -> None:
    await database.execute(TABLES + SLOW)
    declared = "CREATE INDEX ix ON t (slow(a))"
    statement = "CREATE INDEX CONCURRENTLY ix ON t (slow(a))"
    async with running(database, statement, application_name="nightly") as pid:
        await in_phase(database, pid, "building index: scanning table")
        found = await index_reading(database, declared)
    assert found.finding is IndexFinding.BUILDING
    assert f"Pid {pid} (role postgres, application 'nightly') is building it" in found.detail
    assert 'phase "building index: scanning table"' in found.detail
    after = await index_reading(database, declared)
    assert after.finding is IndexFinding.INVALID
    assert after.oid == found.oid


async def test_a_build_that_waits_for_a_writer_is_building(database: Database) -> None:
    await database.execute(TABLES)
    async with open_transaction(database, WRITER):
        async with running(database, "CREATE INDEX CONCURRENTLY ix ON t (a)") as pid:
            await in_phase(database, pid, "waiting for writers before build")
            found = await index_reading(database, "CREATE INDEX ix ON t (a)")
        assert found.finding is IndexFinding.BUILDING
        assert "waiting for writers before build" in found.detail
        after = await index_reading(database, "CREATE INDEX ix ON t (a)")
    assert after.finding is IndexFinding.INVALID
    assert "keeps updates of its columns from being HOT" in after.detail


async def test_a_build_of_another_definition_says_so(newest: Database) -> None:
    await newest.execute(TABLES)
    async with (
        open_transaction(newest, WRITER),
        running(newest, "CREATE INDEX CONCURRENTLY ix ON t (b)") as pid,
    ):
        await in_phase(newest, pid, "waiting for writers before build")
        found = await index_reading(newest, "CREATE INDEX ix ON t (a)")
    assert found.finding is IndexFinding.BUILDING
    assert "Column 1 is b, declared a." in found.detail


@pytest.mark.hazard("PRG-01")
async def test_a_role_without_rights_sees_a_build_as_building_by_the_pid(database: Database) -> None:
    await database.execute(TABLES)
    async with (
        role(database) as user,
        open_transaction(database, WRITER),
        running(database, "CREATE INDEX CONCURRENTLY ix ON t (a)") as pid,
    ):
        await in_phase(database, pid, "waiting for writers before build")
        found = await index_reading(database, "CREATE INDEX ix ON t (a)", user=user)
    assert found.finding is IndexFinding.BUILDING
    assert f"Pid {pid}" in found.detail
    assert "pg_read_all_stats" in found.detail


async def test_a_plain_build_is_not_in_the_catalog_yet_and_still_building(database: Database) -> None:
    await database.execute(TABLES + SLOW)
    async with running(database, "CREATE INDEX ix ON t (slow(a))") as pid:
        await in_phase(database, pid, "building index: scanning table")
        found = await index_reading(database, "CREATE INDEX ix ON t (slow(a))")
        other = await index_reading(database, "CREATE INDEX iy ON t (b)")
    assert found.finding is IndexFinding.BUILDING
    assert f"Pid {pid}" in found.detail
    assert other.finding is IndexFinding.MISSING
    assert f"Pid {pid} (role postgres, application 'test') builds an index on this table" in other.detail


async def test_a_role_without_rights_is_told_that_some_index_is_being_built(database: Database) -> None:
    await database.execute(TABLES + SLOW)
    async with role(database) as user, running(database, "CREATE INDEX ix ON t (slow(a))") as pid:
        await in_phase(database, pid, "building index: scanning table")
        found = await index_reading(database, "CREATE INDEX ix ON t (slow(a))", user=user)
    assert found.finding is IndexFinding.MISSING
    assert f"Pid {pid}" in found.detail
    assert "pg_read_all_stats would show which" in found.detail


async def test_a_build_that_waits_for_the_tables_lock_is_building(database: Database) -> None:
    await database.execute(TABLES)
    async with (
        open_transaction(database, "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE"),
        running(database, "CREATE INDEX CONCURRENTLY ix ON t (a)") as pid,
    ):
        await waiting(database, pid)
        found = await index_reading(database, "CREATE INDEX ix ON t (a)")
    assert found.finding is IndexFinding.BUILDING
    assert "waits for its lock on the table" in found.detail


@pytest.mark.hazard("IDX-02")
async def test_an_invalid_unique_index_that_still_rejects_writes_says_so_loudly(database: Database) -> None:
    await database.execute(TABLES)
    await _leave_invalid_ready(database, "CREATE UNIQUE INDEX CONCURRENTLY ux ON t (a)")
    assert await flags(database, "ux") == INVALID_READY
    found = await index_reading(database, "CREATE UNIQUE INDEX ux ON t (a)")
    assert found.finding is IndexFinding.INVALID
    assert "STILL REJECTS WRITES" in found.detail


async def test_an_invalid_unique_index_that_is_not_ready_rejects_nothing(database: Database) -> None:
    await database.execute(TABLES)
    await _leave_invalid_empty(database, "CREATE UNIQUE INDEX CONCURRENTLY ux ON t (a)")
    assert await flags(database, "ux") == INVALID_EMPTY
    found = await index_reading(database, "CREATE UNIQUE INDEX ux ON t (a)")
    assert found.finding is IndexFinding.INVALID
    assert "REJECTS" not in found.detail


async def test_a_dead_index_of_another_definition_has_drifted(newest: Database) -> None:
    await newest.execute(TABLES)
    await _leave_invalid_empty(newest, "CREATE INDEX CONCURRENTLY ix ON t (b)")
    found = await index_reading(newest, "CREATE INDEX ix ON t (a)")
    assert found.finding is IndexFinding.DRIFTED
    assert "It is not valid either" in found.detail


@pytest.mark.hazard("DIC-01")
async def test_an_index_that_is_being_dropped_is_disabled_and_names_who_drops_it(database: Database) -> None:
    await database.execute(TABLES + "CREATE INDEX ix ON t (a)")
    async with (
        open_transaction(database, "SELECT count(*) FROM t"),
        running(database, "DROP INDEX CONCURRENTLY ix") as pid,
    ):
        await waiting(database, pid)
        assert await flags(database, "ix") == INVALID_READY
        found = await index_reading(database, "CREATE INDEX ix ON t (a)")
    assert found.finding is IndexFinding.DISABLED
    assert f"being dropped by pid {pid}" in found.detail


async def test_dropping_another_index_says_nothing_of_a_leftover(database: Database) -> None:
    await database.execute(TABLES + "CREATE INDEX other_one ON t (b)")
    await _leave_invalid_empty(database, "CREATE INDEX CONCURRENTLY ix ON t (a)")
    async with (
        open_transaction(database, "SELECT count(*) FROM t"),
        running(database, "DROP INDEX CONCURRENTLY other_one") as pid,
    ):
        await waiting(database, pid)
        found = await index_reading(database, "CREATE INDEX ix ON t (a)")
    assert found.finding is IndexFinding.INVALID


@pytest.mark.hazard("DIC-03")
async def test_a_half_dropped_index_is_disabled_by_its_flags(database: Database) -> None:
    await database.execute(TABLES + "CREATE INDEX ix ON t (a)")
    async with (
        open_transaction(database, "SELECT count(*) FROM t") as first,
        running(database, "DROP INDEX CONCURRENTLY ix") as pid,
    ):
        await waiting(database, pid)
        async with open_transaction(database, "SELECT count(*) FROM t"):
            await first.execute("COMMIT")
            dead = "SELECT NOT indislive FROM pg_index WHERE indexrelid = 'ix'::regclass"
            await until_true(database, dead)
            await waiting(database, pid)
            await database.execute(f"SELECT pg_cancel_backend({pid})")
            await until_true(database, f"SELECT state = 'idle' FROM pg_stat_activity WHERE pid = {pid}")
            assert await flags(database, "ix") == DEAD
            found = await index_reading(database, "CREATE INDEX ix ON t (a)")
    assert found.finding is IndexFinding.DISABLED
    assert "DROP INDEX CONCURRENTLY that did not finish" in found.detail


async def _leave_half_dropped(database: Database) -> None:
    async with (
        open_transaction(database, "SELECT count(*) FROM t"),
        running(database, "DROP INDEX CONCURRENTLY ix") as pid,
    ):
        await waiting(database, pid)


async def test_an_index_that_was_scanned_was_valid_once(database: Database) -> None:
    await database.execute(TABLES + "CREATE INDEX ix ON t (a)")
    await database.execute("SET enable_seqscan = off; SELECT * FROM t WHERE a = 1")
    await until_true(database, "SELECT pg_stat_get_numscans('ix'::regclass) > 0")
    await _leave_half_dropped(database)
    assert await flags(database, "ix") == INVALID_READY
    found = await index_reading(database, "CREATE INDEX ix ON t (a)")
    assert found.finding is IndexFinding.DISABLED
    assert found.scans is not None and found.scans > 0


async def test_the_journals_word_that_it_was_valid_is_believed(newest: Database) -> None:
    await newest.execute(TABLES + "CREATE INDEX ix ON t (a)")
    await _leave_half_dropped(newest)
    without = await index_reading(newest, "CREATE INDEX ix ON t (a)")
    assert without.finding is IndexFinding.INVALID
    assert without.oid is not None
    known = frozenset({without.oid})
    found = await index_reading(newest, "CREATE INDEX ix ON t (a)", was_valid=known)
    assert found.finding is IndexFinding.DISABLED


@pytest.mark.hazard("IDX-04")
async def test_vacuum_on_the_table_makes_no_leftover_a_build(database: Database) -> None:
    await database.execute(TABLES)
    await _leave_invalid_empty(database, "CREATE INDEX CONCURRENTLY ix ON t (a)")
    crawl = {"vacuum_cost_delay": "100", "vacuum_cost_limit": "1"}
    async with running(database, "VACUUM t", **crawl) as pid:
        await until_true(database, f"SELECT EXISTS (SELECT FROM pg_stat_progress_vacuum WHERE pid = {pid})")
        found = await index_reading(database, "CREATE INDEX ix ON t (a)")
    assert found.finding is IndexFinding.INVALID


@pytest.mark.hazard("IDX-04")
async def test_a_lock_of_somebody_unseen_is_an_unknown_owner(database: Database) -> None:
    await database.execute(TABLES)
    await _leave_invalid_empty(database, "CREATE INDEX CONCURRENTLY ix ON t (a)")
    async with (
        role(database) as user,
        open_transaction(database, "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE"),
    ):
        seen = await index_reading(database, "CREATE INDEX ix ON t (a)")
        unseen = await index_reading(database, "CREATE INDEX ix ON t (a)", user=user)
    assert seen.finding is IndexFinding.INVALID
    assert unseen.finding is IndexFinding.BUILDING
    assert "may be building or dropping it" in unseen.detail
    assert "pg_read_all_stats" in unseen.detail


async def test_a_build_of_another_index_does_not_hide_a_leftover(newest: Database) -> None:
    await newest.execute(TABLES)
    await _leave_invalid_empty(newest, "CREATE INDEX CONCURRENTLY ix ON t (a)")
    async with (
        open_transaction(newest, WRITER),
        running(newest, "CREATE INDEX CONCURRENTLY iy ON t (b)") as pid,
    ):
        await in_phase(newest, pid, "waiting for writers before build")
        found = await index_reading(newest, "CREATE INDEX ix ON t (a)")
    assert found.finding is IndexFinding.INVALID


async def test_reindexing_a_leftover_concurrently_is_building(database: Database) -> None:
    await database.execute(TABLES)
    await _leave_invalid_empty(database, "CREATE INDEX CONCURRENTLY ix ON t (a)")
    async with (
        open_transaction(database, WRITER),
        running(database, "REINDEX INDEX CONCURRENTLY ix") as pid,
    ):
        await in_phase(database, pid, "waiting for writers before build")
        found = await index_reading(database, "CREATE INDEX ix ON t (a)")
    assert found.finding is IndexFinding.BUILDING


@pytest.mark.hazard("IDX-06")
async def test_what_a_failed_reindex_leaves_is_no_equivalent(database: Database) -> None:
    await database.execute(TABLES + "CREATE INDEX iy ON t (a)")
    await database.execute("ALTER INDEX iy RENAME TO iy_ccnew")
    found = await index_reading(database, "CREATE INDEX ix ON t (a)")
    assert found.finding is IndexFinding.MISSING


@pytest.mark.hazard("DEF-07", "IDX-01")
async def test_a_dead_twin_is_no_equivalent(database: Database) -> None:
    await database.execute(TABLES)
    await _leave_invalid_ready(database, "CREATE INDEX CONCURRENTLY iy ON t (a)")
    found = await index_reading(database, "CREATE INDEX ix ON t (a)")
    assert found.finding is IndexFinding.MISSING
    assert found.equivalent is None


async def test_a_dead_index_names_its_living_twin(database: Database) -> None:
    await database.execute(TABLES + "CREATE INDEX iy ON t (a)")
    await _leave_invalid_empty(database, "CREATE INDEX CONCURRENTLY ix ON t (a)")
    found = await index_reading(database, "CREATE INDEX ix ON t (a)")
    assert found.finding is IndexFinding.INVALID
    assert found.equivalent == "iy"


@pytest.mark.hazard("IDX-09")
async def test_a_partitioned_index_that_lacks_children_is_invalid_and_says_which(database: Database) -> None:
    await database.execute(
        """
        CREATE TABLE p (a int, day date) PARTITION BY RANGE (day);
        CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
        CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
        CREATE INDEX ip ON ONLY p (a);
        CREATE INDEX ip_1 ON p_1 (a);
        ALTER INDEX ip ATTACH PARTITION ip_1;
        """
    )
    found = await index_reading(database, "CREATE INDEX ip ON p (a)")
    assert found.finding is IndexFinding.INVALID
    assert "1 of 2 partitions have no valid index attached to it: public.p_2." in found.detail
    await database.execute("CREATE INDEX ip_2 ON p_2 (a); ALTER INDEX ip ATTACH PARTITION ip_2")
    after = await index_reading(database, "CREATE INDEX ip ON p (a)")
    assert after.finding is IndexFinding.PRESENT


@pytest.mark.hazard("IDX-07")
async def test_a_valid_index_that_old_transactions_cannot_use_says_so(database: Database) -> None:
    await database.execute(
        "CREATE TABLE h (id int, a int); INSERT INTO h VALUES (1, 1); CREATE INDEX hi ON h (id)"
    )
    async with open_transaction(database, "SELECT * FROM h", isolation="REPEATABLE READ"):
        await database.execute("UPDATE h SET a = 2")
        await database.execute("CREATE INDEX ha ON h (a)")
        found = await index_reading(database, "CREATE INDEX ha ON h (a)")
    assert found.finding is IndexFinding.PRESENT
    assert "not yet usable" in found.detail


@pytest.mark.hazard("PRV-03")
@pytest.mark.parametrize("in_recovery", [False, True])
async def test_on_a_standby_a_leftover_cannot_be_told_from_a_build(
    newest: Database, in_recovery: bool
) -> None:
    await newest.execute(TABLES)
    await _leave_invalid_empty(newest, "CREATE INDEX CONCURRENTLY ix ON t (a)")
    async with session(newest) as watching:
        watching.identity = replace(watching.identity, in_recovery=in_recovery)
        snapshot = await read_indexes(watching, requirements(["CREATE INDEX ix ON t (a)"]))
    expected = IndexFinding.UNVERIFIED if in_recovery else IndexFinding.INVALID
    assert snapshot.indexes[0].finding is expected
