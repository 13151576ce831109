"""Rows keep their selection, filters filter, and names stay data whatever they hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual import events
from textual.widgets import Input

from sql.findings import IndexFinding
from sql.snapshots import ApplicationUse, PoolSnapshot
from tests.tui import samples
from tests.tui.deck import Driver, deck
from tests.waiting import until
from tui.present.latency import summary as latency_summary
from tui.present.pool import pool_view
from tui.present.text import clean
from tui.widgets.lines import cells, changed_runs

BAD = IndexFinding.MISSING


def selected(driver: Driver, number: int = 1) -> str:
    row = driver.pane(number).row
    return row.name if row is not None else ""


async def test_arrows_pages_and_ends_move_the_cursor() -> None:
    async with deck(events=[samples.many(100)]) as driver:
        first = selected(driver)
        await driver.press("down", "down")
        await driver.press("up")
        assert driver.pane(1).rows[1].name == selected(driver)
        await driver.press("pagedown")
        assert driver.pane(1).rows.index(driver.pane(1).row) > 5  # type: ignore[arg-type]
        await driver.press("end")
        assert driver.pane(1).row is driver.pane(1).rows[-1]
        await driver.press("down")
        assert driver.pane(1).row is driver.pane(1).rows[-1]
        await driver.press("home")
        assert selected(driver) == first


async def test_the_cursor_stays_on_its_row_when_the_order_changes() -> None:
    one, two, three = samples.index("idx_a"), samples.index("idx_b"), samples.index("idx_c")
    async with deck(events=[samples.at(samples.INDEXES, one, two, three)]) as driver:
        await driver.press("down")
        assert selected(driver) == "idx_b"
        await driver.publish(samples.at(samples.INDEXES, one, two, samples.index("idx_c", BAD)))
        assert [row.name for row in driver.pane(1).rows] == ["idx_c", "idx_a", "idx_b"]
        assert selected(driver) == "idx_b"
        marked = [each for each in driver.pane(1).texts if each.startswith("›")]
        assert len(marked) == 1
        assert "idx_b" in marked[0]


async def test_a_vanished_row_gives_way_to_its_neighbour_and_that_is_said() -> None:
    one, two, three = samples.index("idx_a"), samples.index("idx_b"), samples.index("idx_c")
    async with deck(events=[samples.at(samples.INDEXES, one, two, three)]) as driver:
        await driver.press("down")
        await driver.publish(samples.at(samples.INDEXES, one, three))
        assert selected(driver) == "idx_c"
        assert driver.shows("idx_b is no longer in Indexes; now on idx_c")
        await driver.publish(samples.at(samples.INDEXES))
        assert driver.pane(1).row is None
        await driver.publish(samples.at(samples.INDEXES, one))
        assert selected(driver) == "idx_a"


async def test_the_selected_row_differs_by_sign_and_by_background() -> None:
    async with deck() as driver:
        pane = driver.pane(1)
        texts = pane.texts
        selected_line = next(at for at, each in enumerate(texts) if each.startswith("›"))
        backgrounds = [
            {segment.style.bgcolor for segment in pane.render_line(at) if segment.style}
            for at in (selected_line, selected_line + 1)
        ]
        assert all(len(each) == 1 for each in backgrounds)
        assert backgrounds[0] != backgrounds[1]


async def test_untouched_the_cursor_is_on_what_is_worst() -> None:
    async with deck(events=[samples.at(samples.INDEXES, samples.index("idx_a"))]) as driver:
        await driver.publish(samples.at(samples.INDEXES, samples.index("idx_a"), samples.index("idx_b", BAD)))
        assert selected(driver) == "idx_b"


async def test_the_first_row_is_kept_too_once_a_key_was_pressed_on_it() -> None:
    one, two = samples.index("idx_a", BAD), samples.index("idx_b", BAD)
    async with deck(events=[samples.at(samples.INDEXES, one, two)]) as driver:
        assert selected(driver) == "idx_a"
        await driver.press("enter", "escape")
        await driver.publish(samples.at(samples.INDEXES, samples.index("idx_a"), two))
        assert [row.name for row in driver.pane(1).rows] == ["idx_b", "idx_a"]
        assert selected(driver) == "idx_a"


async def test_filter_shows_matching_rows_and_says_so() -> None:
    async with deck() as driver:
        await driver.press("slash")
        await driver.type("CHURN")
        assert [row.name for row in driver.pane(1).rows] == [
            "idx_churn_predictions_lead_timestamp",
            "idx_churn_events_recovery_eligibility",
        ]
        await driver.press("enter")
        assert driver.app.focused is driver.pane(1)
        assert driver.shows('filter "CHURN" 2 of 5 rows · all: 3 of 5 present')
        await driver.publish(samples.INDEXES)
        assert len(driver.pane(1).rows) == 2
        await driver.press("escape")
        assert len(driver.pane(1).rows) == 5


async def test_filter_takes_letters_that_are_keys_elsewhere() -> None:
    async with deck() as driver:
        await driver.press("slash")
        await driver.type("qz/1 ")
        assert driver.pane(1).needle == "qz/1 "
        assert driver.shows('no row holds "qz/1 "')
        await driver.press("escape")
        assert driver.pane(1).needle == ""
        assert driver.app.is_running


async def test_what_is_typed_before_the_filter_is_up_goes_into_it() -> None:
    """Over a slow line several keys arrive at once: `q` must not quit, nor `e` leave the deck."""
    async with deck() as driver:
        for character in "1/queue":
            driver.app.post_message(events.Key(character.replace("/", "slash"), character))
        field = driver.deck.query_one("#filter", Input)
        await until(lambda: field.value == "queue")
        assert driver.app.screen is driver.deck
        await driver.press("enter")
        assert driver.pane(1).needle == "queue"


async def test_filter_of_one_pane_leaves_the_others_alone() -> None:
    async with deck() as driver:
        await driver.press("2", "slash")
        await driver.type("email")
        await driver.press("enter")
        names = [row.name for row in driver.pane(2).rows]
        assert names == ["ck_leads_contact_email_format", "the migration version"]
        assert len(driver.pane(1).rows) == 5


@pytest.mark.parametrize("name", samples.HOSTILE, ids=repr)
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_hostile_names_are_data(name: str, size: tuple[int, int]) -> None:
    evil = samples.at(samples.INDEXES, samples.index(name, BAD, detail=name), samples.index("idx_z"))
    pool = samples.POOL.pool
    crowd = PoolSnapshot(
        samples.NOW,
        type(pool)(
            finding=pool.finding,
            limit=100,
            reserved=3,
            used=1,
            by_state={name: 1},
            by_application=(ApplicationUse(name, 1, None), ApplicationUse("other", 1, 20)),
        ),
    )
    async with deck(size, events=[samples.SERVER, evil, crowd]) as driver:
        assert selected(driver) == clean(name)
        lines = driver.screen_text()
        assert len(lines) == size[1]
        assert not any(ord(c) < 0x20 or c in "\u202e\x7f" for each in lines for c in each)
        if name.isascii() and name.isprintable() and 0 < len(name) < 20:
            assert driver.shows(name)
        await driver.press("enter")
        assert driver.app.screen is not driver.deck
        await driver.press("escape", "3", "enter", "escape")
        assert driver.app.is_running
        assert driver.app.screen is driver.deck


async def test_wide_characters_keep_the_columns_aligned() -> None:
    both = samples.at(samples.INDEXES, samples.index("漢字の索引", BAD), samples.index("idx_z", BAD))
    async with deck(events=[both]) as driver:
        edges = {
            each.index("critical") for each in driver.screen_text() if "critical" in each and "✗" in each[:60]
        }
        text = [each for each in driver.pane(1).texts if "critical" in each]
        assert len(text) == 2
        assert edges


async def test_a_long_name_is_whole_below_the_table() -> None:
    name = "idx_" + "a_very_long_name_" * 2 + "end"
    async with deck(events=[samples.at(samples.INDEXES, samples.index(name, BAD))]) as driver:
        assert name not in driver.pane(1).texts[2]
        assert any(name in each for each in driver.pane(1).texts[3:])


async def test_a_click_selects_and_a_second_one_opens() -> None:
    async with deck() as driver:
        await driver.pilot.click("#pane-1", offset=(10, 5))
        await driver.pilot.pause()
        assert selected(driver) == driver.pane(1).rows[2].name
        await driver.pilot.click("#pane-1", offset=(10, 5))
        await driver.pilot.pause()
        assert driver.app.screen is not driver.deck


async def test_the_migration_is_in_sight_below_a_full_pane() -> None:
    constraints = tuple(samples.constraint(f"ck_{at:03d}") for at in range(200))
    many = type(samples.CONSTRAINTS)(samples.NOW, constraints)
    async with deck((80, 24), events=[many, samples.MIGRATION]) as driver:
        await driver.press("2")
        assert driver.shows("✗ behind migration 004_agents, not 005_performance_indexes")
        await driver.press("end")
        assert selected(driver, 2) == "the migration version"
        assert driver.shows("› ✗ behind".replace(" ", "", 1))


def test_runs_cover_exactly_the_cells_that_differ() -> None:
    plain = lambda text: ((text, "plain"),)  # noqa: E731
    assert list(changed_runs(plain("abcdef"), plain("abXdef"))) == [(2, 1)]
    assert list(changed_runs(plain("a" * 40), plain("X" + "a" * 38 + "X"))) == [(0, 1), (39, 1)]
    assert list(changed_runs(plain("same"), plain("same"))) == []
    assert list(changed_runs(plain("漢b"), plain("漢c"))) == [(2, 1)]
    assert len(list(cells(plain("漢字")))) == 4


def test_a_session_without_a_database_and_a_name_has_words() -> None:
    nameless = (ApplicationUse("@", 1, None), ApplicationUse("standby1 @", 1, None))
    pool = replace(samples.POOL.pool, by_application=nameless)
    assert {row.name for row in pool_view(PoolSnapshot(samples.NOW, pool)).rows} == {"(no name)", "standby1"}


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_the_pool_says_what_is_counted_where_and_fits(size: tuple[int, int]) -> None:
    states = {"active": 12, "idle": 110, "idle in transaction": 10}
    busy = replace(samples.POOL.pool, by_state=states, oldest_transaction_s=720.0, waiting_on_locks=10)
    async with deck(size, events=[samples.SERVER, PoolSnapshot(samples.NOW, busy)]) as driver:
        await driver.press("3")
        assert driver.shows("server: 12 active · 110 idle · 10 idle in transaction")
        assert driver.shows("this database: ! 10 wait on locks · oldest tx ! 12 min")
        aging = replace(busy, oldest_transaction_s=95.0)
        await driver.publish(PoolSnapshot(samples.NOW, aging))
        assert driver.shows("this database: ! 10 wait on locks · oldest tx 1 min 30 s")


def test_the_number_of_incidents_is_not_what_a_narrow_title_cuts() -> None:
    said = latency_summary(samples.PROBES, incidents=4)
    assert "".join(part for part, _ in said[-5:]) == "1 of 2 met  ! 4 incidents, i  ✗ 1 missed"
