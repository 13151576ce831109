"""Connecting: by socket and over TCP, which host is taken, and what each failure says."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import asyncpg
import pytest

from profiles.errors import ConfigurationError
from profiles.model import EnvironmentClass, Profile
from sql.connect import Purpose, connect, open_link, raw_connect
from sql.errors import LoginError, SessionError
from sql.identity import read_identity
from sql.snapshots import ServerIdentity
from tests import servers
from tests.servers import Database
from tests.sql.secured import free_port


def profile_of(parameters: dict[str, str], direct: dict[str, str] | None = None) -> Profile:
    return Profile("test", EnvironmentClass.DEVELOPMENT, "manifest", parameters, direct)


async def test_a_session_is_read_only_from_its_first_statement(database: Database) -> None:
    session = await connect(profile_of(database.parameters()), None)
    try:
        identity = session.identity
        assert identity.version_num // 10000 == database.major
        assert identity.version.split(".")[0] == str(database.major)
        assert identity.database == database.name
        assert identity.user == "postgres"
        assert identity.read_only
        assert not identity.in_recovery
        assert identity.is_superuser
        assert identity.can_read_stats
        assert identity.pooler is None
        assert identity.system_identifier is not None
        assert identity.address == f"{database.cluster.socket}/.s.PGSQL.{database.cluster.port}"
        with pytest.raises(Exception, match="read-only"):
            await session._connection.execute("CREATE TABLE nothing ()")
    finally:
        await session.close()


async def test_what_a_role_sets_for_itself_does_not_weaken_the_session(newest: Database) -> None:
    role = f"lax_{newest.name}"
    await newest.execute(
        f"CREATE ROLE {role} LOGIN; ALTER ROLE {role} SET default_transaction_read_only = off;"
        f"ALTER ROLE {role} SET statement_timeout = 0; ALTER ROLE {role} SET search_path = nowhere"
    )
    try:
        link = await open_link(profile_of(newest.parameters(role)), None)
        shown = [
            await link.connection.fetchval(f"SHOW {name}")
            for name in (
                "default_transaction_read_only",
                "statement_timeout",
                "search_path",
                "application_name",
            )
        ]
        assert shown == ["on", "5s", "pg_catalog", "pgdeck watch"]
        assert not link.identity.can_read_stats
        await link.connection.close()
    finally:
        await newest.execute(f"DROP ROLE {role}")


async def test_the_runner_may_write_and_goes_direct(newest: Database) -> None:
    elsewhere = {**newest.parameters(), "port": "1"}
    direct = {"port": str(newest.cluster.port)}
    connection = await raw_connect(profile_of(elsewhere, direct), None, Purpose.RUN)
    try:
        assert await connection.fetchval("SHOW application_name") == "pgdeck run"
        await connection.execute("CREATE TABLE written ()")
    finally:
        await connection.close()


async def test_variables_count_only_where_the_profile_is_silent(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = newest.parameters()
    monkeypatch.setenv("PGDATABASE", "not_this_one")
    monkeypatch.setenv("PGSSLMODE", "require")
    monkeypatch.setenv("PGHOST", said.pop("host"))
    monkeypatch.setenv("PGPORT", said.pop("port"))
    session = await connect(profile_of(said), None)
    assert session.identity.database == newest.name
    await session.close()


async def test_a_service_says_where(
    newest: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = newest.parameters()
    file = tmp_path / "services"
    file.write_text("[sales]\n" + "".join(f"{key}={value}\n" for key, value in said.items()))
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    session = await connect(profile_of({"service": "sales"}), None)
    assert session.identity.database == newest.name
    await session.close()
    with pytest.raises(ConfigurationError, match="nowhere: this service is not defined"):
        await connect(profile_of({"service": "nowhere"}), None)


async def test_the_next_host_is_tried_when_one_is_down(newest: Database) -> None:
    said = newest.parameters()
    hosts = f"127.0.0.1,/nowhere,{said['host']}"
    session = await connect(
        profile_of({**said, "host": hosts, "port": f"{free_port()},5432,{said['port']}"}), None
    )
    assert session.identity.address.startswith(said["host"])
    await session.close()


async def test_all_hosts_down_names_every_one(newest: Database) -> None:
    port = free_port()
    said = {**newest.parameters(), "host": "127.0.0.1,/nowhere", "port": str(port)}
    with pytest.raises(
        SessionError, match=rf"nothing listens at 127\.0\.0\.1:{port}.*no server socket /nowhere"
    ):
        await connect(profile_of(said), None)


@pytest.mark.parametrize("wanted", ["primary", "read-write", "prefer-standby", "any"])
async def test_a_primary_fits(newest: Database, wanted: str) -> None:
    said = {**newest.parameters(), "target_session_attrs": wanted}
    session = await connect(profile_of(said), None)
    assert session.identity.read_only
    await session.close()


@pytest.mark.hazard("PRV-03")
@pytest.mark.parametrize("wanted", ["standby", "read-only"])
async def test_a_primary_is_no_standby(newest: Database, wanted: str) -> None:
    with pytest.raises(SessionError, match=f"is a primary, and target_session_attrs={wanted}"):
        await connect(profile_of({**newest.parameters(), "target_session_attrs": wanted}), None)


async def test_read_only_is_the_servers_default_not_ours(newest: Database) -> None:
    await newest.execute(f'ALTER DATABASE "{newest.name}" SET default_transaction_read_only = on')
    session = await connect(profile_of({**newest.parameters(), "target_session_attrs": "read-only"}), None)
    await session.close()
    with pytest.raises(SessionError, match="asks for another"):
        await connect(profile_of({**newest.parameters(), "target_session_attrs": "read-write"}), None)


async def test_options_reach_the_server(newest: Database) -> None:
    said = {**newest.parameters(), "options": "-c work_mem=7MB -c default_transaction_read_only=off"}
    link = await open_link(profile_of(said), None)
    assert await link.connection.fetchval("SHOW work_mem") == "7MB"
    assert link.identity.read_only
    await link.connection.close()


async def test_a_missing_database_is_named(newest: Database) -> None:
    with pytest.raises(LoginError, match="there is no database nowhere") as failed:
        await connect(profile_of({**newest.parameters(), "dbname": "nowhere"}), None)
    assert (failed.value.stage, failed.value.sqlstate) == ("database", "3D000")


async def test_a_missing_role_is_named(newest: Database) -> None:
    with pytest.raises(LoginError, match="refuses nobody_here") as failed:
        await connect(profile_of({**newest.parameters("nobody_here")}), None)
    assert failed.value.stage == "login"


async def test_a_role_without_connection_left_is_a_limit(newest: Database) -> None:
    role = f"full_{newest.name}"
    await newest.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0")
    try:
        with pytest.raises(SessionError, match="no connection left") as failed:
            await connect(profile_of(newest.parameters(role)), None)
        assert (failed.value.stage, failed.value.sqlstate) == ("limit", "53300")
        assert not isinstance(failed.value, LoginError)
    finally:
        await newest.execute(f"DROP ROLE {role}")


async def test_no_right_to_connect_names_the_grant(newest: Database) -> None:
    role = f"kept_out_{newest.name}"
    await newest.execute(f'CREATE ROLE {role} LOGIN; REVOKE CONNECT ON DATABASE "{newest.name}" FROM public')
    try:
        with pytest.raises(LoginError, match="GRANT CONNECT ON DATABASE") as failed:
            await connect(profile_of(newest.parameters(role)), None)
        assert failed.value.stage == "database"
    finally:
        await newest.execute(f"DROP ROLE {role}")


async def test_an_unknown_name_fails_at_its_stage() -> None:
    with pytest.raises(SessionError, match=r"nowhere\.invalid cannot be resolved") as failed:
        await connect(profile_of({"host": "nowhere.invalid"}), None)
    assert failed.value.stage == "name"


async def test_a_socket_that_is_not_there_names_its_path() -> None:
    with pytest.raises(SessionError, match=r"no server socket /nowhere/\.s\.PGSQL\.5432") as failed:
        await connect(profile_of({"host": "/nowhere"}), None)
    assert failed.value.stage == "address"


async def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        said = {"host": "127.0.0.1", "port": str(port), "connect_timeout": "2", "sslmode": "disable"}
        with pytest.raises(SessionError, match=r"did not answer within 2 s.*connect_timeout") as failed:
            await connect(profile_of(said), None)
        assert failed.value.stage == "address"


async def answering(reply: bytes) -> tuple[asyncio.Server, int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(reply)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def test_insisting_on_tls_where_there_is_none_says_so() -> None:
    server, port = await answering(b"N")
    async with server:
        with pytest.raises(SessionError, match="does not speak TLS, and sslmode=require insists") as failed:
            await connect(profile_of({"host": "127.0.0.1", "port": str(port), "sslmode": "require"}), None)
        assert failed.value.stage == "tls"


async def test_what_is_no_postgres_is_said_to_be_none() -> None:
    server, port = await answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    async with server:
        with pytest.raises(SessionError, match=f"127.0.0.1:{port}"):
            await connect(profile_of({"host": "127.0.0.1", "port": str(port), "sslmode": "disable"}), None)


@pytest.mark.hazard("DISC-08")
async def test_tcp_connections_are_kept_alive(newest: Database) -> None:
    major = 18
    cluster = servers.start(major)
    cluster.stop()
    cluster.listen, cluster.port = "127.0.0.1", free_port()
    cluster.start()
    try:
        said = {"host": "127.0.0.1", "port": str(cluster.port), "dbname": "postgres", "user": "postgres"}
        link = await open_link(profile_of({**said, "keepalives_idle": "77"}), None)
        found = link.connection._transport.get_extra_info("socket")
        assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 77
        await link.connection.close()
    finally:
        cluster.remove()
        cluster.folder.parent.rmdir()


async def test_an_abstract_socket_is_reached(newest: Database) -> None:
    cluster = servers.start(18)
    cluster.stop()
    name = f"@pgdeck-test-{free_port()}"
    cluster.settings = {**cluster.settings, "unix_socket_directories": f"{cluster.socket},{name}"}
    cluster.start()
    try:
        said = {"host": name, "dbname": "postgres", "user": "postgres"}
        session = await connect(profile_of(said), None)
        assert session.identity.address == f"{name}/.s.PGSQL.5432"
        await session.close()
    finally:
        cluster.remove()
        cluster.folder.parent.rmdir()


async def test_a_backend_that_ends_right_after_the_login_is_a_lost_session(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = await newest.connect()

    async def after_the_end(connection: asyncpg.Connection, **more: object) -> ServerIdentity:
        await control.execute("SELECT pg_terminate_backend($1, 10000)", connection.get_server_pid())
        return await read_identity(connection, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("sql.connect.read_identity", after_the_end)
    try:
        with pytest.raises(SessionError, match="answered nothing of use"):
            await connect(profile_of(newest.parameters()), None)
    finally:
        await control.close()


async def test_a_state_that_the_driver_calls_its_own_mistake_is_a_lost_session(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def confused(connection: asyncpg.Connection, **more: object) -> ServerIdentity:
        raise asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress")

    monkeypatch.setattr("sql.connect.read_identity", confused)
    with pytest.raises(SessionError, match="InternalClientError"):
        await connect(profile_of(newest.parameters()), None)
