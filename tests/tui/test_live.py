"""The deck on a real server: panes fill, a lost server comes back, nothing of an old profile stays."""

from __future__ import annotations

import pytest

from profiles import verdicts
from tests.servers import Database
from tests.tui.live import SCHEMA, live, write_profile
from tests.waiting import until
from tui.screens.password import PasswordScreen

OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgdeck%' AND datname = $1"
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'pgdeck watch' AND datname = $1"
)


async def sessions(database: Database) -> int:
    connection = await database.connect()
    try:
        return int(await connection.fetchval(OURS, database.name))
    finally:
        await connection.close()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_all_panes_fill(newest: Database, size: tuple[int, int]) -> None:
    await newest.execute(SCHEMA)
    async with live(write_profile(newest), size) as driver:
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        assert driver.shows("✓ present idx_leads_status")
        for number, name in ((2, "ck_score"), (3, "max_connections"), (4, "lead_dashboard")):
            await driver.press(str(number))
            assert driver.shows(name), name
        assert driver.shows("read-only")
        await until(lambda: verdicts.last("small"))
        remembered = verdicts.last("small")
        assert remembered is not None
        assert remembered.verdict == "ENTERPRISE READY"


async def test_a_terminated_session_is_stale_and_comes_back(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with live(write_profile(newest)) as driver:
        await until(lambda: driver.shows("✓ present idx_leads_status"))
        connection = await newest.connect()
        await connection.fetch(TERMINATE, newest.name)
        await connection.close()
        await until(lambda: driver.deck.readings.lost is not None)
        await driver.pilot.pause()
        assert driver.shows("stale")
        assert driver.shows("? UNKNOWN")
        await until(lambda: driver.deck.readings.lost is None)
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        assert not driver.pane(1).has_class("-stale")


async def test_a_dropped_index_shows_and_the_selection_stays(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with live(write_profile(newest)) as driver:
        await until(lambda: driver.shows("✓ present idx_leads_status"))
        await newest.execute("DROP INDEX idx_leads_status")
        await driver.press("g")
        await until(lambda: driver.shows("✗ missing idx_leads_status"))
        row = driver.pane(1).row
        assert row is not None
        assert row.name == "idx_leads_status"
        assert driver.shows("✗ NOT READY")


async def test_paused_nothing_is_read(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with live(write_profile(newest)) as driver:
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        await driver.press("space")
        feed = driver.app.feed
        assert feed is not None
        assert feed._poller is not None
        assert feed._poller.paused
        await driver.press("space")
        assert not feed._poller.paused


async def test_another_profile_ends_every_session_of_the_first(newest: Database) -> None:
    await newest.execute(SCHEMA)
    connection = await newest.connect()
    await connection.execute("CREATE DATABASE other_one")
    try:
        second = Database(newest.cluster, newest.major, "other_one")
        await second.execute(SCHEMA)
        write_profile(second, "second")
        async with live(write_profile(newest)) as driver:
            await until(lambda: driver.shows("✓ ENTERPRISE READY"))
            assert await sessions(newest) == 2
            await driver.app.switch("second")
            assert await sessions(newest) == 0
            await until(lambda: driver.shows("✓ ENTERPRISE READY"))
            assert driver.shows("other_one")
        await until(lambda: _none(second))
    finally:
        await connection.execute("DROP DATABASE IF EXISTS other_one WITH (FORCE)")
        await connection.close()


async def test_the_list_of_profiles_begins_on_the_one_that_is_watched(newest: Database) -> None:
    for name in ("another", "small"):
        write_profile(newest, name)
    await newest.execute(SCHEMA)
    async with live("small") as driver:
        await until(lambda: driver.shows("ENTERPRISE READY"))
        await driver.press("e")
        await until(lambda: driver.shows("›small"))
        await driver.press("escape")
        assert driver.app.screen is driver.deck


async def _none(database: Database) -> bool:
    return await sessions(database) == 0


async def test_a_profile_that_is_wrong_leaves_the_deck_as_it_is(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with live(write_profile(newest)) as driver:
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        await driver.app.switch("nobody")
        await driver.pilot.pause()
        assert driver.shows("there is no such profile")
        assert driver.deck.profile.name == "small"
        assert await sessions(newest) == 2


PROMPT = '[credentials]\nsource = "prompt"\n'


async def test_the_password_is_asked_for_and_goes_nowhere(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with live(write_profile(newest, credentials=PROMPT)) as driver:
        await until(lambda: isinstance(driver.app.screen, PasswordScreen))
        await driver.pilot.pause()
        await driver.type("s3cret")
        assert not driver.shows("s3cret")
        await driver.press("enter")
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))


async def test_a_refused_password_can_be_given_later(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with live(write_profile(newest, credentials=PROMPT)) as driver:
        await until(lambda: isinstance(driver.app.screen, PasswordScreen))
        await driver.press("escape")
        await until(lambda: driver.shows("no password was given; g asks again"))
        await driver.press("g")
        await until(lambda: isinstance(driver.app.screen, PasswordScreen))
        await driver.pilot.pause()
        await driver.press("x", "enter")
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))


async def test_quitting_while_the_password_is_asked_for(newest: Database) -> None:
    async with live(write_profile(newest, credentials=PROMPT)) as driver:
        await until(lambda: isinstance(driver.app.screen, PasswordScreen))
        await driver.app.action_quit()
        assert driver.app.return_code == 0
