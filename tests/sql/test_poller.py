from __future__ import annotations

import asyncio
import math
import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from sql.demo.cluster import Cluster
from sql.errors import LoginError, ReadingError, SessionError
from sql.poller import LONGEST_WAIT_S, Poller, Reading, wait_before
from sql.pool.reading import read_pool
from sql.session import ANSWER_S, Session
from sql.snapshots import Event, Lost, PoolSnapshot, Unavailable
from tests import servers
from tests.servers import Database
from tests.sql.sessions import open_session
from tests.waiting import until


async def pool(session: Session) -> PoolSnapshot:
    return await read_pool(session, None)


@dataclass
class Watched:
    """A poller, and what it published."""

    database: Database
    readings: tuple[Reading, ...] = (Reading("pool", 0.01, pool),)
    user: str = "postgres"
    events: list[Event] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    fails_with: SessionError | None = None
    other: Database | None = None
    answer_s: float = ANSWER_S

    def __post_init__(self) -> None:
        self.poller = Poller(self.connect, self.readings, self.events.append, chance=lambda: 0.0)

    async def connect(self) -> Session:
        if self.fails_with is not None:
            raise self.fails_with
        session = await open_session(self.other or self.database, self.user, answer_s=self.answer_s)
        self.sessions.append(session)
        return session

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def next(self, kind: type[Event]) -> Event:
        """The first event of a kind published from now on."""
        seen = len(self.events)
        await until(lambda: any(isinstance(event, kind) for event in self.events[seen:]))
        return next(event for event in self.events[seen:] if isinstance(event, kind))


@asynccontextmanager
async def watching(watched: Watched) -> AsyncIterator[Watched]:
    task = asyncio.create_task(watched.poller.run())
    try:
        yield watched
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def backends(database: Database) -> int:
    connection = await database.connect()
    try:
        return await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()


async def test_publishes_readings_and_closes_its_session_when_cancelled(newest: Database) -> None:
    async with watching(Watched(newest)) as watched:
        await until(lambda: len(watched.of(PoolSnapshot)) >= 3)
    assert all(session.closed for session in watched.sessions)
    await until(lambda: _none(newest))


async def _none(database: Database) -> bool:
    return await backends(database) == 0


async def test_a_reading_never_overlaps_itself(newest: Database) -> None:
    running, most, done = 0, 0, 0

    async def slow(session: Session) -> PoolSnapshot:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await session.fetch_composed("SELECT pg_sleep(0.05)")
        snapshot = await pool(session)
        running -= 1
        done += 1
        return snapshot

    async with watching(Watched(newest, (Reading("pool", 0.0, slow),))) as watched:
        for _ in range(5):
            watched.poller.refresh()
            await watched.next(PoolSnapshot)
    assert most == 1
    assert done >= 5


async def test_a_terminated_backend_is_lost_and_comes_back(database: Database) -> None:
    async def held(session: Session) -> PoolSnapshot:
        await session.fetch_composed("SELECT pg_sleep(0.2)")
        return await pool(session)

    async with watching(Watched(database, (Reading("pool", 0.0, held),))) as watched:
        await until(lambda: watched.sessions)
        killer = await database.connect()

        async def terminated() -> bool:
            return bool(
                await killer.fetchval(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND query LIKE '%pg_sleep%' AND state = 'active'"
                    " AND pid <> pg_backend_pid()"
                )
            )

        await until(terminated)
        lost = await watched.next(Lost) if not watched.of(Lost) else watched.of(Lost)[0]
        assert isinstance(lost, Lost)
        assert lost.retry_in_s == 1.0
        await watched.next(PoolSnapshot)
        await killer.close()
    assert len(watched.sessions) == 2


async def test_a_frozen_server_is_given_up_and_found_again(newest: Database) -> None:
    control = await newest.connect()
    async with watching(Watched(newest, answer_s=0.5)) as watched:
        await watched.next(PoolSnapshot)
        frozen = await control.fetchval(
            "SELECT pid FROM pg_stat_activity"
            " WHERE application_name = 'pgdeck watch' AND datname = current_database()"
        )
        os.kill(frozen, signal.SIGSTOP)
        try:
            await watched.next(Lost)
            await watched.next(PoolSnapshot)
        finally:
            os.kill(frozen, signal.SIGCONT)
    await control.close()


@pytest.fixture
def own_server() -> Iterator[Cluster]:
    cluster = servers.start(18)
    yield cluster
    cluster.remove()
    cluster.folder.parent.rmdir()


async def test_a_server_that_stops_is_counted_down_and_found_again(own_server: Cluster) -> None:
    database = Database(own_server, 18, "postgres")
    async with watching(Watched(database)) as watched:
        await watched.next(PoolSnapshot)
        await asyncio.to_thread(own_server.stop)
        await until(lambda: len(watched.of(Lost)) >= 2)
        waits = [event.retry_in_s for event in watched.events if isinstance(event, Lost)]
        assert waits[:2] == [1.0, 2.0]
        await asyncio.to_thread(own_server.start)
        watched.poller.refresh()
        await watched.next(PoolSnapshot)
        await asyncio.to_thread(own_server.stop)
        await watched.next(Lost)
        # A reading succeeded in between: the countdown starts from one second again.
        assert next(event.retry_in_s for event in reversed(watched.of(Lost)) if event) in (1.0, 2.0)


async def test_another_database_under_the_same_name_stops_until_refresh(
    newest: Database, own_server: Cluster
) -> None:
    async with watching(Watched(newest)) as watched:
        await watched.next(PoolSnapshot)
        watched.other = Database(own_server, 18, "postgres")
        await servers.administer(
            newest.cluster,
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{newest.name}'",
        )
        await until(lambda: any(event.retry_in_s == math.inf for event in watched.of(Lost)))
        assert "watched before" in watched.of(Lost)[-1].reason
        connected = len(watched.sessions)
        assert watched.sessions[-1].closed
        seen = len(watched.of(PoolSnapshot))
        watched.poller.refresh()
        await until(lambda: len(watched.of(PoolSnapshot)) > seen)
    assert len(watched.sessions) == connected + 1


async def test_a_refused_login_is_not_hammered(newest: Database) -> None:
    watched = Watched(newest, fails_with=LoginError("password authentication failed", stage="login"))
    async with watching(watched):
        lost = await watched.next(Lost)
        assert isinstance(lost, Lost)
        assert lost.retry_in_s >= 60
        watched.fails_with = None
        watched.poller.refresh()
        await watched.next(PoolSnapshot)


async def test_a_missing_privilege_disables_the_reading_once_until_refresh(database: Database) -> None:
    name = f"r_{uuid.uuid4().hex[:8]}"
    await database.execute(
        f"CREATE TABLE secrets (a int); CREATE ROLE {name} LOGIN; GRANT SELECT ON secrets TO {name}"
    )
    tries = 0

    async def secrets(session: Session) -> PoolSnapshot:
        nonlocal tries
        tries += 1
        await session.fetch_composed("SELECT a FROM public.secrets")
        return await pool(session)

    readings = (Reading("indexes", 0.0, secrets), Reading("pool", 0.01, pool))
    async with watching(Watched(database, readings, name)) as watched:
        await watched.next(PoolSnapshot)
        assert not watched.of(Unavailable)
        await database.execute(f"REVOKE SELECT ON secrets FROM {name}")
        refused = (await until(lambda: watched.of(Unavailable)))[0]
        assert isinstance(refused, Unavailable)
        assert refused.part == "indexes"
        assert "permission denied" in refused.reason
        assert refused.remedy
        before = tries
        for _ in range(5):
            await watched.next(PoolSnapshot)
        assert tries == before
        assert len(watched.of(Unavailable)) == 1
        await database.execute(f"GRANT SELECT ON secrets TO {name}")
        watched.poller.refresh()
        await until(lambda: tries > before)
    await database.execute(f"DROP OWNED BY {name}")
    await until(lambda: _none(database))
    await database.execute(f"DROP ROLE {name}")


async def test_a_reading_that_fails_for_another_reason_is_tried_again(newest: Database) -> None:
    tries = 0

    async def late(session: Session) -> PoolSnapshot:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ReadingError("the time limit ran out", sqlstate="57014")
        return await pool(session)

    async with watching(Watched(newest, (Reading("pool", 0.0, late),))) as watched:
        await watched.next(PoolSnapshot)
    assert [event.reason for event in watched.of(Unavailable)] == ["the time limit ran out"] * 2


async def test_a_bug_reaches_the_caller(newest: Database) -> None:
    async def broken(session: Session) -> PoolSnapshot:
        raise KeyError("a bug")

    watched = Watched(newest, (Reading("pool", 0.0, pool), Reading("indexes", 0.0, broken)))
    with pytest.raises(KeyError, match="a bug"):
        await watched.poller.run()
    assert watched.sessions[0].closed


async def test_no_statement_is_sent_while_paused(newest: Database) -> None:
    async with watching(Watched(newest)) as watched:
        await watched.next(PoolSnapshot)
        watched.poller.pause()
        control = await newest.connect()
        query = (
            "SELECT query_start FROM pg_stat_activity"
            " WHERE application_name = 'pgdeck watch' AND datname = current_database() AND state = 'idle'"
        )
        quiet = await until(lambda: control.fetchval(query))
        seen = len(watched.events)
        watched.poller.refresh()
        for _ in range(50):
            assert await control.fetchval(query) == quiet
        assert len(watched.events) <= seen + 1
        watched.poller.resume()
        await watched.next(PoolSnapshot)
        await control.close()


def test_waits_grow_to_a_limit_and_never_below_the_schedule() -> None:
    waits = [wait_before(attempt, refused=False, chance=0.0) for attempt in range(1, 8)]
    assert waits == [1.0, 2.0, 4.0, 8.0, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]
    assert LONGEST_WAIT_S / 2 < wait_before(1000, refused=False, chance=1.0) < LONGEST_WAIT_S
    assert wait_before(1, refused=True, chance=0.0) >= 60
    assert wait_before(1, refused=True, chance=1.0) >= 60


def test_events_of_unchanged_readings_are_equal() -> None:
    first = Unavailable("pool", "why", taken_at=datetime.now(UTC))
    assert first == replace(first, taken_at=None)


async def test_a_reading_can_join_and_leave_while_the_watch_runs(newest: Database) -> None:
    async with watching(Watched(newest, readings=())) as watched:
        await until(lambda: bool(watched.sessions))
        watched.poller.join(Reading("pool", 0.01, pool))
        await watched.next(PoolSnapshot)
        taken: list[None] = []

        async def counted(session: Session) -> PoolSnapshot:
            taken.append(None)
            return await pool(session)

        watched.poller.join(Reading("pool", 0.0, counted))
        await until(lambda: len(taken) > 3)
        watched.poller.leave("pool")
        await watched.poller.ask(pool)
        count = len(taken)
        for _ in range(5):
            await watched.poller.ask(pool)
        assert len(taken) == count


async def test_a_question_is_answered_by_the_watching_session(newest: Database) -> None:
    async with watching(Watched(newest)) as watched:
        await watched.next(PoolSnapshot)
        assert isinstance(await watched.poller.ask(pool), PoolSnapshot)
        assert await backends(newest) == 1
        watched.poller.pause()
        with pytest.raises(ReadingError, match="paused"):
            await watched.poller.ask(pool)


async def test_nobody_answers_where_there_is_no_session(newest: Database) -> None:
    watched = Watched(newest)
    with pytest.raises(SessionError, match="out of reach"):
        await watched.poller.ask(pool)
    watched.fails_with = SessionError("gone")
    async with watching(watched):
        await watched.next(Lost)
        with pytest.raises(SessionError, match="out of reach"):
            await watched.poller.ask(pool)


async def test_a_reading_that_joined_is_taken_again_after_a_lost_session(newest: Database) -> None:
    async with watching(Watched(newest, readings=())) as watched:
        await until(lambda: bool(watched.sessions))
        watched.poller.join(Reading("pool", 0.01, pool))
        await watched.next(PoolSnapshot)
        await newest.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await until(lambda: bool(watched.of(Lost)))
        await until(lambda: len(watched.sessions) == 2)
        await watched.next(PoolSnapshot)
