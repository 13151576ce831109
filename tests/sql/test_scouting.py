"""What a scout tells before the watch begins: the same that the watch will read, and nothing that hurts."""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import replace

import pytest

from profiles.errors import ConfigurationError
from profiles.secret import Secret
from sql import scouting, telling
from sql.errors import LoginError, PasswordNeeded, SessionError
from sql.snapshots import (
    ConstraintsSnapshot,
    IdentitySnapshot,
    IndexesSnapshot,
    PoolSnapshot,
    ServerIdentity,
)
from sql.telling import Told
from tests.servers import Database
from tests.tui.live import write_profile
from tests.waiting import until
from tui.commands.deck import load

SCHEMA = (
    "CREATE TABLE leads (id int PRIMARY KEY, status text, score int CONSTRAINT ck_score CHECK (score >= 0))"
)
GONE = """
SELECT count(*) = 0 FROM pg_stat_activity
WHERE application_name LIKE 'pgdeck%' AND datname = current_database()
"""


async def scouted(name: str) -> list[Told]:
    """All that a scout of this profile tells."""
    told: list[Told] = []
    await scouting.scout(*load(name), told.append)
    return told


async def test_it_tells_which_server_it_is_then_every_part_and_leaves(database: Database) -> None:
    await database.execute(SCHEMA)
    told = await scouted(write_profile(database))
    kinds = [type(each) for each in told]
    assert kinds == [ServerIdentity, IdentitySnapshot, PoolSnapshot, IndexesSnapshot, ConstraintsSnapshot]
    asking = await database.connect()
    try:
        await until(lambda: asking.fetchval(GONE))
    finally:
        await asking.close()


async def test_all_that_is_told_arrives_as_it_was(newest: Database) -> None:
    await newest.execute(SCHEMA)
    told = await scouted(write_profile(newest))
    assert pickle.loads(pickle.dumps(told)) == told


@pytest.mark.parametrize(
    "error",
    [
        SessionError("nobody is there", stage="address"),
        LoginError("refused", stage="login", sqlstate="28P01", password_may_help=False),
        PasswordNeeded("a password, please", stage="login"),
    ],
)
def test_why_nobody_gets_in_arrives_in_full(error: SessionError) -> None:
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert (str(arrived), vars(arrived)) == (str(error), vars(error))


def test_a_password_cannot_be_told() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret("hush"))


async def test_where_nobody_gets_in_only_that_is_told(newest: Database) -> None:
    profile, manifest = load(write_profile(newest, user="nobody_here"))
    told: list[Told] = []
    await scouting.scout(profile, manifest, told.append)
    (error,) = told
    assert isinstance(error, LoginError)
    assert "nobody_here" in str(error)


async def test_a_part_that_takes_long_is_left_to_the_watch(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await newest.execute(SCHEMA)
    profile, manifest = load(write_profile(newest))
    holder = await newest.connect()
    monkeypatch.setattr(scouting, "READING_S", 0.2)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE leads")
            told: list[Told] = []
            await scouting.scout(profile, manifest, told.append)
            kinds = [type(each) for each in told]
            assert ServerIdentity in kinds
            assert ConstraintsSnapshot not in kinds
            await until(lambda: holder.fetchval(GONE))
    finally:
        await holder.close()


async def test_what_is_wrong_in_the_files_is_the_decks_to_say(newest: Database) -> None:
    profile, manifest = load(write_profile(newest))
    told: list[Told] = []
    with pytest.raises(ConfigurationError):
        await scouting.scout(
            replace(profile, connection={**profile.connection, "sslmode": "sometimes"}), manifest, told.append
        )
    assert told == []


async def test_ended_it_says_goodbye(newest: Database) -> None:
    await newest.execute(SCHEMA)
    profile, manifest = load(write_profile(newest))
    holder = await newest.connect()
    told: list[Told] = []
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE leads")
            going = asyncio.create_task(scouting.scout(profile, manifest, told.append))
            await until(lambda: told)
            going.cancel()
            with pytest.raises(asyncio.CancelledError):
                await going
            await until(lambda: holder.fetchval(GONE))
    finally:
        await holder.close()


async def test_as_long_as_it_is_at_work_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several hosts that are out of reach take longer than anybody would wait for one that is stuck."""
    monkeypatch.setattr(scouting, "SIGN_S", 0.0)
    told, lived = asyncio.StreamReader(), []

    class Pipe:
        def write(self, data: bytes, /) -> None:
            told.feed_data(data)

    living = asyncio.create_task(scouting._live(Pipe(), lambda: lived.append(1)))
    for _ in range(3):
        assert await telling.hear(told) is None
    living.cancel()
    assert len(lived) >= 3
