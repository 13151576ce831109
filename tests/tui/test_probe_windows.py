"""The Latency pane says what its figures count, and `t` lets them count another stretch of time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sql.latency.readings import FloorReading
from sql.latency.window import WINDOWS
from sql.snapshots import ProbesSnapshot
from tests.tui import samples
from tests.tui.deck import deck
from tui.present.demo_watch import tile_lines
from tui.present.details import probe_details
from tui.present.latency import latency_view, summary, window
from tui.present.view import Tone

SINCE = samples.NOW.replace(hour=14, minute=3)


def said(snapshot: ProbesSnapshot) -> str:
    return "".join(text for text, _ in summary(snapshot))


@pytest.mark.parametrize(
    ("window_s", "cut", "words"),
    [
        (60.0, False, "1 min"),
        (900.0, False, "15 min"),
        (None, False, "since 14:03"),
        # Of so fast a probe fewer minutes are kept than are asked for: it says from when on they count.
        (900.0, True, "since 14:03"),
    ],
)
def test_the_window_is_said(window_s: float | None, cut: bool, words: str) -> None:
    snapshot = replace(samples.PROBES, window_s=window_s, since=SINCE, cut=cut)
    assert window(snapshot) == words
    assert said(snapshot).startswith(f"{words}: 1 of 2 met")


def test_the_floor_and_a_standstill_of_our_own_are_said() -> None:
    floor = FloorReading(samples=40, p50_ms=0.21)
    assert "floor 0.21" in said(replace(samples.PROBES, floor=floor))
    assert "floor" not in said(replace(samples.PROBES, floor=FloorReading(samples=3)))
    assert "! prober stopped 3.0 s" in said(replace(samples.PROBES, standstill_s=3.0))
    assert "stopped" not in said(samples.PROBES)


def test_a_probe_without_an_answer_says_so_in_place_of_calm_figures() -> None:
    held = replace(samples.PROBES.probes[0], waits_s=5.2)
    (row,) = latency_view(replace(samples.PROBES, probes=(held,)), {}).rows
    assert row.cells[0] == ("! waits 5 s", Tone.WARN)
    quick = replace(held, waits_s=0.4)
    (row,) = latency_view(replace(samples.PROBES, probes=(quick,)), {}).rows
    assert row.cells[0][0] == "✓ met"
    tile = "".join(text for text, _ in tile_lines([held], 26, 8)[-1])
    assert tile.strip() == "! waits 5 s, p95"


def test_a_heavy_probe_says_how_seldom_it_is_due() -> None:
    heavy = replace(samples.PROBES.probes[0], every_s=2.13, slowed=True)
    view = latency_view(replace(samples.PROBES, probes=(heavy,)), {})
    foot = "".join(text for each in view.rows[0].said() for text, _ in each)
    assert "every 2.1 s, being heavy" in foot
    details = "\n".join("".join(text for text, _ in each) for each in probe_details(heavy, None, 120))
    assert "every 2.1 s: it is heavy" in details
    quick = replace(samples.PROBES.probes[0], every_s=0.1)
    foot = "".join(
        text
        for each in latency_view(replace(samples.PROBES, probes=(quick,)), {}).rows[0].said()
        for text, _ in each
    )
    assert "heavy" not in foot


class Chosen:
    """Stands where the feed does."""

    def __init__(self) -> None:
        self.windows: list[float | None] = []
        self.paused = False

    def window(self, seconds: float | None) -> None:
        """Remember it."""
        self.windows.append(seconds)


async def test_t_goes_through_the_windows_from_the_one_that_is_shown() -> None:
    async with deck() as driver:
        chosen = Chosen()
        driver.app.feed = chosen  # type: ignore[assignment]
        shown: float | None = 300.0
        for _ in WINDOWS:
            later = replace(samples.PROBES, window_s=shown, taken_at=samples.NOW + timedelta(seconds=1))
            await driver.publish(later)
            await driver.press("t")
            shown = chosen.windows[-1]
        assert chosen.windows == [900.0, None, 60.0, 300.0]
        driver.app.feed = None


async def test_t_says_so_where_there_is_nothing_to_count() -> None:
    async with deck(events=[samples.SERVER]) as driver:
        driver.app.feed = Chosen()  # type: ignore[assignment]
        await driver.press("t")
        assert driver.shows("there are no figures yet")
        driver.app.feed = None
