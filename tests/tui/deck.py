"""A deck without a server: hand-made readings, a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime

from textual.pilot import Pilot
from textual.worker import Worker, WorkerState

from profiles.manifest import Manifest
from profiles.model import Profile
from sql.snapshots import Event
from tests.tui import samples
from tui.app import DeckApp
from tui.panes.pane import Pane
from tui.screens.deck import DeckScreen


class StillApp(DeckApp):
    """The app without a watch; a worker that fails fails the test."""

    def __init__(self, profile: Profile = samples.PROFILE, manifest: Manifest = samples.MANIFEST) -> None:
        super().__init__(profile, manifest)
        self.now: datetime = samples.NOW
        self.failed: list[BaseException | None] = []

    def begin_watching(self) -> None:
        """No server here."""

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Remember what failed."""
        if event.state is WorkerState.ERROR:
            self.failed.append(event.worker.error)


class Driver:
    """What a test does to a deck, and what it sees."""

    def __init__(self, app: StillApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def deck(self) -> DeckScreen:
        """The deck's screen."""
        deck = self.app.deck
        assert deck is not None
        return deck

    def pane(self, number: int) -> Pane:
        """A pane by its number."""
        return self.deck.pane(number)

    async def publish(self, *events: Event) -> None:
        """Let readings arrive."""
        for event in events:
            self.deck.take(event)
        await self.pilot.pause()

    async def press(self, *names: str) -> None:
        """Press keys, one after the other."""
        for name in names:
            await self.pilot.press(name)
            await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Type a text."""
        await self.press(*text)

    def screen_text(self) -> list[str]:
        """What stands on the screen, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip) for strip in strips]

    def shows(self, text: str) -> bool:
        """Whether the text stands on the screen."""
        return any(text in each for each in self.screen_text())


@asynccontextmanager
async def deck(
    size: tuple[int, int] = (120, 40),
    events: Iterable[Event] = samples.EVERYTHING,
    profile: Profile = samples.PROFILE,
    manifest: Manifest = samples.MANIFEST,
) -> AsyncIterator[Driver]:
    """A deck of this size in columns and rows, with these readings taken in."""
    app = StillApp(profile, manifest)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        driver = Driver(app, pilot)
        driver.deck._clock = lambda: app.now
        await driver.publish(*events)
        yield driver
        assert app.failed == []
    assert app.return_code in (None, 0), app.last_words
