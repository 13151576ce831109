"""Every session of the deck is recorded, and a replay of it shows what it showed, to the digit."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sql.latency.messages import Message, Samples
from sql.recording.entries import Heard
from sql.recording.player import Player
from sql.recording.reader import Recording
from sql.recording.state import Shown
from sql.snapshots import Event, ProbesSnapshot
from tests.servers import Database
from tests.tui.deck import Driver
from tests.tui.live import SCHEMA, LiveApp, write_profile
from tests.waiting import until
from tui.app import DeckApp
from tui.commands.deck import load
from tui.recordings import folder


class RecordedApp(LiveApp):
    """The app as the command opens it; remembers what it heard and published."""

    def __init__(self, *chosen: object) -> None:
        super().__init__(*chosen)  # type: ignore[arg-type]
        self.recording.wanted = True
        self.heard: list[Message] = []
        self.published: list[Event] = []

    async def _follow(self) -> None:
        begin = self.recording.begin

        def also(feed: object) -> None:
            begin(feed)  # type: ignore[arg-type]
            feed.audience.listen(lambda message, at: self.heard.append(message))  # type: ignore[attr-defined]
            feed.audience.overhear(self.published.append)  # type: ignore[attr-defined]

        self.recording.begin = also  # type: ignore[method-assign]
        try:
            await DeckApp._follow(self)
        finally:
            self.recording.begin = begin  # type: ignore[method-assign]


@asynccontextmanager
async def recorded(name: str) -> AsyncIterator[Driver]:
    app = RecordedApp(*load(name))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.pause()
        try:
            yield Driver(app, pilot)
        finally:
            await app.stop_watching()
        assert app.failed == []


def recordings() -> list[Path]:
    return sorted(folder().iterdir()) if folder().exists() else []


async def test_a_replay_equals_the_session_in_every_field(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with recorded(write_profile(newest)) as driver:
        app = driver.app
        assert isinstance(app, RecordedApp)
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        await newest.execute("DROP INDEX idx_leads_status")
        await driver.press("g")
        await until(lambda: driver.shows("✗ missing idx_leads_status"))
        await driver.press("t")
        await until(
            lambda: len({each.window_s for each in app.published if isinstance(each, ProbesSnapshot)}) > 1
        )
        await until(lambda: sum(len(each.rows) for each in app.heard if isinstance(each, Samples)) > 100)
    (path,) = recordings()
    with Recording(path) as recording:
        assert recording.ended == "closed"
        happened = list(Player(recording).advance(1e9))
    played = [each.event for each in happened if isinstance(each, Shown)]
    heard = [each.message for each in happened if isinstance(each, Heard)]
    assert heard == app.heard
    assert len(played) == len(app.published) > 8
    for mine, theirs in zip(played, app.published, strict=True):
        assert mine == theirs
        if isinstance(theirs, ProbesSnapshot):
            assert isinstance(mine, ProbesSnapshot)
            assert (mine.taken_at, mine.clock) == (theirs.taken_at, theirs.clock)
            assert repr(replace(mine, since=None)) == repr(replace(theirs, since=None))


async def test_each_watch_has_a_file_of_its_own(newest: Database) -> None:
    await newest.execute(SCHEMA)
    write_profile(newest, "second")
    async with recorded(write_profile(newest)) as driver:
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        await driver.app.switch("second")
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        await driver.press("space")
        await driver.press("space")
    names = [path.name.partition("-")[0] for path in recordings()]
    assert names == ["second", "small"]
    for path in recordings():
        with Recording(path) as recording:
            assert recording.ended == "closed"
            assert recording.header.server is not None
            assert recording.header.server.database == newest.name
    assert (folder().stat().st_mode & 0o777, recordings()[0].stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
async def test_a_folder_that_may_not_be_written_is_said(newest: Database) -> None:
    folder().mkdir(parents=True)
    folder().chmod(0o500)
    await _says_so_and_goes_on(newest)


async def test_a_place_that_cannot_be_written_is_said_and_the_deck_goes_on(newest: Database) -> None:
    folder().parent.mkdir(parents=True)
    folder().write_text("a file stands here")
    await _says_so_and_goes_on(newest)


async def _says_so_and_goes_on(database: Database) -> None:
    await database.execute(SCHEMA)
    async with recorded(write_profile(database)) as driver:
        await until(lambda: driver.shows("! nothing is recorded any more: "))
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        app = driver.app
        assert isinstance(app, RecordedApp)
        before = len(app.published)
        await until(lambda: len(app.published) > before + 2)


async def test_without_the_wish_nothing_is_recorded(newest: Database) -> None:
    await newest.execute(SCHEMA)
    app = LiveApp(*load(write_profile(newest)))
    async with app.run_test(size=(120, 40)) as pilot:
        driver = Driver(app, pilot)
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        await app.stop_watching()
    assert recordings() == []
