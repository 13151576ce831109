"""A deck whose road to the server is a value: what a look gives, what a launch does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from profiles.locations import locations
from profiles.model import EnvironmentClass, Guard, Profile
from sql.locks.reading import LockSession
from sql.steps import acting
from sql.steps.blockers import Blocker
from sql.steps.choosing import Readiness
from sql.steps.ending import Ended
from sql.steps.estimate import Estimated
from sql.steps.forecast import Forecast
from sql.steps.forecast_rules import ForecastBlocker
from sql.steps.journal import Journal, JournalEntry
from sql.steps.plan import plan
from sql.steps.preview import Preview
from sql.steps.signals import Signal
from sql.steps.step import Direction, Step
from sql.verdict import Parts
from sql.violations import Violations
from tests.tui import samples
from tests.tui.deck import Driver, StillApp
from tui.remedies import Mendable
from tui.road import Looked, Road, RoadBlocked
from tui.screens.preview import PreviewScreen

RUN = "20261122-200000-abcd"
BLOCKER = ForecastBlocker(
    pid=4711,
    user="sales_app",
    application="[@click=app.quit]x[/]",
    state="idle in transaction",
    state_age_s=90.0,
    age_s=95.0,
    query="UPDATE leads SET score = 1",
    rule="writer of this table",
    phase="waiting for writers before build",
)


def profile(environment: EnvironmentClass, guard: Guard = Guard.CONFIRM) -> Profile:
    """The sample profile in another class."""
    return replace(samples.PROFILE, environment=environment, guard=guard)


def first_step() -> Step:
    """The step that creates the first missing index of the samples."""
    return plan(samples.MANIFEST, Parts(indexes=samples.INDEXES)).steps[0]


def preview(step: Step, **changed: Any) -> Preview:
    """A preview with something in every part."""
    estimated = Estimated(3_600_000, "100,000 rows of 12 bytes")
    known = Preview(
        step=step.id,
        taken_at=samples.NOW,
        table_bytes=48_000_000,
        rows=100_000,
        index_bytes=estimated,
        seconds=Estimated(12.0, "assumed: it reads the table twice"),
        temporary_bytes=Estimated(0, "no temporary file: the sort fits into maintenance_work_mem (64 MiB)"),
        wal_bytes=estimated,
        free_disk=Estimated(None, "SQL cannot see free disk; on the server: df -h /data"),
        forecast=Forecast((BLOCKER,), ("Cannot see what 2 sessions of other roles do.",), ("DDL on it.",)),
        violations=Violations(3, keys=("id=17",)),
        duplicates=None,
        missing_privileges=(),
        warnings=("Event triggers see this step.",),
        planner=None,
        undo=step.undo_sql,
        refused_reason=None,
    )
    return replace(known, **changed)


def looked(step: Step, why: str = "", **changed: Any) -> Looked:
    """A look that found this step."""
    ready = Readiness.REFUSED if why else Readiness.READY
    return Looked(acting.PreparedStep(step.id, ready, step, preview=preview(step, **changed)), (), why)


class FakeRoad(Road):
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        self.found: Looked | RoadBlocked = looked(first_step())
        self.answer: Callable[[], str] = lambda: RUN
        self.asked: list[str] = []

    async def look(
        self, reading: Mendable, direction: Direction, tell: Callable[[str], None], *, shown: bool = True
    ) -> Looked:
        """What the test wants it to find."""
        del reading, tell
        self.asked.append(f"look {direction}" + ("" if shown else " aside"))
        if isinstance(self.found, RoadBlocked):
            raise self.found
        return self.found

    async def launch(self, looked: Looked) -> str:
        """Nothing is started."""
        assert looked.step is not None
        self.asked.append(f"launch {looked.step.id}")
        return self.answer()

    async def adopt(self, run: str) -> str:
        """Nothing is started."""
        self.asked.append(f"adopt {run}")
        return "adopted"

    async def cancel(self, run: str) -> str:
        """Nobody is told."""
        self.asked.append(f"cancel {run}")
        return "told to cancel and clean up"

    async def unblock(self, run: str, signal: Signal, blocker: Blocker) -> str:
        """Nothing is sent."""
        self.asked.append(f"{signal} {blocker.pid} for {run}")
        return f"pid {blocker.pid}: its statement ended"

    async def end(self, signal: Signal, session: LockSession) -> Ended:
        """Nothing is sent."""
        self.asked.append(f"{signal} {session.key}")
        return Ended(True, True, 2, 0, f"pid {session.pid}: its session ended; all 2 behind it go on")


class StepApp(StillApp):
    """The app on a fake road."""

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self.fake = FakeRoad()

    @property
    def road(self) -> Road:
        """The fake one."""
        return self.fake


class StepDriver(Driver):
    """A driver of such an app."""

    app: StepApp

    @property
    def fake(self) -> FakeRoad:
        """What the deck asks."""
        return self.app.fake

    async def settle(self) -> None:
        """Let workers and drawing come to rest."""
        await self.app.workers.wait_for_complete()
        await self.pilot.pause()

    async def open_preview(self, key: str = "b") -> PreviewScreen:
        """Open the preview of the selected row, and let the look arrive."""
        await self.press(key)
        await self.settle()
        screen = self.app.screen
        assert isinstance(screen, PreviewScreen)
        return screen

    async def journalled(self, *entries: JournalEntry) -> None:
        """Let the journal hold these and the deck see them."""
        Journal(locations().journal).extend(entries)
        watch = self.app.board._ready()
        watch.update()
        self.app._runs_changed()
        await self.settle()


@asynccontextmanager
async def stepping(
    environment: EnvironmentClass = EnvironmentClass.PRODUCTION,
    guard: Guard = Guard.CONFIRM,
    size: tuple[int, int] = (80, 24),
) -> AsyncIterator[StepDriver]:
    """A deck with the sample readings on a fake road."""
    app = StepApp(profile(environment, guard))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        driver = StepDriver(app, pilot)
        driver.deck._clock = lambda: app.now
        await driver.publish(*samples.EVERYTHING)
        yield driver
        assert app.failed == []
    assert app.return_code in (None, 0), app.last_words


def entry(event: str, after_s: float = 0.0, run: str | None = RUN, **detail: Any) -> JournalEntry:
    """A line of the journal about the first step."""
    step = first_step()
    return JournalEntry(
        event=event,
        time=samples.NOW + timedelta(seconds=after_s),
        run=run,
        operator="alice from 203.0.113.5",
        host="here",
        profile=samples.PROFILE.name,
        environment="production",
        server={"system_identifier": "73", "database": "sales", "address": "db:5432", "version": "18.6"},
        step=step.id,
        sql=step.sql,
        hash="c0ffee" * 10,
        pgdeck="0.1.0",
        detail=detail,
    )
