"""The last question: nothing runs by a hasty hand, whatever the class."""

from __future__ import annotations

import re

import pytest

from profiles.model import EnvironmentClass, Guard
from sql.steps.forecast import Forecast
from sql.steps.step import Verb
from tests.tui.stepping import RUN, StepDriver, entry, first_step, looked, stepping
from tests.waiting import until
from tui.present.confirming import Asked, asking, forbidden
from tui.screens.confirm_step import ConfirmStepScreen
from tui.screens.preview import PreviewScreen
from tui.screens.run import RunScreen

NAME = "idx_leads_status_score"
LAUNCH = f"launch create-index:{NAME}"


async def ask(driver: StepDriver) -> ConfirmStepScreen:
    """Open the question and wait until it listens."""
    await driver.open_preview()
    await driver.press("c")
    screen = driver.app.screen
    assert isinstance(screen, ConfirmStepScreen)
    await until(lambda: screen.listening)
    return screen


def inside(driver: StepDriver) -> str:
    """What the question says."""
    found = (re.search("┃(.*)┃", each) for each in driver.screen_text())
    return " ".join(" ".join(each[1] for each in found if each).split())


@pytest.mark.parametrize("environment", list(EnvironmentClass))
async def test_cancel_has_the_focus_and_enter_and_escape_run_nothing(environment: EnvironmentClass) -> None:
    for key in ("enter", "escape"):
        async with stepping(environment) as driver:
            screen = await ask(driver)
            assert screen.focused is not None
            assert screen.focused.id == "cancel"
            await driver.press(key)
            await driver.settle()
            assert isinstance(driver.app.screen, PreviewScreen)
            assert LAUNCH not in driver.fake.asked


@pytest.mark.parametrize("key", ["c", "b"])
async def test_the_key_that_opened_does_not_run(key: str) -> None:
    async with stepping(EnvironmentClass.DEVELOPMENT) as driver:
        await ask(driver)
        await driver.press(key, key)
        assert LAUNCH not in driver.fake.asked


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_whom_it_would_wait_for_is_said_again(size: tuple[int, int]) -> None:
    async with stepping(EnvironmentClass.PRODUCTION, size=size) as driver:
        await ask(driver)
        who = "pid 4711 [@click=app.quit]x[/] (idle in transaction)"
        assert f"! it would wait now for 1 session: {who}" in inside(driver)
        assert driver.shows("Cancel") and driver.shows("type its name")
        driver.fake.found = looked(first_step(), forecast=Forecast())
        await driver.press("escape", "g")
        await driver.settle()
        await driver.press("c")
        assert isinstance(driver.app.screen, ConfirmStepScreen)
        assert not driver.shows("it would wait")


@pytest.mark.parametrize("environment", list(EnvironmentClass))
async def test_tab_goes_only_where_keys_are_heard(environment: EnvironmentClass) -> None:
    async with stepping(environment) as driver:
        screen = await ask(driver)
        visited = []
        for _ in range(3):
            visited.append(screen.focused.id if screen.focused is not None else None)
            await driver.press("tab")
        assert set(visited) == ({"cancel", "typed"} if screen.asking.expects else {"cancel", "run"})


async def test_development_runs_by_the_button() -> None:
    async with stepping(EnvironmentClass.DEVELOPMENT) as driver:
        await ask(driver)
        await driver.press("right", "enter")
        await driver.settle()
        assert LAUNCH in driver.fake.asked
        assert isinstance(driver.app.screen, RunScreen)


@pytest.mark.parametrize("environment", list(EnvironmentClass))
async def test_keys_typed_ahead_answer_nothing(
    environment: EnvironmentClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.widgets.question.DEAF_S", 1000.0)
    async with stepping(environment) as driver:
        await driver.open_preview()
        await driver.press("c", "y", *NAME, "right", "enter", "escape")
        screen = driver.app.screen
        assert isinstance(screen, ConfirmStepScreen)
        assert not screen.listening
        assert not screen.asking.expects or not screen.satisfied
        assert LAUNCH not in driver.fake.asked
        screen._listen()
        await driver.press("escape")
        assert isinstance(driver.app.screen, PreviewScreen)


async def test_staging_wants_a_typed_y() -> None:
    async with stepping(EnvironmentClass.STAGING) as driver:
        screen = await ask(driver)
        await driver.press("n", "enter")
        assert driver.app.screen is screen
        assert driver.shows("! that is not y")
        await driver.press("backspace", "y", "enter")
        await driver.settle()
        assert LAUNCH in driver.fake.asked


async def test_production_wants_the_name_of_the_object() -> None:
    async with stepping(EnvironmentClass.PRODUCTION) as driver:
        screen = await ask(driver)
        run = screen.query_one("#run")
        assert run.disabled
        await driver.type(NAME[:-1])
        await driver.press("enter")
        assert LAUNCH not in driver.fake.asked
        assert run.disabled
        await driver.press(NAME[-1])
        assert not run.disabled
        await driver.press("enter")
        await driver.settle()
        assert LAUNCH in driver.fake.asked


async def test_letters_keep_their_order_however_fast_they_come() -> None:
    async with stepping(EnvironmentClass.PRODUCTION) as driver:
        screen = await ask(driver)
        await driver.pilot.press(*NAME)
        await driver.pilot.pause()
        assert screen.satisfied


async def test_the_whole_statement_fits_at_80_by_24() -> None:
    async with stepping() as driver:
        await ask(driver)
        shown = inside(driver)
        assert first_step().sql in shown
        assert "ShareUpdateExclusiveLock" in shown
        for wanted in ("#run", "#cancel", "#typed"):
            region = driver.app.screen.query_one(wanted).region
            assert region.bottom <= 24
            assert region.height == 1


async def test_a_run_that_was_started_is_shown_by_its_id() -> None:
    async with stepping(EnvironmentClass.DEVELOPMENT) as driver:
        await ask(driver)
        await driver.press("right", "enter")
        await driver.settle()
        assert driver.shows(f"waiting for what the journal says of {RUN}")
        await driver.journalled(entry("confirmed"), entry("started", 1, pid=1))
        assert driver.shows(f"create-index:{NAME}")


@pytest.mark.parametrize(
    ("environment", "guard", "kind"),
    [
        (EnvironmentClass.DEVELOPMENT, Guard.CONFIRM, Asked.RUN),
        (EnvironmentClass.DEVELOPMENT, Guard.CONFIRM_NAME, Asked.NAME),
        (EnvironmentClass.STAGING, Guard.CONFIRM, Asked.YES),
        (EnvironmentClass.STAGING, Guard.CONFIRM_NAME, Asked.NAME),
        (EnvironmentClass.PRODUCTION, Guard.CONFIRM, Asked.NAME),
        (EnvironmentClass.PRODUCTION, Guard.CONFIRM_NAME, Asked.NAME),
    ],
)
def test_what_is_asked_by_class_and_guard(environment: EnvironmentClass, guard: Guard, kind: Asked) -> None:
    from tests.tui.stepping import profile

    step = first_step()
    assert step.verb is Verb.CREATE_INDEX
    asked = asking(profile(environment, guard), step)
    assert asked.kind is kind
    assert asked.expects == {Asked.RUN: "", Asked.YES: "y", Asked.NAME: NAME}[kind]
    assert forbidden(profile(environment, guard)) == ""
