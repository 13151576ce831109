"""Every kind of trouble with a server under an open watch: what is said, and that it comes back by itself.

The server counts our sessions by application_name all the while: there is never more than one.
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import asyncpg
import pytest

from sql.demo.cluster import Cluster
from tests import servers
from tests.accidents import kill_postmaster, postmaster
from tests.proxy import Proxy, proxy
from tests.servers import Database, administer
from tests.sql.life import Life, alive, hasty, profile_of
from tests.waiting import until

__all__ = ["hasty"]
SILENCE = r"broke without a word"
GOODBYE = r"the server ended our session \(57P01\): due to administrator command"
AWAY = r"there is no server socket|nothing listens|is not ready"


@pytest.fixture(params=servers.wanted_majors(), ids=lambda major: f"pg{major}", scope="module")
def restartable(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A server of this file's own."""
    if servers.binaries(request.param) is None:
        pytest.skip(servers.how_to_get(request.param))
    made = servers.start(request.param, max_connections="12")
    yield made
    made.remove()
    made.folder.parent.rmdir()


@pytest.fixture
def cluster(restartable: Cluster) -> Cluster:
    """The same, running, as its first test found it."""
    restartable.start()
    return restartable


@pytest.fixture
async def role(cluster: Cluster) -> AsyncIterator[str]:
    """A role that is nothing special."""
    await administer(cluster, "CREATE ROLE ordinary LOGIN")
    yield "ordinary"
    await administer(cluster, "DROP ROLE IF EXISTS ordinary")


@pytest.fixture
async def wire(cluster: Cluster) -> AsyncIterator[Proxy]:
    """The network in between."""
    async with proxy(cluster) as made:
        yield made


def on(cluster: Cluster, user: str = "postgres", dbname: str = "postgres") -> Life:
    """A watch through the socket."""
    said = {"host": str(cluster.socket), "port": str(cluster.port), "user": user, "dbname": dbname}
    return Life(profile_of(**said))


def through(wire: Proxy, **more: str) -> Life:
    """A watch over the network."""
    said = {"host": "127.0.0.1", "port": str(wire.port), "user": "postgres", "dbname": "postgres"}
    return Life(profile_of(**{**said, "sslmode": "disable", "connect_timeout": "2", **more}))


async def end_sessions(cluster: Cluster) -> None:
    """Terminate our sessions."""
    await administer(
        cluster,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgdeck watch'",
    )


async def stop_fast(cluster: Cluster) -> None:
    await asyncio.to_thread(cluster.stop)


async def crash(cluster: Cluster) -> None:
    await asyncio.to_thread(cluster.stop, mode="immediate")


async def crash_one_process(cluster: Cluster) -> None:
    """The postmaster ends all sessions and recovers (postmaster.c, HandleChildCrash)."""
    connection = await asyncpg.connect(
        host=str(cluster.socket), port=cluster.port, user="postgres", database="postgres"
    )
    os.kill(connection.get_server_pid(), signal.SIGKILL)
    connection.terminate()


@pytest.mark.hazard("DISC-09", "APG-05")
@pytest.mark.parametrize(
    ("accident", "words", "then"),
    [
        (end_sessions, GOODBYE, ""),
        (stop_fast, GOODBYE, AWAY),
        (crash, rf"\(57P0[12]\)|{SILENCE}", AWAY),
        (
            kill_postmaster,
            r"\(57P01\): due to unexpected postmaster exit",
            r"nothing listens|is not ready|no server socket|closed the connection",
        ),
        (crash_one_process, rf"crashed, and the server restarts \(57P02\)|{SILENCE}", ""),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
async def test_a_server_that_goes_down_is_said_and_comes_back(
    cluster: Cluster, accident: Callable[[Cluster], Awaitable[None]], words: str, then: str
) -> None:
    async with alive(on(cluster), cluster) as life:
        await accident(cluster)
        await life.says(words)
        assert life.waits[0] == 1.0
        if then:
            await life.says(then)
        await asyncio.to_thread(cluster.start)
        await life.is_back()
        await life.held_one_session()


async def test_a_server_that_starts_up_or_shuts_down_says_so(cluster: Cluster) -> None:
    cluster.stop()
    gate = cluster.folder / "gate"
    wait = f"while [ ! -e {gate} ]; do sleep 0.05; done; false"
    (cluster.data / "recovery.signal").touch()
    settings, cluster.settings = cluster.settings, {**cluster.settings, "restore_command": wait}
    life = on(cluster)
    watching = asyncio.create_task(life.poller.run())
    starting = asyncio.create_task(asyncio.to_thread(cluster.start))
    try:
        await life.says(r"is not ready \(the database system is starting up\); try again in a moment")
        gate.touch()
        await starting
        await life.is_back()
        # Smart: who is in may stay, and nobody else is let in.
        stopping = asyncio.create_task(asyncio.to_thread(cluster.stop, mode="smart"))
        await until(lambda: "smart shutdown" in cluster.log.read_text(errors="replace"))
        seen = len(life.words)
        late = on(cluster)
        other = asyncio.create_task(late.poller.run())
        await late.says("is not ready (.the database system is shutting down.|)")
        other.cancel()
        assert len(life.words) == seen
        watching.cancel()
        await stopping
    finally:
        gate.touch()
        watching.cancel()
        cluster.settings = settings


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("ordinary", "remaining connection slots are reserved .*"),
        ("postgres", "sorry, too many clients already"),
    ],
)
async def test_a_server_that_is_full_is_said_and_not_hammered(
    cluster: Cluster, role: str, user: str, words: str
) -> None:
    async with alive(on(cluster, user), cluster) as life:
        crowd = [await _guest(cluster, user)]
        await end_sessions(cluster)
        while True:
            try:
                crowd.append(await _guest(cluster, user))
            except asyncpg.TooManyConnectionsError:
                break
        await life.says(rf"has no connection left \({words}\); free one")
        await until(lambda: len(life.waits) >= 4)
        assert life.waits[:4] == [1.0, 2.0, 4.0, 8.0]
        for guest in crowd:
            guest.terminate()
        await life.is_back()
        await life.held_one_session()


async def _guest(cluster: Cluster, user: str) -> asyncpg.Connection:
    return await asyncpg.connect(host=str(cluster.socket), port=cluster.port, user=user, database="postgres")


@pytest.mark.parametrize(
    ("closed", "words", "opened"),
    [
        (
            "ALTER ROLE ordinary CONNECTION LIMIT 0",
            r"no connection left \(too many connections for role \"ordinary\"\)",
            "ALTER ROLE ordinary CONNECTION LIMIT -1",
        ),
        (
            "ALTER DATABASE d CONNECTION LIMIT 0",
            r"no connection left \(too many connections for database \"d\"\)",
            "ALTER DATABASE d CONNECTION LIMIT -1",
        ),
        (
            "ALTER DATABASE d ALLOW_CONNECTIONS false",
            r"database \"d\" is not currently accepting connections \(55000\)",
            "ALTER DATABASE d ALLOW_CONNECTIONS true",
        ),
        ("ALTER DATABASE d RENAME TO e", "there is no database d", "ALTER DATABASE e RENAME TO d"),
        ("DROP DATABASE d WITH (FORCE)", "there is no database d", "CREATE DATABASE d"),
        (
            "REVOKE CONNECT ON DATABASE d FROM public",
            "GRANT CONNECT ON DATABASE mends it",
            "GRANT CONNECT ON DATABASE d TO public",
        ),
    ],
)
async def test_who_is_not_let_in_says_why_and_comes_back(
    cluster: Cluster, role: str, closed: str, words: str, opened: str
) -> None:
    await administer(cluster, "CREATE DATABASE d")
    try:
        async with alive(on(cluster, role, "d"), cluster) as life:
            if "RENAME" in closed:
                # Not while somebody is in; the watch is back within a second.
                await _rename(cluster, closed)
            else:
                await administer(cluster, closed)
                await end_sessions(cluster)
            await life.says(words)
            # No password was refused: nothing to be patient for.
            assert max(life.waits) <= 15
            await administer(cluster, opened)
            await life.is_back()
            await life.held_one_session()
    finally:
        await administer(cluster, "DROP DATABASE IF EXISTS d WITH (FORCE)")


async def _rename(cluster: Cluster, sql: str) -> None:
    async def renamed() -> bool:
        await end_sessions(cluster)
        try:
            await administer(cluster, sql)
        except asyncpg.ObjectInUseError:
            return False
        return True

    await until(renamed)


@pytest.mark.parametrize(
    ("closed", "words"),
    [
        ("ALTER ROLE ordinary NOLOGIN", r"refuses ordinary \(role \"ordinary\" is not permitted to log in\)"),
        ("DROP ROLE ordinary", r"refuses ordinary \(role \"ordinary\" does not exist\)"),
    ],
)
async def test_a_role_that_is_refused_is_tried_again_seldom(
    cluster: Cluster, role: str, closed: str, words: str
) -> None:
    async with alive(on(cluster, role), cluster) as life:
        await administer(cluster, closed)
        await end_sessions(cluster)
        await life.says(words)
        assert life.waits[-1] >= 60
        mended = "CREATE ROLE ordinary LOGIN" if "DROP" in closed else "ALTER ROLE ordinary LOGIN"
        await administer(cluster, mended)
        life.poller.refresh()
        await life.is_back()


async def test_what_a_role_sets_for_itself_does_not_end_the_watch(cluster: Cluster, role: str) -> None:
    await administer(cluster, f"ALTER ROLE {role} SET statement_timeout = 1")
    await administer(cluster, f"ALTER ROLE {role} SET idle_in_transaction_session_timeout = 1")
    async with alive(on(cluster, role), cluster) as life:
        for _ in range(5):
            await life.is_back()
        assert life.words == life.unread == []


@pytest.mark.parametrize("frozen", ["backend", "wire"])
async def test_a_frozen_server_is_given_up_and_comes_back(cluster: Cluster, wire: Proxy, frozen: str) -> None:
    async with alive(through(wire)) as life:
        if frozen == "wire":
            wire.freeze()
        else:
            pid = await _pid(cluster)
            os.kill(pid, signal.SIGSTOP)
        try:
            await life.says(r"no answer within 0\.6 s: the server is frozen, or the network swallows all")
            if frozen == "wire":
                await life.says(r"did not answer within 2 s; check address and firewall")
                wire.mend()
            await life.is_back()
        finally:
            if frozen == "backend":
                os.kill(pid, signal.SIGCONT)


async def _pid(cluster: Cluster) -> int:
    connection = await _guest(cluster, "postgres")
    try:
        found = await connection.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgdeck watch'"
        )
        return int(found)
    finally:
        await connection.close()


async def test_a_postmaster_that_stands_still_lets_nobody_in(cluster: Cluster) -> None:
    said = {"host": str(cluster.socket), "port": str(cluster.port), "user": "postgres", "dbname": "postgres"}
    life = Life(profile_of(**said, connect_timeout="2"))
    async with alive(life, cluster):
        control = await _guest(cluster, "postgres")
        os.kill(postmaster(cluster), signal.SIGSTOP)
        try:
            await control.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'pgdeck watch'"
            )
            await life.says("did not answer within 2 s")
        finally:
            os.kill(postmaster(cluster), signal.SIGCONT)
        await life.is_back()
        await control.close()
        await life.held_one_session()


async def test_a_cut_network_is_said_and_comes_back(cluster: Cluster, wire: Proxy) -> None:
    async with alive(through(wire), cluster) as life:
        wire.cut(refuse=True)
        await life.says(SILENCE)
        await life.says("closed the connection (at once|during the login)")
        wire.mend()
        await life.is_back()
        await life.held_one_session()


async def test_a_slow_network_is_no_trouble(cluster: Cluster, wire: Proxy) -> None:
    async with alive(through(wire), cluster) as life:
        wire.delay_s, wire.rate = 0.05, 32_000
        for _ in range(3):
            await life.is_back()
        assert life.words == []


@pytest.mark.hazard("DISC-08")
@pytest.mark.parametrize("silently", [False, True], ids=["ended", "forgotten"])
async def test_a_middlebox_that_drops_idle_connections(cluster: Cluster, wire: Proxy, silently: bool) -> None:
    async with alive(through(wire)) as life:
        life.poller.pause()
        wire.drop_idle(0.3, silently=silently)
        if silently:
            await until(lambda: wire.forgotten)
        else:
            await until(lambda: wire.dropped)
        life.poller.resume()
        await life.says("no answer within" if silently else SILENCE)
        wire.mend()
        await life.is_back()
        # Where nobody says goodbye to the server it finds out by itself, by what we asked of it.
        assert wire.accepted == life.dialled == 2


async def test_the_server_gives_up_sessions_whose_network_is_gone(running: dict[int, Cluster]) -> None:
    from sql.connect import open_link
    from tests.sql.secured import free_port

    cluster = servers.start(18)
    try:
        cluster.stop()
        cluster.listen, cluster.port = "127.0.0.1", free_port()
        cluster.start()
        said = {"host": "127.0.0.1", "port": str(cluster.port), "user": "postgres", "dbname": "postgres"}
        link = await open_link(profile_of(**said), None)
        shown = [
            await link.connection.fetchval(f"SHOW {name}")
            for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_user_timeout")
        ]
        assert shown == ["60", "10", "60000"]
        await link.connection.close()
    finally:
        cluster.remove()
        cluster.folder.parent.rmdir()


async def test_another_cluster_in_the_same_place_is_a_loud_stop(
    cluster: Cluster, wire: Proxy, newest: Database
) -> None:
    async with alive(through(wire)) as life:
        wire.lead_to(newest.cluster)
        wire.cut()
        await life.says(r"ANOTHER SERVER answers at 127\.0\.0\.1:\d+: system identifier \d+, and \d+ was")
        assert life.waits[-1] == math.inf
        dialled = life.dialled
        life.poller.refresh()
        await life.is_back()
        assert life.dialled == dialled + 1
