"""No step runs on anything but what was confirmed, however late that changes: also after the word."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from profiles.manifest import IndexEntry, Manifest
from profiles.model import EnvironmentClass, Profile
from sql.check import Case
from sql.requirements import read
from sql.steps import acting, advisory, claim
from sql.steps.journal import Event
from sql.steps.outcome import Outcome
from sql.steps.runs import RunState, RunStatus, run_state
from tests import servers
from tests.proxy import Proxy, proxy
from tests.servers import Database
from tests.sql.steps import running
from tests.sql.steps.running import QUICK, flags, journal, story
from tests.waiting import until

TABLE = """
    CREATE TABLE t (id int PRIMARY KEY, a int, b int);
    INSERT INTO t SELECT i, i, i FROM generate_series(1, 99) i;
"""
SWAPPED = "ALTER TABLE t RENAME TO t_old; CREATE TABLE t (id int PRIMARY KEY, a int, b int)"
INDEX_I = "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indexrelid = to_regclass('public.i')"


def case(database: Database, **parameters: str) -> Case:
    """A profile that wants the index `i`."""
    manifest = Manifest("own", "Own", Path("own.toml"), indexes=(IndexEntry("CREATE INDEX i ON t (a)"),))
    connection = {**database.parameters(), **parameters}
    return Case(Profile("test", EnvironmentClass.STAGING, "own", connection=connection), read(manifest))


async def ended(run: str) -> RunState:
    await until(lambda: not claim.claimed(run), 60)
    found = run_state(journal(), run)
    assert found is not None
    return found


async def index_i(database: Database) -> str | None:
    connection = await database.connect()
    try:
        found = await connection.fetchval(INDEX_I)
        return str(found) if found else None
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("change", "stands"),
    [
        (SWAPPED, None),
        ("DROP TABLE t", None),
        ("ALTER TABLE t ALTER COLUMN a TYPE bigint", None),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON public.t USING btree (a)"),
        ("CREATE INDEX i ON t (b)", "CREATE INDEX i ON public.t USING btree (b)"),
        ("CREATE ROLE {name}; ALTER TABLE t OWNER TO {name}", None),
    ],
    ids=["swapped", "dropped", "retyped", "made by somebody", "another made by somebody", "another owner"],
)
async def test_what_changes_while_the_run_waits_for_its_turn_stops_it(
    database: Database, change: str, stands: str | None
) -> None:
    await database.execute(TABLE)
    look = await acting.prepare(case(database), None, ["create-index:i"])
    builder = await database.connect(application_name="pgdeck run of somebody")
    try:
        assert await advisory.try_lock(builder)
        run = await acting.launch(look, "create-index:i", None)
        await until(lambda: story(run, Event.BLOCKED))
        await database.execute(change.format(name=database.name))
    finally:
        await builder.close()
    found = await ended(run)
    if "OWNER" in change:
        await database.execute(f"DROP TABLE t; DROP ROLE {database.name}")
    assert found.state is RunStatus.REFUSED and "look at the plan again" in found.outcome["sentence"]
    assert not story(run, Event.STARTED)
    assert await index_i(database) == stands


@pytest.fixture
async def twin(newest: Database) -> AsyncIterator[Database]:
    """The same database, table for table, on another server."""
    cluster = servers.start(18)
    try:
        await servers.administer(cluster, f'CREATE DATABASE "{newest.name}"')
        yield Database(cluster, 18, newest.name)
    finally:
        cluster.remove()
        cluster.folder.parent.rmdir()


@pytest.fixture
async def wire(newest: Database) -> AsyncIterator[Proxy]:
    """An address that may lead to another server by and by."""
    async with proxy(newest.cluster) as made:
        yield made


async def test_another_server_answers_between_the_look_and_the_word(
    newest: Database, twin: Database, wire: Proxy
) -> None:
    for each in (newest, twin):
        await each.execute(TABLE)
    look = await acting.prepare(case(newest, host="127.0.0.1", port=str(wire.port)), None, ["create-index:i"])
    wire.lead_to(twin.cluster)
    with pytest.raises(acting.Changed, match="another server answers"):
        await acting.launch(look, "create-index:i", None)
    assert await index_i(newest) is None and await index_i(twin) is None
    assert not [entry for entry in journal().read() if entry.event == Event.CONFIRMED]


async def test_another_server_answers_between_the_word_and_the_act(
    newest: Database, twin: Database, wire: Proxy
) -> None:
    for each in (newest, twin):
        await each.execute(TABLE)
    where = case(newest, host="127.0.0.1", port=str(wire.port))
    look = await acting.prepare(where, None, ["create-index:i"])
    confirmed = look.of("create-index:i").step
    assert confirmed is not None
    wire.lead_to(twin.cluster)
    run = await acting.start(where.profile, None, confirmed, look.hash, identity=look.server)
    found = await ended(run)
    assert found.state is RunStatus.REFUSED and "is another server" in found.outcome["sentence"]
    assert not story(run, Event.STARTED)
    assert await index_i(newest) is None and await index_i(twin) is None


async def test_another_server_answers_in_the_middle_of_a_build(
    newest: Database, twin: Database, wire: Proxy
) -> None:
    await newest.execute(running.TABLE)
    # What stands on the other one is invalid, and no business of this run.
    await twin.execute(f"{running.TABLE} INSERT INTO t VALUES (9001, 1, 1)")
    with pytest.raises(Exception, match="could not create unique index"):
        await twin.execute("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)")
    stands = await flags(twin)
    assert stands is not None
    where = running.profile(newest, host="127.0.0.1", port=str(wire.port))
    connection = await newest.connect()
    identifier = str(await connection.fetchval("SELECT system_identifier FROM pg_control_system()"))
    await connection.close()
    run = running.start(
        newest,
        running.slow(),
        patience=replace(QUICK, unreachable_s=5.0),
        system_identifier=identifier,
        **{name: where.connection[name] for name in ("host", "port")},
    )
    await until(lambda: run.reached("building index"))
    wire.lead_to(twin.cluster)
    wire.cut()
    result = await run.result()
    assert result.outcome is Outcome.UNKNOWN and "another server" in result.sentence
    assert await flags(twin) == stands
