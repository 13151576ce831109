"""The preview: the statement at once, the facts when they come, nothing cut, and why it must not run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.locations import locations
from profiles.model import EnvironmentClass, Guard
from sql.steps.duplicates import Duplicates
from sql.steps.forecast import Forecast
from sql.steps.step import Direction
from sql.violations import Violations
from tests.tui import samples
from tests.tui.stepping import first_step, looked, preview, stepping
from tui import clipboard
from tui.present.step import preview_lines, step_lines
from tui.present.view import Line
from tui.road import Looked, RoadBlocked
from tui.screens.confirm_step import ConfirmStepScreen
from tui.screens.details import DetailsScreen
from tui.screens.preview import PreviewScreen


def words(lines: tuple[Line, ...]) -> str:
    return " ".join(" ".join("".join(text for text, _ in each) for each in lines).split())


def said(screen: PreviewScreen) -> str:
    return words(tuple(screen.lines(screen.scroller.size.width)))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_everything_is_there_and_reached(size: tuple[int, int]) -> None:
    async with stepping(size=size) as driver:
        screen = await driver.open_preview()
        text = said(screen)
        for part in (
            first_step().sql,
            "ShareUpdateExclusiveLock: it blocks nothing but DDL",
            "lock_timeout none, statement_timeout none",
            "it may run, but it would wait for others now",
            "pid 4711 (sales_app, [@click=app.quit]x[/]), idle in transaction for 1 min 30 s: UPDATE leads",
            "writer of this table, its transaction is 1 min 35 s old; phase: waiting for writers before",
            "Cannot see what 2 sessions of other roles do.",
            "3 rows break it: id=17",
            "46 MB, about 100,000 rows",
            "about 12 s (assumed: it reads the table twice)",
            "not known: SQL cannot see free disk",
            "Event triggers see this step.",
            first_step().undo_sql,
        ):
            assert part in text, part
        assert all(
            sum(len(part) for part, _ in each) <= size[0] for each in screen.lines(screen.scroller.size.width)
        )
        await driver.press("end")
        assert driver.shows("DROP INDEX CONCURRENTLY")


def test_the_statement_stands_there_before_the_server_has_answered() -> None:
    screen = PreviewScreen(samples.PROFILE, samples.INDEXES.indexes[0], Direction.FIX, first_step())
    text = words(tuple(screen.lines(80)))
    assert "looking at the server" in text
    assert first_step().sql in text
    assert screen.facts.why


async def test_r_asks_for_the_way_back_and_b_is_off_where_nothing_is_wrong() -> None:
    async with stepping() as driver:
        await driver.press("end", "b")
        assert driver.shows("! it is as the manifest asks; r takes it away")
        await driver.open_preview("r")
        assert driver.fake.asked == ["look rollback"]


async def test_steps_are_for_indexes_and_constraints_only() -> None:
    async with stepping() as driver:
        await driver.press("3", "b")
        assert driver.shows("! steps are for rows of Indexes and Constraints, not of Pool")
        await driver.press("1", "space", "b")
        assert driver.shows("! the watch is paused; space goes on")


async def test_from_the_details() -> None:
    async with stepping() as driver:
        await driver.press("enter")
        assert isinstance(driver.app.screen, DetailsScreen)
        await driver.open_preview()
        await driver.press("escape")
        assert isinstance(driver.app.screen, DetailsScreen)


async def test_a_step_that_is_refused_says_why_and_cannot_be_confirmed() -> None:
    async with stepping() as driver:
        driver.fake.found = looked(first_step(), "somebody builds on public.leads")
        screen = await driver.open_preview()
        assert "it must not run now: somebody builds on public.leads" in said(screen)
        await driver.press("c")
        assert driver.shows("! somebody builds on public.leads")
        assert driver.app.screen is screen


async def test_nothing_to_do_and_a_refusal_without_a_step() -> None:
    async with stepping() as driver:
        driver.fake.found = Looked(None, (), "it backs a constraint", "SELECT * FROM leads WHERE bad")
        screen = await driver.open_preview()
        assert "it backs a constraint" in said(screen)
        assert "SELECT * FROM leads WHERE bad" in said(screen)
        await driver.press("y")
        assert (locations().state / clipboard.FILE).read_text() == "SELECT * FROM leads WHERE bad\n"
        await driver.press("c")
        assert driver.app.screen is screen


async def test_a_server_out_of_reach_is_said_and_looked_at_again() -> None:
    async with stepping() as driver:
        driver.fake.found = RoadBlocked("db.example.com:5432 refused the connection")
        screen = await driver.open_preview()
        assert "db.example.com:5432 refused the connection" in said(screen)
        assert first_step().sql in said(screen)
        driver.fake.found = looked(first_step())
        await driver.press("g")
        await driver.settle()
        assert "refused the connection" not in said(screen)
        assert "it may run" in said(screen)


async def test_forbidden_shows_the_step_and_says_why_it_is_off() -> None:
    async with stepping(EnvironmentClass.STAGING, Guard.FORBIDDEN) as driver:
        screen = await driver.open_preview()
        assert first_step().sql in said(screen)
        assert "steps are off on demo-production" in said(screen)
        await driver.press("c")
        assert driver.shows("! steps are off")
        assert driver.app.screen is screen


async def test_two_fast_presses_open_one_preview() -> None:
    async with stepping() as driver:
        await driver.pilot.press("b", "b")
        await driver.settle()
        assert sum(isinstance(each, PreviewScreen) for each in driver.app.screen_stack) == 1


async def test_copying_takes_the_exact_sql() -> None:
    async with stepping() as driver:
        await driver.open_preview()
        await driver.press("y")
        assert (locations().state / clipboard.FILE).read_text() == f"{first_step().sql}\n"


async def test_what_changed_since_the_confirmation_is_shown_and_must_be_looked_at() -> None:
    async with stepping(EnvironmentClass.DEVELOPMENT) as driver:
        screen = await driver.open_preview()

        def changed() -> str:
            raise RoadBlocked("it is not what was confirmed", ("the table has another owner",))

        driver.fake.answer = changed
        await driver.press("c")
        await driver.pilot.pause(0.35)
        await driver.press("right", "enter")
        await driver.settle()
        assert driver.app.screen is screen
        assert "≠ the table has another owner" in said(screen)
        await driver.press("c")
        assert driver.shows("! look again first (g)")
        assert not isinstance(driver.app.screen, ConfirmStepScreen)
        await driver.press("g")
        await driver.settle()
        await driver.press("c")
        assert isinstance(driver.app.screen, ConfirmStepScreen)


@pytest.mark.parametrize("name", samples.HOSTILE)
def test_names_of_others_are_data(name: str) -> None:
    step = replace(first_step(), statements=(f'DROP INDEX "{name}"',), note=name)
    blocker = replace(looked(step).step.preview.forecast.blockers[0], application=name, query=name)  # type: ignore[union-attr]
    lines = preview_lines(preview(step, forecast=Forecast((blocker,))), 60)
    for each in (*lines, *step_lines(step, 60)):
        text = "".join(part for part, _ in each)
        assert text.isprintable(), text


def test_rows_that_could_not_be_counted_are_not_zero() -> None:
    step = first_step()
    hidden = Violations(None, reason="Row-level security hides rows.")
    assert "? Row-level security hides rows." in words(preview_lines(preview(step, violations=hidden), 80))
    assert "no row breaks it" in words(preview_lines(preview(step, violations=Violations(0)), 80))
    twice = Duplicates(20, True, ("email=a (3 rows)",))
    assert "at least 20 keys occur more than once" in words(
        preview_lines(preview(step, duplicates=twice), 80)
    )
    unread = Duplicates(None, reason="Looking for equal keys took longer than 2000 ms.")
    assert "? Looking for equal keys took longer" in words(
        preview_lines(preview(step, duplicates=unread), 80)
    )
