"""What the console's watch is told before it is there is remembered."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from sql.pool.pgbouncer_watch import ConsoleWatch
from tests.tui import samples
from tests.waiting import until
from tui.console_feed import ConsoleFeed


class Noting:
    """A watch that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def run(self) -> None:
        """Until cancelled."""
        self.told.append("run")
        await asyncio.Event().wait()

    def pause(self) -> None:
        """Ask nothing."""
        self.told.append("pause")

    def resume(self) -> None:
        """Go on."""
        self.told.append("resume")

    def refresh(self) -> None:
        """Ask everything."""
        self.told.append("refresh")


@pytest.mark.parametrize(("paused", "first"), [(True, "pause"), (False, "resume")])
async def test_it_begins_as_it_was_told_to_before(paused: bool, first: str) -> None:
    noting, feed = Noting(), ConsoleFeed(samples.PROFILE, lambda _: None)
    feed._make = lambda: cast("ConsoleWatch", noting)  # type: ignore[method-assign]
    feed.pause(paused)
    feed.refresh()
    running = asyncio.create_task(feed.run())
    await until(lambda: "run" in noting.told)
    feed.refresh()
    feed.pause(not paused)
    running.cancel()
    other = "resume" if paused else "pause"
    assert noting.told == [first, "run", "refresh", other]


def test_without_a_console_there_is_nothing_to_watch() -> None:
    assert not ConsoleFeed(samples.PROFILE, lambda _: None).is_named
