"""Estimates are near what the server then needs, and there is none where nothing is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sql.steps import estimate
from sql.steps.estimate import EarlierRun, Estimated, TableSize
from sql.steps.journal import JournalEntry
from sql.steps.step import Step
from tests.servers import Database
from tests.sql.sessions import session
from tests.sql.steps.locking import add_check, create, drop, validate

TABLE = """
    CREATE TABLE t (id int PRIMARY KEY, a int, b text);
    INSERT INTO t SELECT i, i, repeat('x', 30) || i FROM generate_series(1, 40000) i;
"""
SIZE = TableSize(1, "r", "p", 100 * 2**20, 300 * 2**20, 1000, 3000, 0)


async def _index_bytes(database: Database, step: Step) -> Estimated:
    async with session(database) as watching:
        size = await estimate.table_size(watching, "public", "t")
        definition = estimate.index_of_step(step)
        assert size is not None
        assert definition is not None
        return await estimate.index_bytes(watching, step, size, definition, "public")


@pytest.mark.hazard("CIC-11")
@pytest.mark.parametrize("tail", ["(a)", "(b, a)", "(a) INCLUDE (b)", "(upper(b))", "(a) WHERE a > 20000"])
async def test_the_size_of_an_index_is_near_the_truth(database: Database, tail: str) -> None:
    await database.execute(TABLE)
    await database.execute("ANALYZE t")
    estimated = await _index_bytes(database, create("i", tail))
    await database.execute(f"CREATE INDEX i ON t {tail}")
    connection = await database.connect()
    real = await connection.fetchval("SELECT pg_relation_size('i')")
    await connection.close()
    assert estimated.value is not None
    assert 0.6 < estimated.value / real < 2.0
    assert "rows" in estimated.basis


@pytest.mark.hazard("CIC-11")
async def test_a_table_that_was_never_analysed_gives_no_number(database: Database) -> None:
    await database.execute(TABLE)
    async with session(database) as watching:
        size = await estimate.table_size(watching, "public", "t")
    assert size is not None
    assert size.rows is None
    assert size.bytes is not None and size.bytes > 2**20
    estimated = await _index_bytes(database, create())
    assert estimated.value is None
    assert "never analysed" in estimated.basis


async def test_rows_grow_with_the_table_since_it_was_analysed(database: Database) -> None:
    await database.execute(f"{TABLE} ANALYZE t")
    await database.execute(
        "INSERT INTO t SELECT i, i, repeat('x', 30) || i FROM generate_series(40001, 80000) i"
    )
    async with session(database) as watching:
        size = await estimate.table_size(watching, "public", "t")
    assert size is not None and size.rows is not None
    assert 76000 < size.rows < 84000


async def test_an_empty_table_has_no_rows(database: Database) -> None:
    await database.execute("CREATE TABLE t (a int)")
    async with session(database) as watching:
        size = await estimate.table_size(watching, "public", "t")
        assert await estimate.table_size(watching, "public", "nowhere") is None
    assert size is not None
    assert (size.bytes, size.rows) == (0, 0)


async def test_a_table_that_somebody_locks_is_not_waited_for(newest: Database) -> None:
    await newest.execute(TABLE)
    locker = await newest.connect()
    await locker.execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
    try:
        async with session(newest) as watching:
            size = await estimate.table_size(watching, "public", "t")
    finally:
        await locker.close()
    assert size is not None
    assert (size.bytes, size.rows) == (None, None)


async def test_sizes_count_what_inherits(newest: Database) -> None:
    await newest.execute(
        f"{TABLE} CREATE TABLE c () INHERITS (t); INSERT INTO c SELECT i FROM generate_series(1, 9000) i"
    )
    async with session(newest) as watching:
        size = await estimate.table_size(watching, "public", "t")
    assert size is not None and size.bytes is not None and size.bytes_with_children is not None
    assert size.children == 1
    assert size.bytes_with_children > size.bytes


async def test_a_partitioned_table_has_the_rows_of_its_partitions(database: Database) -> None:
    await database.execute(
        "CREATE TABLE t (a int) PARTITION BY RANGE (a);"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (1000);"
        "CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (1000) TO (2000);"
        "INSERT INTO t SELECT generate_series(0, 1499)"
    )
    await database.execute("ANALYZE t1")
    async with session(database) as watching:
        half = await estimate.table_size(watching, "public", "t")
        await database.execute("ANALYZE t2")
        whole = await estimate.table_size(watching, "public", "t")
    assert half is not None and whole is not None
    assert (half.rows_with_children, whole.rows, whole.rows_with_children) == (None, None, 1500)


async def test_there_is_no_rule_for_other_methods(newest: Database) -> None:
    await newest.execute(TABLE)
    await newest.execute("ANALYZE t")
    estimated = await _index_bytes(newest, create("i", "USING brin (a)"))
    assert (estimated.value, estimated.basis) == (None, "no rule is known for the size of a brin index")


def test_what_changes_the_catalog_alone_takes_no_time() -> None:
    for step in (add_check(), drop()):
        estimated = estimate.seconds(step, SIZE)
        assert estimated.value == 0
        assert "not counted" in estimated.basis


def test_a_time_rests_on_earlier_runs_where_there_are_some() -> None:
    assumed = estimate.seconds(create(), SIZE)
    assert assumed.value == pytest.approx(4.0)
    assert assumed.basis.startswith("assumed: it reads the table twice at 50 MiB a second")
    earlier = [EarlierRun(50 * 2**20, 10.0), EarlierRun(150 * 2**20, 10.0)]
    measured = estimate.seconds(create(), SIZE, earlier)
    assert measured.value == pytest.approx(10.0)
    assert "2 earlier runs on this server" in measured.basis
    assert estimate.seconds(create(), SIZE, [EarlierRun(2**20, 1.0)]) == assumed
    assert estimate.seconds(create(), None).value is None
    assert estimate.seconds(validate(), SIZE).value == pytest.approx(6.0)


def test_earlier_runs_are_those_of_the_same_verb_and_server_that_were_done() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    here, there = {"system_identifier": "1"}, {"system_identifier": "2"}

    def entry(
        event: str, run: str | None, second: int, server: dict[str, str], **detail: object
    ) -> JournalEntry:
        at = now + timedelta(seconds=second)
        return JournalEntry(event, at, run=run, step="create-index:i", server=server, detail=detail)

    told = [
        entry("previewed", None, 0, here, table_bytes=1000),
        entry("started", "one", 10, here),
        entry("finished", "one", 15, here, outcome="done"),
        entry("started", "two", 20, here),
        entry("finished", "two", 21, here, outcome="failed"),
        entry("started", "three", 30, there),
        entry("finished", "three", 99, there, outcome="done"),
        replace(entry("started", "four", 30, here), step="drop-index:i"),
    ]
    assert estimate.earlier_runs(told, create(), "1") == [EarlierRun(1000, 5.0)]
    assert estimate.earlier_runs(told, drop(), "1") == []


def test_time_that_an_earlier_run_waited_for_others_is_not_counted() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)

    def entry(event: str, run: str, second: float, **detail: object) -> JournalEntry:
        at = now + timedelta(seconds=second)
        return JournalEntry(event, at, run=run, step="create-index:i", detail=detail)

    told = [
        entry("started", "one", 0, table_bytes=1000),
        entry("progress", "one", 1, phase="initializing", waits_for=[7]),
        entry("progress", "one", 5, phase="building index: scanning table", waits_for=[]),
        entry("progress", "one", 9, phase="waiting for old snapshots", waits_for=[7]),
        entry("progress", "one", 50, phase="waiting for old snapshots", waits_for=[8]),
        entry("progress", "one", 60, phase="index validation: scanning table", waits_for=[]),
        entry("finished", "one", 62, outcome="done"),
    ]
    assert estimate.earlier_runs(told, create(), None) == [EarlierRun(1000, 7.0)]
    brief = [
        entry("started", "two", 0, table_bytes=1000),
        entry("progress", "two", 0.1, phase="waiting for writers before build", waits_for=[7]),
        entry("finished", "two", 47, outcome="done"),
    ]
    assert estimate.earlier_runs(brief, create(), None) == [], "what it worked went by between two looks"
    measured = estimate.seconds(create(), SIZE, [EarlierRun(50 * 2**20, 10.0)])
    assert "waiting not counted" in measured.basis


def test_sorting_needs_disk_only_beyond_memory() -> None:
    index = Estimated(10 * 2**20, "")
    assert estimate.temporary_bytes(index, 64 * 2**20).value == 0
    assert estimate.temporary_bytes(index, 2**20).value == 10 * 2**20
    assert estimate.temporary_bytes(Estimated(None, "why"), 2**20) == Estimated(None, "why")
    assert estimate.wal_bytes(index, SIZE).value == 10 * 2**20
    assert estimate.wal_bytes(index, replace(SIZE, persistence="u")).value == 0
