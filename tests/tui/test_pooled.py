"""The deck and `verify` through a transaction pooler that has one server connection for all."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.servers import Database
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


async def test_screen_and_prober_share_the_pooler(pooled: dict[str, str]) -> None:
    async with live("one") as driver:
        await until(lambda: driver.shows("1 of 1 present") and driver.shows("1 of 1 met"), 30)
        assert driver.shows("1 of 1 enforced")
        assert driver.deck.readings.lost is None
        assert driver.app.failed == []
    assert await left_behind(pooled) == CLEAN
