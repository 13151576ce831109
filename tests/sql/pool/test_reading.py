from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from profiles.manifest import PoolBudget
from sql.errors import ReadingError
from sql.findings import PoolFinding
from sql.pool.reading import read_pool
from sql.snapshots import PoolLimit, PoolReading
from tests.servers import Database
from tests.sql.sessions import session
from tests.waiting import until


@asynccontextmanager
async def backends(
    database: Database, count: int, application: str = "sales-api", user: str = "postgres"
) -> AsyncIterator[list[asyncpg.Connection]]:
    opened = [await database.connect(user, application_name=application) for _ in range(count)]
    try:
        yield opened
    finally:
        for connection in opened:
            connection.terminate()


@asynccontextmanager
async def role(database: Database, options: str = "") -> AsyncIterator[str]:
    name = f"r_{uuid.uuid4().hex[:8]}"
    await database.execute(f"CREATE ROLE {name} LOGIN {options}")
    try:
        yield name
    finally:

        async def dropped() -> bool:
            try:
                await database.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
            except asyncpg.PostgresError:
                return False
            return True

        await until(dropped)


async def read(database: Database, budget: PoolBudget | None = None, user: str = "postgres") -> PoolReading:
    async with session(database, user) as watching:
        return (await read_pool(watching, budget)).pool


def application(reading: PoolReading, name: str) -> tuple[int, int | None]:
    return next((use.used, use.budget) for use in reading.by_application if use.application == name)


def limit(reading: PoolReading, name: str) -> PoolLimit:
    return next(one for one in reading.limits if one.name == name)


@pytest.mark.hazard("POOL-03")
async def test_counts_backends_by_state_and_application_and_tells_our_own_apart(database: Database) -> None:
    budget = PoolBudget(size=4, max_overflow=6, applications=("sales-%",))
    async with backends(database, 3) as (idle, active, open_transaction):
        await open_transaction.execute("BEGIN; SELECT 1")
        await idle.execute("SELECT 1")
        running = active.execute("SELECT pg_advisory_lock(1), pg_sleep(600)")
        task = asyncio.create_task(running)
        reading = await until(lambda: _busy(database, budget))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert application(reading, "sales-api") == (3, 10)
    assert application(reading, "pgdeck watch") == (1, None)
    assert reading.own == 1
    assert reading.used == sum(reading.by_state.values())
    assert limit(reading, "pool budget") == PoolLimit("pool budget", 3, 10)
    assert reading.oldest_transaction_s is not None
    assert reading.finding is PoolFinding.OK
    assert not reading.states_hidden
    assert reading.detail == ""


async def _busy(database: Database, budget: PoolBudget) -> PoolReading | None:
    reading = await read(database, budget)
    # Two are active: the sleeper and the reading itself.
    states = reading.by_state
    return reading if states.get("idle in transaction") == 1 and states.get("active") == 2 else None


@pytest.mark.hazard("POOL-02")
async def test_capacity_is_max_connections_less_every_reserve(database: Database) -> None:
    reading = await read(database)
    assert (reading.limit, reading.reserved) == (60, 3)
    assert limit(reading, "max_connections").limit == 57


@pytest.mark.hazard("POOL-01")
async def test_an_unprivileged_role_counts_everyone_and_says_that_states_are_hidden(
    database: Database,
) -> None:
    async with role(database) as plain, backends(database, 5):
        seen = await read(database, PoolBudget(size=10, applications=("sales-%",)), plain)
    assert application(seen, "sales-api") == (5, 10)
    assert seen.by_state["hidden"] >= 5
    assert seen.states_hidden
    assert seen.oldest_transaction_s is None
    assert "pg_read_all_stats" in seen.detail


async def test_a_member_of_pg_monitor_sees_states(database: Database) -> None:
    async with role(database, "IN ROLE pg_monitor") as monitor, backends(database, 2):
        seen = await read(database, user=monitor)
    assert not seen.states_hidden
    assert "hidden" not in seen.by_state


async def test_lock_waits_are_counted_also_where_states_are_hidden(database: Database) -> None:
    await database.execute("CREATE TABLE t (a int)")
    async with role(database) as plain, backends(database, 2) as (holder, waiter):
        await holder.execute("BEGIN; LOCK TABLE t")
        waiting = asyncio.create_task(waiter.execute("SELECT * FROM t"))

        async def seen() -> bool:
            readings = [await read(database, user=user) for user in ("postgres", plain)]
            return [reading.waiting_on_locks for reading in readings] == [1, 1]

        await until(seen)
        await holder.execute("ROLLBACK")
        await waiting


@pytest.mark.hazard("POOL-02")
async def test_the_role_limit_bites_first(database: Database) -> None:
    async with role(database, "CONNECTION LIMIT 5") as few, backends(database, 4, user=few):
        seen = await read(database, PoolBudget(size=100, applications=("sales-%",)))
        assert seen.limits[0] == PoolLimit(f"role {few}", 4, 5)
        assert seen.finding is PoolFinding.TIGHT
        assert seen.detail == f"4 of 5 connections that CONNECTION LIMIT of role {few} allows are in use"
        async with backends(database, 1, user=few):
            full = await read(database)
    assert full.finding is PoolFinding.FULL


@pytest.mark.hazard("POOL-02")
async def test_the_database_limit_bites_first(database: Database) -> None:
    await database.execute(f'ALTER DATABASE "{database.name}" CONNECTION LIMIT 4')
    async with backends(database, 2):
        seen = await read(database)
    assert seen.limits[0] == PoolLimit(f"database {database.name}", 3, 4)
    assert seen.finding is PoolFinding.OK


async def test_the_budget_that_is_spent_is_named(database: Database) -> None:
    async with backends(database, 3):
        seen = await read(database, PoolBudget(size=2, max_overflow=1, applications=("sales-%",)))
    assert seen.finding is PoolFinding.FULL
    assert seen.detail.startswith("3 of 3 connections of the manifest's pool budget")


async def test_applications_of_another_database_do_not_draw_on_the_budget(
    database: Database, newest: Database
) -> None:
    if database.cluster is not newest.cluster:
        pytest.skip("two databases of one server are needed")
    async with backends(newest, 2):
        seen = await read(database, PoolBudget(size=2, applications=("%",)))
    assert limit(seen, "pool budget").used == 0
    assert application(seen, f"sales-api @ {newest.name}") == (2, None)


async def test_hostile_application_names_are_data(database: Database) -> None:
    hostile = "[/b]'; DROP TABLE t; -- \"%_\\"
    async with backends(database, 1, hostile):
        seen = await read(database, PoolBudget(size=9, applications=("[/b]%",)))
    assert application(seen, hostile) == (1, 9)


async def test_a_broken_pattern_is_said_not_swallowed(database: Database) -> None:
    async with backends(database, 1, "sales-api+"):
        with pytest.raises(ReadingError, match="escape"):
            await read(database, PoolBudget(size=1, applications=("sales-api\\",)))


async def test_a_revoked_view_names_its_grant(newest: Database) -> None:
    await newest.execute("REVOKE SELECT ON pg_catalog.pg_stat_activity FROM PUBLIC")
    async with role(newest) as plain:
        with pytest.raises(ReadingError) as caught:
            await read(newest, user=plain)
    assert caught.value.sqlstate == "42501"
    assert "pg_stat_activity" in caught.value.remedy


async def test_who_keeps_the_others_waiting_is_named_only_while_somebody_waits(database: Database) -> None:
    async with session(database) as watching, backends(database, 2) as (holder, waiter):
        sent = watching.statements
        assert (await read_pool(watching, None)).pool.root_blocker == ""
        quiet = watching.statements - sent
        await holder.execute("BEGIN; SELECT pg_advisory_lock(1)")
        task = asyncio.create_task(waiter.execute("SELECT pg_advisory_lock(1)"))

        async def waiting() -> PoolReading | None:
            reading = (await read_pool(watching, None)).pool
            return reading if reading.waiting_on_locks else None

        reading = await until(waiting)
        sent = watching.statements
        await read_pool(watching, None)
        assert watching.statements - sent == quiet + 1
        holder.terminate()
        await task
    assert reading.root_blocker == f"pid {holder_pid(reading)} sales-api (idle in transaction)"
    assert reading.running == 0


def holder_pid(reading: PoolReading) -> str:
    return reading.root_blocker.split()[1]


async def test_one_statement_reads_it_all(database: Database) -> None:
    async with session(database) as watching:
        await read_pool(watching, PoolBudget(size=2, applications=("%",)))
        assert watching.statements == 1


async def test_who_may_not_read_the_limits_is_told_the_rest_and_refused_once(newest: Database) -> None:
    await newest.execute("REVOKE SELECT ON pg_catalog.pg_roles FROM PUBLIC")
    budget = PoolBudget(size=9, applications=("sales-%",))
    async with (
        role(newest, "IN ROLE pg_monitor") as monitor,
        backends(newest, 3),
        session(newest, monitor) as watching,
    ):
        seen = (await read_pool(watching, budget)).pool
        assert application(seen, "sales-api") == (3, 9)
        assert "pg_catalog.pg_roles" in seen.detail
        sent = watching.statements
        await read_pool(watching, budget)
        assert watching.statements - sent == 1
        await newest.execute("GRANT SELECT ON pg_catalog.pg_roles TO PUBLIC")
        await read_pool(watching, budget)
        assert (await read_pool(watching, budget)).pool.detail == ""


async def test_who_may_not_read_locks_is_told_the_rest(newest: Database) -> None:
    await newest.execute("REVOKE SELECT ON pg_catalog.pg_locks FROM PUBLIC")
    async with role(newest) as plain, backends(newest, 3):
        seen = await read(newest, user=plain)
    assert application(seen, "sales-api") == (3, None)
    assert seen.waiting_on_locks is None
    assert "pg_catalog.pg_locks" in seen.detail


async def test_both_statements_give_the_same_columns(database: Database) -> None:
    async with session(database) as watching:
        every, rest = [(await watching.fetch(name, ["%"]))[0] for name in ("pool", "pool_without_limits")]
    assert list(every.keys()) == list(rest.keys())


async def test_a_role_is_counted_in_every_database_and_a_superuser_is_not_bound(
    database: Database, newest: Database
) -> None:
    if database.cluster is not newest.cluster:
        pytest.skip("two databases of one server are needed")
    async with (
        role(database, "CONNECTION LIMIT 9") as few,
        role(database, "SUPERUSER CONNECTION LIMIT 5") as su,
    ):
        async with (
            backends(database, 1, user=few),
            backends(newest, 2, user=few),
            backends(database, 1, user=su),
        ):
            seen = await read(database)
        async with backends(newest, 1, user=few):
            elsewhere = await read(database)
    assert limit(seen, f"role {few}") == PoolLimit(f"role {few}", 3, 9)
    assert [one.name for one in seen.limits if one.name.startswith("role")] == [f"role {few}"]
    assert not [one for one in elsewhere.limits if one.name.startswith("role")]
