"""Index drops on real servers: they outwait readers, and half-way is said or driven to the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sql.steps.journal import Event
from sql.steps.outcome import Outcome
from sql.steps.step import IndexGone, Step
from tests.servers import Database
from tests.sql.steps import running
from tests.sql.steps.running import QUICK, TABLE, finish, flags, start, transaction
from tests.waiting import until

USABLE = (True, True, True)


@pytest.mark.hazard("DIC-01")
async def test_a_drop_outwaits_a_reader(database: Database) -> None:
    await database.execute(TABLE + "CREATE INDEX i ON t (a);")
    async with transaction(database, "SELECT * FROM t") as reader:
        run = start(database, running.drop())
        await until(lambda: run.told(Event.BLOCKED))
        assert run.told(Event.BLOCKED)[0].detail["blockers"][0]["pid"] == reader.get_server_pid()
        await reader.execute("COMMIT")
        assert (await run.result()).outcome is Outcome.DONE
    assert await flags(database) is None


@pytest.mark.hazard("DIC-03")
async def test_a_drop_stopped_half_way_says_so_and_a_second_one_finishes_it(database: Database) -> None:
    await database.execute(TABLE + "CREATE INDEX i ON t (a);")
    async with transaction(database, "SELECT * FROM t"):
        run = start(database, running.drop())
        await until(lambda: run.told(Event.BLOCKED))
        run.stop.ask("alice")
        assert (await run.result()).outcome is Outcome.CANCELLED
    assert "run drop-index:i again" in run.told(Event.FINISHED)[0].detail["left"]
    assert await flags(database) == (False, True, True)
    assert (await finish(database, running.drop())).outcome is Outcome.DONE
    assert await flags(database) is None


@pytest.mark.hazard("DIC-03", "DISC-09")
async def test_a_drop_that_the_server_broke_off_is_driven_to_its_end(database: Database) -> None:
    await database.execute(TABLE + "CREATE INDEX i ON t (a);")
    async with transaction(database, "SELECT * FROM t") as reader:
        run = start(database, running.drop())
        await until(lambda: run.told(Event.BLOCKED))
        await database.execute(f"SELECT pg_terminate_backend({run.told(Event.STARTED)[0].detail['pid']})")
        await until(lambda: len(run.told(Event.STARTED)) == 2)
        await reader.execute("COMMIT")
        assert (await run.result()).outcome is Outcome.DONE
    assert await flags(database) is None


@pytest.mark.hazard("DIC-02")
async def test_a_drop_that_dies_of_a_deadlock_is_sent_again(database: Database) -> None:
    await database.execute(TABLE + "CREATE INDEX i ON t (a);")
    async with transaction(database, "SELECT * FROM t") as reader:
        run = start(database, running.drop())
        await until(lambda: run.told(Event.BLOCKED))
        await reader.execute("ALTER TABLE t ADD COLUMN z int")
        await until(lambda: run.reached("sending it again"))
        await reader.execute("COMMIT")
        assert (await run.result()).outcome is Outcome.DONE
    assert await flags(database) is None


def dead(name: str = "i") -> Step:
    """A drop of a dead leftover."""
    return replace(running.drop(name), end=IndexGone("public", name, only_dead=True))


@pytest.mark.hazard("IDX-04")
async def test_a_leftover_that_is_alive_by_now_is_not_dropped(database: Database) -> None:
    await database.execute(TABLE + "CREATE INDEX i ON t (a);")
    result = await finish(database, dead())
    assert result.outcome is Outcome.REFUSED and "valid by now" in result.sentence
    assert await flags(database) == USABLE


@pytest.mark.hazard("IDX-04")
async def test_what_looks_dead_and_is_somebodys_build_is_left_alone(database: Database) -> None:
    await database.execute(TABLE)
    other = await database.connect(application_name="another tool")
    build = asyncio.create_task(other.execute("CREATE INDEX CONCURRENTLY i ON t (slow(a))"))
    try:
        await until(lambda: flags(database))
        run = start(database, dead(), patience=replace(QUICK, table_s=0.3))
        result = await run.result()
        assert result.outcome is Outcome.REFUSED and "another tool" in result.sentence
        await build
    finally:
        other.terminate()
    assert await flags(database) == USABLE
