"""A recording in the deck: the same panes, keys that move in time, nothing that would need a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.worker import Worker, WorkerState

from profiles import verdicts
from sql.recording.entries import Entry, Ran
from sql.recording.reader import Recording
from sql.snapshots import Event, Lost
from sql.steps.runs import RunState, RunStatus
from tests.sql.recording.made import CLOCK, HEADER, Live, write, write_parts
from tests.tui import samples
from tests.tui.deck import Driver
from tests.waiting import until
from tui import keys
from tui.app import DeckApp
from tui.replay_app import ReplayApp
from tui.screens.help import HelpScreen
from tui.screens.latency import LatencyScreen
from tui.screens.runs import RunsScreen

SECONDS = 200
BUILT = samples.at(samples.INDEXES, samples.index("idx_leads_status_score"), *samples.INDEXES.indexes[1:])
RUN = RunState(
    "20261122-200100-abcd", "demo-production", "create-index:idx_leads_status_score", "CREATE INDEX …",
    "ann", "h", RunStatus.RUNNING, samples.NOW, started_at=samples.NOW, pid=7,
)  # fmt: skip


def entries(live: Live) -> Iterator[Entry]:
    """An index is missing and is built at 1 min; the server is lost at 90 s for 10 s."""
    for second in range(SECONDS):
        events: list[Event] = list(samples.EVERYTHING[:-1]) if second == 0 else []
        if second == 60:
            yield Ran(CLOCK + 60, RUN)
        if second == 70:
            yield Ran(CLOCK + 70, replace(RUN, state=RunStatus.DONE, ended_at=samples.NOW))
            events = [BUILT]
        if second == 90:
            events = [Lost("the server closed the connection", 5.0)]
        if second == 100:
            events = [samples.POOL, samples.SERVER]
        yield from live.second(second, events=events)


class Quiet(ReplayApp):
    """Held from the beginning; remembers what failed."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording)
        self.failed: list[BaseException | None] = []
        self.replay.paused = True

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        event.prevent_default()
        if event.state is WorkerState.ERROR:
            self.failed.append(event.worker.error)


class Replay(Driver):
    """What a test does to a replay."""

    app: Quiet  # type: ignore[assignment]

    async def goto(self, second: float) -> None:
        """Go to a place and wait until it is shown."""
        self.app.replay.seek(second)
        await self.arrived(second)

    async def arrived(self, second: float) -> None:
        """Wait until this place is shown, and its plot is filled."""
        player = self.app.player
        await until(lambda: not self.app.replay.seeking and abs(player.position - second) < 0.01)
        await until(lambda: all(each.is_finished for each in self.app.workers if each.group == "plot"))
        await self.pilot.pause()


@asynccontextmanager
async def replay(path: Path, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Replay]:
    with Recording(path) as recording:
        app = Quiet(recording)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            yield Replay(app, pilot)  # type: ignore[arg-type]
            await app.stop_watching()
        assert app.failed == []


@pytest.fixture
def live() -> Live:
    return Live()


@pytest.fixture
def path(tmp_path: Path, live: Live) -> Path:
    return write(tmp_path, entries(live))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_it_is_a_replay_on_every_screen_size(path: Path, size: tuple[int, int]) -> None:
    async with replay(path, size) as driver:
        await driver.goto(65)
        top = "\n".join(driver.screen_text()[:3])
        assert "▲ PRODUCTION ▲  REPLAY 2026-11-22 20:01:05 UTC" in top
        assert "1 min 5 s of 3 min 19 s, held" in top
        assert driver.shows("✗ missing idx_leads_status_score")
        assert "q quit" in driver.screen_text()[-1]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
@pytest.mark.parametrize("key", ["enter", "i", "u", "p", "question_mark"])
async def test_every_screen_over_it_says_that_it_is_a_replay(
    path: Path, size: tuple[int, int], key: str
) -> None:
    async with replay(path, size) as driver:
        await driver.goto(65)
        await driver.press("1", key)
        assert driver.app.screen is not driver.deck
        assert " REPLAY 20:01:05 UTC " in driver.screen_text()[0]
        if key == "p":
            assert "› lead_dashboard  ✓ met" in driver.screen_text()[0]
        await driver.goto(80)
        assert " REPLAY 20:01:20 UTC " in driver.screen_text()[0]


async def test_the_keys_come_back_soon_after_one_that_is_off(path: Path) -> None:
    async with replay(path) as driver:
        await driver.goto(65)
        await driver.press("c")
        assert driver.shows("c is off: this is a recording")
        await until(lambda: not driver.shows("is off"), 6.0)


async def test_it_shows_what_was_known_then_forwards_and_backwards(path: Path) -> None:
    async with replay(path) as driver:
        await driver.goto(80)
        assert driver.shows("✓ present idx_leads_status_score")
        await driver.goto(95)
        assert driver.shows("stale")
        assert driver.shows("lost: the server closed the connection")
        await driver.goto(65)
        assert driver.shows("✗ missing idx_leads_status_score")
        assert not driver.shows("stale")
        assert driver.deck.readings.lost is None


async def test_its_figures_are_the_live_ones(path: Path, live: Live) -> None:
    async with replay(path) as driver:
        for second in (199, 30, 120):
            await driver.goto(second)
            shown = driver.deck.readings.known("probes").snapshot
            wanted = next(each for each in reversed(live.published) if _is_probes(each, second))
            without_trend = tuple(replace(each, trend=None) for each in shown.probes)  # type: ignore[union-attr]
            assert without_trend == wanted.probes  # type: ignore[union-attr]


def _is_probes(event: Event, second: float) -> bool:
    clock = getattr(event, "clock", None)
    return clock is not None and clock <= CLOCK + second


async def test_the_keys_move_it(path: Path) -> None:
    async with replay(path) as driver:
        await driver.goto(100)
        for key, place in (
            ("left", 90), ("right", 100), ("left_square_bracket", 40), ("right_square_bracket", 100),
            ("shift+left", 40), ("shift+right", 100), ("home", 0), ("left", 0),
            ("end", driver.app.player.duration_s),
        ):  # fmt: skip
            await driver.press(key)
            await driver.arrived(place)
        assert driver.shows("3 min 19 s of 3 min 19 s, the end")
        await driver.press("left")
        await driver.arrived(driver.app.player.duration_s - 10)
        assert driver.shows(", held")


async def test_presses_that_come_fast_add_up(path: Path) -> None:
    async with replay(path) as driver:
        await driver.goto(150)
        await driver.pilot.press(*["left"] * 7)
        await driver.arrived(80)


async def test_space_holds_and_goes_on_and_speed_is_said(path: Path) -> None:
    async with replay(path) as driver:
        await driver.goto(10)
        for _ in range(7):
            await driver.press("plus")
        assert driver.shows("60x is as fast as it goes")
        await driver.press("space")
        await until(lambda: driver.app.player.position > 20)
        await until(lambda: driver.shows(", 60x"))
        await until(lambda: driver.app.player.is_over)
        assert driver.app.player.position == driver.app.player.duration_s
        for _ in range(8):
            await driver.press("minus")
        assert driver.shows("0.5x is as slow as it goes")


async def test_what_needs_a_server_says_why_it_is_off(path: Path) -> None:
    async with replay(path) as driver:
        await driver.goto(65)
        await driver.press("b")
        assert driver.shows("! this is a recording: no step can be run in it") or driver.shows(
            "is off: this is a rec"
        )
        for each in ("r", "g", "l", "e", "w", "s"):
            await driver.press(each)
            assert driver.app.screen is driver.deck
            assert driver.shows("this is a recording"), each


@pytest.mark.parametrize("way", ["b", "r"])
async def test_steps_are_off_in_the_details_too(path: Path, way: str) -> None:
    async with replay(path) as driver:
        await driver.goto(65)
        await driver.press("1", "enter", way)
        assert driver.shows("this is a recording: no step can be run in it")


async def test_runs_are_those_of_then(path: Path) -> None:
    async with replay(path) as driver:
        await driver.goto(65)
        await driver.press("u")
        assert isinstance(driver.app.screen, RunsScreen)
        assert driver.shows("running")
        await driver.press("x")
        await driver.pilot.pause()
        assert isinstance(driver.app.screen, RunsScreen)
        await driver.press("escape")
        await driver.goto(80)
        await driver.press("u")
        assert driver.shows("done")
        await driver.press("escape")
        await driver.goto(20)
        await driver.press("u")
        assert not driver.shows("create-index")


async def test_the_plot_is_that_of_then(path: Path) -> None:
    async with replay(path) as driver:
        await driver.goto(150)
        await driver.press("p")
        assert isinstance(driver.app.screen, LatencyScreen)
        await until(lambda: driver.shows("20:02"))
        series = driver.app.history.series["lead_dashboard"]
        assert len(series) == 5 * 150
        await driver.goto(50)
        assert len(driver.app.history.series["lead_dashboard"]) == 5 * 50
        await driver.press("escape")


async def test_the_pools_history_goes_by_the_recordings_own_time(path: Path) -> None:
    async with replay(path) as driver:
        history = driver.app.deck.readings.pool_history
        await driver.goto(20)
        await driver.goto(120)
        assert history.span_s == 100
        await driver.goto(50)
        assert len(history.points) == 1


async def test_another_window_counts_other_samples(path: Path) -> None:
    async with replay(path) as driver:
        await driver.goto(150)

        def samples_counted() -> int:
            return driver.deck.readings.known("probes").snapshot.probes[0].samples  # type: ignore[union-attr]

        everything = samples_counted()
        await driver.press("t")
        await until(lambda: samples_counted() == 5 * 60)
        assert everything == 5 * 150
        await driver.goto(30)
        assert samples_counted() == 5 * 30


async def test_it_remembers_no_verdict_and_asks_nothing_on_leaving(path: Path) -> None:
    async with replay(path) as driver:
        await driver.goto(65)
        await driver.press("q")
        assert driver.app.return_code == 0
    assert verdicts.last("demo-production") is None


async def test_help_lists_its_keys(path: Path) -> None:
    async with replay(path) as driver:
        await driver.press("question_mark")
        assert isinstance(driver.app.screen, HelpScreen)
    assert len(list(keys.of_scope(keys.Scope.REPLAY))) == 11


async def test_a_damaged_place_ends_it_in_words(tmp_path: Path, live: Live) -> None:
    path = write(tmp_path, (each for s in range(20) for each in live.second(s)), ending="")
    async with replay(path) as driver:
        await driver.press("end")
        await driver.arrived(driver.app.player.duration_s)
        assert driver.shows("the end: it was cut off")


async def test_a_part_says_which_it_is_and_that_the_next_is_missing(tmp_path: Path, live: Live) -> None:
    made = list(entries(live))
    paths = write_parts(tmp_path, made, len(made) // 3 + 1)
    paths[2].unlink()
    async with replay(paths[1], (80, 24)) as driver:
        await until(lambda: driver.shows(" from part 2, held"))
        await driver.press("end")
        await driver.arrived(driver.app.player.duration_s)
        assert driver.shows(", no next part")


def test_the_live_deck_has_none_of_it() -> None:
    assert DeckApp(samples.PROFILE, samples.MANIFEST).recording.wanted is False
    assert HEADER.target.keys().isdisjoint({"password"})
