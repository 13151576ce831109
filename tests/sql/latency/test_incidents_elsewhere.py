"""Slow runs on a standby and behind a transaction pooler."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sql.connect import connect
from sql.latency.evidence import Cause
from sql.latency.incidents import Incidents
from sql.latency.prober import Prober
from tests import servers
from tests.servers import Database
from tests.sql.holding import open_transaction, until_true
from tests.sql.latency.slow import scene
from tests.sql.latency.targets import DASHBOARD, SCHEMA, profile
from tests.sql.standbys import primary, standby_of
from tests.sql.test_pooler import PGBOUNCER, bouncer
from tests.waiting import until


@pytest.fixture(params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database]]:
    """A primary with the leads, and its standby."""
    with primary(request.param) as first:
        asyncio.run(first.execute(SCHEMA))
        with standby_of(first) as second:
            yield first, second


async def test_on_a_standby_the_lock_of_the_primary_is_named(pair: tuple[Database, Database]) -> None:
    first, second = pair
    replayed = (
        "SELECT EXISTS (SELECT FROM pg_locks"
        " WHERE mode = 'AccessExclusiveLock' AND relation = 'leads'::regclass)"
    )
    async with scene(second) as made:
        async with open_transaction(first, "LOCK TABLE leads"):
            await first.execute("CHECKPOINT")  # flushes what tells of the lock
            await until_true(second, replayed)
            running = asyncio.create_task(made.run())
            await made.seen_for(450)
        await running
    incident = made.newest
    assert incident.cause is Cause.LOCK
    assert "the startup process, which replays a lock of the primary" in incident.sentence


@pytest.mark.skipif(PGBOUNCER is None, reason="no pgbouncer here; get it with: apt-get install pgbouncer")
async def test_behind_a_transaction_pooler_the_backend_is_found(newest: Database) -> None:
    await newest.execute(SCHEMA)
    with bouncer(newest, default_pool_size="4") as parameters:
        through = replace(profile(newest), connection=parameters)
        await until(lambda: _opens(through))
        session = await connect(through, None)
        assert session.identity.pooler is not None
        incidents = Incidents((DASHBOARD,), lambda fetch: fetch(session), lambda _: None)
        looking = asyncio.create_task(incidents.run())
        heard: list[object] = []
        async with Prober() as prober:
            prober.listen(incidents.hear)
            prober.listen(lambda message, at: heard.append(message))
            await prober.start(through, None, (DASHBOARD,), lambda event: None)
            await until(lambda: len(heard) > 5)
            async with open_transaction(newest, "LOCK TABLE leads") as holder:
                await until(lambda: any(each.ms >= 600 for each in incidents.list.snapshot.incidents))
                pid = holder.get_server_pid()
            await until(lambda: not any(each.running for each in incidents.list.snapshot.incidents))
        locked = [each for each in incidents.list.snapshot.incidents if each.cause is Cause.LOCK]
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await session.close()
    assert f"held by pid {pid}" in locked[0].sentence


async def _opens(through: object) -> bool:
    from sql.errors import SessionError

    try:
        session = await connect(through, None)  # type: ignore[arg-type]
    except SessionError:
        return False
    await session.close()
    return True
