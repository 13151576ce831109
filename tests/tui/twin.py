"""The deck drawn twice, Textual's own way and ours, into two emulated terminals that must stay alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from operator import ne

import pyte
from rich.color import ColorSystem
from rich.console import RenderableType
from textual.app import App
from textual.driver import Driver as TextualDriver
from textual.drivers.headless_driver import HeadlessDriver
from textual.screen import Screen

from profiles.model import EnvironmentClass
from sql.snapshots import Event
from tests.tui import samples
from tests.tui.emulator import Emulator, differences
from tests.tui.stepping import StepApp, StepDriver, profile


class Tape(HeadlessDriver):
    """Keeps what is written; drawn on once the app is up, so that signals and terminals are left alone."""

    awake = False

    @property
    def is_headless(self) -> bool:
        """Whether nothing is drawn."""
        return not self.awake

    def write(self, data: str) -> None:
        """Into the emulated terminal."""
        self.written += len(data.encode())
        self.stream.feed(data)

    def resize(self, width: int, height: int) -> None:
        """The emulated terminal has another size now."""
        self.written = 0
        self.screen = Emulator(width, height)
        self.screen.reset_mode(pyte.modes.DECAWM)
        self.stream = pyte.Stream(self.screen)


class TwinApp(StepApp):
    """Draws every frame twice and compares every cell after it."""

    compared = 0
    first_difference = ""
    cells_changed = 0

    def __init__(self) -> None:
        super().__init__(profile(EnvironmentClass.PRODUCTION))
        self.seen: set[str] = set()

    def _build_driver(
        self, headless: bool, inline: bool, mouse: bool, size: tuple[int, int] | None
    ) -> TextualDriver:
        self.plain, self.ours = (Tape(self, mouse=mouse, size=size) for _ in range(2))
        assert size is not None
        for tape in (self.plain, self.ours):
            tape.resize(*size)
        return self.ours

    def wake(self) -> None:
        """Begin to draw, all of it."""
        self.plain.awake = self.ours.awake = True
        self._sync_available = True
        self.refresh(layout=True)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        before = self.plain.screen.snapshot() if self.plain.awake else []
        self._driver = self.plain
        App._display(self, screen, renderable)
        self._driver = self.ours
        super()._display(screen, renderable)
        if self.plain.awake and renderable is not None and not self._batch_count:
            pairs = zip(before, self.plain.screen.snapshot(), strict=True)
            self.cells_changed += sum(sum(map(ne, old, new)) for old, new in pairs if old != new)
            self.compare()

    def compare(self) -> None:
        """Remember the first cell that differs."""
        self.compared += 1
        self.seen.add(type(self.screen).__name__)
        found = differences(self.plain.screen, self.ours.screen)
        if found and not self.first_difference:
            self.first_difference = f"frame {self.compared} on {self.screen}: {len(found)}, first {found[0]}"


class Twin(StepDriver):
    """The deck of a twin."""

    app: TwinApp

    async def resize(self, width: int, height: int) -> None:
        """Another size: what the terminals then show is not known."""
        for tape in (self.app.plain, self.app.ours):
            tape.resize(width, height)
        await self.pilot.resize_terminal(width, height)
        await self.pilot.pause()

    def check(self) -> None:
        """Nothing has differed so far."""
        assert self.app.compared > 0
        assert not self.app.first_difference, self.app.first_difference


@asynccontextmanager
async def twin(
    size: tuple[int, int], events: Iterable[Event] = samples.EVERYTHING, app: TwinApp | None = None
) -> AsyncIterator[Twin]:
    """A deck that is drawn twice."""
    app = app if app is not None else TwinApp()
    # Textual keeps a style's sequence whatever the colours were: one process, one kind of colours.
    app.console._color_system = ColorSystem.EIGHT_BIT
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        await pilot.pause()
        app.wake()
        driver = Twin(app, pilot)
        driver.deck._clock = lambda: app.now
        await driver.publish(*events)
        yield driver
        assert app.failed == []
        app.plain.awake = app.ours.awake = False
