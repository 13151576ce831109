"""What a DBA set on server, database and role breaks no step, not even one that loses its connection."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sql.steps.journal import Event
from sql.steps.outcome import Outcome
from sql.steps.step import Step
from tests import servers
from tests.proxy import proxy
from tests.servers import Database
from tests.sql.steps import running
from tests.sql.steps.running import TABLE, flags, story
from tests.waiting import until

USER = "hostile"
HOSTILE = {
    "lock_timeout": "50ms",
    "statement_timeout": "300ms",
    "idle_in_transaction_session_timeout": "50ms",
    "default_transaction_read_only": "on",
}
SINCE = {14: {"client_connection_check_interval": "100ms"}, 17: {"transaction_timeout": "300ms"}}


def hostile_to(major: int) -> dict[str, str]:
    """All that this major knows."""
    later = [settings for since, settings in SINCE.items() if major >= since]
    return {name: value for settings in (HOSTILE, *later) for name, value in settings.items()}


@pytest.fixture(params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
async def hostile(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """A filled database; then everything is set, on the server, on the database and on the role."""
    major = request.param
    if servers.binaries(major) is None:
        pytest.skip(servers.how_to_get(major))
    cluster = servers.start(major)
    try:
        database = await servers.new_database(cluster, major)
        await database.execute(f"{TABLE} CREATE ROLE {USER} LOGIN SUPERUSER")
        connection = await database.connect()
        for name, value in hostile_to(major).items():
            await connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            for whom in (f"DATABASE {database.name}", f"ROLE {USER}"):
                await connection.execute(f"ALTER {whom} SET {name} = '{value}'")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()
        yield database
    finally:
        cluster.remove()
        cluster.folder.parent.rmdir()


async def test_the_settings_would_break_a_naive_build(hostile: Database) -> None:
    connection = await hostile.connect(USER)
    with pytest.raises(Exception, match="read-only transaction"):
        await connection.execute("CREATE INDEX CONCURRENTLY i ON t (slow(a))")
    await connection.execute("SET default_transaction_read_only = off")
    with pytest.raises(Exception, match=r"statement timeout|transaction timeout|closed in the middle"):
        await connection.execute("CREATE INDEX CONCURRENTLY i ON t (slow(a))")
    connection.terminate()
    assert await flags(hostile) not in (None, (True, True, True))


async def test_a_build_outlives_them_and_the_loss_of_its_connection(hostile: Database) -> None:
    async with proxy(hostile.cluster) as wire:
        where = {"host": "127.0.0.1", "port": str(wire.port)}
        run = running.start(hostile, running.slow(), user=USER, **where)
        await until(lambda: run.reached("building index"))
        wire.cut()
        result = await run.result()
    assert result.outcome is Outcome.DONE, result.sentence
    assert any(entry.detail["phase"] == "connection lost" for entry in story("r1", Event.PROGRESS))
    assert await flags(hostile) == (True, True, True)


@pytest.mark.parametrize(
    "steps",
    [
        (running.create(), running.drop()),
        (running.add_check(definition="CHECK (slow(a) > 0)"), running.validate(), running.drop_check()),
    ],
    ids=["index", "constraint"],
)
async def test_every_kind_of_step_outlives_them(hostile: Database, steps: tuple[Step, ...]) -> None:
    for step in steps:
        run = running.start(hostile, step, user=USER, run=step.id)
        result = await run.result()
        assert result.outcome is Outcome.DONE, result.sentence
        assert result.verified is not None and result.verified.reached, result.verified
