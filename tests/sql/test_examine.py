"""The connection test: which stages pass, and which one failed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from profiles.model import EnvironmentClass, PoolOverride, Profile
from profiles.secret import Secret
from sql.examine import Stage, StageName, examine
from tests.servers import Database
from tests.sql.secured import free_port

ALWAYS = [name for name in StageName if name not in (StageName.CONSOLE, StageName.REPLICA)]


async def stages_of(parameters: dict[str, str]) -> tuple[Stage, ...]:
    return await examine(Profile("sales", EnvironmentClass.STAGING, "m", parameters), None)


async def test_all_stages_pass_in_their_order(database: Database) -> None:
    stages = await stages_of(database.parameters())
    assert [stage.name for stage in stages] == ALWAYS
    assert all(stage.passed and stage.detail for stage in stages)
    found = {stage.name: stage.detail for stage in stages}
    assert "without effect" not in found[StageName.PROFILE]
    assert f"PostgreSQL {database.major}" in found[StageName.DATABASE]
    assert "primary" in found[StageName.DATABASE]
    assert "a Unix socket needs none" in found[StageName.TLS]


@pytest.mark.parametrize(
    ("parameters", "failed"),
    [
        ({"port": "1"}, StageName.ADDRESS),
        ({"host": "nowhere.invalid"}, StageName.NAME),
        ({"dbname": "nowhere"}, StageName.DATABASE),
        ({"user": "nobody_here"}, StageName.LOGIN),
        ({"service": "nowhere"}, StageName.PROFILE),
    ],
)
async def test_the_stage_that_failed_is_the_last(
    newest: Database, parameters: dict[str, str], failed: StageName
) -> None:
    stages = await stages_of({**newest.parameters(), **parameters})
    assert [stage.passed for stage in stages] == [True] * (len(stages) - 1) + [False]
    assert stages[-1].name is failed
    assert stages[-1].detail
    assert [stage.name for stage in stages] == ALWAYS[: len(stages)]


async def test_a_parameter_without_effect_is_said_to_have_none(newest: Database) -> None:
    stages = await stages_of({**newest.parameters(), "application_name": "mine", "client_encoding": "latin1"})
    assert "(application_name, client_encoding without effect here)" in stages[0].detail
    assert all(stage.passed for stage in stages)


async def test_the_console_and_the_replicas_that_a_profile_names_are_tried_too(newest: Database) -> None:
    named = replace(
        Profile("sales", EnvironmentClass.STAGING, "m", newest.parameters()),
        pool=PoolOverride(pgbouncer="host=127.0.0.1 port=1 user=x"),
        replicas=({"host": "/nowhere"}, {}),
    )
    *before, console, nowhere, itself = await examine(named, None)
    assert [stage.name for stage in before] == ALWAYS and all(stage.passed for stage in before)
    assert (console.name, console.passed) == (StageName.CONSOLE, False)
    assert "check host and port in pool.pgbouncer" in console.detail
    assert (nowhere.name, nowhere.passed) == (StageName.REPLICA, False)
    assert "no server socket" in nowhere.detail
    assert not itself.passed and "it takes writes" in itself.detail


async def test_nothing_that_listens_is_a_failed_address() -> None:
    stages = await stages_of({"host": "127.0.0.1", "port": str(free_port())})
    assert [(stage.name.value, stage.passed) for stage in stages] == [
        ("profile", True),
        ("name", True),
        ("address", False),
    ]


async def test_a_full_role_is_a_limit(newest: Database) -> None:
    role = f"full_{newest.name}"
    await newest.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0")
    try:
        stages = await stages_of(newest.parameters(role))
        assert (stages[-1].name, stages[-1].passed) == (StageName.LIMIT, False)
    finally:
        await newest.execute(f"DROP ROLE {role}")


async def test_missing_rights_are_named_with_the_grant(newest: Database) -> None:
    role = f"low_{newest.name}"
    await newest.execute(f"CREATE ROLE {role} LOGIN")
    try:
        stages = await stages_of(newest.parameters(role))
        assert stages[-1].passed
        assert f"GRANT pg_monitor TO {role}" in stages[-1].detail
    finally:
        await newest.execute(f"DROP ROLE {role}")


async def test_a_server_that_hangs_up_is_told_so() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        profile = Profile(
            "x", EnvironmentClass.STAGING, "m", {"host": "127.0.0.1", "port": str(port), "sslmode": "disable"}
        )
        stages = await examine(profile, Secret("hunter2"))
        assert not stages[-1].passed
        assert "hunter2" not in stages[-1].detail
        assert str(port) in stages[-1].detail
