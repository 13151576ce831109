"""The forecast says who would block a step, and that is who does: each rule against a real second session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest

from sql.steps.forecast import Forecast, forecast
from sql.steps.forecast_rules import FIRST_LOCK, SNAPSHOTS, USERS, WRITERS, judge
from sql.steps.step import IndexGone, Step
from tests.servers import Database
from tests.sql.sessions import open_session, session
from tests.sql.steps.holding import SCHEMA, holding, observe
from tests.sql.steps.locking import add_check, create, drop, migrate, rename, validate

REPEATABLE = "BEGIN ISOLATION LEVEL REPEATABLE READ"
SLOW_VACUUM = ("SET vacuum_cost_delay = 100", "SET vacuum_cost_limit = 1")
BUILD = create("i", "(a)")
DROP = drop("d")


@dataclass(frozen=True)
class Case:
    """A second session, and which of the two statements it blocks, by which rule."""

    name: str
    statements: tuple[str, ...] = ()
    create: str | None = None
    """A part of the rule; None: it does not block CREATE INDEX CONCURRENTLY."""
    drop: str | None = None
    create_phase: str = SNAPSHOTS
    drop_phase: str = USERS
    forever: str | None = None
    """What it is still running."""
    first: tuple[str, ...] = ()
    """What a session before it has run, and holds."""
    prepared: bool = False
    application: str = "holder"

    def __str__(self) -> str:
        return self.name


READS, WROTE = "SELECT * FROM t LIMIT 1", "UPDATE t SET b = 0 WHERE id = 1"
CASES = [
    Case("idle session"),
    Case("read committed that read the table", ("BEGIN", READS), drop="reader of this table"),
    Case(
        "writer of the table",
        ("BEGIN", WROTE),
        create="writer of this table",
        drop="writer of this table",
        create_phase=WRITERS,
    ),
    Case("writer of another table", ("BEGIN", "UPDATE other SET id = 0 WHERE id = 1")),
    Case("repeatable read on another table", (REPEATABLE, "SELECT 1 FROM other"), create="open snapshot"),
    Case(
        "serializable on another table",
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "SELECT 1 FROM other"),
        create="open snapshot",
    ),
    Case("repeatable read without a query", (REPEATABLE,)),
    Case("exported snapshot", (REPEATABLE, "SELECT pg_export_snapshot()"), create="open snapshot"),
    Case("pg_dump", (REPEATABLE, "SELECT 1 FROM other"), create="pg_dump", application="pg_dump"),
    Case("cursor", ("BEGIN", "DECLARE c CURSOR FOR SELECT * FROM other", "FETCH c"), create="open snapshot"),
    Case(
        "cursor on the table",
        ("BEGIN", "DECLARE c CURSOR FOR SELECT * FROM t", "FETCH c"),
        create="open snapshot",
        drop="reader of this table",
    ),
    Case("cursor with hold", ("DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t",)),
    Case("advisory lock in a transaction", ("BEGIN", "SELECT pg_advisory_xact_lock(5)")),
    Case("running statement", forever="SELECT pg_sleep(600)", create="running statement:"),
    Case(
        "statement that waits for an advisory lock",
        first=("SELECT pg_advisory_lock(7)",),
        forever="SELECT pg_advisory_lock(7)",
        create="running statement, itself waiting for a lock",
    ),
    Case(
        "statement that waits for a row",
        first=("BEGIN", "UPDATE other SET id = 0 WHERE id = 1"),
        forever="UPDATE other SET id = 0 WHERE id = 1",
        create="running statement, itself waiting for a lock",
    ),
    Case(
        "validation of another table",
        ("ALTER TABLE other ADD CONSTRAINT v CHECK (held(id) > 0) NOT VALID",),
        forever="ALTER TABLE other VALIDATE CONSTRAINT v",
        create="running statement:",
    ),
    Case(
        "plain build on another table",
        forever="CREATE INDEX o ON other (held(id))",
        create="index build on another table",
    ),
    Case(
        "concurrent build with an expression on another table",
        forever="CREATE INDEX CONCURRENTLY o ON other (held(id))",
        create="index build on another table",
    ),
    Case("vacuum of another table", SLOW_VACUUM, forever="VACUUM other"),
    Case(
        "vacuum of the table",
        SLOW_VACUUM,
        forever="VACUUM t",
        create="VACUUM of this table",
        drop="VACUUM of this table",
        create_phase=FIRST_LOCK,
        drop_phase=FIRST_LOCK,
    ),
    Case(
        "prepared transaction that wrote the table",
        ("BEGIN", WROTE, "PREPARE TRANSACTION '{name}'"),
        create="writer of this table",
        drop="writer of this table",
        create_phase=WRITERS,
        prepared=True,
    ),
    Case(
        "prepared transaction that read the table",
        ("BEGIN", READS, "PREPARE TRANSACTION '{name}'"),
        drop="reader of this table",
        prepared=True,
    ),
    Case(
        "prepared repeatable read on another table",
        (REPEATABLE, "SELECT 1 FROM other", "PREPARE TRANSACTION '{name}'"),
        prepared=True,
    ),
    Case(
        "DDL in an open transaction",
        ("BEGIN", "COMMENT ON TABLE t IS 'x'", "LOCK TABLE t IN SHARE MODE"),
        create="holds ShareLock on this table",
        drop="holds ShareLock on this table",
        create_phase=FIRST_LOCK,
        drop_phase=FIRST_LOCK,
    ),
]


@pytest.fixture
async def filled(database: Database) -> AsyncIterator[Database]:
    await database.execute(SCHEMA)
    yield database
    connection = await database.connect()
    for row in await connection.fetch("SELECT gid FROM pg_prepared_xacts WHERE database = $1", database.name):
        await connection.execute(f"ROLLBACK PREPARED '{row['gid']}'")
    await connection.close()


async def _forecast(database: Database, step: Step, user: str = "postgres") -> Forecast:
    async with session(database, user) as watching:
        return await forecast(watching, step)


@pytest.mark.hazard("CIC-02", "DIC-01")
@pytest.mark.parametrize("what", ["create", "drop"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_who_blocks_a_concurrent_build_or_drop(filled: Database, case: Case, what: str) -> None:
    step = {"create": BUILD, "drop": DROP}[what]
    rule = {"create": case.create, "drop": case.drop}[what]
    phase = {"create": case.create_phase, "drop": case.drop_phase}[what]
    statements = [statement.format(name=filled.name) for statement in case.statements]
    async with AsyncExitStack() as stack:
        if case.first:
            await stack.enter_async_context(holding(filled, *case.first))
        held = holding(filled, *statements, forever=case.forever, application=case.application)
        holder = await stack.enter_async_context(held)
        found = await _forecast(filled, step)
        real = await observe(filled, step)

        if rule is None:
            assert (found.blockers, real.done) == ((), True)
            return
        (blocker,) = found.blockers
        assert rule in blocker.rule
        assert blocker.phase == phase
        assert real.blockers == {blocker.pid or 0}
        assert real.phase == (phase if phase in (WRITERS, SNAPSHOTS) else None)
        if case.prepared:
            assert (blocker.pid, blocker.gid, blocker.user) == (None, filled.name, "postgres")
        else:
            assert (blocker.pid, blocker.application, blocker.user) == (holder, case.application, "postgres")
        assert blocker.age_s is not None


@pytest.mark.hazard("CIC-02")
async def test_a_plain_concurrent_build_elsewhere_blocks_on_13_only(filled: Database) -> None:
    async with holding(filled, forever="CREATE INDEX CONCURRENTLY o ON other (id held_ops)") as holder:
        found = await _forecast(filled, BUILD)
        real = await observe(filled, BUILD)
    assert [blocker.pid for blocker in found.blockers] == ([holder] if filled.major == 13 else [])
    assert real.done == (filled.major != 13)


@pytest.mark.hazard("CIC-02")
async def test_what_another_database_does_blocks_nothing(filled: Database) -> None:
    elsewhere = replace(filled, name="postgres")
    async with holding(elsewhere, REPEATABLE, "SELECT 1 FROM pg_class"):
        assert (await _forecast(filled, BUILD)).blockers == ()
        assert (await observe(filled, BUILD)).done


BRIEF_CASES = [
    ("add", ("BEGIN", READS), "reader of this table"),
    ("add", ("BEGIN", WROTE), "writer of this table"),
    ("add", (REPEATABLE, "SELECT 1 FROM other"), None),
    ("add", ("BEGIN", "SELECT 1 FROM child"), "reader of this table"),
    ("validate", ("BEGIN", READS), None),
    ("validate", ("BEGIN", WROTE), None),
    ("validate", ("BEGIN", "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE"), "holds ShareUpdateExclusiveLock"),
    ("validate", ("BEGIN", "LOCK TABLE ONLY child IN SHARE MODE"), "holds ShareLock"),
    ("rename", ("BEGIN", READS), None),
    ("rename", ("BEGIN", "LOCK TABLE t IN SHARE MODE"), None),
    ("rename", ("BEGIN", "ALTER INDEX d SET (fillfactor = 90)"), "holds ShareUpdateExclusiveLock"),
    ("revision", ("BEGIN", "SELECT * FROM alembic_version"), None),
    ("revision", ("BEGIN", "UPDATE alembic_version SET version_num = 'x'"), "writer of this table, perhaps"),
    ("revision", ("BEGIN", "LOCK TABLE alembic_version IN EXCLUSIVE MODE"), "holds ExclusiveLock"),
]


@pytest.mark.hazard("CON-01")
@pytest.mark.parametrize(("what", "statements", "rule"), BRIEF_CASES)
async def test_who_blocks_a_brief_step(
    filled: Database, what: str, statements: tuple[str, ...], rule: str | None
) -> None:
    await filled.execute(
        "CREATE TABLE child () INHERITS (t); CREATE TABLE alembic_version (version_num text);"
        "INSERT INTO alembic_version VALUES ('one');"
        "ALTER TABLE t ADD CONSTRAINT v CHECK (a > 0) NOT VALID"
    )
    step = {
        "add": add_check(),
        "validate": validate("v"),
        "rename": rename("d", "e"),
        "revision": migrate("one", "two"),
    }[what]
    async with holding(filled, *statements) as holder:
        found = await _forecast(filled, step)
        real = await observe(filled, step)
    assert [blocker.pid for blocker in found.blockers] == ([] if rule is None else [holder])
    assert real.done == (rule is None)
    if rule is not None:
        assert rule in found.blockers[0].rule
        assert found.blockers[0].phase == FIRST_LOCK
        assert real.blockers == {holder}


async def test_one_who_waits_for_the_lock_before_us_is_ahead_of_us(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with (
        holding(newest, "BEGIN", READS) as reader,
        holding(newest, forever="ALTER TABLE t ADD COLUMN c int") as waiter,
    ):
        found = await _forecast(newest, validate("v"))
    assert reader not in [blocker.pid for blocker in found.blockers]
    (ahead,) = found.blockers
    assert ahead.pid == waiter
    assert "waits for AccessExclusiveLock on this table, ahead of this step" in ahead.rule


@pytest.mark.hazard("CIC-06")
@pytest.mark.parametrize("step", [BUILD, add_check(), DROP], ids=lambda step: step.id)
async def test_nothing_begins_beside_a_build_on_the_same_table(filled: Database, step: Step) -> None:
    async with holding(filled, forever="CREATE INDEX CONCURRENTLY o ON t (held(a))") as builder:
        found = await _forecast(filled, step)
        assert found.refused_reason is not None
        assert f"pid {builder} (holder) builds an index on public.t" in found.refused_reason
        assert (await _forecast(filled, rename("d", "e"))).refused_reason is None
    assert (await _forecast(filled, step)).refused_reason is None


@pytest.mark.hazard("PRG-01")
async def test_a_hidden_holder_of_the_builders_lock_is_not_trusted(filled: Database) -> None:
    user = f"nobody_{filled.name}"
    await filled.execute(f"CREATE ROLE {user} LOGIN")
    try:
        async with holding(filled, "BEGIN", "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE"):
            found = await _forecast(filled, BUILD, user)
            assert "what it does is hidden from us" in (found.refused_reason or "")
            assert (await _forecast(filled, BUILD)).refused_reason is None
    finally:
        await filled.execute(f"DROP ROLE {user}")


@pytest.mark.hazard("PRG-01")
async def test_without_the_right_to_see_others_that_is_said(filled: Database) -> None:
    user = f"nobody_{filled.name}"
    await filled.execute(f"CREATE ROLE {user} LOGIN")
    try:
        async with (
            holding(filled, REPEATABLE, "SELECT 1 FROM other") as old,
            holding(filled, "BEGIN", WROTE) as writer,
        ):
            found = await _forecast(filled, BUILD, user)
            rules = {blocker.pid: blocker.rule for blocker in found.blockers}
            assert rules == {
                writer: "writer of this table",
                old: "snapshot of a session whose doings are hidden from us",
            }
            assert {blocker.age_s for blocker in found.blockers} == {None}
            (sentence,) = found.cannot_see
            assert "Cannot see what 2 sessions of other roles do" in sentence
            assert f"GRANT pg_read_all_stats TO {user}" in sentence
            await filled.execute(f"GRANT pg_read_all_stats TO {user}")
            found = await _forecast(filled, BUILD, user)
            assert (len(found.blockers), found.cannot_see) == (2, ())
    finally:
        await filled.execute(f"REVOKE pg_read_all_stats FROM {user}; DROP ROLE {user}")


@pytest.mark.hazard("CIC-03")
async def test_our_own_forgotten_transaction_is_named_as_ours(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with holding(newest, REPEATABLE, "SELECT 1", application="pgdeck watch") as forgotten:
        (blocker,) = (await _forecast(newest, BUILD)).blockers
    assert (blocker.pid, blocker.own) == (forgotten, True)
    assert blocker.rule.startswith("pgdeck's own session: open snapshot")


@pytest.mark.hazard("CIC-03")
async def test_the_forecast_itself_leaves_no_transaction_open(newest: Database) -> None:
    await newest.execute(SCHEMA)
    watching = await open_session(newest)
    try:
        await forecast(watching, BUILD)
        assert (await _forecast(newest, BUILD)).blockers == ()
        assert (await observe(newest, BUILD)).done
    finally:
        await watching.close()


async def test_queries_of_others_are_cut_and_made_fit_for_one_line(newest: Database) -> None:
    await newest.execute(SCHEMA)
    query = f"SELECT '\x1b[31m' /*\n{'x' * 300} */"
    async with holding(newest, REPEATABLE, query):
        (blocker,) = (await _forecast(newest, BUILD)).blockers
    assert blocker.query.startswith("SELECT '\\x1b[31m' /* xxx")
    assert len(blocker.query) <= 205
    assert "\x1b" not in blocker.query and "\n" not in blocker.query


@pytest.mark.hazard("CIC-09")
@pytest.mark.parametrize(
    ("query", "yields"),
    [
        ("autovacuum: VACUUM public.t", True),
        ("autovacuum: VACUUM public.t (to prevent wraparound)", False),
    ],
)
def test_autovacuum_steps_aside_unless_it_prevents_wraparound(query: str, yields: bool) -> None:
    row = {
        "pid": 7,
        "backend_type": "autovacuum worker",
        "query": query,
        "granted": ["ShareUpdateExclusiveLock"],
        "waiting": [],
        "vacuums": True,
        "builds": False,
    }
    blocker = judge(BUILD, row, 180000)
    assert blocker is not None
    assert blocker.yields is yields
    assert ("never steps aside" in blocker.rule) is not yields


async def test_it_says_whom_the_step_would_keep_waiting(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with holding(newest, "BEGIN", READS):
        (sentence,) = (await _forecast(newest, add_check())).would_block
        assert sentence.startswith("Every read and write of public.t")
        assert "1 session uses it" in sentence
    assert "from the first second" in (await _forecast(newest, DROP)).would_block[1]
    dead = replace(DROP, end=IndexGone("public", "d", only_dead=True))
    assert len((await _forecast(newest, dead)).would_block) == 1, "no query uses what is dead"
    told = (await _forecast(newest, BUILD)).would_block
    assert "deploy no migration on public.t" in told[1]
