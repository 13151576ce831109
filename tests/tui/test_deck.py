"""The deck shows what was read, at every size, and its keys do what the registry says."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from textual.widget import Widget

from profiles.model import EnvironmentClass
from sql.findings import IndexFinding
from sql.snapshots import Lost, Unavailable
from tests.tui import samples
from tests.tui.deck import StillApp, deck
from tests.waiting import until
from tui.messages import Arrived

SIZES = [(80, 24), (100, 30), (120, 40), (200, 50)]


def shown_widgets(screen: Widget) -> list[Widget]:
    return [each for each in screen.walk_children(Widget) if each.region and each.display]


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_everything_lies_inside_the_screen(size: tuple[int, int]) -> None:
    async with deck(size) as driver:
        widgets = shown_widgets(driver.deck)
        assert {"header", "footer", "pane-1"} <= {widget.id for widget in widgets}
        for widget in widgets:
            assert driver.deck.region.contains_region(widget.region), widget


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_header_names_environment_target_server_and_verdict(size: tuple[int, int]) -> None:
    async with deck(size) as driver:
        for words in (
            "▲ PRODUCTION ▲",
            "demo-production",
            "db.example.com:5432/sales",
            "PostgreSQL 18.6",
            "primary",
            "read-only",
            "✗ NOT READY",
            "critical index idx_leads_status_score is missing",
            "oldest reading now",
        ):
            assert driver.shows(words), words


async def test_four_panes_at_120_columns() -> None:
    async with deck((120, 40)) as driver:
        for words in (
            "✗ missing idx_leads_status_score",
            "✗ not validated ck_leads_qualification_score_range",
            "✗ behind migration 004_agents",
            "14 of 97",
            "✗ missed lead_dashboard",
            "61.2✗",
        ):
            assert driver.shows(words), words


async def test_one_pane_and_three_summaries_at_80_columns() -> None:
    async with deck((80, 24)) as driver:
        assert driver.shows("✗ missing idx_leads_status_score")
        assert not driver.shows("ck_leads_contact_email_format")
        for summary in ("2 Constraints  2 of 3 enforced", "3 Pool  ✓ ok · 14 of 97", "4 Latency  1 of 2 met"):
            assert driver.shows(summary), summary
        await driver.press("2")
        assert driver.shows("ck_leads_contact_email_format")
        assert driver.shows("1 Indexes  3 of 5 present  ✗ 1 missing  ✗ 1 drifted")
        assert not driver.shows("✗ missing idx_leads_status_score ")


async def test_widening_the_terminal_brings_back_all_panes() -> None:
    async with deck((80, 24)) as driver:
        await driver.pilot.resize_terminal(120, 40)
        await driver.pilot.pause()
        assert driver.shows("✗ missing idx_leads_status_score")
        assert driver.shows("✗ missed lead_dashboard")
        await driver.pilot.resize_terminal(80, 24)
        await driver.pilot.pause()
        assert not driver.shows("✗ missed lead_dashboard")


@pytest.mark.parametrize("size", [(40, 10), (20, 6)], ids=str)
async def test_a_terminal_dragged_small_and_back_breaks_nothing(size: tuple[int, int]) -> None:
    async with deck((80, 24)) as driver:
        for number in "1234":
            await driver.press(number)
            for opened in ((), ("enter",), ("question_mark",)):
                await driver.press(*opened)
                await driver.pilot.resize_terminal(*size)
                await driver.pilot.pause()
                await driver.pilot.resize_terminal(80, 24)
                await driver.pilot.pause()
                if opened:
                    await driver.press("escape")
        assert driver.shows("lead_dashboard")


async def test_tab_and_digits_move_between_panes() -> None:
    async with deck() as driver:
        assert driver.deck.active.number == 1
        await driver.press("tab")
        assert driver.deck.active.number == 2
        await driver.press("shift+tab", "shift+tab")
        assert driver.deck.active.number == 4
        await driver.press("3")
        assert driver.deck.active is driver.app.focused


async def test_zoom_gives_one_pane_the_screen_and_back() -> None:
    async with deck() as driver:
        await driver.press("4", "z")
        assert driver.pane(4).size.width > 110
        assert driver.shows("1 Indexes  3 of 5 present")
        assert driver.shows("25/35/50")
        await driver.press("z")
        assert driver.pane(1).display
        assert driver.pane(1).size.width > 50


async def test_the_verdict_turns_when_everything_is_there() -> None:
    async with deck() as driver:
        good = samples.at(samples.INDEXES, samples.index("idx_leads_status_score"))
        await driver.publish(good)
        assert not driver.shows("critical index idx_leads_status_score is missing")


async def test_ages_move_in_steps_of_five_seconds() -> None:
    async with deck() as driver:
        driver.app.now = samples.NOW + timedelta(seconds=13)
        driver.deck.tick()
        await driver.pilot.pause()
        assert driver.pane(1).age == "10 s ago"
        assert driver.shows("oldest reading 10 s ago")


async def test_a_lost_server_is_stale_with_a_countdown_and_comes_back() -> None:
    async with deck() as driver:
        await driver.publish(Lost("the connection was lost (ConnectionError)", 12.0))
        assert driver.pane(1).has_class("-stale")
        assert driver.shows("stale · now")
        assert driver.shows("? UNKNOWN  lost: the connection was lost (ConnectionError)")
        assert driver.shows("reconnecting in 15 s")
        assert driver.shows("idx_leads_status_score"), "the last readings stay in sight"
        driver.app.now += timedelta(seconds=9)
        driver.deck.tick()
        await driver.pilot.pause()
        assert driver.shows("reconnecting in a moment")
        await driver.publish(*samples.EVERYTHING)
        assert not driver.pane(1).has_class("-stale")
        assert not driver.shows("stale")
        assert driver.shows("✗ NOT READY")


async def test_what_cannot_be_read_says_why_and_which_grant_mends_it() -> None:
    unreadable = Unavailable(
        "indexes", "permission denied for schema app", "GRANT USAGE ON SCHEMA app TO oncall"
    )
    async with deck(events=[samples.SERVER, unreadable]) as driver:
        words = " ".join(" ".join(driver.pane(1).texts).split())
        assert "Indexes cannot be read: permission denied for schema app" in words
        assert "to mend it: GRANT USAGE ON SCHEMA app TO oncall" in words


async def test_production_is_told_by_border_badge_and_theme() -> None:
    async with deck() as driver:
        assert driver.app.theme == "pgdeck-production"
        assert driver.pane(1).styles.border_top[0] == "heavy"
    calm = replace(samples.PROFILE, environment=EnvironmentClass.DEVELOPMENT)
    async with deck(profile=calm) as driver:
        assert driver.shows("○ DEVELOPMENT")
        assert driver.pane(1).styles.border_top[0] == "round"


async def test_a_hidden_pane_is_not_drawn() -> None:
    async with deck((80, 24), events=[]) as driver:
        await driver.publish(samples.PROBES)
        assert driver.pane(4).texts == []
        await driver.press("4")
        assert driver.shows("✗ missed lead_dashboard")


async def test_an_unchanged_reading_paints_nothing() -> None:
    async with deck() as driver:
        pane = driver.pane(1)
        before = pane._repaint_required, pane.texts
        await driver.publish(replace(samples.INDEXES, taken_at=samples.NOW + timedelta(seconds=1)))
        assert (pane._repaint_required, pane.texts) == before
        assert pane._repaint_regions == set()


async def test_before_the_first_reading_the_deck_says_that_it_waits() -> None:
    async with deck(events=[]) as driver:
        assert driver.shows("waiting for the first reading")
        assert driver.shows("connecting …")


async def test_a_key_that_is_off_says_why() -> None:
    async with deck(events=[replace(samples.INDEXES, indexes=())]) as driver:
        await driver.press("enter")
        assert driver.shows("! no row is selected in Indexes")


async def test_five_thousand_indexes_draw_only_what_is_in_sight() -> None:
    async with deck(events=[samples.many(5000)]) as driver:
        pane = driver.pane(1)
        assert len(pane.texts) <= pane.size.height
        await driver.press("end")
        assert driver.shows("5000/5000")
        assert pane.row is not None
        assert driver.shows(pane.row.name)


async def test_missing_comes_before_present_and_critical_before_high() -> None:
    async with deck() as driver:
        found = [row.name for row in driver.pane(1).rows]
        assert found[:2] == ["idx_leads_status_score", "idx_comm_followup_history"]
        assert found[-1] == "idx_leads_score_status_created"
        assert samples.INDEXES.indexes[0].finding is IndexFinding.MISSING


async def test_readings_that_arrive_while_the_deck_is_put_up_or_taken_down_do_no_harm() -> None:
    class Flooded(StillApp):
        """Every turn of the loop a reading arrives, from before the first frame until after the last."""

        async def flood(self) -> None:
            while True:
                for event in samples.EVERYTHING:
                    self.post_message(Arrived(event))
                await asyncio.sleep(0)

    for turns in range(4):
        app = Flooded()
        flood = asyncio.create_task(app.flood())
        async with app.run_test(size=(100, 30)):
            for _ in range(turns):
                await asyncio.sleep(0)
        flood.cancel()
        assert (app.last_words, app.failed) == ("", [])


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (5, 2), (9, 3), (20, 5)], ids=str)
async def test_a_tiny_terminal_neither_hangs_nor_crashes(size: tuple[int, int]) -> None:
    async with deck(size) as driver:
        for way in ("enter", "question_mark", "u", "l", "e", "slash", "ctrl+p"):
            await driver.press(way, "end", "escape")
        await driver.press("tab", "enter", "escape", "z", "b")


async def test_on_a_standby_the_keys_that_build_say_why_they_are_off() -> None:
    server = replace(samples.SERVER.server, in_recovery=True)
    async with deck() as driver:
        await driver.publish(replace(samples.SERVER, server=server))
        for keys in (("1", "b"), ("r",), ("enter", "r")):
            await driver.press(*keys)
            assert driver.shows("is a standby, which takes no writes; n finds its primary")


@pytest.mark.parametrize(("key", "asked"), [("b", "build"), ("r", "roll_back"), ("enter", "details")])
async def test_a_key_that_comes_before_the_first_reading_is_answered_with_it(
    monkeypatch: pytest.MonkeyPatch, key: str, asked: str
) -> None:
    async with deck(events=()) as driver:
        asks: list[str] = []
        monkeypatch.setattr(driver.app, "open_screen", asks.append)
        monkeypatch.setattr(driver.app, "_open_step", asks.append)
        await driver.press(key)
        assert driver.shows("as soon as it is read")
        assert asks == []
        driver.deck.take(samples.INDEXES)
        await until(lambda: asks)
        assert asks == [asked]
        driver.deck.take(samples.POOL)
        await driver.pilot.pause()
        assert asks == [asked]


async def test_another_key_takes_the_place_of_one_that_came_too_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with deck(events=()) as driver:
        asks: list[str] = []
        monkeypatch.setattr(driver.app, "open_screen", asks.append)
        await driver.press("enter", "2")
        driver.deck.take(samples.INDEXES)
        driver.deck.take(samples.CONSTRAINTS)
        await driver.pilot.pause()
        assert asks == []
