"""PgBouncer's console: read by column name, kept, bounded, and unknown where it is silent, never empty."""

from __future__ import annotations

import asyncio
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from profiles.errors import CredentialError
from profiles.model import Credentials, CredentialSource, EnvironmentClass, PoolOverride, Profile
from profiles.secret import Secret
from sql.check import verify
from sql.findings import PoolFinding, Verdict
from sql.pool import pgbouncer, pgbouncer_crowd
from sql.pool.pgbouncer import Console, read_once
from sql.pool.pgbouncer_crowd import Crowd, Socket, Tally
from sql.pool.pgbouncer_reading import PgbouncerPool, PgbouncerReading, PgbouncerSnapshot
from sql.pool.pgbouncer_watch import ConsoleWatch
from tests.servers import Database
from tests.sql.steps.guided import manifest
from tests.sql.test_pooler import PGBOUNCER, bouncer, listens
from tests.waiting import until

pytestmark = pytest.mark.skipif(
    PGBOUNCER is None, reason="no pgbouncer here; get it with: apt-get install pgbouncer"
)
NOTHING_ASKED = manifest("CREATE INDEX i ON t (a)")


def behind(said: dict[str, str], user: str = "postgres", **more: str) -> Profile:
    console = f"host=127.0.0.1 port={said['port']} user={user} sslmode=disable"
    words = "".join(f" {key}={value}" for key, value in more.items())
    return Profile(
        "pooled", EnvironmentClass.PRODUCTION, "m", said, pool=PoolOverride(pgbouncer=console + words)
    )


@asynccontextmanager
async def clients(
    said: dict[str, str], count: int, application: str
) -> AsyncIterator[list[asyncpg.Connection]]:
    opened = [
        await asyncpg.connect(
            host=said["host"],
            port=int(said["port"]),
            user=said["user"],
            database=said["dbname"],
            ssl=False,
            statement_cache_size=0,
            server_settings={"application_name": application},
        )
        for _ in range(count)
    ]
    try:
        yield opened
    finally:
        for each in opened:
            each.terminate()


@asynccontextmanager
async def full_pool(said: dict[str, str], waiting: int) -> AsyncIterator[None]:
    """One client holds the only server connection; others want one."""
    async with clients(said, 1, "report") as (holder,), clients(said, waiting, "web") as others:
        await holder.execute("BEGIN")
        await holder.fetchval("SELECT 1")
        asked = [asyncio.create_task(each.execute("SELECT 1")) for each in others]
        try:
            yield
        finally:
            for each in asked:
                each.cancel()
            holder.terminate()
            await asyncio.gather(*asked, return_exceptions=True)


@pytest.mark.hazard("PGB-06", "PGB-07")
async def test_the_pools_are_read_by_name_and_saturation_is_said_in_words(newest: Database) -> None:
    with bouncer(newest, admin_users="postgres", max_client_conn="50") as said:
        await until(lambda: listens(said["port"]))
        console = Console(behind(said))
        try:
            empty = await console.read()
            assert (empty.unknown, empty.finding, empty.max_clients) == ("", PoolFinding.OK, 50)
            assert empty.version.startswith("1.")
            async with full_pool(said, 3):

                async def felt() -> PgbouncerReading | None:
                    reading = await console.read()
                    return reading if reading.finding is PoolFinding.FULL else None

                full = await until(felt)
        finally:
            console.close()
    (pool,) = full.pools
    assert (pool.database, pool.user, pool.pool_mode) == (newest.name, "postgres", "transaction")
    assert (pool.cl_waiting, pool.sv_active, pool.pool_size) == (3, 1, 1)
    assert pool.is_saturated
    assert pool.maxwait_s > 0
    assert full.waiting_by == (("web", 3),)
    assert full.held_by == (("report", 1),)
    words = " | ".join(full.sentences)
    assert f"{newest.name}/postgres is saturated: 3 clients wait, the longest " in words
    assert "pool_size 1 of 1 in use" in words


@pytest.mark.hazard("PGB-06")
async def test_a_user_of_stats_users_is_enough(newest: Database) -> None:
    with bouncer(newest, stats_users="postgres") as said:
        await until(lambda: listens(said["port"]))
        assert (await read_once(behind(said))).unknown == ""


async def test_a_login_that_is_refused_is_unknown_with_what_mends_it(newest: Database) -> None:
    with bouncer(newest) as said:
        await until(lambda: listens(said["port"]))
        console = Console(behind(said))
        reading = await console.read()
    assert reading.finding is PoolFinding.UNREADABLE
    assert "not allowed" in reading.unknown
    assert "stats_users" in reading.remedy
    assert console.refused


@pytest.mark.parametrize("way", ["md5", "scram-sha-256"])
async def test_a_password_is_sent_and_never_said(newest: Database, way: str) -> None:
    users = '"postgres" "open sesame"\n'
    with bouncer(newest, users, auth_type=way, admin_users="postgres") as said:
        await until(lambda: listens(said["port"]))
        right = await read_once(behind(said), lambda: Secret("open sesame"))
        wrong = await read_once(behind(said), lambda: Secret("hunter2"))
        none = await read_once(behind(said), lambda: None)
    assert right.unknown == ""
    for refused in (wrong, none):
        assert refused.finding is PoolFinding.UNREADABLE
        assert "profile set-password pooled --pgbouncer" in refused.remedy
        assert "hunter2" not in repr(refused)


async def test_without_a_keyring_the_passfile_is_asked(
    newest: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bouncer(newest, '"postgres" "open sesame"\n', auth_type="md5", admin_users="postgres") as said:
        await until(lambda: listens(said["port"]))
        passfile = tmp_path / "pass"
        passfile.write_text(f"127.0.0.1:{said['port']}:pgbouncer:postgres:open sesame\n")
        passfile.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(passfile))
        # What is meant for servers does not keep us from the console.
        monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=1s")
        monkeypatch.setenv("PGTARGETSESSIONATTRS", "read-write")
        assert (await read_once(behind(said))).unknown == ""
        monkeypatch.delenv("PGPASSFILE")
        # Also the one that [connection] names.
        inherits = replace(behind(said), connection={**said, "passfile": str(passfile)})
        assert (await read_once(inherits)).unknown == ""


async def test_the_password_comes_from_the_keyring_where_that_is_the_source(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(key: str) -> Secret:
        raise CredentialError("the keyring is locked; unlock it")

    monkeypatch.setattr("profiles.keyring_entries.read", broken)
    with bouncer(newest, admin_users="postgres") as said:
        await until(lambda: listens(said["port"]))
        profile = replace(behind(said), credentials=Credentials(CredentialSource.KEYRING))
        reading = await read_once(profile)
    assert (reading.unknown, reading.remedy) == ("the keyring is locked", "unlock it")


async def test_without_the_extra_it_is_unknown_and_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    reading = await read_once(behind({"port": "1"}))
    assert reading.unknown == "psycopg, which reads PgBouncer's console, is not installed"
    assert "pip install 'pgdeck[pgbouncer]'" in reading.remedy


async def test_nobody_there_a_wrong_text_and_a_server_in_place_of_the_console(newest: Database) -> None:
    nobody = await read_once(behind({"port": "1"}))
    assert "refused" in nobody.unknown.lower()
    assert "pool.pgbouncer" in nobody.remedy
    wrong = await read_once(replace(behind({"port": "1"}), pool=PoolOverride(pgbouncer="nonsense")))
    assert "no connection string" in wrong.unknown
    server = f"host={newest.cluster.socket} port={newest.cluster.port} user=postgres"
    for database in ("", f" dbname={newest.name}"):
        found = await read_once(
            replace(behind({"port": "1"}), pool=PoolOverride(pgbouncer=server + database))
        )
        assert "PostgreSQL server, no console" in found.unknown


async def test_a_silent_console_is_given_up_in_time_and_asked_anew(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgbouncer, "ANSWER_S", 0.2)
    with bouncer(newest, admin_users="postgres") as said:
        await until(lambda: listens(said["port"]))
        frozen = False
        wires: list[asyncio.StreamWriter] = []

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", int(said["port"]))
            wires.extend((writer, there_writer))

            async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                while content := await source.read(65536):
                    if not frozen:
                        sink.write(content)

            await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))

        proxy = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = str(proxy.sockets[0].getsockname()[1])
        console = Console(behind({**said, "port": port}))
        assert (await console.read()).unknown == ""
        frozen = True
        assert "did not answer within 0.2 s" in (await console.read()).unknown
        frozen = False
        assert (await console.read()).unknown == ""
        console.close()
        for wire in wires:
            wire.transport.abort()
        proxy.close()


@pytest.mark.hazard("PGB-05", "PGB-06")
async def test_the_watch_says_who_waits_on_one_small_connection(newest: Database) -> None:
    with bouncer(newest, admin_users="postgres") as said:
        await until(lambda: listens(said["port"]))
        heard: list[PgbouncerSnapshot] = []
        watching = asyncio.create_task(ConsoleWatch(Console(behind(said)), heard.append).run())
        try:
            await until(lambda: heard)
            async with full_pool(said, 2):
                await until(lambda: sum(pool.cl_waiting for pool in heard[-1].pgbouncer.pools) == 2)
            await until(lambda: heard[-1].pgbouncer.pools and not heard[-1].pgbouncer.pools[0].cl_waiting)
        finally:
            watching.cancel()
            await asyncio.wait({watching})


async def test_the_watch_comes_back_by_itself_with_back_off(newest: Database) -> None:
    heard: list[PgbouncerSnapshot] = []
    with bouncer(newest, admin_users="postgres") as said:
        await until(lambda: listens(said["port"]))
        profile = behind(said)
        watch = ConsoleWatch(Console(profile), heard.append, every_s=0.01)
        watching = asyncio.create_task(watch.run())
        await until(lambda: heard and not heard[-1].pgbouncer.unknown)
    await until(lambda: heard[-1].pgbouncer.unknown)
    known = len(heard)
    watch.refresh()
    await until(lambda: len(heard) > known)
    assert heard[-1].pgbouncer.unknown
    watching.cancel()
    await asyncio.wait({watching})


@pytest.mark.hazard("PGB-06")
async def test_verify_says_full_and_its_verdict_follows(newest: Database) -> None:
    await newest.execute("CREATE TABLE t (a int); CREATE INDEX i ON t (a)")
    with bouncer(newest, admin_users="postgres") as said:
        await until(lambda: listens(said["port"]))
        straight = replace(behind(said), connection=newest.parameters())
        calm = await verify(straight, manifest=NOTHING_ASKED, duration_s=0)
        assert calm.verdict is Verdict.READY
        assert calm.pool is not None
        assert calm.pool.pgbouncer is not None
        async with full_pool(said, 2):

            async def full() -> bool:
                report = await verify(straight, manifest=NOTHING_ASKED, duration_s=0)
                assert report.pool is not None
                return report.pool.finding is PoolFinding.FULL and "saturated" in report.reasons[0]

            await until(full)
        refused = replace(straight, pool=PoolOverride(pgbouncer=f"host=127.0.0.1 port={said['port']} user=x"))
        unknown = await verify(refused, manifest=NOTHING_ASKED, duration_s=0)
    assert unknown.verdict is Verdict.UNKNOWN
    assert [part.part for part in unknown.unavailable] == ["pgbouncer"]
    assert unknown.pool is not None and unknown.pool.finding is PoolFinding.OK


@asynccontextmanager
async def crowd(said: dict[str, str], count: int) -> AsyncIterator[None]:
    """So many clients that want a server connection; bare sockets, since drivers take long to connect."""
    words = b"".join(
        each.encode() + b"\0"
        for each in ("user", said["user"], "database", said["dbname"], "application_name", "web", "")
    )
    wires: list[asyncio.StreamWriter] = []

    async def ask() -> None:
        reader, writer = await asyncio.open_connection(said["host"], int(said["port"]))
        wires.append(writer)
        writer.write(struct.pack("!ii", len(words) + 8, 196608) + words)
        await reader.readuntil(b"Z\0\0\0\x05I")
        writer.write(b"Q" + struct.pack("!i", 13) + b"SELECT 1\0")

    try:
        for _ in range(0, count, 100):
            await asyncio.gather(*(ask() for _ in range(100)))
        yield
    finally:
        for each in wires:
            each.transport.abort()


async def test_a_thousand_waiting_clients_are_counted_always_and_listed_seldom(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # At this pace it would be a quarter of an hour until they are listed again.
    monkeypatch.setattr(pgbouncer_crowd, "ROWS_A_S", 1.0)
    shown: list[str] = []
    tally = pgbouncer._tally

    async def noted(connection: Any, what: str) -> Tally:
        shown.append(what)
        return await tally(connection, what)

    monkeypatch.setattr(pgbouncer, "_tally", noted)
    settings = {"admin_users": "postgres", "max_client_conn": "2000", "query_wait_timeout": "0"}
    with bouncer(newest, **settings) as said:
        await until(lambda: listens(said["port"]))
        console = Console(behind(said))
        async with clients(said, 1, "report") as (holder,):
            await holder.execute("BEGIN")
            async with crowd(said, 1000):

                async def waiting() -> bool:
                    pools = (await console.read()).pools
                    return sum(pool.cl_waiting for pool in pools) == 1000

                await until(waiting)
                again = await console.read()
                assert (again.waiting_by[0][0], again.held_by) == ("web", (("report", 1),))
                assert shown == ["CLIENTS", "SERVERS"]
        console.close()


async def test_names_that_were_listed_before_say_so_and_go_with_the_queue() -> None:
    now = [0.0]
    pool = PgbouncerPool("sales", "api", 9, 2, 3.0, 5, 0)

    async def show(what: str) -> Tally:
        return {Socket("web", "sales", "api", "waiting"): 5000} if what == "CLIENTS" else {}

    listing = Crowd(lambda: now[0])
    assert (await listing.names([pool], show)).age_s == 0
    now[0] = 9.0
    names = await listing.names([pool], show)
    assert (names.waiting, names.age_s) == ((("web", 5000),), 9)
    reading = PgbouncerReading(pools=(pool,), waiting_by=names.waiting, named_s_ago=names.age_s)
    assert "waiting (9 s ago): web (5000)" in reading.others
    now[0] = 10.0
    assert (await listing.names([pool], show)).age_s == 0
    assert (await listing.names([replace(pool, cl_waiting=0)], show)).waiting == ()
