"""A build on a table into which pgbench writes all the time loses no write and fails none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sql.steps.journal import Event
from sql.steps.outcome import Outcome
from sql.steps.step import Step
from tests import writers
from tests.servers import Database
from tests.sql.steps import running
from tests.sql.steps.running import flags, story
from tests.waiting import until

ROWS = 20_000
BY_INDEX = "SET enable_seqscan = off; SET enable_bitmapscan = off"


@pytest.mark.parametrize("step", [running.create(), running.drop()], ids=lambda step: step.id)
async def test_no_write_is_lost_and_none_fails(database: Database, tmp_path: Path, step: Step) -> None:
    await writers.fill(database, ROWS)
    if step.id.startswith("drop"):
        await database.execute("CREATE INDEX i ON t (a)")
    over = asyncio.Event()
    writing = asyncio.create_task(writers.write_until(over.is_set, database, ROWS, tmp_path))
    connection = await database.connect()
    try:
        await until(lambda: connection.fetchval(writers.WRITTEN))
        result = await running.finish(database, step)
        assert result.outcome is Outcome.DONE, result.sentence
        over.set()
        written = await writing
        assert await connection.fetchval(writers.WRITTEN) == written.processed
        begin, end = (story("r1", event)[0].time for event in (Event.STARTED, Event.FINISHED))
        assert any(write.overlaps(begin, end) for write in written.writes)
        if step.id.startswith("create"):
            assert await flags(database) == (True, True, True)
            await connection.execute(BY_INDEX)
            plan = await connection.fetch("EXPLAIN SELECT count(*) FROM t WHERE a >= 0")
            assert any("using i on t" in row[0] for row in plan)
            by_index = await connection.fetchval("SELECT count(*) FROM t WHERE a >= 0")
            await connection.execute("SET enable_seqscan = on; SET enable_indexscan = off")
            await connection.execute("SET enable_indexonlyscan = off")
            assert by_index == await connection.fetchval("SELECT count(*) FROM t WHERE a >= 0")
    finally:
        writing.cancel()
        await asyncio.wait([writing])
        await connection.close()
