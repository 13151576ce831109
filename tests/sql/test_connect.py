"""Connecting: by socket, over TCP, with every login, and what each failure says."""

from __future__ import annotations

from profiles.model import EnvironmentClass, Profile
from sql.connect import Purpose, connect, raw_connect
from tests.servers import Database


def profile_of(parameters: dict[str, str], **more: object) -> Profile:
    return Profile("test", EnvironmentClass.DEVELOPMENT, "manifest", parameters, **more)  # type: ignore[arg-type]


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
    finally:
        await session.close()


async def test_the_runner_may_write(newest: Database) -> None:
    connection = await raw_connect(profile_of(newest.parameters()), None, Purpose.RUN)
    try:
        assert await connection.fetchval("SHOW application_name") == "pgdeck run"
        await connection.execute("CREATE TABLE written ()")
    finally:
        await connection.close()
