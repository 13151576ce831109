"""Runs on wrong servers, and on servers and networks that go away in the middle."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from typing import Any

import pytest

from sql.snapshots import Pooler
from sql.steps import links
from sql.steps.journal import Event
from sql.steps.outcome import Outcome
from tests import servers
from tests.accidents import promote
from tests.proxy import proxy
from tests.servers import Database
from tests.sql.standbys import primary, standby_of
from tests.sql.steps import running
from tests.sql.steps.running import QUICK, TABLE, flags, profile, start, start_on, transaction
from tests.sql.test_pooler import PGBOUNCER, bouncer, listens
from tests.waiting import until

USABLE = (True, True, True)


async def ask(database: Database, sql: str, *arguments: object) -> Any:
    connection = await database.connect()
    try:
        return await connection.fetchval(sql, *arguments)
    finally:
        await connection.close()


@pytest.mark.hazard("DISC-09")
async def test_a_terminated_backend_is_found_out_and_tidied_up_after(database: Database) -> None:
    await database.execute(TABLE)
    run = start(database, running.slow())
    await until(lambda: run.reached("building index"))
    pid = run.told(Event.STARTED)[0].detail["pid"]
    await database.execute(f"SELECT pg_terminate_backend({pid})")
    result = await run.result()
    assert result.outcome is Outcome.FAILED
    assert await flags(database) is None
    assert run.told(Event.VERIFIED)[0].detail["reached"] is False


@pytest.mark.hazard("DISC-11")
async def test_a_monitor_that_is_terminated_comes_back(database: Database) -> None:
    await database.execute(TABLE)
    run = start(database, running.slow())
    await until(lambda: run.reached("building index"))
    watcher = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgdeck watch r1'"
    first = await ask(database, watcher)
    await database.execute(f"SELECT pg_terminate_backend({first})")

    async def another() -> bool:
        return await ask(database, watcher) not in (None, first)

    await until(another)
    run.stop.ask("alice")
    assert (await run.result()).outcome is Outcome.CANCELLED
    assert await flags(database) is None


@pytest.mark.hazard("DISC-09")
async def test_a_server_that_restarts_during_a_build(newest: Database) -> None:
    with running.own_server() as cluster:
        database = await servers.new_database(cluster, 18)
        await database.execute(TABLE)
        run = start(database, running.slow())
        await until(lambda: run.reached("building index"))
        await asyncio.to_thread(cluster.stop)
        await asyncio.to_thread(cluster.start)
        result = await run.result()
        assert result.outcome is Outcome.FAILED, result.sentence
        assert await flags(database) is None


CHATTY = """
    CREATE OR REPLACE FUNCTION slow(int) RETURNS int IMMUTABLE STRICT LANGUAGE plpgsql
        AS 'BEGIN RAISE NOTICE ''hello''; PERFORM pg_sleep(0.01); RETURN $1; END';
"""


@pytest.mark.hazard("DISC-01")
@pytest.mark.parametrize("function", ["", CHATTY], ids=["silent", "a function that raises notices"])
async def test_a_cut_network_does_not_stop_the_server(database: Database, function: str) -> None:
    await database.execute(TABLE + function)
    async with proxy(database.cluster) as wire:
        run = start_through(database, wire.port)
        await until(lambda: run.reached("building index"))
        wire.cut(refuse=True)
        await until(lambda: run.reached("connection lost"))
        wire.mend()
        result = await run.result()
    assert result.outcome is Outcome.DONE, result.sentence
    assert await flags(database) == USABLE


@pytest.mark.hazard("DISC-08")
async def test_a_network_that_stalls_and_then_dies(database: Database) -> None:
    await database.execute(TABLE)
    async with proxy(database.cluster) as wire:
        run = start_through(database, wire.port)
        await until(lambda: run.reached("building index"))
        wire.freeze()
        await until(lambda: valid(database))
        wire.cut()
        wire.mend()
        result = await run.result()
    assert result.outcome is Outcome.DONE, result.sentence
    assert await flags(database) == USABLE


@pytest.mark.hazard("PRV-04")
@pytest.mark.parametrize("major", servers.wanted_majors(), ids=lambda major: f"pg{major}")
async def test_a_failover_in_the_middle_of_a_build(major: int) -> None:
    """The new primary has the row of the index, and nobody who builds it."""
    with primary(major) as first, standby_of(first) as second:
        await first.execute(TABLE)
        async with proxy(first.cluster) as wire:
            run = start_through(first, wire.port)
            await until(lambda: run.reached("building index"))
            await until(lambda: flags(second))
            await asyncio.to_thread(first.cluster.stop, mode="immediate")
            wire.lead_to(second.cluster)
            await asyncio.to_thread(promote, second.cluster)
            result = await run.result()
        assert result.outcome is Outcome.FAILED, result.sentence
        assert await flags(second) is None


@pytest.mark.hazard("PRV-04")
@pytest.mark.parametrize(
    ("change", "words"), [({"timeline": 0}, "AN OLD PRIMARY"), ({"system_identifier": "1"}, "ANOTHER SERVER")]
)
async def test_a_run_does_not_go_on_where_it_did_not_begin(
    newest: Database, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], words: str
) -> None:
    await newest.execute(TABLE)
    really = links.open_link
    async with proxy(newest.cluster) as wire:
        run = start_through(newest, wire.port)
        await until(lambda: run.reached("building index"))

        async def elsewhere(*arguments: Any) -> Any:
            link = await really(*arguments)
            return replace(link, identity=replace(link.identity, **change))

        monkeypatch.setattr(links, "open_link", elsewhere)
        wire.cut()
        result = await run.result()
    assert result.outcome is Outcome.UNKNOWN
    assert words in result.sentence
    await until(lambda: valid(newest))


async def valid(database: Database) -> bool:
    return await flags(database) == USABLE


def start_through(database: Database, port: int) -> running.Started:
    return start(database, running.slow(), host="127.0.0.1", port=str(port), sslmode="disable")


@pytest.mark.hazard("DEF-11")
@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"pooler": Pooler("transaction", "it answers with another pid")}, "[direct]"),
        ({"in_recovery": True}, "standby"),
        ({"system_identifier": "1"}, "another server"),
    ],
)
async def test_a_wrong_server_is_refused_before_anything_is_sent(
    newest: Database, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], word: str
) -> None:
    await newest.execute(TABLE)
    really = links.open_link

    async def elsewhere(*arguments: Any) -> Any:
        link = await really(*arguments)
        return replace(link, identity=replace(link.identity, **change))

    monkeypatch.setattr(links, "open_link", elsewhere)
    run = start(
        newest, running.create(), system_identifier="2" if "system" in word or "server" in word else None
    )
    result = await run.result()
    assert result.outcome is Outcome.REFUSED and word in result.sentence
    assert not run.told(Event.STARTED)
    assert await flags(newest) is None


async def test_a_server_that_is_not_there_is_a_refusal(newest: Database) -> None:
    run = start(newest, running.create(), port="1")
    result = await run.result()
    assert result.outcome is Outcome.REFUSED and "nothing was sent" in result.sentence


@pytest.mark.hazard("PRV-03")
async def test_a_hot_standby_is_refused(newest: Database) -> None:
    with running.own_server() as primary:
        standby = replace(primary, folder=primary.folder.parent / "standby")
        database = await servers.new_database(primary, 18)
        await database.execute(TABLE)
        await asyncio.to_thread(primary.stop)
        await asyncio.to_thread(subprocess.run, ["cp", "-a", primary.folder, standby.folder], check=True)
        (standby.data / "standby.signal").touch()
        await asyncio.to_thread(standby.start)
        try:
            run = start(replace(database, cluster=standby), running.create())
            result = await run.result()
            assert result.outcome is Outcome.REFUSED and "standby" in result.sentence
            assert not run.told(Event.STARTED)
        finally:
            await asyncio.to_thread(standby.stop)


@pytest.mark.hazard("PGB-01", "PGB-02")
@pytest.mark.skipif(PGBOUNCER is None, reason="no pgbouncer here; get it with: apt-get install pgbouncer")
async def test_a_pooler_is_refused_and_the_way_around_it_taken(newest: Database) -> None:
    await newest.execute(TABLE)
    with bouncer(newest) as said:
        await until(lambda: listens(said["port"]))
        where = profile(newest, **said)
        result = await start_on(where, running.create()).result()
        assert result.outcome is Outcome.REFUSED and "[direct]" in result.sentence
        assert await flags(newest) is None
        around = replace(where, direct={**newest.parameters(), "sslmode": "prefer"})
        assert (await start_on(around, running.create()).result()).outcome is Outcome.DONE
    assert await flags(newest) == USABLE


@pytest.mark.skipif(PGBOUNCER is None, reason="no pgbouncer here; get it with: apt-get install pgbouncer")
async def test_through_a_session_pooler_a_step_is_run_watched_and_verified(newest: Database) -> None:
    await newest.execute(TABLE)
    with bouncer(newest, pool_mode="session", default_pool_size="4") as said:
        await until(lambda: listens(said["port"]))
        run = start_on(profile(newest, **said), running.create())
        assert (await run.result()).outcome is Outcome.DONE
        assert await ask(newest, "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle'") == 1
    assert await flags(newest) == USABLE


@pytest.mark.skipif(PGBOUNCER is None, reason="no pgbouncer here; get it with: apt-get install pgbouncer")
async def test_a_build_through_a_session_pooler_is_cancelled_and_tidied_up_after(newest: Database) -> None:
    await newest.execute(TABLE)
    with bouncer(newest, pool_mode="session", default_pool_size="4") as said:
        await until(lambda: listens(said["port"]))
        run = start_on(profile(newest, **said), running.slow())
        await until(lambda: run.reached("building index"))
        run.stop.ask("alice")
        assert (await run.result()).outcome is Outcome.CANCELLED
    assert await flags(newest) is None


@pytest.mark.hazard("DISC-01")
async def test_a_connection_that_breaks_while_a_carcass_is_cleared_away(database: Database) -> None:
    await database.execute(TABLE)
    async with transaction(database, "SELECT * FROM t") as reader:
        patience = replace(QUICK, cleanup_s=30)
        run = start(database, running.create(tail="(slow(a))"), patience=patience)
        await until(lambda: run.reached("building index"))
        run.stop.ask("alice")
        await until(lambda: run.reached("cleaning up"))
        await until(lambda: run.told(Event.BLOCKED))
        await database.execute(f"SELECT pg_terminate_backend({run.told(Event.STARTED)[0].detail['pid']})")
        await until(lambda: run.reached("connection lost"))
        await reader.execute("COMMIT")
        result = await run.result()
    assert result.outcome is Outcome.CANCELLED
    assert run.told(Event.FINISHED)[0].detail["left"] == ""
    assert await flags(database) is None
