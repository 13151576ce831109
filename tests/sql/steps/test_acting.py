"""From ids to proven ends on real servers: what changes between the look and the word stops everything."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from profiles.manifest import ConstraintEntry, IndexEntry, Manifest
from profiles.model import EnvironmentClass, Guard, Profile
from sql.check import Case, read_parts
from sql.errors import ReadingError
from sql.requirements import read
from sql.snapshots import Unavailable
from sql.steps import acting, claim, preparing
from sql.steps.acting import Finish, Prepared, Readiness
from sql.steps.journal import Event
from sql.steps.operator import Operator
from sql.steps.step import Direction
from tests import servers
from tests.servers import Database
from tests.sql.steps.running import flags, journal, transaction
from tests.waiting import until

TABLE = """
    CREATE TABLE t (id int PRIMARY KEY, a int, b int);
    INSERT INTO t SELECT i, i, i FROM generate_series(1, 99) i;
"""
CK = ConstraintEntry("t", "ck", "CHECK (b >= 0)")
USABLE = (True, True, True)


def case(database: Database, *definitions: str, guard: Guard = Guard.CONFIRM) -> Case:
    """A profile of the database that wants the indexes, and a CHECK on t."""
    entries = tuple(IndexEntry(each) for each in definitions or ("CREATE INDEX i ON t (a)",))
    manifest = Manifest("own", "Own", Path("own.toml"), indexes=entries, constraints=(CK,))
    connection = database.parameters()
    profile = Profile("test", EnvironmentClass.STAGING, "own", connection=connection, guard=guard)
    return Case(profile, read(manifest))


async def prepared(database: Database, *ids: str) -> Prepared:
    return await acting.prepare(case(database), None, ids or None)


async def ended(look: Prepared, run: str) -> Finish:
    async for _ in acting.follow(look.case, None, run):
        pass
    await until(lambda: not claim.claimed(run))
    return acting.finish(acting.result(run))


def confirmed() -> list[str | None]:
    return [entry.step for entry in journal().read() if entry.event == Event.CONFIRMED]


async def test_from_an_id_to_a_proven_end(database: Database) -> None:
    await database.execute(TABLE)
    look = await prepared(database, "create-index:i")
    (step,) = look.ready
    assert step.preview is not None and step.step is not None and step.facts is not None
    who = Operator("alice", "203.0.113.5", "bastion")
    run = await acting.launch(look, step.id, None, operator=who)
    assert await ended(look, run) is Finish.PROVEN
    assert await flags(database) == USABLE
    state = acting.result(run)
    assert state is not None and (state.operator, state.host) == ("alice from 203.0.113.5", "bastion")


async def test_without_ids_it_is_the_whole_plan(newest: Database) -> None:
    await newest.execute(TABLE)
    look = await prepared(newest)
    assert [step.id for step in look.ready] == [step.id for step in look.plan.steps]
    assert all(step.fingerprint for step in look.plan.steps)
    assert look.direction is Direction.FIX
    back = await acting.prepare(case(newest), None, None, Direction.ROLLBACK)
    assert (back.steps, back.direction) == ((), Direction.ROLLBACK)
    assert back.hash != look.hash


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "ALTER TABLE t RENAME TO old; CREATE TABLE t (LIKE old)",
            "another table bears the name public.t",
        ),
        ("ALTER TABLE t ADD COLUMN c int", "the table's columns changed"),
        ("ALTER TABLE t OWNER TO pg_monitor", "the table's owner is pg_monitor, it was postgres"),
        ("ALTER TABLE t SET UNLOGGED", "the table's persistence changed"),
        ("CREATE INDEX i ON t (b)", "the plan has no such step any more"),
        ("ALTER TABLE t RENAME TO old", "its table is not there"),
    ],
)
async def test_what_changed_since_the_look_is_named_and_nothing_is_sent(
    newest: Database, change: str, said: str
) -> None:
    await newest.execute(TABLE)
    look = await prepared(newest, "create-index:i")
    await newest.execute(change)
    with pytest.raises(acting.Changed) as raised:
        await acting.launch(look, "create-index:i", None)
    assert said in str(raised.value)
    assert not confirmed()


async def test_an_index_that_somebody_made_meanwhile_is_there_already(newest: Database) -> None:
    await newest.execute(TABLE)
    look = await prepared(newest, "create-index:i")
    await newest.execute("CREATE INDEX i ON t (a)")
    with pytest.raises(acting.AlreadyThere, match="i is valid"):
        await acting.launch(look, "create-index:i", None)
    assert not confirmed()


async def test_rows_that_came_meanwhile_stop_a_validation(newest: Database) -> None:
    await newest.execute(f"{TABLE} ALTER TABLE t ADD CONSTRAINT ck CHECK (b >= 0) NOT VALID")
    await newest.execute("ALTER TABLE t DROP CONSTRAINT ck; INSERT INTO t VALUES (1000, 1, -1)")
    await newest.execute("ALTER TABLE t ADD CONSTRAINT ck CHECK (b >= 0) NOT VALID")
    await newest.execute("DELETE FROM t WHERE id = 1000")
    look = await prepared(newest, "validate-constraint:t.ck")
    assert look.ready
    await newest.execute("ALTER TABLE t DROP CONSTRAINT ck; INSERT INTO t VALUES (1000, 1, -1)")
    await newest.execute("ALTER TABLE t ADD CONSTRAINT ck CHECK (b >= 0) NOT VALID")
    with pytest.raises(acting.Changed, match="1 row breaks it"):
        await acting.launch(look, "validate-constraint:t.ck", None)


async def test_the_profile_leads_to_another_database_meanwhile(newest: Database) -> None:
    await newest.execute(TABLE)
    look = await prepared(newest, "create-index:i")
    other = await servers.new_database(newest.cluster, newest.major)
    try:
        await other.execute(TABLE)
        moved = replace(look, case=case(other))
        with pytest.raises(acting.Changed, match="another database bears its name"):
            await acting.launch(moved, "create-index:i", None)
    finally:
        await servers.drop_database(other)
    assert not confirmed()


async def test_earlier_steps_of_the_same_go_are_no_difference(newest: Database) -> None:
    await newest.execute(f"{TABLE} CREATE INDEX i ON t (b)")
    ids = ["create-index:i__pgdeck_new", "swap-index:i", "drop-index:i__pgdeck_old"]
    look = await prepared(newest, *ids)
    assert len(look.ready) == 3
    done: list[str] = []
    for step in ids:
        run = await acting.launch(look, step, None, earlier=done)
        assert await ended(look, run) is Finish.PROVEN
        done.append(step)
    assert (await prepared(newest, "create-index:i")).of("create-index:i").readiness is Readiness.THERE


async def test_a_wrong_index_that_stands_beside_is_not_taken_for_the_new_one(newest: Database) -> None:
    await newest.execute(f"{TABLE} CREATE INDEX i ON t (b); CREATE INDEX i__pgdeck_new ON t (b, a)")
    look = await prepared(newest, "swap-index:i")
    assert look.refused[0].sentence == "create-index:i__pgdeck_new comes first"


async def test_a_step_out_of_turn_is_refused(newest: Database) -> None:
    await newest.execute(TABLE)
    look = await prepared(newest, "validate-constraint:t.ck", "add-constraint:t.ck")
    assert [step.readiness for step in look.steps] == [Readiness.REFUSED, Readiness.READY]
    assert look.refused[0].sentence == "add-constraint:t.ck comes first"


async def test_a_forbidden_profile_launches_nothing(newest: Database) -> None:
    await newest.execute(TABLE)
    look = await acting.prepare(case(newest, guard=Guard.FORBIDDEN), None, ["create-index:i"])
    assert look.ready
    with pytest.raises(acting.Forbidden):
        await acting.launch(look, "create-index:i", None)
    assert not confirmed()


async def test_a_part_that_cannot_be_read_is_said_instead_of_no_such_step(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await newest.execute(TABLE)
    really = read_parts

    async def blind(*arguments: object) -> object:
        parts = await really(*arguments)  # type: ignore[arg-type]
        return replace(parts, indexes=Unavailable("indexes", "permission denied", "GRANT it"))

    monkeypatch.setattr(preparing, "read_parts", blind)
    with pytest.raises(ReadingError, match="indexes could not be read: permission denied"):
        await prepared(newest, "create-index:i")
    look = await prepared(newest)
    assert [part.part for part in look.unavailable] == ["indexes"]


async def test_a_run_is_cancelled_and_leaves_nothing(newest: Database) -> None:
    await newest.execute(TABLE)
    look = await prepared(newest, "create-index:i")
    async with transaction(newest, "UPDATE t SET b = 0 WHERE id = 1") as somebody:
        run = await acting.launch(look, "create-index:i", None)
        await until(lambda: any(e.event == Event.BLOCKED for e in journal().read(run=run)))
        assert acting.cancel(run)
        await until(lambda: any(e.detail.get("phase") == "cleaning up" for e in journal().read(run=run)))
        await somebody.execute("COMMIT")
    assert await ended(look, run) is Finish.CANCELLED
    assert await flags(newest) is None


async def test_a_run_whose_runner_is_killed_is_followed_to_its_proven_end(newest: Database) -> None:
    await newest.execute(TABLE)
    look = await prepared(newest, "create-index:i")
    async with transaction(newest, "UPDATE t SET b = 0 WHERE id = 1") as somebody:
        run = await acting.launch(look, "create-index:i", None)
        await until(lambda: any(e.event == Event.BLOCKED for e in journal().read(run=run)))
        state = acting.result(run)
        assert state is not None and state.runner_pid is not None
        os.kill(state.runner_pid, signal.SIGKILL)
        told = []
        async for entry in acting.follow(look.case, None, run):
            told.append(entry)
            if entry.event == Event.ADOPTED:
                await somebody.execute("COMMIT")
    assert told[-1].event == Event.VERIFIED
    assert acting.finish(acting.result(run)) is Finish.PROVEN
    await until(lambda: not claim.claimed(run))


async def test_what_made_it_another_plan(newest: Database) -> None:
    await newest.execute(TABLE)
    look = await prepared(newest)
    acting.record_previews(look)
    assert acting.changed_since(look, look.hash) == ()
    await newest.execute("ALTER TABLE t OWNER TO pg_monitor; DROP TABLE IF EXISTS u")
    now = await prepared(newest)
    changes = acting.changed_since(now, look.hash)
    assert "create-index:i: the table's owner is pg_monitor, it was postgres" in changes
    await newest.execute("CREATE INDEX i ON t (a)")
    now = await prepared(newest)
    assert "create-index:i is no step any more" in acting.changed_since(now, look.hash)


async def test_a_new_step_makes_it_another_plan(newest: Database) -> None:
    await newest.execute(f"{TABLE} CREATE INDEX i ON t (a)")
    look = await prepared(newest)
    acting.record_previews(look)
    await newest.execute("DROP INDEX i")
    assert "create-index:i is new" in acting.changed_since(await prepared(newest), look.hash)
