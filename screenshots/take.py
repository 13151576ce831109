"""Take the pictures of the README from the real app on the real demo.

`make screenshots` starts the demo, drives the deck by keys as an operator would, and writes SVG files into
this folder, and PNG beside them where Chromium is installed. Names on the command line choose the tours.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from textual.pilot import Pilot

from profiles.store import load as load_profile
from screenshots.pictures import save
from sql.findings import ProbeFinding
from tui.app import DeckApp
from tui.commands.deck import load
from tui.screens.confirm_step import ConfirmStepScreen
from tui.screens.preview import PreviewScreen
from tui.screens.run import RunScreen

PGDECK = Path(sys.executable).parent / "pgdeck"
PATIENCE_S = 180.0
WIDE = (120, 40)
NARROW = (80, 24)
INDEX = "idx_leads_status_score"


class Stage:
    """A deck on one profile, and what an operator does with it."""

    def __init__(self, app: DeckApp, pilot: Pilot[int]) -> None:
        self.app = app
        self._pilot = pilot

    async def press(self, *keys: str) -> None:
        """Type."""
        for key in keys:
            await self._pilot.press(key)
            await self._pilot.pause()

    async def until(self, met: Callable[[], bool]) -> None:
        """Wait for a condition, not for a time."""
        async with asyncio.timeout(PATIENCE_S):
            while not met():
                await self._pilot.pause(0.1)

    def shows(self, text: str) -> bool:
        """Whether a text is on the screen."""
        lines = self.app.screen._compositor.render_strips()
        return any(text in "".join(segment.text for segment in line) for line in lines)

    def take(self, name: str) -> None:
        """Save what is on the screen."""
        save(name, self.app.export_screenshot(title="pgdeck"))

    @property
    def is_measured(self) -> bool:
        """Whether the deck has judged every part and every probe."""
        if self.app.deck is None or not self.app.deck.readings.is_complete:
            return False
        probes = getattr(self.app.deck.readings.known("probes").snapshot, "probes", ())
        return bool(probes) and all(probe.finding is not ProbeFinding.NOT_MEASURED for probe in probes)


@asynccontextmanager
async def stage(profile: str, size: tuple[int, int]) -> AsyncIterator[Stage]:
    """A deck that has measured everything."""
    app = DeckApp(*load(profile))
    async with app.run_test(size=size) as pilot:
        actor = Stage(app, pilot)
        await actor.until(lambda: actor.is_measured)
        yield actor
        await app.stop_watching()


async def watching() -> None:
    """The deck, its details, profiles and help."""
    for size, suffix in ((WIDE, "120x40"), (NARROW, "80x24")):
        async with stage("demo-production", size) as actor:
            actor.take(f"deck-{suffix}")
            if size == WIDE:
                await actor.press("question_mark")
                actor.take("help-120x40")
                await actor.press("escape", "e")
                actor.take("profiles-120x40")
        async with stage("demo-staging", size) as actor:
            await actor.press("end", "up", "enter")
            actor.take(f"details-{suffix}")


async def application(profile: str, name: str) -> asyncpg.Connection:
    """A session of an application of the demo."""
    place = load_profile(profile).connection
    return await asyncpg.connect(
        host=place["host"],
        database=place["dbname"],
        user=place["user"],
        server_settings={"application_name": name},
    )


@asynccontextmanager
async def open_transaction(profile: str, statement: str, name: str = "sales-import") -> AsyncIterator[None]:
    """An application that has changed something and not committed yet."""
    connection = await application(profile, name)
    try:
        await connection.execute("BEGIN")
        await connection.execute(statement)
        yield
        await connection.execute("ROLLBACK")
    finally:
        await connection.close()


async def mending() -> None:
    """A missing index: preview, question, a build that waits for a writer, its end, the journal."""
    async with stage("demo-production", WIDE) as actor:
        async with open_transaction("demo-production", "UPDATE leads SET score = score WHERE id = 1"):
            await actor.press("home", "b")
            preview = actor.app.screen
            assert isinstance(preview, PreviewScreen)
            await actor.until(lambda: preview.looked is not None)
            await actor.press("g")
            await actor.until(lambda: actor.shows("sales-import"))
            actor.take("preview-120x40")
            await actor.press("c")
            question = actor.app.screen
            assert isinstance(question, ConfirmStepScreen)
            await actor.until(lambda: question.listening)
            await actor.press(*(("underscore" if letter == "_" else letter) for letter in INDEX))
            actor.take("confirm-120x40")
            await actor.press("enter")
            await actor.until(lambda: isinstance(actor.app.screen, RunScreen) and actor.shows("sales-import"))
            actor.take("waiting-120x40")
        run = actor.app.screen
        assert isinstance(run, RunScreen)
        await actor.until(lambda: run.over and actor.shows("times faster"))
        actor.take("finished-120x40")
        await actor.press("escape", "escape", "l")
        await actor.until(lambda: actor.shows("verified"))
        actor.take("journal-120x40")


@asynccontextmanager
async def waiting(profile: str, statement: str, names: Sequence[str]) -> AsyncIterator[None]:
    """Applications that all send a statement which has to wait."""
    connections = [await application(profile, name) for name in names]
    tasks = [asyncio.create_task(each.execute(statement)) for each in connections]
    try:
        yield
    finally:
        for each in connections:
            each.terminate()
        await asyncio.gather(*tasks, return_exceptions=True)


def incidents_of(actor: Stage) -> list[str]:
    """What the deck says of slow runs that are over."""
    deck = actor.app.deck
    snapshot = deck.readings.known("incidents").snapshot if deck is not None else None
    return [each.sentence for each in getattr(snapshot, "incidents", ()) if not each.running]


async def explaining() -> None:
    """A lock on a healthy database, explained; the same probe over time; the demo watch."""
    async with stage("demo-development", WIDE) as actor:
        async with open_transaction("demo-development", "LOCK TABLE leads", "deploy"):
            await actor.until(lambda: actor.shows("relation lock"))
        await actor.until(lambda: any("relation lock" in each for each in incidents_of(actor)))
        await actor.press("i")
        await actor.until(lambda: actor.shows("relation lock"))
        actor.take("incidents-120x40")
        await actor.press("escape", "p")
        await actor.until(lambda: actor.shows("relation lock"))
        actor.take("latency-120x40")
        await actor.press("escape", "d")
        await actor.until(lambda: actor.shows("lead_dashboard"))
        actor.take("watch-120x40")


async def holding_up() -> None:
    """Who waits for whom on a production database, and what its pool says."""
    update = "UPDATE leads SET score = score WHERE id = 1"
    applications = ["sales-api-7", "sales-api-8", "sales-worker-4"]
    async with (
        stage("demo-production", WIDE) as actor,
        open_transaction("demo-production", update),
        waiting("demo-production", update, applications),
    ):
        for key, picture in (("x", "locks"), ("c", "pool")):
            await actor.press(key)
            await actor.until(lambda: actor.shows("sales-worker-4"))
            actor.take(f"{picture}-120x40")
            await actor.press("escape")


TOURS: dict[str, Callable[[], Awaitable[None]]] = {
    "watching": watching,
    "mending": mending,
    "explaining": explaining,
    "holding_up": holding_up,
}


def main() -> None:
    """The tours named on the command line, or all of them, on a demo with its faults in place."""
    subprocess.run([PGDECK, "demo", "--no-deck"], check=True)
    try:
        for name in sys.argv[1:] or TOURS:
            subprocess.run([PGDECK, "demo", "--reset"], check=True)
            asyncio.run(TOURS[name]())  # type: ignore[arg-type]
    finally:
        subprocess.run([PGDECK, "demo", "--stop"], check=True)


if __name__ == "__main__":
    main()
