"""The way back by the guided road: what stood before comes back, what is unsafe or not ours is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.manifest import ConstraintEntry, MigrationEntry
from sql.check import verify
from sql.findings import IndexFinding
from sql.steps.journal import Event
from sql.steps.outcome import Outcome
from sql.steps.preparing import prepare
from sql.steps.remembered import remember
from sql.steps.step import Direction
from tests.servers import Database
from tests.sql.requiring import index_reading
from tests.sql.sessions import session
from tests.sql.steps import running
from tests.sql.steps.guided import case, go, looked_at, manifest, run_step
from tests.sql.steps.running import TABLE, finish, flags, profile, start, transaction
from tests.sql.steps.schemas import catalog
from tests.waiting import until

AB = "CREATE INDEX i ON t (a, b DESC)"
OLD = "CREATE INDEX i ON public.t USING btree (b) WHERE (a > 7)"
BACK = Direction.ROLLBACK


async def stands(database: Database) -> dict[str, str]:
    connection = await database.connect()
    try:
        return await catalog(connection)
    finally:
        await connection.close()


async def replaced(database: Database, *, drop_old: bool) -> dict[str, str]:
    """A drifted index that was replaced; the catalog as it was before."""
    await database.execute(TABLE + OLD + "; ANALYZE t")
    before = await stands(database)
    wanted = manifest(AB)
    leave = () if drop_old else ("drop-index:i__pgdeck_old",)
    ran = ["create-index:i__pgdeck_new", "swap-index:i", "drop-index:i__pgdeck_old"]
    assert await go(database, wanted, leave=leave) == [step for step in ran if step not in leave]
    return before


async def test_a_replaced_index_gets_its_old_definition_back_from_the_journal(database: Database) -> None:
    before = await replaced(database, drop_old=True)
    assert await go(database, manifest(AB), BACK) == [
        "create-index:i__pgdeck_old",
        "swap-index:i",
        "drop-index:i__pgdeck_new",
    ]
    assert await stands(database) == before
    assert (await looked_at(database, manifest(AB), BACK)).plan.refused == ()


async def test_a_replaced_index_that_is_still_aside_takes_its_name_back(database: Database) -> None:
    before = await replaced(database, drop_old=False)
    assert await go(database, manifest(AB), BACK) == ["swap-index:i", "drop-index:i__pgdeck_new"]
    assert await stands(database) == before


async def test_there_and_back_and_there_again(newest: Database) -> None:
    await replaced(newest, drop_old=True)
    await go(newest, manifest(AB), BACK)
    await go(newest, manifest(AB))
    assert (await index_reading(newest, AB)).finding is IndexFinding.PRESENT
    await go(newest, manifest(AB), BACK)
    assert (await index_reading(newest, OLD)).finding is IndexFinding.PRESENT


async def test_an_index_that_was_built_anew_since_is_dropped_not_put_back(newest: Database) -> None:
    await replaced(newest, drop_old=True)
    await newest.execute("DROP INDEX i")
    assert await go(newest, manifest(AB)) == ["create-index:i"]
    assert await go(newest, manifest(AB), BACK) == ["drop-index:i"]
    assert list(await stands(newest)) == ["index t_pkey"]


async def test_the_journal_of_another_database_says_nothing_of_this_one(
    newest: Database, database: Database
) -> None:
    await replaced(newest, drop_old=True)
    async with session(database, "postgres") as other:
        assert (await remember(other.identity)).replaced == {}
    async with session(newest, "postgres") as own:
        assert list((await remember(own.identity)).replaced) == [("public", "i")]


async def test_the_undo_of_a_drop_is_what_stands_not_what_is_wanted(newest: Database) -> None:
    await newest.execute(TABLE + "CREATE INDEX i ON t (b) WITH (fillfactor = 70)")
    (step,) = (
        await looked_at(newest, manifest("CREATE INDEX i ON t (b) WITH (fillfactor=70)"), BACK)
    ).plan.steps
    assert step.undo_sql == ("CREATE INDEX CONCURRENTLY i ON public.t USING btree (b) WITH (fillfactor='70')")


UNSAFE = [
    pytest.param(
        "CREATE UNIQUE INDEX i ON t (a); ALTER TABLE t ADD UNIQUE USING INDEX i",
        "CREATE UNIQUE INDEX i ON t (a)",
        "constraint i hangs on it",
        id="constraint",
    ),
    pytest.param(
        "CREATE UNIQUE INDEX i ON t (a); CREATE TABLE child (a int REFERENCES t (a))",
        "CREATE UNIQUE INDEX i ON t (a)",
        "child_a_fkey hangs on it",
        id="foreign-key",
    ),
    pytest.param(
        "ALTER TABLE t ALTER a SET NOT NULL; CREATE UNIQUE INDEX i ON t (a);"
        "ALTER TABLE t REPLICA IDENTITY USING INDEX i",
        "CREATE UNIQUE INDEX i ON t (a)",
        "replica identity",
        id="replica-identity",
    ),
    pytest.param(
        "CREATE INDEX i ON t (b)",
        "CREATE INDEX i ON t (a)",
        "not ours to drop",
        id="not-ours",
    ),
    pytest.param(
        "CREATE TABLE i (a int)",
        "CREATE INDEX i ON t (a)",
        "not ours to drop",
        id="no-index",
    ),
]


@pytest.mark.hazard("DEF-01", "DEF-02", "DIC-04")
@pytest.mark.parametrize(("made", "definition", "reason"), UNSAFE)
async def test_what_is_unsafe_to_drop_is_refused_with_the_reason(
    database: Database, made: str, definition: str, reason: str
) -> None:
    await database.execute(f"{TABLE}; {made}")
    before = await stands(database)
    where = case(database, manifest(definition))
    prepared = await prepare(where, None, ["drop-index:i"], BACK)
    assert prepared.ready == ()
    assert reason in prepared.of("drop-index:i").sentence
    assert await go(database, manifest(definition), BACK) == []
    assert await stands(database) == before


@pytest.mark.hazard("DIC-04", "DEF-11")
async def test_what_came_to_hang_on_it_since_the_preview_stops_the_drop(
    database: Database,
) -> None:
    definition = "CREATE UNIQUE INDEX i ON t (a)"
    await database.execute(f"{TABLE}; {definition}")
    (step,) = (await looked_at(database, manifest(definition), BACK)).plan.steps
    prepared = await prepare(case(database, manifest(definition)), None, [step.id], BACK)
    await database.execute("ALTER TABLE t ALTER a SET NOT NULL; ALTER TABLE t REPLICA IDENTITY USING INDEX i")
    confirmed = prepared.of(step.id).step
    assert confirmed is not None
    assert (await run_step(profile(database), confirmed)).outcome is Outcome.REFUSED
    assert await flags(database) == (True, True, True)


@pytest.mark.hazard("ALB-02")
async def test_several_heads_are_not_set_back(database: Database) -> None:
    await database.execute(
        TABLE + "CREATE TABLE alembic_version (version_num varchar(32));"
        "INSERT INTO alembic_version VALUES ('2'), ('3')"
    )
    entry = MigrationEntry("2", rollback_to="1")
    wanted = replace(manifest(), migration=entry)
    prepared = await looked_at(database, wanted, BACK)
    assert prepared.plan.steps == ()
    assert prepared.plan.refused[0].target == "migration"
    chosen = await prepare(case(database, wanted), None, ["set-migration:1"], BACK)
    assert "not ours to set back" in chosen.of("set-migration:1").sentence


async def test_a_constraint_with_another_definition_is_not_dropped(database: Database) -> None:
    await database.execute(TABLE + "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > -1)")
    wanted = manifest(checks=(ConstraintEntry("t", "ck", "CHECK (a > 0)"),))
    chosen = await prepare(case(database, wanted), None, ["drop-constraint:t.ck"], BACK)
    assert "not ours to drop" in chosen.of("drop-constraint:t.ck").sentence


async def half_dropped(database: Database) -> None:
    """A drop by pgdeck that its operator stopped while a reader was in its way."""
    await database.execute(TABLE + "CREATE INDEX i ON t (a); ANALYZE t; SELECT pg_stat_reset()")
    async with transaction(database, "SELECT * FROM t"):
        run = start(database, running.drop())
        await until(lambda: run.told(Event.BLOCKED))
        run.stop.ask("alice")
        assert (await run.result()).outcome is Outcome.CANCELLED


@pytest.mark.hazard("DIC-03", "IDX-05")
async def test_a_drop_that_was_stopped_half_way_is_told_from_a_failed_build(database: Database) -> None:
    await half_dropped(database)
    assert await flags(database) == (False, True, True)
    report = await verify(profile(database), manifest=manifest("CREATE INDEX i ON t (a)"), duration_s=0)
    assert report.indexes[0].finding is IndexFinding.DISABLED
    # Without the journal's word nothing tells it from a build that failed.
    alone = await index_reading(database, "CREATE INDEX i ON t (a)")
    assert alone.finding is IndexFinding.INVALID


@pytest.mark.hazard("DIC-03", "IDX-05")
async def test_a_half_dropped_index_is_rebuilt_one_way_and_gone_the_other(database: Database) -> None:
    await half_dropped(database)
    wanted = manifest("CREATE INDEX i ON t (a)")
    forward, back = [await looked_at(database, wanted, way) for way in Direction]
    assert [step.id for step in forward.plan.steps] == ["drop-index:i", "create-index:i"]
    assert [step.id for step in back.plan.steps] == ["drop-index:i"]
    assert await go(database, wanted) == ["drop-index:i", "create-index:i"]
    assert await flags(database) == (True, True, True)
    assert await go(database, wanted, BACK) == ["drop-index:i"]
    assert await flags(database) is None


async def test_a_second_half_of_a_drop_finishes_it(database: Database) -> None:
    await half_dropped(database)
    assert await go(database, manifest("CREATE INDEX i ON t (a)"), BACK) == ["drop-index:i"]
    assert (await finish(database, running.drop())).outcome is Outcome.DONE
    assert await flags(database) is None
