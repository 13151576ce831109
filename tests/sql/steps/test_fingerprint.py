"""A fingerprint changes with everything that a step rests on, and with nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.manifest import ConstraintEntry
from sql.indexes import read_indexes
from sql.steps.facts import Facts, read_facts
from sql.steps.fingerprint import facts, facts_of, fingerprint, plan_hash, stamped
from sql.steps.plan import plan
from sql.steps.step import ConstraintStands, Direction, IndexStands, Plan, Step, Verb
from sql.verdict import Parts
from tests.servers import Database
from tests.sql.requiring import requirements
from tests.sql.sessions import session

TABLE = "CREATE TABLE t (id int PRIMARY KEY, a int, b text)"
CREATE = Step(
    verb=Verb.CREATE_INDEX,
    target="i",
    table="public.t",
    statements=("CREATE INDEX CONCURRENTLY i ON public.t (a)",),
    end=IndexStands("public", "t", "i", False, "(a)"),
    undo=("DROP INDEX CONCURRENTLY public.i",),
    lock="ShareUpdateExclusiveLock",
    blocks="nothing but DDL, VACUUM and other builds on this table",
    timeouts={"lock_timeout": "0", "statement_timeout": "0"},
)
CHECK = replace(
    CREATE,
    verb=Verb.ADD_CONSTRAINT,
    target="t.c",
    statements=("ALTER TABLE public.t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",),
    end=ConstraintStands("public", "t", "c", "CHECK (a > 0)", validated=False),
)
SWAP = replace(
    CREATE,
    verb=Verb.SWAP_INDEX,
    statements=(
        "ALTER INDEX public.i RENAME TO i__pgdeck_old",
        "ALTER INDEX public.i__pgdeck_new RENAME TO i",
    ),
)
RENAME = replace(
    CREATE, verb=Verb.RENAME_INDEX, statements=('ALTER INDEX public."x"" RENAME TO y" RENAME TO i',)
)


async def taken(database: Database, step: Step = CREATE) -> str:
    """The step's fingerprint, on a session of its own."""
    async with session(database) as watching:
        return fingerprint(step, await facts(watching, step))


async def test_it_is_a_sha256_and_the_same_every_time(database: Database) -> None:
    await database.execute(TABLE)
    first = await taken(database)
    assert len(bytes.fromhex(first)) == 32
    assert await taken(database) == first


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO t SELECT n, n, n::text FROM generate_series(1, 1000) n",
        "INSERT INTO t SELECT n FROM generate_series(1, 1000) n; ANALYZE t; VACUUM t",
        "CREATE TABLE t2 (a int); CREATE INDEX i2 ON t2 (a)",
        "CREATE INDEX another ON t (b)",
        "CREATE SCHEMA s; CREATE TABLE s.t (a int); CREATE INDEX i ON s.t (a)",
        "GRANT SELECT ON t TO public; COMMENT ON TABLE t IS 'mine'",
        "ALTER TABLE t ADD CONSTRAINT other CHECK (a > 1)",
    ],
)
async def test_what_does_not_matter_leaves_it_as_it_was(newest: Database, change: str) -> None:
    await newest.execute(TABLE)
    first = await taken(newest)
    for statement in change.split("; "):
        await newest.execute(statement)
    assert await taken(newest) == first


@pytest.mark.hazard("DEF-11")
@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE t RENAME TO t_old; CREATE TABLE t (id int PRIMARY KEY, a int, b text)",
        "CREATE INDEX i ON t (a)",
        "CREATE INDEX i ON t (b)",
        "CREATE VIEW i AS SELECT 1 AS one",
        "ALTER TABLE t ALTER a TYPE bigint",
        "ALTER TABLE t ALTER a SET NOT NULL",
        "ALTER TABLE t ADD COLUMN c int",
        "ALTER TABLE t DROP COLUMN b",
        "ALTER TABLE t RENAME COLUMN a TO a2",
        "ALTER TABLE t SET UNLOGGED",
        "ALTER TABLE t OWNER TO pg_monitor",
        "DROP TABLE t",
    ],
)
async def test_it_changes_with_what_the_step_would_act_on(newest: Database, change: str) -> None:
    await newest.execute(TABLE)
    first = await taken(newest)
    await newest.execute(change)
    assert await taken(newest) != first


async def test_it_changes_with_the_state_of_the_index(database: Database) -> None:
    await database.execute(f"{TABLE}; CREATE INDEX i ON t (a)")
    seen = {await taken(database)}
    flags = ("indisvalid", "indisready", "indislive")
    for flag in flags:
        await database.execute(f"UPDATE pg_index SET {flag} = false WHERE indexrelid = 'i'::regclass")
        seen.add(await taken(database))
    assert len(seen) == 1 + len(flags)


async def test_it_changes_with_the_constraint_of_that_name(database: Database) -> None:
    await database.execute(TABLE)
    seen = [await taken(database, CHECK)]
    for change in (
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        "ALTER TABLE t VALIDATE CONSTRAINT c",
        "ALTER TABLE t DROP CONSTRAINT c; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 1)",
    ):
        await database.execute(change)
        seen.append(await taken(database, CHECK))
    assert len(set(seen)) == 4


async def test_another_statement_timeout_or_end_is_another_fingerprint(newest: Database) -> None:
    await newest.execute(TABLE)
    async with session(newest) as watching:
        found = await facts(watching, CREATE)
    others = [
        replace(CREATE, statements=("CREATE INDEX CONCURRENTLY i ON public.t (b)",)),
        replace(CREATE, timeouts={"lock_timeout": "1s", "statement_timeout": "0"}),
        replace(CREATE, end=IndexStands("public", "t", "i", True, "(a)")),
        replace(CREATE, undo=()),
        replace(CREATE, target="j"),
    ]
    assert len({fingerprint(step, found) for step in (CREATE, *others)}) == 1 + len(others)
    assert fingerprint(replace(CREATE, fingerprint="before", note="another note"), found) == fingerprint(
        CREATE, found
    )


@pytest.mark.hazard("DEF-11")
async def test_another_server_or_database_is_another_fingerprint(newest: Database) -> None:
    await newest.execute(TABLE)
    async with session(newest) as watching:
        found = await facts(watching, CREATE)
        assert found.system_identifier is not None
        here = fingerprint(CREATE, found)
        assert fingerprint(CREATE, replace(found, system_identifier="7000000000000000001")) != here
        assert fingerprint(CREATE, replace(found, database_oid=found.database_oid + 1)) != here


@pytest.mark.hazard("DEF-03")
async def test_the_settings_of_the_session_do_not_change_it(newest: Database) -> None:
    await newest.execute(
        "CREATE SCHEMA s; CREATE FUNCTION s.f(int) RETURNS int IMMUTABLE LANGUAGE sql RETURN $1;"
        "CREATE TABLE t (a int, at timestamptz);"
        "CREATE INDEX i ON t (s.f(a)) WHERE at > '2020-01-01 00:00:00+00'"
    )
    first = await taken(newest)
    await newest.execute(
        f"ALTER DATABASE {newest.name} SET search_path = s, public;"
        f"ALTER DATABASE {newest.name} SET quote_all_identifiers = on;"
        f"ALTER DATABASE {newest.name} SET DateStyle = 'German, DMY'"
    )
    assert await taken(newest) == first


async def test_a_swap_rests_on_both_names_beside_and_a_rename_on_the_old_name(newest: Database) -> None:
    await newest.execute(f"{TABLE}; CREATE INDEX i ON t (b)")
    first = await taken(newest, SWAP)
    await newest.execute("CREATE INDEX i__pgdeck_new ON t (a)")
    second = await taken(newest, SWAP)
    await newest.execute("CREATE INDEX i__pgdeck_old ON t (a)")
    assert len({first, second, await taken(newest, SWAP)}) == 3

    before = await taken(newest, RENAME)
    await newest.execute('CREATE INDEX "x"" RENAME TO y" ON t (a)')
    assert await taken(newest, RENAME) != before


async def test_a_plan_is_hashed_over_its_steps_in_order(newest: Database) -> None:
    await newest.execute(TABLE)
    wanted = requirements(
        ["CREATE INDEX i ON t (a)", "CREATE INDEX j ON t (b)"],
        [ConstraintEntry("t", "c", "CHECK (a > 0)")],
    )
    async with session(newest) as watching:
        found = await read_indexes(watching, wanted)
        known: Facts = await read_facts(watching, found.indexes, ())
        made = await stamped(watching, plan(wanted.manifest, Parts(indexes=found), known))
    assert [step.id for step in made.steps] == ["create-index:i", "create-index:j"]
    assert all(step.fingerprint for step in made.steps)
    backwards = replace(made, steps=tuple(reversed(made.steps)))
    other_way = replace(made, direction=Direction.ROLLBACK)
    hashes = {plan_hash(each) for each in (made, backwards, other_way, Plan(Direction.FIX, ()))}
    assert len(hashes) == 4
    assert plan_hash(made) == plan_hash(made, [step.fingerprint for step in made.steps])


def test_two_plans_with_one_step_that_changed_have_another_hash() -> None:
    made = Plan(Direction.FIX, (CREATE,))
    assert plan_hash(made, ["a"]) != plan_hash(made, ["b"])


async def test_many_steps_are_read_as_one_would_be(database: Database) -> None:
    await database.execute(
        f"{TABLE}; CREATE INDEX i ON t (b); CREATE INDEX i__pgdeck_new ON t (a);"
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 1) NOT VALID"
    )
    elsewhere = replace(CREATE, table="nowhere.t", end=replace(CREATE.end, schema="nowhere"))
    steps = [CREATE, CHECK, elsewhere, SWAP, RENAME, CHECK]
    async with session(database) as watching:
        assert await facts_of(watching, steps) == [await facts(watching, step) for step in steps]
        assert await facts_of(watching, []) == []
        named = [[each["name"] for each in found.named] for found in await facts_of(watching, steps)]
    assert named == [["i"], ["c"], [], ["i", "i__pgdeck_new"], ["i"], ["c"]]
