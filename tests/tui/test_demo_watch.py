"""The demo watch: what is large, what is noted, when the bell rings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from sql.findings import PoolFinding, ProbeFinding
from sql.latency.readings import ProbeReading
from sql.pool.pgbouncer_reading import PgbouncerReading
from sql.snapshots import Event, Lost, PoolSnapshot, ProbesSnapshot
from tests.tui import samples
from tests.tui.deck import Driver, deck
from tui.crossings import MOST, Crossing, Crossings
from tui.present.demo_watch import figure_of, log_lines, tile_lines
from tui.present.large import GLYPHS, HEIGHT, large
from tui.screens.demo_watch import CALM_S, DemoWatchScreen
from tui.watching import Readings

MET = ProbeReading(
    "lead_dashboard", "Lead Dashboard", ProbeFinding.MET, 200, 0, samples.TARGET, p95_ms=20.4, p50_ms=12.0
)
MISSED = replace(MET, finding=ProbeFinding.MISSED, p95_ms=61.2, detail="p95 is 61.2 ms, 35 ms wanted")


def probes(*readings: ProbeReading) -> ProbesSnapshot:
    return ProbesSnapshot(samples.NOW, readings)


def said(*events: Event) -> list[tuple[str, bool]]:
    """What is noted while these arrive."""
    readings, crossings = Readings(samples.MANIFEST), Crossings()
    for event in events:
        readings.apply(event, samples.NOW)
        crossings.take(readings, samples.NOW)
    return [(each.sentence, each.worse) for each in crossings.entries]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.44, "0.4 ms"), (9.96, "10 ms"), (34.4, "34 ms"), (999.4, "999 ms"), (999.6, "1.0 s"), (25e3, "25 s")],
)
def test_a_figure_has_at_most_three_digits(value: float, shown: str) -> None:
    assert " ".join(figure_of(value)) == shown


def test_every_glyph_is_five_lines_of_one_width() -> None:
    for text in (*GLYPHS, "12.5", "x"):
        rows = large(text)
        assert len(rows) == HEIGHT and len({len(row) for row in rows}) == 1, text
    assert len({large(text) for text in GLYPHS}) == len(GLYPHS)


@pytest.mark.parametrize(("width", "height"), [(80, 16), (120, 32), (40, 8)])
def test_tiles_stay_inside_and_the_worst_are_shown(width: int, height: int) -> None:
    many = [replace(MET, name=f"probe_{number}") for number in range(40)]
    many[37] = replace(MISSED, name="the_slow_one")
    lines = tile_lines(many, width, height)
    texts = ["".join(text for text, _ in each) for each in lines]
    assert max(map(len, texts)) <= width
    assert any("the_slow_one" in text for text in texts)
    assert "more probes, all met" in texts[-1]


def test_a_crossing_is_noted_once_each_way() -> None:
    assert said(probes(MET), probes(MET), probes(MISSED), probes(MISSED), probes(MET)) == [
        ("lead_dashboard: p95 is 61.2 ms, 35 ms wanted", True),
        ("lead_dashboard meets its targets again", False),
    ]


def test_what_was_bad_from_the_start_and_what_is_not_measured_is_no_crossing() -> None:
    unmeasured = replace(MET, finding=ProbeFinding.NOT_MEASURED)
    assert said(probes(MISSED), probes(unmeasured), probes(MISSED)) == []


def test_pool_and_reach_are_lines_too() -> None:
    full = replace(samples.POOL.pool, finding=PoolFinding.FULL, detail="97 of 97 in use")
    ok = replace(samples.POOL.pool, finding=PoolFinding.OK)
    noted = said(
        PoolSnapshot(samples.NOW, ok), PoolSnapshot(samples.NOW, full), Lost("gone away", 1.0),
        PoolSnapshot(samples.NOW, full),
    )  # fmt: skip
    assert [each for each in noted if "pool" in each[0]] == [("the pool is full: 97 of 97 in use", True)]
    assert ("the server is lost: gone away", True) in noted
    assert ("the server is back", False) in noted


def test_the_log_is_bounded() -> None:
    readings, crossings = Readings(samples.MANIFEST), Crossings()
    for turn in range(MOST + 51):
        readings.apply(probes(MISSED if turn % 2 else MET), samples.NOW)
        crossings.take(readings, samples.NOW)
    assert len(crossings.entries) == MOST
    assert crossings.total > MOST
    assert len(crossings.since(crossings.total - 3)) == 3


class Watched:
    """The demo watch with a clock that the test moves, and the bells that rang."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.rung = 0
        driver.app.bell = self._ring  # type: ignore[method-assign]

    def _ring(self) -> None:
        self.rung += 1

    async def open(self) -> DemoWatchScreen:
        await self.driver.press("d")
        screen = self.driver.app.screen
        assert isinstance(screen, DemoWatchScreen)
        screen._clock = lambda: self.driver.app.now
        screen._drawn_at = self.driver.app.now
        await self.driver.pilot.pause()
        return screen

    async def arrive(self, event: Event, after_s: float = 0.0) -> None:
        from tui.messages import Arrived

        self.driver.app.now += timedelta(seconds=after_s)
        self.driver.app.post_message(Arrived(event))
        await self.driver.pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_the_bell_rings_when_a_target_is_crossed_and_the_time_is_noted(size: tuple[int, int]) -> None:
    async with deck(size=size, events=(*samples.EVERYTHING, probes(MET))) as driver:
        watched = Watched(driver)
        await watched.open()
        assert driver.shows("lead_dashboard") and driver.shows("nothing crossed a line")
        await watched.arrive(probes(MET))
        await watched.arrive(probes(MISSED))
        assert watched.rung == 1
        assert driver.shows("✗ lead_dashboard: p95 is 61.2 ms")
        assert driver.shows("✗ missed")
        await watched.arrive(probes(MISSED), CALM_S)
        await watched.arrive(probes(MET))
        assert watched.rung == 1
        assert driver.shows("meets its targets again")
        await driver.press("escape")
        assert driver.app.screen is driver.deck


async def test_figures_move_no_more_often_than_every_few_seconds() -> None:
    async with deck(events=(*samples.EVERYTHING, probes(MET))) as driver:
        watched = Watched(driver)
        await watched.open()
        await watched.arrive(probes(replace(MET, p95_ms=20.4)), CALM_S)
        before = driver.screen_text()
        await watched.arrive(probes(replace(MET, p95_ms=30.1)), CALM_S / 2)
        assert driver.screen_text() == before
        await watched.arrive(probes(replace(MET, p95_ms=31.1)), CALM_S / 2)
        assert driver.screen_text() != before


async def test_a_muted_bell_is_silent_and_says_so() -> None:
    async with deck(events=(*samples.EVERYTHING, probes(MET))) as driver:
        watched = Watched(driver)
        await watched.open()
        await watched.arrive(probes(MET))
        await driver.press("m")
        assert driver.shows("bell muted")
        await watched.arrive(probes(MISSED))
        assert watched.rung == 0
        assert driver.shows("✗ lead_dashboard: p95")


async def test_what_crossed_while_it_was_closed_is_there_when_it_opens_again() -> None:
    async with deck(events=(*samples.EVERYTHING, probes(MET))) as driver:
        watched = Watched(driver)
        await watched.open()
        await watched.arrive(probes(MET))
        await driver.press("escape")
        await watched.arrive(probes(MISSED))
        assert watched.rung == 0
        await watched.open()
        assert driver.shows("✗ lead_dashboard: p95")


def test_with_too_few_samples_for_a_p95_the_figure_is_another_and_says_so() -> None:
    early = replace(MET, p95_ms=None)
    words = ["".join(text for text, _ in each) for each in tile_lines([early], 26, 8)]
    assert "met p50 of 25 ms" in words[-1]
    words = ["".join(text for text, _ in each) for each in tile_lines([replace(early, p50_ms=None)], 26, 8)]
    assert " newest " in words[-1]
    nothing = replace(early, finding=ProbeFinding.NOT_MEASURED, p50_ms=None)
    words = ["".join(text for text, _ in each) for each in tile_lines([nothing], 26, 8)]
    assert words[-1].strip() == "? not measured, newest"


def test_one_run_that_failed_is_not_said_of_the_figure_above_it() -> None:
    cut_off = replace(MET, finding=ProbeFinding.FAILING, errors=1)
    words = ["".join(text for text, _ in each) for each in tile_lines([cut_off], 26, 8)]
    assert words[-1].strip() == "✗ 1 run failed, p95"


def test_what_crossed_a_line_is_timed_in_utc_as_everything_else() -> None:
    east = samples.NOW.astimezone(timezone(timedelta(hours=5)))
    (entry,) = log_lines([Crossing(east, "the pool is full", True)], 80)
    assert "".join(text for text, _ in entry).startswith(f" {samples.NOW:%H:%M:%S} ")


def test_a_pool_is_not_said_to_have_room_while_its_pgbouncer_does_not_answer() -> None:
    behind = replace(samples.POOL.pool, pgbouncer=PgbouncerReading(unknown="the console did not answer"))
    full = PoolSnapshot(samples.NOW, replace(behind, finding=PoolFinding.FULL, pgbouncer=PgbouncerReading()))
    unknown = PoolSnapshot(samples.NOW, replace(behind, finding=PoolFinding.OK))
    room = PoolSnapshot(samples.NOW, replace(behind, finding=PoolFinding.OK, pgbouncer=PgbouncerReading()))
    assert not any("room again" in sentence for sentence, _ in said(full, unknown))
    assert ("the pool has room again", False) in said(full, unknown, room)
    worse = replace(unknown, pool=replace(behind, finding=PoolFinding.FULL))
    assert any("the pool is full" in sentence for sentence, _ in said(room, worse))
