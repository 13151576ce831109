"""Who the server is, also where little may be read."""

from __future__ import annotations

import pytest

from profiles.model import EnvironmentClass, Profile
from sql.connect import connect
from sql.identity import pooler_behind, read_identity, reread
from tests.servers import Database


async def test_a_role_without_rights_still_learns_who_the_server_is(database: Database) -> None:
    role = f"low_{database.name}"
    await database.execute(
        f"CREATE ROLE {role} LOGIN; REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public"
    )
    try:
        session = await connect(
            Profile("low", EnvironmentClass.PRODUCTION, "m", database.parameters(role)), None
        )
        assert session.identity.user == role
        assert session.identity.system_identifier is None
        assert not session.identity.is_superuser
        assert not session.identity.can_read_stats
        again = (await reread(session)).server
        assert again == session.identity
        await session.close()
    finally:
        await database.execute(f"GRANT EXECUTE ON FUNCTION pg_control_system() TO public; DROP ROLE {role}")


async def test_pg_monitor_sees_the_sessions_of_others(newest: Database) -> None:
    role = f"watcher_{newest.name}"
    await newest.execute(f"CREATE ROLE {role} LOGIN; GRANT pg_monitor TO {role}")
    try:
        session = await connect(
            Profile("watcher", EnvironmentClass.PRODUCTION, "m", newest.parameters(role)), None
        )
        assert session.identity.can_read_stats
        await session.close()
    finally:
        await newest.execute(f"DROP ROLE {role}")


async def test_a_bare_connection_is_identified_by_what_the_server_says(newest: Database) -> None:
    connection = await newest.connect()
    identity = await read_identity(connection)
    assert identity.address == "local socket"
    assert not identity.read_only
    await connection.close()


@pytest.mark.hazard("PGB-01")
def test_another_process_or_lost_settings_prove_a_pooler() -> None:
    row = {"backend_pid": 7, "default_read_only": "off"}
    assert pooler_behind(row, 7, asked_read_only=False) is None
    assert "dropped" in pooler_behind(row, 7, asked_read_only=True).evidence  # type: ignore[union-attr]
    assert "(7) is not the one" in pooler_behind(row, 8, asked_read_only=False).evidence  # type: ignore[union-attr]
