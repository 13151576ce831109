from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from sql.demo.cluster import Cluster
from sql.errors import ReadingError
from sql.slow_statements import NEW_TEXTS_S, SlowStatement, SlowStatements, SlowStatementsSnapshot
from tests import servers
from tests.servers import Database
from tests.sql.requiring import requirements
from tests.sql.sessions import session
from tests.waiting import until

LEADS = "CREATE TABLE leads (id int, status text); CREATE TABLE misleads (id int)"
REQUIRED = requirements(["CREATE INDEX i ON leads (status)"])


@pytest.fixture(scope="module", params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
def counting(request: pytest.FixtureRequest) -> Iterator[tuple[Cluster, int]]:
    """A server that keeps the fewest statements that it can."""
    if servers.binaries(request.param) is None:
        pytest.skip(servers.how_to_get(request.param))
    settings = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.max": "100"}
    cluster = servers.start(request.param, **settings)
    yield cluster, request.param
    cluster.remove()
    cluster.folder.parent.rmdir()


@pytest.fixture
async def counted(counting: tuple[Cluster, int]) -> AsyncIterator[Database]:
    database = await servers.new_database(*counting)
    await database.execute(
        'CREATE SCHEMA "Ext"; CREATE EXTENSION pg_stat_statements SCHEMA "Ext"; '
        'SELECT "Ext".pg_stat_statements_reset(); ' + LEADS
    )
    yield database
    await servers.drop_database(database)


@asynccontextmanager
async def application(database: Database, user: str = "postgres") -> AsyncIterator[asyncpg.Connection]:
    connection = await database.connect(user)
    yield connection
    await connection.close()


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def texts(snapshot: SlowStatementsSnapshot) -> list[str]:
    return [each.text for each in snapshot.statements]


def sleeping(snapshot: SlowStatementsSnapshot) -> SlowStatement | None:
    return next((each for each in snapshot.statements if "pg_sleep" in each.text), None)


@pytest.mark.hazard("LAT-07")
async def test_the_statements_on_the_manifests_tables_are_listed_the_slowest_first(counted: Database) -> None:
    async with session(counted) as watching, application(counted) as app:
        await app.execute("INSERT INTO leads SELECT i, 'new' FROM generate_series(1, 1000) i")
        for _ in range(3):
            await app.fetch("SELECT count(*) FROM leads WHERE status = 'new'")
        await app.fetch("SELECT count(*) FROM leads, pg_sleep(0.1)")
        await app.fetch("SELECT count(*) FROM misleads")
        await app.fetch("EXPLAIN SELECT count(*) FROM leads WHERE id = 1")
        clock = Clock()
        read = SlowStatements(REQUIRED, clock)
        first = await read(watching)
        assert not any("misleads (" in text or "FROM misleads" in text for text in texts(first))
        assert not any("EXPLAIN" in text for text in texts(first))
        slowest = first.statements[0]
        assert "pg_sleep" in slowest.text and slowest.mean_ms >= 100 and slowest.totals.calls == 1
        assert 0.3 < slowest.share <= 1
        assert slowest.now is None
        clock.at += 5
        for _ in range(4):
            await app.fetch("SELECT count(*) FROM leads WHERE status = 'old'")
        second = await read(watching)
        (counting_one,) = [each for each in second.statements if "status = $1" in each.text]
        assert counting_one.totals.calls == 7
        assert counting_one.now is not None and counting_one.now.calls == 4
        assert counting_one.mean_now_ms is not None
        assert counting_one.totals.hit > 0


@pytest.mark.hazard("LAT-07")
async def test_a_reset_is_recognised_where_the_server_tells_of_it(counted: Database) -> None:
    async with session(counted) as watching, application(counted) as app:
        for _ in range(5):
            await app.fetch("SELECT count(*) FROM leads")
        clock = Clock()
        read = SlowStatements(REQUIRED, clock)
        await read(watching)
        await app.fetch('SELECT "Ext".pg_stat_statements_reset()')
        for _ in range(7):
            await app.fetch("SELECT count(*) FROM leads")
        clock.at += 5
        after = await read(watching)
        (statement,) = [each for each in after.statements if "count(*) FROM leads" in each.text]
        assert statement.totals.calls == 7
        if counted.major >= 14:
            assert after.reset_seen and after.since is not None and statement.now is None
        else:
            assert after.since is None


@pytest.mark.hazard("LAT-07")
async def test_evictions_are_told(counted: Database) -> None:
    async with session(counted) as watching, application(counted) as app:
        read = SlowStatements(REQUIRED, Clock())
        assert (await read(watching)).evicted == 0
        for columns in range(1, 251):
            await app.fetch("SELECT " + ", ".join("1" * columns))
        snapshot = await read(watching)
        assert snapshot.most == 100
        assert (snapshot.evicted > 0) is (counted.major >= 14)


async def test_a_statement_that_was_evicted_and_counted_past_its_old_value_is_not_told_of(
    counted: Database,
) -> None:
    async with session(counted) as watching, application(counted) as app:
        await app.fetch("SELECT count(*) FROM leads, pg_sleep(0.2)")
        clock = Clock()
        read = SlowStatements(REQUIRED, clock)
        before = sleeping(await read(watching))
        assert before is not None
        columns = iter(range(1, 1000))

        async def is_evicted() -> bool:
            for _ in range(20):
                await app.fetch("SELECT " + ", ".join("1" * next(columns)))
            return sleeping(await read(watching)) is None

        await until(is_evicted)
        for _ in range(3):
            await app.fetch("SELECT count(*) FROM leads, pg_sleep(0.1)")
        clock.at += 5
        after = sleeping(await read(watching))
        assert after is not None and after.query_id == before.query_id
        assert after.totals.calls > before.totals.calls
        assert after.totals.total_ms > before.totals.total_ms
        assert after.now is None


@pytest.mark.hazard("LAT-07")
async def test_what_a_role_may_not_see_is_counted(counted: Database) -> None:
    role = f"low_{counted.name}"
    await counted.execute(f'CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA "Ext" TO {role}')
    try:
        async with application(counted) as app, session(counted, role) as watching:
            await app.fetch("SELECT count(*) FROM leads")
            snapshot = await SlowStatements(REQUIRED)(watching)
            assert snapshot.statements == () and snapshot.hidden > 0
    finally:
        await counted.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_own_calls_are_told_apart(counted: Database) -> None:
    role = f"app_{counted.name}"
    await counted.execute(f"CREATE ROLE {role} LOGIN; GRANT SELECT ON leads TO {role}")
    try:
        async with (
            session(counted) as watching,
            application(counted, role) as app,
            application(counted) as us,
        ):
            for each in (app, app, us):
                await each.fetch("SELECT max(id) FROM leads")
            snapshot = await SlowStatements(REQUIRED)(watching)
            (statement,) = [each for each in snapshot.statements if "max(id)" in each.text]
            assert (statement.totals.calls, statement.totals.own_calls) == (3, 1)
    finally:
        await counted.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.hazard("LAT-07")
async def test_a_missing_extension_says_how_to_get_it(newest: Database) -> None:
    async with session(newest) as watching:
        with pytest.raises(ReadingError, match="not installed") as caught:
            await SlowStatements(REQUIRED)(watching)
        assert "CREATE EXTENSION" in caught.value.remedy
        await newest.execute("CREATE EXTENSION pg_stat_statements")
        with pytest.raises(ReadingError, match="not loaded") as caught:
            await SlowStatements(REQUIRED)(watching)
        assert "shared_preload_libraries" in caught.value.remedy


async def test_a_role_of_any_name_can_read_them(counted: Database) -> None:
    role = f'Odd "Role" {counted.name}'
    quoted = '"' + role.replace('"', '""') + '"'
    await counted.execute(
        f"CREATE ROLE {quoted} LOGIN; GRANT SELECT ON leads TO {quoted};"
        f' GRANT USAGE ON SCHEMA "Ext" TO {quoted}'
    )
    try:
        async with application(counted, role) as app, session(counted, role) as watching:
            await app.fetch("SELECT max(id) FROM leads")
            snapshot = await SlowStatements(REQUIRED)(watching)
            (statement,) = [each for each in snapshot.statements if "max(id)" in each.text]
            assert (statement.totals.calls, statement.totals.own_calls) == (1, 1)
    finally:
        await counted.execute(f"DROP OWNED BY {quoted}; DROP ROLE {quoted}")


async def test_texts_are_read_seldom_and_only_those_that_name_a_table(counted: Database) -> None:
    async with session(counted) as watching, application(counted) as app:
        await app.fetch("SELECT count(*) FROM leads")
        await app.fetch("SELECT count(*) FROM misleads, pg_class")
        fetch, texts_read = watching.fetch_composed, []

        async def noted(sql: str, *arguments: object) -> list[asyncpg.Record]:
            rows = await fetch(sql, *arguments)
            if "text" in sql:
                texts_read.append([row["text"] for row in rows])
            return rows

        watching.fetch_composed = noted  # type: ignore[method-assign]
        clock = Clock()
        read = SlowStatements(REQUIRED, clock)
        await read(watching)
        assert not any("pg_extension" in text for text in texts_read[0] if text)
        for columns in range(2, 6):
            clock.at += 1
            await app.fetch("SELECT " + ", ".join("1" * columns) + " FROM leads")
            await read(watching)
        assert len(texts_read) == 1
        clock.at += NEW_TEXTS_S
        assert any("SELECT $1, $2, $3, $4, $5" in text for text in texts(await read(watching)))
        assert len(texts_read) == 2


async def test_a_password_in_a_statement_that_the_server_does_not_normalise_is_not_shown(
    counted: Database,
) -> None:
    role = f"leads_{counted.name}"
    await counted.execute(f"CREATE ROLE {role}")
    try:
        async with session(counted) as watching, application(counted) as app:
            await app.execute(f"ALTER ROLE {role} /* leads */ PASSWORD 'hunter2'")
            await app.fetch("SELECT count(*) FROM leads WHERE status = 'password'")
            found = texts(await SlowStatements(REQUIRED)(watching))
        assert any("count(*) FROM leads" in text for text in found)
        assert not any("hunter2" in text or "PASSWORD" in text for text in found)
    finally:
        await counted.execute(f"DROP ROLE {role}")
