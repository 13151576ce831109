"""The latency screen: what it says of a probe, and what its keys do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from profiles.manifest import Target
from sql.findings import ProbeFinding
from sql.latency.evidence import Cause, Evidence, Incident, IncidentsSnapshot
from sql.latency.history import History
from sql.latency.messages import Planned, Sample, Samples
from sql.latency.readings import FloorReading, ProbePlan, ProbeReading
from sql.latency.trend import Trend
from sql.snapshots import Event, Lost, ProbesSnapshot, Unavailable
from tests.tui import samples
from tests.tui.deck import Driver, deck
from tui.present.axes import TimeAxis, ValueAxis
from tui.present.latency import latency_view, now_and_trend
from tui.present.plot import Plotted, columns_of
from tui.present.probe_screen import ProbePicture, probe_lines
from tui.present.view import Tone, line_width
from tui.screens.help import HelpScreen
from tui.screens.incidents import IncidentsScreen
from tui.screens.latency import LatencyScreen
from tui.widgets.lines import Lines

SIZES = [(80, 24), (120, 40), (200, 50)]
WALL = samples.NOW.timestamp()
READING = replace(
    samples.probe("lead_dashboard", ProbeFinding.MISSED),
    p50_ms=0.91,
    p95_ms=61.2,
    p99_ms=None,
    service_p50_ms=0.8,
    samples=90,
    server_mean_ms=0.44,
    every_s=0.1,
)


class Clock:
    """Both clocks; the wall's is far ahead."""

    seconds = 0.0

    def wall(self) -> float:
        return WALL + self.seconds

    def samples(self) -> float:
        return 1000 + self.seconds


@asynccontextmanager
async def latency(
    size: tuple[int, int] = (120, 40), *events: Event, feeds: bool = True
) -> AsyncIterator[tuple[Driver, LatencyScreen]]:
    """The screen over a deck, with five minutes of samples of the first probe."""
    clock = Clock()
    probes = replace(samples.PROBES, window_s=300.0)
    async with deck(size=size, events=(*samples.EVERYTHING, probes, *events)) as driver:
        app = driver.app
        app._history = History(["lead_dashboard", "churn_by_lead"], wall=clock.wall, now=clock.samples)
        if feeds:
            feed(app.history, 0.5)
        await driver.press("p")
        screen = app.screen
        assert isinstance(screen, LatencyScreen)
        screen._clock = lambda: app.now
        screen.draw()
        await driver.pilot.pause()
        yield driver, screen


def feed(history: History, latency_ms: float, seconds: int = 300, probe: int = 0) -> None:
    """Ten samples a second up to now."""
    for at in range(seconds * 10):
        end = 1000 - seconds + at / 10
        start = end - latency_ms / 1000
        history.take(Samples(probe, 1, 1, (Sample(start, start, end),)), end)


def body(screen: LatencyScreen) -> list[str]:
    return screen.query_one("#latency-body", Lines).texts


def axis(screen: LatencyScreen) -> str:
    """The time axis."""
    return next(each for each in body(screen) if each.lstrip().startswith("└"))


def drawn(reading: ProbeReading, width: int = 80, height: int = 22, **more: object) -> str:
    axis = TimeAxis(int(WALL) // 5, 5, columns_of(width))
    plot = Plotted([None] * axis.count, reading.target, (), axis, ValueAxis(0.1, 1000, 10))
    lines = probe_lines(ProbePicture(reading, **more), plot, width, height)  # type: ignore[arg-type]
    assert len(lines) <= height
    assert all(line_width(each) <= width for each in lines)
    return "\n".join("".join(text for text, _ in each) for each in lines)


@pytest.mark.parametrize("width", [80, 120])
def test_met_and_missed_are_words_beside_the_targets(width: int) -> None:
    text = drawn(replace(READING, trend=Trend.RISING), width, floor=FloorReading(100, p50_ms=0.31))
    for part in (
        " p50    0.91     0.80     25  ✓ met",
        " p95    61.2        –     35  ✗ missed",
        "? needs 100 runs",
        "server's own mean: 0.44 ms",
        "floor 0.31 ms, run every 0.1 s",
        "↑ rising · n 90, kept 100%",
        "Seq Scan, not by idx_leads_status_score",
    ):
        assert part in text, part


def test_what_is_not_there_is_said() -> None:
    bare = replace(
        READING,
        server_mean_ms=None,
        plan=None,
        kept=0.5,
        errors=3,
        target=Target(25, None, None),
        slowed=True,
    )
    text = drawn(replace(bare, every_s=2.0))
    for part in (
        "no target",
        "mean: not known",
        "not known yet",
        "! kept 50%",
        "✗ 3 failed",
        "! only every 2 s",
    ):
        assert part in text, part
    assert "! only every 120 s" in drawn(replace(bare, every_s=120.0))
    failing = replace(READING, finding=ProbeFinding.FAILING, detail="3 of 200 runs failed: 42P01: no table")
    assert "3 of 200 runs failed" in drawn(failing)
    assert "✗ unanswered" in drawn(replace(READING, p50_ms=None, samples=500))
    assert "? these figures are old" in drawn(READING, trouble="these figures are old")


@pytest.mark.parametrize("name", samples.HOSTILE)
def test_what_comes_from_elsewhere_is_data(name: str) -> None:
    plan = ProbePlan(name, False, name, note=name)
    text = drawn(replace(READING, plan=plan, detail=name, finding=ProbeFinding.FAILING), trouble=name)
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_all_of_it_fits(size: tuple[int, int]) -> None:
    async with latency(size) as (driver, screen):
        text = driver.screen_text()
        assert len(text) == size[1]
        for part in ("lead_dashboard", "✗ missed", "1 of 2", "log scale", "UTC", "p99", "no step, build"):
            assert driver.shows(part), part
        assert "⠤" in "".join(body(screen)[6:]) or "⠒" in "".join(body(screen)[6:])
        # The legend is the last of it, and nothing of it is cut off below.
        assert len(body(screen)) <= size[1] - 2


async def test_up_and_down_choose_the_probe() -> None:
    async with latency() as (driver, screen):
        assert screen.probe == "lead_dashboard"
        await driver.press("up")
        assert screen.probe == "lead_dashboard"
        await driver.press("down", "j")
        assert screen.probe == "churn_by_lead"
        assert driver.shows("2 of 2")
        await driver.press("home")
        assert screen.probe == "lead_dashboard"


async def test_it_opens_on_the_selected_probe() -> None:
    async with deck(size=(120, 40)) as driver:
        await driver.press("4", "end", "p")
        row = driver.pane(4).row
        assert isinstance(driver.app.screen, LatencyScreen)
        assert row is not None and driver.app.screen.probe == row.key
        await driver.press("p")
        assert driver.app.screen is driver.deck
        await driver.press("1", "p")
        assert driver.app.screen.probe == "lead_dashboard"


async def test_y_copies_the_query(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    async with latency() as (driver, _):
        monkeypatch.setattr(driver.app, "copy", copied.append)
        await driver.press("down", "y")
    assert copied == ["SELECT 1"]


async def test_help_and_the_way_back() -> None:
    async with latency((80, 24)) as (driver, screen):
        await driver.press("question_mark")
        assert isinstance(driver.app.screen, HelpScreen)
        await driver.press("escape")
        assert driver.app.screen is screen
        await driver.press("escape")
        assert driver.app.screen is driver.deck


async def test_a_picture_stands_for_two_seconds_but_trouble_is_shown_at_once() -> None:
    async with latency() as (driver, screen):
        faster = replace(READING, last_ms=0.123)
        driver.app.now += timedelta(seconds=1)
        await driver.publish(ProbesSnapshot(driver.app.now, (faster,)))
        screen.follow()
        assert not any("now 0.12" in each for each in body(screen))
        driver.app.now += timedelta(seconds=1)
        screen.follow()
        assert any("now 0.12" in each for each in body(screen))
        await driver.publish(Unavailable("probes", "the prober was killed by SIGKILL", "it is started again"))
        screen.follow()
        assert any("? these figures are old: the prober was killed" in each for each in body(screen))
        await driver.publish(Lost("connection refused", 1.0), ProbesSnapshot(driver.app.now, (faster,)))
        screen.follow()
        assert any("? the watch is out: connection refused" in each for each in body(screen))


async def test_what_happened_is_on_the_axis_and_below() -> None:
    async with latency() as (driver, screen):
        history = driver.app.history
        history.take(Planned(0, ProbePlan("Index Scan", True, "i")), 900.0)
        history.take(Planned(0, ProbePlan("Seq Scan", False, "i")), 940.0)
        history.take(Planned(1, ProbePlan("Index Scan", True, "i")), 900.0)
        history.take(Planned(1, ProbePlan("Bitmap Heap Scan", True, "i")), 950.0)
        screen.draw()
        text = body(screen)
        assert any("~ 19:59:00 Seq Scan now, Index Scan before" in each for each in text)
        assert not any("Bitmap" in each for each in text), "of another probe"
        assert "~" in axis(screen)


async def test_nothing_is_measured_yet() -> None:
    async with deck(size=(80, 24), events=()) as driver:
        await driver.press("p")
        assert driver.shows("waiting for the first samples")
        await driver.publish(Unavailable("probes", "no [login] possible", "grant it"))
        driver.app.screen.follow()  # type: ignore[attr-defined]
        await driver.pilot.pause()
        assert driver.shows("no [login] possible; grant it")


async def test_without_probes_the_key_says_why() -> None:
    manifest = replace(samples.MANIFEST, probes=())
    async with deck(size=(80, 24), manifest=manifest, events=()) as driver:
        await driver.press("p")
        assert driver.app.screen is driver.deck
        assert driver.shows("the manifest has no probe")


async def test_resizing_draws_it_anew() -> None:
    async with latency((120, 40)) as (driver, screen):
        for size in ((20, 5), (80, 24), (200, 50), (5, 2)):
            await driver.pilot.resize_terminal(*size)
            await driver.pilot.pause()
            assert max(map(len, body(screen)), default=0) <= size[0]


async def test_incidents_open_above_it_and_close_again() -> None:
    async with latency() as (driver, screen):
        await driver.press("i")
        assert isinstance(driver.app.screen, IncidentsScreen)
        await driver.press("escape")
        assert driver.app.screen is screen


async def test_a_lock_on_another_probe_bears_its_name() -> None:
    at = samples.NOW - timedelta(seconds=60)
    evidence = Evidence(pid=42, threshold_ms=50.0)
    own = Incident("lead_dashboard", at, at, 90.0, Cause.IO, "read from disk", evidence)
    other = Incident("churn_by_lead", at, at, 812.0, Cause.LOCK, "waited for pid 42", evidence)
    async with latency() as (driver, screen):
        driver.app.history.hear(IncidentsSnapshot(at, (own, other)))
        screen.draw()
        text = body(screen)
        assert any("! 19:59:00 90 ms: read from disk" in each for each in text)
        assert any("! 19:59:00 churn_by_lead 812 ms: waited for pid 42" in each for each in text)


def test_the_pane_says_which_way_the_median_goes() -> None:
    rising = replace(READING, last_ms=0.88, trend=Trend.RISING)
    assert now_and_trend(rising) == ("0.88↑", Tone.WARN)
    assert now_and_trend(replace(rising, trend=Trend.FALLING)) == ("0.88↓", Tone.PLAIN)
    assert now_and_trend(replace(rising, trend=Trend.STEADY)) == ("0.88 ", Tone.PLAIN)
    view = latency_view(ProbesSnapshot(samples.NOW, (rising,)), {})
    foot = " ".join(text for each in view.rows[0].said() for text, _ in each)
    assert "now 0.88 ms, rising" in foot


async def test_left_and_right_read_columns_out() -> None:
    async with latency() as (driver, screen):
        history = driver.app.history

        def caption() -> str:
            return body(screen)[6]

        history.timeline.pause(True, samples.NOW - timedelta(seconds=2))
        await driver.press("right")
        assert "log scale" in caption(), "nothing is beyond the newest"
        await driver.press("left")
        assert "▲ 19:59:56, 4 s: 40 runs, median 0.50, slowest 0.50 ms" in caption()
        assert "▲" not in axis(screen), "a mark in the same column is not hidden"
        await driver.press("left")
        assert "▲ 19:59:52" in caption()
        assert "▲" in axis(screen)
        assert not any("paused here" in each for each in body(screen)), "it came later"
        await driver.press("right")
        assert any("paused here" in each for each in body(screen))
        await driver.press("right")
        assert "log scale" in caption()
        await driver.press(*["left"] * 200)
        first = caption()
        await driver.press("left")
        assert caption() == first, "nothing is before the oldest"


async def test_the_column_stays_read_out_while_the_axis_moves_on() -> None:
    async with latency() as (driver, screen):
        await driver.press("left", "left")
        read = body(screen)[6]
        driver.app.now += timedelta(seconds=120)
        screen.draw()
        assert body(screen)[6] == read
        driver.app.now += timedelta(seconds=3600)
        screen.draw()
        assert "log scale" in body(screen)[6]
