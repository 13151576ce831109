"""Slow runs on a standby and behind a transaction pooler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest

from profiles.manifest import ProbeEntry, Target
from profiles.model import EnvironmentClass, Profile
from sql.connect import connect
from sql.latency.evidence import Cause, Incident
from sql.latency.incidents import Incidents
from sql.latency.messages import Message, Overdue
from sql.latency.prober import Prober
from sql.session import Session
from tests import servers
from tests.servers import Database
from tests.sql.holding import open_transaction, until_true
from tests.sql.latency.slow import scene
from tests.sql.latency.targets import DASHBOARD, SCHEMA
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


POOLED = pytest.mark.skipif(
    PGBOUNCER is None, reason="no pgbouncer here; get it with: apt-get install pgbouncer"
)


class Deck:
    """A prober behind a pooler, and who explains its slow runs."""

    def __init__(self, session: Session, prober: Prober, *probes: ProbeEntry) -> None:
        self.heard: list[Message] = []
        self.asked: list[str] = []
        """Names of the statements of the watching session, in their order."""
        self._fetch = session.fetch
        session.fetch = self._noted  # type: ignore[method-assign]
        self.incidents = Incidents(probes, lambda fetch: fetch(session), lambda _: None)
        prober.listen(self.incidents.hear)
        prober.listen(lambda message, at: self.heard.append(message))

    async def _noted(self, name: str, *arguments: object) -> list[asyncpg.Record]:
        self.asked.append(name)
        return await self._fetch(name, *arguments)

    @property
    def all(self) -> tuple[Incident, ...]:
        """What is kept, the newest first."""
        return self.incidents.list.snapshot.incidents


@asynccontextmanager
async def deck_through(connection: Mapping[str, str], *probes: ProbeEntry) -> AsyncIterator[Deck]:
    """A deck that measures, until left."""
    through = Profile("test", EnvironmentClass.DEVELOPMENT, "none", connection=connection)
    await until(lambda: _opens(through))
    session = await connect(through, None)
    assert session.identity.pooler is not None
    async with Prober() as prober:
        made = Deck(session, prober, *probes)
        looking = asyncio.create_task(made.incidents.run())
        try:
            await prober.start(through, None, probes, lambda event: None)
            await until(lambda: len(made.heard) > 5)
            yield made
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await session.close()


@POOLED
async def test_behind_a_transaction_pooler_the_backend_is_found(newest: Database) -> None:
    await newest.execute(SCHEMA)
    with bouncer(newest, default_pool_size="4") as parameters:
        async with deck_through(parameters, DASHBOARD) as deck:
            async with open_transaction(newest, "LOCK TABLE leads") as holder:
                await until(lambda: any(each.ms >= 600 for each in deck.all))
                pid = holder.get_server_pid()
            await until(lambda: not any(each.running for each in deck.all))
    locked = [each for each in deck.all if each.cause is Cause.LOCK]
    assert f"held by pid {pid}" in locked[0].sentence
    # Who holds the lock is asked for once a second, not in every look.
    assert deck.asked.count("incident_blockers") < deck.asked.count("incident_look") / 2


@POOLED
async def test_behind_one_pooler_no_deck_explains_its_runs_by_those_of_another(
    newest: Database,
) -> None:
    await newest.execute(SCHEMA)
    busy = ProbeEntry("busy", "SELECT count(*) FROM generate_series(1, 500000)", Target(p99_ms=20))
    locking = replace(DASHBOARD, target=Target(p99_ms=20))
    with bouncer(newest, default_pool_size="8") as parameters:
        async with deck_through(parameters, locking) as one, deck_through(parameters, busy) as other:
            async with open_transaction(newest, "LOCK TABLE leads"):
                await until(lambda: any(each.ms >= 600 for each in one.all))
                seen = sum(each.looked_into for each in other.all)
                await until(lambda: sum(each.looked_into for each in other.all) > seen + 2)
            await until(lambda: not any(each.running for each in one.all))
    locked = next(each for each in one.all if each.ms >= 600)
    assert Cause.CPU not in {share.cause for share in locked.evidence.shares}
    assert {each.evidence.lock for each in other.all} == {None}
    assert Cause.LOCK not in {share.cause for each in other.all for share in each.evidence.shares}


@POOLED
async def test_the_two_connections_of_one_deck_are_told_apart_behind_a_pooler(newest: Database) -> None:
    await newest.execute(SCHEMA)
    busy = ProbeEntry("busy", "SELECT count(*) FROM generate_series(1, 2000000)", Target(p99_ms=20))
    locking = replace(DASHBOARD, target=Target(p99_ms=20))
    with bouncer(newest, default_pool_size="8") as parameters:
        async with deck_through(parameters, locking, busy) as deck:
            await until(lambda: len(_places(deck)) > 1)
            async with open_transaction(newest, "LOCK TABLE leads"):
                await until(lambda: any(each.ms >= 600 and each.probe == locking.name for each in deck.all))
            await until(lambda: not any(each.running for each in deck.all))
    locked = [each for each in deck.all if each.probe == locking.name and each.ms >= 600]
    assert Cause.CPU not in {share.cause for share in locked[0].evidence.shares}


def _places(deck: Deck) -> set[str]:
    return {each.application for each in deck.heard if isinstance(each, Overdue)}


async def _opens(through: object) -> bool:
    from sql.errors import SessionError

    try:
        session = await connect(through, None)  # type: ignore[arg-type]
    except SessionError:
        return False
    await session.close()
    return True
