"""The deck and `verify` through a transaction pooler that has one server connection for all."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from profiles.locations import locations
from tests.servers import Database
from tests.sql.pool.test_pgbouncer import full_pool
from tests.sql.test_pooler import PGBOUNCER, bouncer, left_behind, listens
from tests.tui.live import SCHEMA, live, write_profile
from tests.waiting import until

pytestmark = pytest.mark.skipif(
    PGBOUNCER is None, reason="no pgbouncer here; get it with: apt-get install pgbouncer"
)
ROOT = Path(__file__).parent.parent.parent
CLEAN = ("off", "0", 0)


@pytest.fixture
async def pooled(newest: Database) -> AsyncIterator[dict[str, str]]:
    """What the pooler's clients say; two profiles, `one` and `two`, go through it."""
    await newest.execute(SCHEMA)
    with bouncer(newest) as said:
        await until(lambda: listens(said["port"]))

        class Pooled(Database):
            """The database as its clients reach it."""

            def parameters(self, user: str = "postgres") -> dict[str, str]:
                return {**said, "user": user}

        through = Pooled(newest.cluster, newest.major, newest.name)
        write_profile(through, "one")
        write_profile(through, "two")
        yield said


async def test_several_profiles_are_verified_through_one_connection(pooled: dict[str, str]) -> None:
    command = ["verify", "-e", "one", "-e", "two", "--duration", "1", "--report-format", "json"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tui.cli", *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    reports = json.loads(said)
    assert [(each["profile"], each["verdict"]) for each in reports] == [
        ("one", "ENTERPRISE READY"),
        ("two", "ENTERPRISE READY"),
    ]
    assert process.returncode == 0
    assert await left_behind(pooled) == CLEAN


@pytest.mark.hazard("PGB-03")
async def test_everything_is_read_again_and_again_through_it_without_an_error(pooled: dict[str, str]) -> None:
    async with live("one") as driver:
        await until(lambda: driver.shows("1 of 1 present") and driver.shows("1 of 1 met"), 30)
        assert driver.shows("through a transaction pooler")
        for _ in range(20):
            before = driver.deck.readings.known("indexes").taken_at
            await driver.press("g")
            await until(lambda before=before: driver.deck.readings.known("indexes").taken_at != before)
            assert driver.deck.readings.lost is None
            assert not any(known.unavailable for known in driver.deck.readings.parts.values())
        assert driver.app.failed == []
    assert await left_behind(pooled) == CLEAN


async def test_through_a_session_pooler_the_deck_says_so(newest: Database) -> None:
    await newest.execute(SCHEMA)
    with bouncer(newest, pool_mode="session", default_pool_size="6") as said:
        await until(lambda: listens(said["port"]))

        class Pooled(Database):
            """The database as its clients reach it."""

            def parameters(self, user: str = "postgres") -> dict[str, str]:
                return {**said, "user": user}

        async with live(
            write_profile(Pooled(newest.cluster, newest.major, newest.name), "sessions")
        ) as driver:
            await until(lambda: driver.shows("through a session pooler"))
            await until(lambda: driver.shows("1 of 1 present") and driver.shows("1 of 1 met"), 30)
            assert driver.deck.readings.lost is None
            await driver.press("1", "r")
            await until(lambda: driver.shows("The run goes through a pooler, which pools sessions"))
        assert await left_behind(said) == CLEAN


def name_console(said: dict[str, str], name: str) -> None:
    """Let the profile say where the console is."""
    path = locations().profiles / f"{name}.toml"
    console = f"host=127.0.0.1 port={said['port']} user=postgres sslmode=disable"
    path.write_text(path.read_text() + f'[pool]\npgbouncer = "{console}"\n')


@pytest.mark.hazard("PGB-05", "PGB-06")
@pytest.mark.parametrize("through", [False, True], ids=["beside", "through"])
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_who_waits_stands_on_the_screen(newest: Database, through: bool, size: tuple[int, int]) -> None:
    await newest.execute(SCHEMA)
    with bouncer(newest, admin_users="postgres", query_wait_timeout="120") as said:
        await until(lambda: listens(said["port"]))

        class Pooled(Database):
            """The database as the deck reaches it."""

            def parameters(self, user: str = "postgres") -> dict[str, str]:
                return {**said, "user": user} if through else super().parameters(user)

        name_console(said, write_profile(Pooled(newest.cluster, newest.major, newest.name), "full"))
        async with full_pool(said, 3), live("full", size) as driver:
            await driver.press("3")
            # Through the pool the deck itself waits too, and says why.
            await until(
                lambda: driver.shows("PgBouncer saturated: ") and driver.shows(" clients wait, the longest ")
            )
            assert driver.app.failed == []


async def test_a_console_that_does_not_let_us_in_is_unknown_never_empty(newest: Database) -> None:
    await newest.execute(SCHEMA)
    with bouncer(newest) as said:
        await until(lambda: listens(said["port"]))
        name_console(said, write_profile(newest, "barred"))
        async with live("barred") as driver:
            await until(lambda: driver.shows("? PgBouncer is unknown: "))
            await until(lambda: driver.shows("? UNKNOWN  PgBouncer's console could not be read"))


async def test_screen_and_prober_share_the_pooler(pooled: dict[str, str]) -> None:
    async with live("one") as driver:
        await until(lambda: driver.shows("1 of 1 present") and driver.shows("1 of 1 met"), 30)
        assert driver.shows("1 of 1 enforced")
        assert driver.deck.readings.lost is None
        assert driver.app.failed == []
    assert await left_behind(pooled) == CLEAN
