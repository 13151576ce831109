"""Who holds the connections, how the budget is kept, and what was added since the reading before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from profiles.manifest import PoolBudget
from sql.pool.use import GROUPINGS, PoolGroup, PoolUse, PoolUseSnapshot
from tests.servers import Database
from tests.sql.pool.test_reading import backends, role
from tests.sql.sessions import session
from tests.waiting import until

BUDGET = PoolBudget(2, 8, 30, 0.0, 0.0, ("sales-%",))
"""Everything is older and longer than it should be."""


async def use(
    database: Database, budget: PoolBudget | None = BUDGET, user: str = "postgres"
) -> PoolUseSnapshot:
    async with session(database, user) as watching:
        return await PoolUse(budget)(watching)


def group(found: PoolUseSnapshot, grouping: str, name: str) -> PoolGroup:
    return next(each for each in found.groups[grouping] if each.name == name)


@asynccontextmanager
async def asleep(connection: asyncpg.Connection) -> AsyncIterator[None]:
    task = asyncio.ensure_future(connection.execute("SELECT pg_sleep(600)"))
    try:
        yield
    finally:
        connection.terminate()
        await asyncio.wait({task})
        task.exception()


async def test_backends_are_counted_in_five_ways_at_once(database: Database) -> None:
    async with backends(database, 3) as (idle, in_transaction, other), asleep(other):
        await idle.execute("SELECT 1")
        await in_transaction.execute("BEGIN")

        async def settled() -> PoolUseSnapshot | None:
            found = await use(database)
            return found if group(found, "application", "sales-api").active == 1 else None

        found = await until(settled)
    ours = group(found, "application", "sales-api")
    assert (ours.used, ours.active, ours.idle, ours.in_transaction) == (3, 1, 1, 1)
    assert ours.oldest_connection is not None and ours.oldest_connection <= found.server_time
    assert group(found, "database", database.name).used >= 4
    assert group(found, "role", "postgres").used >= 4
    assert group(found, "client", "local socket").used >= 4
    totals = {sum(each.used for each in found.groups[name]) for name in GROUPINGS}
    assert len(totals) == 1, "each way counts everybody"


async def test_the_budget_says_who_is_older_and_longer_than_it_allows(database: Database) -> None:
    async with backends(database, 3) as (idle, in_transaction, other), asleep(other):
        await idle.execute("SELECT 1")
        await in_transaction.execute("BEGIN")

        async def settled() -> PoolUseSnapshot | None:
            found = await use(database)
            return found if found.budget is not None and found.budget.over_query_timeout == 1 else None

        sleeper = other.get_server_pid()
        held = (await until(settled)).budget
        assert held is not None
        generous = (await use(database, PoolBudget(2, 8, 30, 3600, 3600, ("sales-%",)))).budget
    assert (held.held, held.seen, held.over_recycle, held.idle_over_recycle) == (3, 3, 3, 1)
    assert (held.over_query_timeout, held.longest_query_pid) == (1, sleeper)
    assert held.in_transaction == 1 and held.in_transaction_since is not None
    assert generous is not None
    assert (generous.over_recycle, generous.over_query_timeout) == (0, 0)


async def test_without_applications_there_is_no_budget_to_compare(newest: Database) -> None:
    assert (await use(newest, None)).budget is None
    assert (await use(newest, PoolBudget(20))).budget is None


async def test_before_14_new_sessions_that_are_hidden_are_not_said_to_be_none(database: Database) -> None:
    async with role(database) as low, backends(database, 2):
        traffic = (await use(database, BUDGET, low)).traffic
    assert traffic.young is None


async def test_new_sessions_are_counted_between_two_readings(database: Database) -> None:
    async with session(database) as watching:
        reading = PoolUse(BUDGET)
        first = await reading(watching)
        assert first.own is None and first.traffic.new_per_min is None
        if database.major < 14:
            async with backends(database, 2):
                assert ((await reading(watching)).traffic.young or 0) >= 2
            return
        async with backends(database, 3):

            async def counted() -> PoolUseSnapshot | None:
                found = await reading(watching)
                return found if found.traffic.new_per_min else None

            found = await until(counted, timeout=20)
    assert found.traffic.new_per_min is not None and found.traffic.new_per_min > 0
    assert found.traffic.broken is not None


async def test_what_pgdeck_itself_costs_is_counted_where_it_is_sent(newest: Database) -> None:
    async with session(newest) as watching:
        reading = PoolUse(BUDGET)
        sent = watching.statements
        await reading(watching)
        assert watching.statements - sent == 3
        assert watching.answered_s > 0

        async def told() -> PoolUseSnapshot | None:
            found = await reading(watching)
            return found if found.own is not None else None

        found = await until(told)
    assert found.own is not None and found.own.statements_per_s > 0 < found.own.answered_ms_per_s


async def test_the_rows_of_leads_are_estimated_where_they_were_analysed(database: Database) -> None:
    assert (await use(database)).traffic.table_rows is None
    await database.execute("CREATE TABLE leads (id int); INSERT INTO leads SELECT generate_series(1, 12000)")
    await database.execute("ANALYZE leads")
    traffic = (await use(database)).traffic
    assert traffic.table_rows == 12000
    assert traffic.read_share is not None and 0 <= traffic.read_share <= 1


async def test_an_unchanged_reading_is_equal(newest: Database) -> None:
    async with session(newest) as watching, backends(newest, 1) as (idle,):
        await idle.execute("SELECT 1")
        first, again = await PoolUse(BUDGET)(watching), await PoolUse(BUDGET)(watching)
    assert first.budget == again.budget


async def test_without_privileges_numbers_are_seen_and_ages_are_not(database: Database) -> None:
    async with role(database) as stranger, backends(database, 2):
        found = await use(database, user=stranger)
    assert found.budget is not None
    assert (found.budget.held, found.budget.seen) == (2, 0)
    assert group(found, "state", "hidden").used >= 2
    assert group(found, "application", "sales-api").used == 2
