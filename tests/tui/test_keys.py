"""One registry: what it says is what the program does and shows."""

from __future__ import annotations

import pytest

from tests.tui.deck import deck
from tui import keys
from tui.screens.help import HelpScreen, help_lines
from tui.widgets.footer import key_line


def test_ids_are_unique_and_name_their_scope() -> None:
    ids = [each.id for each in keys.every()]
    assert len(ids) == len(set(ids))
    assert all(each.id.partition(".")[0] == each.scope.name.lower() for each in keys.every())
    assert all(keys.key(each) is not None for each in ids)


@pytest.mark.parametrize("scope", list(keys.Scope))
def test_no_key_does_two_things_in_one_place(scope: keys.Scope) -> None:
    names = [name for each in keys.of_scope(scope) for name in each.keys]
    assert len(names) == len(set(names))


def test_pane_and_deck_keys_do_not_collide() -> None:
    deck_keys = {name for each in keys.of_scope(keys.Scope.DECK) for name in each.keys}
    pane_keys = {name for each in keys.of_scope(keys.Scope.PANE) for name in each.keys}
    assert not deck_keys & pane_keys


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_footer_holds_whole_keys_only(width: int) -> None:
    text = "".join(part for part, _ in key_line(keys.Scope.DECK, width))
    assert len(text) <= width
    assert "q quit" in text


@pytest.mark.parametrize("scope", [each for each in keys.Scope if list(keys.footer_keys(each))])
@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_footer_keeps_help_and_the_way_out(scope: keys.Scope, width: int) -> None:
    text = "".join(part for part, _ in key_line(scope, width))
    assert len(text) <= width
    quits = (keys.Scope.DECK, keys.Scope.REPLAY)
    assert ("q quit" if scope in quits else "esc back") in text
    assert scope is keys.Scope.HELP or "? help" in text


@pytest.mark.parametrize("way", ["enter", "e", "u", "l"])
async def test_help_opens_above_every_full_screen(way: str) -> None:
    async with deck(size=(80, 24)) as driver:
        await driver.press("1", way)
        below = driver.app.screen
        assert below is not driver.deck
        for key in ("f1", "question_mark"):
            await driver.press(key)
            assert isinstance(driver.app.screen, HelpScreen)
            await driver.press("escape")
            assert driver.app.screen is below


@pytest.mark.parametrize("scope", list(keys.Scope))
def test_the_help_lists_every_key(scope: keys.Scope) -> None:
    text = "\n".join("".join(part for part, _ in each) for each in help_lines(120, scope))
    for each in keys.every():
        assert each.label in text
        assert each.help in text
    headings = [each.strip() for each in text.splitlines() if each.strip() in list(keys.Scope)]
    assert headings[0] == scope
    assert len(headings) == len(set(headings))


def test_the_help_says_what_keys_do_where_letters_are_typed() -> None:
    text = "\n".join("".join(part for part, _ in each) for each in help_lines(120))
    section = text.split(" In a filter, a form or a question\n")[1].split("\n\n")[0]
    assert [each.split("  ")[1] for each in section.splitlines()] == [
        "enter",
        "esc",
        "tab or ↑ ↓",
        "← or →",
        "F2",
    ]


@pytest.mark.parametrize(
    ("way", "scope"), [("enter", keys.Scope.DETAILS), ("c", keys.Scope.POOL), ("x", keys.Scope.LOCKS)]
)
async def test_the_help_begins_with_the_keys_of_the_screen_below(way: str, scope: keys.Scope) -> None:
    async with deck(size=(80, 24)) as driver:
        await driver.press("1", way, "question_mark")
        screen = driver.app.screen
        assert isinstance(screen, HelpScreen)
        assert ["".join(part for part, _ in each).strip() for each in screen.lines(80)][1] == scope


def test_the_table_of_the_readme_lists_every_key() -> None:
    table = keys.markdown_table()
    assert all(f"| `{each.label}` | {each.help} |" in table for each in keys.every())
    assert len(table.splitlines()) == len(keys.every()) + 2


@pytest.mark.parametrize("key", ["question_mark", "f1"])
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_help_opens_scrolls_to_its_end_and_closes(key: str, size: tuple[int, int]) -> None:
    async with deck(size) as driver:
        await driver.press(key)
        assert isinstance(driver.app.screen, HelpScreen)
        assert driver.shows("pgdeck: keys and signs")
        await driver.press("end")
        assert driver.shows("this line of a definition differs")
        await driver.press("home")
        assert driver.shows("On the deck")
        await driver.press("escape")
        assert driver.app.screen is driver.deck


async def test_every_key_of_the_deck_is_bound() -> None:
    async with deck() as driver:
        bound = driver.deck._bindings.key_to_bindings
        for each in keys.of_scope(keys.Scope.DECK):
            for name in each.keys:
                assert name in bound, name


async def test_the_palette_finds_an_action_and_runs_it() -> None:
    async with deck() as driver:
        await driver.press("ctrl+p")
        assert driver.app.screen is not driver.deck
        await driver.type("whole screen")
        await driver.pilot.pause(0.3)
        await driver.app.workers.wait_for_complete()
        await driver.press("down", "enter")
        await driver.pilot.pause()
        assert driver.deck.has_class("-single")


async def test_two_fast_presses_open_one_help() -> None:
    async with deck() as driver:
        await driver.pilot.press("question_mark", "question_mark")
        await driver.pilot.pause()
        assert len(driver.app.screen_stack) <= 3
        assert sum(isinstance(each, HelpScreen) for each in driver.app.screen_stack) <= 1


async def test_quitting_ends_with_nothing_to_complain() -> None:
    async with deck() as driver:
        await driver.press("q")
        assert driver.app.return_code == 0


async def test_pause_stands_in_the_header_and_refresh_is_off_meanwhile() -> None:
    async with deck() as driver:
        await driver.press("space")
        assert driver.shows("paused: nothing is read from the server; space goes on")
        await driver.press("g")
        assert driver.shows("! the watch is paused; space goes on")
        await driver.press("space")
        assert not driver.shows("paused: nothing is read")
