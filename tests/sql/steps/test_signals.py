"""Only the backend, and the statement, that was meant is signalled; and the effect is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from sql.steps import signals
from sql.steps.blockers import Blocker, from_row
from sql.steps.journal import Event
from sql.steps.scribe import Scribe
from sql.steps.signals import Signal, Target, send, send_to_blocker
from tests.servers import Database
from tests.sql.steps import running
from tests.waiting import until

ACTIVITY = "SELECT * FROM pg_stat_activity WHERE pid = $1"


@pytest.fixture
async def mine(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await database.connect()
    yield connection
    await connection.close()


@pytest.fixture
async def busy(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A session in a long statement."""
    connection = await database.connect(application_name="busy")
    sleeping = asyncio.create_task(connection.execute("SELECT pg_sleep(600)"))
    yield connection
    connection.terminate()
    await asyncio.wait({sleeping})
    sleeping.exception()


async def target(mine: asyncpg.Connection, busy: asyncpg.Connection) -> Target:
    async def active() -> asyncpg.Record:
        row = await mine.fetchrow(ACTIVITY, busy.get_server_pid())
        return row if row and row["state"] == "active" else None

    row = await until(active)
    return Target(row["pid"], row["backend_start"], row["query_start"])


async def test_a_statement_is_cancelled_and_its_session_lives(
    mine: asyncpg.Connection, busy: asyncpg.Connection
) -> None:
    result = await send(mine, Signal.CANCEL, await target(mine, busy))
    assert (result.sent, result.effective) == (True, True)
    assert (await mine.fetchrow(ACTIVITY, busy.get_server_pid()))["state"] == "idle"


async def test_a_session_is_terminated(mine: asyncpg.Connection, busy: asyncpg.Connection) -> None:
    result = await send(mine, Signal.TERMINATE, await target(mine, busy))
    assert (result.sent, result.effective) == (True, True)
    assert await mine.fetchrow(ACTIVITY, busy.get_server_pid()) is None


@pytest.mark.hazard("DISC-10")
async def test_another_session_with_the_same_pid_is_left_alone(
    mine: asyncpg.Connection, busy: asyncpg.Connection
) -> None:
    meant = await target(mine, busy)
    other = replace(meant, backend_start=meant.backend_start - timedelta(hours=1))
    for signal in Signal:
        result = await send(mine, signal, other)
        assert not result.sent and "another session" in result.sentence
    assert (await mine.fetchrow(ACTIVITY, meant.pid))["state"] == "active"


@pytest.mark.hazard("DISC-10")
async def test_the_next_statement_of_the_same_session_is_left_alone(
    mine: asyncpg.Connection, busy: asyncpg.Connection
) -> None:
    meant = await target(mine, busy)
    assert meant.query_start is not None
    earlier = replace(meant, query_start=meant.query_start - timedelta(seconds=1))
    result = await send(mine, Signal.CANCEL, earlier)
    assert not result.sent and "another statement" in result.sentence


@pytest.mark.hazard("DISC-10")
async def test_an_idle_session_has_nothing_to_cancel(database: Database, mine: asyncpg.Connection) -> None:
    idle = await database.connect()
    try:
        row = await mine.fetchrow(ACTIVITY, idle.get_server_pid())
        result = await send(mine, Signal.CANCEL, Target(row["pid"], row["backend_start"]))
        assert not result.sent and "nothing to cancel" in result.sentence
    finally:
        await idle.close()


async def test_a_session_that_is_gone_is_said_to_be_gone(
    mine: asyncpg.Connection, busy: asyncpg.Connection
) -> None:
    meant = await target(mine, busy)
    await mine.execute(f"SELECT pg_terminate_backend({meant.pid})")
    await until(busy.is_closed)
    result = await send(mine, Signal.CANCEL, meant)
    assert not result.sent and "gone" in result.sentence


@pytest.mark.hazard("DISC-10")
async def test_without_the_right_nothing_is_sent(
    database: Database, mine: asyncpg.Connection, busy: asyncpg.Connection
) -> None:
    user = f"plain_{database.name}"
    await mine.execute(f"CREATE ROLE {user} LOGIN")
    plain = await database.connect(user)
    try:
        result = await send(plain, Signal.CANCEL, await target(mine, busy))
        assert not result.sent and "pg_read_all_stats" in result.sentence
        await mine.execute(f"GRANT pg_read_all_stats TO {user}")
        result = await send(plain, Signal.CANCEL, await target(mine, busy))
        assert not result.sent and "not allowed" in result.sentence
    finally:
        await plain.close()
        await mine.execute(f"DROP ROLE {user}")


async def test_it_is_journalled_before_it_is_sent(
    database: Database, mine: asyncpg.Connection, busy: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await target(mine, busy)
    blocker = from_row(await mine.fetchrow(ACTIVITY, busy.get_server_pid()))
    scribe = Scribe(running.journal(), running.profile(database), "r1", operator=running.OPERATOR)
    told_before: list[int] = []
    really = signals.send

    async def watched(*arguments: object, **named: object) -> object:
        told_before.append(len(running.story("r1", Event.CANCELLED)))
        return await really(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(signals, "send", watched)
    result = await send_to_blocker(mine, Signal.CANCEL, blocker, scribe)
    assert result.effective
    assert told_before == [1]
    first, second = running.story("r1", Event.CANCELLED)
    assert first.sql == f"SELECT pg_cancel_backend({blocker.pid})"
    assert second.detail["effect"]["effective"] is True


async def test_a_blocker_that_cannot_be_seen_is_not_signalled(
    database: Database, mine: asyncpg.Connection
) -> None:
    scribe = Scribe(running.journal(), running.profile(database), "r1")
    result = await send_to_blocker(mine, Signal.CANCEL, Blocker(pid=1), scribe)
    assert not result.sent and not running.story("r1")
