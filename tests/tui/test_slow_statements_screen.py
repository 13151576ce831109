"""The server's slow statements on the screen: order, filter, copy, and why they cannot be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sql.slow_statements import SlowStatement, SlowStatementsSnapshot, Totals
from sql.snapshots import Lost, Unavailable
from tests.tui import samples
from tests.tui.deck import Driver, deck
from tui.present.slow_statements import Order, slow_statements_view, statement_lines
from tui.screens.slow_statements import PART, SlowStatementsScreen, StatementScreen

SLOW = SlowStatement(
    1,
    "SELECT *\nFROM leads WHERE status = $1",
    Totals(4, 2000.0, 40, 75, 25, 1),
    0.2,
    Totals(0, 0.0, 0, 0, 0),
)
OFTEN = SlowStatement(
    2, "UPDATE leads SET score = $1", Totals(100_000, 8000.0, 9, 1, 0), 0.8, Totals(50, 30.0, 0, 0, 0)
)
HOSTILE = SlowStatement(3, "SELECT '[/b]\x1b[2J' FROM leads", Totals(10, 0.1, 0, 0, 0), 0.0, None)
SNAPSHOT = SlowStatementsSnapshot(samples.NOW, (OFTEN, SLOW, HOSTILE), since=samples.NOW - timedelta(days=1))


def order_of(snapshot: SlowStatementsSnapshot, order: Order) -> list[str]:
    return [row.key for row in slow_statements_view(snapshot, order).rows]


async def opened(driver: Driver) -> SlowStatementsScreen:
    await driver.press("s")
    screen = driver.app.screen
    assert isinstance(screen, SlowStatementsScreen)
    screen.follow()
    await driver.pilot.pause()
    return screen


def test_each_order_has_its_own_first() -> None:
    assert order_of(SNAPSHOT, Order.MEAN) == ["1", "2", "3"]
    assert order_of(SNAPSHOT, Order.SHARE) == ["2", "1", "3"]
    assert order_of(SNAPSHOT, Order.NOW)[0] == "2"


def test_what_makes_the_counters_doubtful_is_said() -> None:
    doubtful = replace(SNAPSHOT, reset_seen=True, evicted=12, most=100, hidden=3)
    said = ["".join(text for text, _ in each) for each in slow_statements_view(doubtful, Order.MEAN).head]
    assert any("were reset" in each for each in said)
    assert any("12 times" in each and "100" in each for each in said)
    assert any("3 statements of other roles" in each and "pg_read_all_stats" in each for each in said)


def test_the_last_minute_is_told_with_its_mean_or_not_at_all() -> None:
    said = [
        "\n".join("".join(text for text, _ in each) for each in statement_lines(statement, 80))
        for statement in (OFTEN, SLOW, HOSTILE)
    ]
    wanted = ("50 calls, mean 0.60 ms", "0 calls", "cannot be told yet")
    for told, each in zip(wanted, said, strict=True):
        assert f"last minute  {told}\n" in each


async def test_the_list_opens_orders_and_copies() -> None:
    async with deck(size=(80, 24), events=(*samples.EVERYTHING, SNAPSHOT)) as driver:
        screen = await opened(driver)
        assert driver.shows("SELECT * FROM leads WHERE status = $1")
        assert driver.shows("500.0")
        assert driver.shows("20% of the database's time · 4 calls, 1 by this role · 10.0 rows a call")
        await driver.press("o")
        assert driver.shows("3 statements by share of the time · since")
        assert screen.pane.rows[0].key == "2"
        copied: list[str] = []
        driver.app.copy = copied.append  # type: ignore[method-assign]
        await driver.press("home", "y")
        assert copied == [OFTEN.text]
        await driver.press("escape")
        assert driver.app.screen is driver.deck


async def test_a_long_statement_leaves_room_for_its_figures() -> None:
    long = replace(SLOW, text=f"SELECT {', '.join(f'column_{number}' for number in range(60))} FROM leads")
    async with deck(
        size=(80, 24), events=(*samples.EVERYTHING, replace(SNAPSHOT, statements=(long,)))
    ) as driver:
        await opened(driver)
        assert driver.shows("20% of the database's time · 4 calls")


async def test_enter_shows_a_long_statement_as_a_whole_and_its_figures_go_on() -> None:
    long = replace(SLOW, text=f"SELECT {', '.join(f'column_{number}' for number in range(60))} FROM leads")
    async with deck(
        size=(80, 24), events=(*samples.EVERYTHING, replace(SNAPSHOT, statements=(long,)))
    ) as driver:
        await opened(driver)
        assert not driver.shows("column_59 FROM leads")
        await driver.press("enter")
        screen = driver.app.screen
        assert isinstance(screen, StatementScreen)
        assert driver.shows("column_59 FROM leads")
        assert driver.shows("mean         500.0 ms")
        assert driver.shows("4, 1 of them by this role")
        called = replace(long, totals=Totals(8, 2000.0, 40, 75, 25, 1))
        await driver.publish(replace(SNAPSHOT, statements=(called,)))
        screen.follow()
        await driver.pilot.pause()
        assert driver.shows("mean         250.0 ms")
        copied: list[str] = []
        driver.app.copy = copied.append  # type: ignore[method-assign]
        await driver.press("y", "escape")
        assert copied == [long.text]
        assert isinstance(driver.app.screen, SlowStatementsScreen)


async def test_what_comes_from_the_server_is_no_markup_and_no_control() -> None:
    async with deck(events=(*samples.EVERYTHING, SNAPSHOT)) as driver:
        await opened(driver)
        assert driver.shows("'[/b]")
        assert not driver.shows("\x1b")


async def test_a_missing_extension_is_said_with_its_remedy() -> None:
    missing = Unavailable(PART, "pg_stat_statements is not installed", "CREATE EXTENSION pg_stat_statements")
    async with deck(size=(80, 24), events=(*samples.EVERYTHING, missing)) as driver:
        await opened(driver)
        assert driver.shows("? pg_stat_statements is not installed; to mend it: CREATE EXTENSION")


async def test_while_the_server_is_out_of_reach_the_figures_are_said_to_be_stale() -> None:
    lost = Lost("the server closed the connection", 3.0)
    async with deck(size=(80, 24), events=(*samples.EVERYTHING, SNAPSHOT, lost)) as driver:
        await opened(driver)
        assert driver.shows("? what stands here is stale: the server closed the connection")
        assert driver.shows("20% of the database's time · 4 calls")
