"""A real queue, seen in the deck and ended from it."""

from __future__ import annotations

from profiles.locations import locations
from sql.steps.journal import Event, Journal
from tests.servers import Database
from tests.sql.crowding import crowd
from tests.tui.live import live, write_profile
from tests.waiting import until
from tui.screens.confirm_signal import ConfirmSignalScreen
from tui.screens.pool import PoolScreen

UPDATE = "UPDATE leads SET score = 0 WHERE id = 1"


async def test_the_root_of_a_queue_is_ended_from_the_deck(newest: Database) -> None:
    async with crowd(newest) as gathered:
        root = await gathered.session("BEGIN", UPDATE, application="forgotten")
        pid = root.get_server_pid()
        for number in range(3):
            await gathered.waits(UPDATE, application=f"w{number}")
        async with live(write_profile(newest)) as driver:
            await driver.press("3")
            await until(lambda: driver.shows(f"! behind pid {pid} forgotten (idle in transaction)"))
            await driver.press("x")
            await until(lambda: driver.shows("✗ 3 wait behind 1 session"))
            await driver.press("t")
            question = driver.app.screen
            assert isinstance(question, ConfirmSignalScreen)
            await until(lambda: question.listening)
            await driver.press("y", "enter")
            await until(lambda: driver.shows(f"✓ pid {pid}: its session ended; all 3 behind it go on"))
            await until(lambda: driver.shows("✓ nobody waits"))
            await driver.press("escape")
    told = [entry.event for entry in Journal(locations().journal).read()]
    assert told == [Event.CONFIRMED, Event.CANCELLED, Event.CANCELLED, Event.VERIFIED]


async def test_the_pool_screen_reads_only_while_it_is_open(newest: Database) -> None:
    async with crowd(newest) as gathered, live(write_profile(newest)) as driver:
        await gathered.idle(2, "sales-api")
        await driver.press("c")
        screen = driver.app.screen
        assert isinstance(screen, PoolScreen)
        await until(lambda: driver.shows("sales-api"))
        await driver.press("escape")
        feed = driver.app.feed
        assert feed is not None
        await until(lambda: "pool use" not in feed._joined)
