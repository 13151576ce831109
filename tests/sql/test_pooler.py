"""Through a real PgBouncer in transaction mode: noticed, and nothing of ours leaks to other clients."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from profiles.model import EnvironmentClass, Profile
from sql import pooling
from sql.check import case_of, verify
from sql.connect import Purpose, connect, open_link
from sql.demo.cluster import stand_in
from sql.dial import SERVER_KEEPALIVES
from sql.errors import SessionError
from sql.identity import reread
from sql.session import WATCH_SETTINGS
from sql.steps.choosing import Readiness
from sql.steps.preparing import prepare
from tests.servers import Database
from tests.sql.secured import free_port
from tests.sql.steps.guided import manifest
from tests.sql.steps.schemas import PERFORMANCE
from tests.waiting import until

OURS = {**WATCH_SETTINGS, **SERVER_KEEPALIVES}

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = pytest.mark.skipif(
    PGBOUNCER is None, reason="no pgbouncer here; get it with: apt-get install pgbouncer"
)


@contextmanager
def bouncer(database: Database, users: str = '"postgres" ""\n', **settings: str) -> Iterator[dict[str, str]]:
    """One server connection for all clients, so that what one leaves behind the next one meets."""
    folder = Path(tempfile.mkdtemp(prefix="pgdeck-bouncer-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "users").write_text(users)
    port = free_port()
    words = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": str(folder / "users"),
        "pool_mode": "transaction",
        "default_pool_size": "1",
        **settings,
    }
    cluster = database.cluster
    lines = ["[databases]", f"* = host={cluster.socket} port={cluster.port}", "[pgbouncer]"]
    (folder / "ini").write_text(
        "\n".join([*lines, *(f"{key} = {value}" for key, value in words.items())]) + "\n"
    )
    user = stand_in()
    as_user = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(PGBOUNCER), str(folder / "ini")], stdout=log, stderr=log, **as_user)  # type: ignore[call-overload]
    try:
        yield {
            "host": "127.0.0.1",
            "port": str(port),
            "dbname": database.name,
            "user": "postgres",
            "sslmode": "disable",
        }
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


async def listens(port: str) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", int(port))
    except OSError:
        return False
    writer.close()
    return True


async def left_behind(said: dict[str, str]) -> tuple[str, str, int]:
    """What the application's next transaction meets on the shared server connection."""
    application = await asyncpg.connect(
        host=said["host"],
        port=int(said["port"]),
        user=said["user"],
        database=said["dbname"],
        ssl=False,
        statement_cache_size=0,
    )
    try:
        return (
            await application.fetchval("SELECT current_setting('default_transaction_read_only')"),
            await application.fetchval("SELECT current_setting('statement_timeout')"),
            await application.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''"),
        )
    finally:
        await application.close()


@pytest.mark.hazard("PGB-01", "PGB-04")
@pytest.mark.parametrize(
    ("settings", "evidence"),
    [
        pytest.param({}, "refuses settings", id="refuses settings"),
        pytest.param(
            {"ignore_startup_parameters": ",".join({*OURS, *map(str.lower, OURS)})},
            "not the one that let us in",
            id="drops settings",
        ),
    ],
)
async def test_it_is_noticed_and_every_reading_is_read_only(
    newest: Database, settings: dict[str, str], evidence: str
) -> None:
    with bouncer(newest, **settings) as said:
        await until(lambda: listens(said["port"]))
        session = await connect(Profile("pooled", EnvironmentClass.PRODUCTION, "m", said), None)
        try:
            assert session.identity.pooler is not None
            assert session.identity.pooler.kind == "transaction"
            assert evidence in session.identity.pooler.evidence
            assert session.identity.read_only
            shown = await session.fetch_composed(
                "SELECT current_setting('transaction_read_only') AS ro,"
                " current_setting('statement_timeout') AS t"
            )
            assert (shown[0]["ro"], shown[0]["t"]) == ("on", "5s")
            again = await reread(session)
            assert again.server.pooler == session.identity.pooler
        finally:
            await session.close()
        assert await left_behind(said) == ("off", "0", 0)


@pytest.mark.hazard("PGB-01")
@pytest.mark.parametrize("size", ["1", "5"])
@pytest.mark.parametrize("busy", [0, 3])
async def test_a_transaction_pooler_is_told_by_what_it_does(newest: Database, size: str, busy: int) -> None:
    with bouncer(newest, default_pool_size=size) as said:
        await until(lambda: listens(said["port"]))
        profile = Profile("pooled", EnvironmentClass.PRODUCTION, "m", said)
        others = [await connect(profile, None) for _ in range(busy)]
        session = await connect(profile, None)
        pooler = session.identity.pooler
        for each in (session, *others):
            await each.close()
    assert pooler is not None
    assert pooler.kind == "transaction"
    assert "answered two clients" in pooler.evidence or "in the next transaction" in pooler.evidence


@pytest.mark.hazard("PGB-01")
async def test_going_round_the_servers_is_not_taken_for_sessions(newest: Database) -> None:
    with bouncer(newest, default_pool_size="2", server_round_robin="1") as said:
        await until(lambda: listens(said["port"]))
        profile = Profile("pooled", EnvironmentClass.PRODUCTION, "m", said)
        # Two transactions at once make the pooler open both of its server connections.
        first, second = await connect(profile, None), await connect(profile, None)
        await asyncio.gather(*(each.fetch_composed("SELECT pg_sleep(0.05)") for each in (first, second)))
        third = await connect(profile, None)
        for each in (first, second, third):
            assert each.identity.pooler is not None and each.identity.pooler.kind == "transaction"
            await each.close()


@pytest.mark.hazard("PGB-01")
async def test_a_session_pooler_is_told_by_what_it_does_and_leaves_no_settings(newest: Database) -> None:
    with bouncer(newest, pool_mode="session", default_pool_size="4") as said:
        await until(lambda: listens(said["port"]))
        profile = Profile("pooled", EnvironmentClass.PRODUCTION, "m", said)
        session = await connect(profile, None)
        pooler = session.identity.pooler
        assert pooler is not None and pooler.kind == "session"
        assert "kept a server process each" in pooler.evidence
        assert (await session.fetch("identity"))[0]["read_only"]
        await session.close()
        assert await left_behind(said) == ("off", "0", 0)


@pytest.mark.hazard("PGB-05")
async def test_in_a_full_session_pool_the_kind_is_guessed_carefully(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooling, "LIMIT_S", 0.3)
    with bouncer(newest, pool_mode="session", default_pool_size="1") as said:
        await until(lambda: listens(said["port"]))
        session = await connect(Profile("pooled", EnvironmentClass.PRODUCTION, "m", said), None)
        pooler = session.identity.pooler
        assert pooler is not None and pooler.kind == "transaction"
        assert "could not be told" in pooler.evidence
        assert (await session.fetch("identity"))[0]["read_only"]
        await session.close()


async def test_a_statement_pooler_is_refused_with_the_way_around_it(newest: Database) -> None:
    with bouncer(newest, pool_mode="statement") as said:
        await until(lambda: listens(said["port"]))
        with pytest.raises(SessionError, match=r"single statements.*name the server itself"):
            await connect(Profile("pooled", EnvironmentClass.PRODUCTION, "m", said), None)


@pytest.mark.hazard("PGB-03")
async def test_two_sessions_do_not_meet_each_others_statements(newest: Database) -> None:
    with bouncer(newest) as said:
        await until(lambda: listens(said["port"]))
        profile = Profile("pooled", EnvironmentClass.PRODUCTION, "m", said)
        first, second = await connect(profile, None), await connect(profile, None)
        try:
            for _ in range(20):
                await asyncio.gather(first.fetch("identity"), second.fetch("identity"))
        finally:
            await first.close()
            await second.close()


async def test_a_whole_verify_through_it_leaves_nothing_to_the_application(newest: Database) -> None:
    await newest.execute(PERFORMANCE)
    with bouncer(newest) as said:
        await until(lambda: listens(said["port"]))
        pooled = Profile("pooled", EnvironmentClass.PRODUCTION, "performance-indexes", said)
        through = await verify(pooled, duration_s=0.5)
        direct = await verify(replace(pooled, connection=newest.parameters()), duration_s=0.5)
        assert through.server is not None and through.server.pooler is not None
        assert through.unavailable == ()
        for part in ("indexes", "constraints"):
            assert [each.finding for each in getattr(through, part)] == [
                each.finding for each in getattr(direct, part)
            ]
        assert [probe.errors for probe in through.probes] == [0, 0]
        assert await left_behind(said) == ("off", "0", 0)


@pytest.mark.hazard("PGB-02")
async def test_ddl_goes_around_it(newest: Database) -> None:
    with bouncer(newest) as said:
        await until(lambda: listens(said["port"]))
        direct = newest.parameters()
        link = await open_link(
            Profile("pooled", EnvironmentClass.PRODUCTION, "m", said, direct), None, Purpose.RUN
        )
        assert link.identity.pooler is None
        assert link.host.is_socket
        await link.connection.close()


@pytest.mark.hazard("PGB-01", "PGB-02")
async def test_steps_are_refused_through_it_and_planned_where_a_way_around_is_known(newest: Database) -> None:
    await newest.execute("CREATE TABLE t (a int)")
    with bouncer(newest) as said:
        await until(lambda: listens(said["port"]))
        pooled = Profile("pooled", EnvironmentClass.STAGING, "m", said)
        for direct, readiness in ((None, Readiness.REFUSED), (newest.parameters(), Readiness.READY)):
            case = case_of(replace(pooled, direct=direct), manifest("CREATE INDEX i ON t (a)"))
            step = (await prepare(case, None, ["create-index:i"])).of("create-index:i")
            assert step.readiness is readiness
            assert ("say in [direct] of the profile" in step.sentence) is (direct is None)


async def test_through_a_session_pooler_steps_are_planned_with_a_warning(newest: Database) -> None:
    await newest.execute("CREATE TABLE t (a int)")
    with bouncer(newest, pool_mode="session", default_pool_size="5") as said:
        await until(lambda: listens(said["port"]))
        pooled = Profile("pooled", EnvironmentClass.STAGING, "m", said)
        for direct, warned in ((None, True), (newest.parameters(), False)):
            case = case_of(replace(pooled, direct=direct), manifest("CREATE INDEX i ON t (a)"))
            step = (await prepare(case, None, ["create-index:i"])).of("create-index:i")
            assert step.readiness is Readiness.READY
            assert step.preview is not None
            assert any("goes through a pooler" in each for each in step.preview.warnings) is warned
