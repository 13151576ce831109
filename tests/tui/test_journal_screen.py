"""The journal on the deck: newest first, grouped by run, filtered, copied, and written as a note."""

from __future__ import annotations

from dataclasses import replace

from profiles.locations import locations
from sql.steps.journal import Journal
from tests.tui import samples
from tests.tui.stepping import RUN, StepDriver, entry, stepping
from tests.waiting import until
from tui import clipboard
from tui.present.journal import journal_view, stories, story_lines
from tui.screens.journal import JournalScreen, StoryScreen

OTHER = "20261122-210000-beef"


def fill() -> None:
    """Two runs, a preview, and something of another profile."""
    Journal(locations().journal).extend(
        [
            entry("previewed", 0, run=None),
            entry("confirmed", 1),
            entry("started", 2, pid=77),
            entry("finished", 3, outcome="done", sentence="the server says done"),
            entry("verified", 4, reached=True, sentence="it is valid"),
            replace(entry("confirmed", 9, run=OTHER), step="drop-index:idx_old", operator="bob"),
            replace(
                entry("finished", 10, run=OTHER, outcome="failed", sentence="no"), step="drop-index:idx_old"
            ),
            replace(entry("confirmed", 11, run="elsewhere"), profile="another"),
        ]
    )


async def journal(driver: StepDriver) -> JournalScreen:
    """Open it and wait until it is read."""
    fill()
    await driver.press("l")
    screen = driver.app.screen
    assert isinstance(screen, JournalScreen)
    await until(lambda: screen.pane.rows)
    await driver.pilot.pause()
    return screen


async def test_newest_first_one_row_a_run_of_this_profile() -> None:
    async with stepping() as driver:
        screen = await journal(driver)
        assert [row.key for row in screen.pane.rows] == [OTHER, RUN, "entry 0"]
        assert driver.shows("✓ done, verified")
        assert driver.shows("✗ failed")
        assert driver.shows("2 runs, 1 preview")


async def test_the_filter_and_how_it_is_left() -> None:
    async with stepping() as driver:
        screen = await journal(driver)
        await driver.press("slash")
        await driver.type("bob")
        await driver.press("enter")
        assert [row.key for row in screen.pane.rows] == [OTHER]
        await driver.press("escape")
        assert len(screen.pane.rows) == 3
        await driver.press("escape")
        assert driver.app.screen is driver.deck


async def test_enter_shows_every_entry_and_y_copies_them() -> None:
    async with stepping() as driver:
        await journal(driver)
        await driver.press("down", "enter")
        assert isinstance(driver.app.screen, StoryScreen)
        for word in ("confirmed", "started", "finished", "verified", "alice from 203.0.113.5 on here"):
            assert driver.shows(word), word
        await driver.press("y")
        text = (locations().state / clipboard.FILE).read_text()
        assert "yes: it is valid" in text
        assert "CREATE INDEX CONCURRENTLY" in text
        await driver.press("escape", "y")
        assert (locations().state / clipboard.FILE).read_text() == text


async def test_w_writes_the_note_and_says_where() -> None:
    async with stepping() as driver:
        await journal(driver)
        await driver.press("w")
        await until(lambda: list(locations().state.glob("handover-demo-production-*.md")))
        (path,) = locations().state.glob("handover-*.md")
        await until(lambda: driver.shows(f"✓ written: {path.name} in "))
        text = path.read_text()
        assert "drop\\-index:idx\\_old" in text or "drop-index:idx_old" in text
        assert "another" not in text
        assert path.stat().st_mode & 0o777 == 0o600


async def test_it_grows_while_it_is_open_and_the_cursor_stays() -> None:
    async with stepping() as driver:
        screen = await journal(driver)
        await driver.press("down")
        Journal(locations().journal).append(entry("confirmed", 20, run="20261122-220000-0001"))
        await until(lambda: len(screen.pane.rows) == 4)
        assert screen.pane.row is not None
        assert screen.pane.row.key == RUN


async def test_an_empty_journal_says_so_and_has_nothing_to_open() -> None:
    async with stepping() as driver:
        await driver.press("l")
        await until(lambda: driver.shows("nothing was previewed or run yet"))
        assert driver.shows(" / filter  w write note  esc back  ? help"), "nothing to open or copy"
        await driver.press("enter")
        assert driver.shows("! no row is selected in the journal")


def test_hostile_words_are_data() -> None:
    for name in samples.HOSTILE:
        each = replace(entry("finished", outcome=name, sentence=name), step=name, operator=name, sql=name)
        told = stories([each])
        lines = story_lines(told[0], 60)
        cells = journal_view(told).rows[0].cells
        assert all(text.isprintable() for text, _ in (*cells, *(span for each in lines for span in each)))
