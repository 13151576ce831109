"""What was journalled as done is on the server's disk, also where commits are asynchronous there."""

from __future__ import annotations

import asyncio

import pytest

from sql.steps.outcome import Outcome
from sql.steps.step import Step
from tests import servers
from tests.servers import Database
from tests.sql.steps import running
from tests.sql.steps.running import flags

TABLE = """
    SET synchronous_commit = on;
    CREATE TABLE t (id int PRIMARY KEY, a int, b int);
    INSERT INTO t SELECT i, i, i % 7 FROM generate_series(1, 40) i;
    CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
    INSERT INTO alembic_version VALUES ('old');
"""
LAZY = {"synchronous_commit": "off", "wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}
"""A commit is not on the disk for half a minute, unless its session wants it there."""


async def _revision(database: Database) -> str:
    connection = await database.connect()
    try:
        return str(await connection.fetchval("SELECT version_num FROM alembic_version"))
    finally:
        await connection.close()


@pytest.mark.hazard("DISC-09")
@pytest.mark.parametrize("major", servers.wanted_majors(), ids=lambda major: f"pg{major}")
@pytest.mark.parametrize("step", [running.create(), running.migrate("old", "new")], ids=lambda step: step.id)
async def test_what_is_done_outlives_a_crash(major: int, step: Step) -> None:
    if servers.binaries(major) is None:
        pytest.skip(servers.how_to_get(major))
    cluster = servers.start(major, **LAZY)
    try:
        database = await servers.new_database(cluster, major)
        await database.execute(TABLE)
        assert (await running.finish(database, step)).outcome is Outcome.DONE
        await asyncio.to_thread(cluster.stop, mode="immediate")
        await asyncio.to_thread(cluster.start)
        if step.verb.value == "create index":
            assert await flags(database) == (True, True, True)
        else:
            assert await _revision(database) == "new"
    finally:
        cluster.remove()
        cluster.folder.parent.rmdir()
