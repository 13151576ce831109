"""The pool screen: which limit bites first, who holds what, how the budget is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from profiles.manifest import PoolBudget
from sql.pool.advice import read_replica
from sql.pool.history import PoolHistory
from sql.pool.use import GROUPINGS, BudgetUse, OwnUse, PoolGroup, PoolUseSnapshot, Traffic
from sql.snapshots import Lost, PoolLimit, PoolReading, Unavailable
from tests.tui import samples
from tests.tui.deck import Driver, deck
from tui.present.pool_screen import PoolPicture, bites_first, pool_lines
from tui.present.view import Tone
from tui.screens.locks import LocksScreen
from tui.screens.pool import PoolScreen

HOUR = samples.NOW - timedelta(hours=1)
BUDGET = PoolBudget(20, 80, 30, 1800, 10, ("sales-api%",))
BUSY = PoolGroup("sales-api", 12, 2, 9, 1, 3, HOUR, samples.NOW - timedelta(seconds=45))
HELD = BudgetUse(
    held=57,
    seen=57,
    oldest=HOUR,
    over_recycle=12,
    idle_over_recycle=5,
    over_query_timeout=2,
    longest_query=samples.NOW - timedelta(seconds=45),
    longest_query_pid=4711,
    in_transaction=3,
    in_transaction_since=samples.NOW - timedelta(seconds=125),
)
USE = PoolUseSnapshot(
    samples.NOW,
    samples.NOW,
    {name: (BUSY if name == "application" else replace(BUSY, name=f"a {name}"),) for name in GROUPINGS},
    HELD,
    Traffic(12.4, 3, None, 0.9, 50_000, 0),
    OwnUse(2.5, 3.1),
)


def history(*used: int) -> PoolHistory:
    kept = PoolHistory()
    for at, number in enumerate(used):
        pool = replace(samples.POOL.pool, used=number, waiting_on_locks=at)
        kept.take(pool, 2.0 * at)
    return kept


def picture(**changed: object) -> PoolPicture:
    made = PoolPicture(
        pool=samples.POOL.pool,
        use=USE,
        budget=BUDGET,
        history=history(10, 57, 20),
        advice=read_replica(history(1, 2).points, 50_000, 0.9),
        grouping="application",
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def words(shown: PoolPicture, width: int = 100) -> str:
    lines = pool_lines(shown, samples.NOW, width)
    return " ".join(" ".join("".join(text for text, _ in each) for each in lines).split())


@pytest.mark.parametrize(
    "part",
    [
        "10 to 57 used on the server",
        "at most 2 waited on locks at once in this database",
        "12 new sessions a minute on the server; 3 ended by an error, a kill or a lost client",
        "connections to all databases by application",
        "sales-api 12 2 9 1 ! 3 1 h",
        "connections 57 of 100 held: size 20 + max_overflow 80; 37 of them are overflow",
        "what the applications hold in this database",
        "timeout 30 s a request that finds all taken waits 30 s, then fails in the application",
        "recycle 30 min ! 12 connections are older, the oldest 1 h 0 min; 5 of them only sat idle",
        "query 10 s ! 2 statements run longer, the longest 40 s (pid 4711)",
        "in transaction ! 3 idle, the longest 2 min: x shows what they hold",
        "the watch sends 2.5 statements a second and awaits their answers for 3.1 ms of it",
        "read replica: 1 of 3 rules hold (client > 10K leads)",
        "the CPU is not visible through SQL",
    ],
)
def test_what_it_says(part: str) -> None:
    assert part in words(picture(), 120), words(picture(), 120)


def limits(*made: PoolLimit) -> PoolReading:
    return replace(samples.POOL.pool, limits=made)


@pytest.mark.parametrize(
    ("made", "part"),
    [
        (
            (PoolLimit("max_connections", 80, 97), PoolLimit("role oncall", 9, 10)),
            "! role oncall bites first: 1 of 10 left (CONNECTION LIMIT of role oncall)",
        ),
        (
            (PoolLimit("max_connections", 96, 97), PoolLimit("pool budget", 50, 100)),
            "! max_connections bites first: 1 of 97 left (max_connections 100 less 3 reserved)",
        ),
        (
            (PoolLimit("max_connections", 20, 97), PoolLimit("database sales", 5, 5)),
            "✗ database sales is full: 5 of 5 (CONNECTION LIMIT of database sales)",
        ),
        (
            (PoolLimit("max_connections", 20, 97), PoolLimit("pool budget", 10, 20)),
            "✓ pool budget bites first: 10 of 20 left (the manifest's size + max_overflow)",
        ),
    ],
)
@pytest.mark.hazard("POOL-02")
def test_the_limit_that_bites_first_is_named(made: tuple[PoolLimit, ...], part: str) -> None:
    assert part in words(picture(pool=limits(*made)), 120)
    assert "3 of max_connections 100 are kept for superusers" in words(picture(pool=limits(*made)), 120)


def test_no_limit_bites_where_none_is_known() -> None:
    assert bites_first(()) is None


def test_a_budget_that_is_kept() -> None:
    kept = BudgetUse(5, 5, oldest=samples.NOW - timedelta(seconds=65))
    text = words(picture(use=replace(USE, budget=kept)), 120)
    assert "5 of 100 held: size 20 + max_overflow 80 timeout" in text
    assert "no connection is older (the oldest 1 min)" in text
    assert "no statement runs longer" in text


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"use": None}, "reading who holds them"),
        ({"pool": None}, "waiting for the first reading"),
        ({"use": replace(USE, budget=None)}, "the manifest names no applications for its pool"),
        ({"use": replace(USE, budget=BudgetUse(9, 4))}, "ages and states of 5 are hidden from this role"),
        ({"use": replace(USE, traffic=replace(USE.traffic, new_per_min=None))}, "one more reading"),
        ({"use": replace(USE, traffic=Traffic(None, None, 7, None, None, 0))}, "7 sessions of the last"),
        ({"use": replace(USE, traffic=Traffic(None, None, None, None, None, 0))}, "sessions are hidden"),
        ({"trouble": "permission denied"}, "? permission denied"),
    ],
)
def test_what_is_not_known_is_said(changed: dict[str, object], part: str) -> None:
    assert part in words(picture(**changed), 120)


@pytest.mark.parametrize("name", samples.HOSTILE)
@pytest.mark.parametrize("width", [40, 80])
def test_what_others_call_themselves_is_data(name: str, width: int) -> None:
    groups = {grouping: (replace(BUSY, name=name),) for grouping in GROUPINGS}
    shown = picture(
        use=replace(USE, groups=groups),
        pool=limits(PoolLimit(f"role {name}", 9, 10)),
        budget=replace(BUDGET, applications=(name,)),
        trouble=name,
    )
    texts = [text for each in pool_lines(shown, samples.NOW, width) for text, _ in each]
    assert all(text.isprintable() for text in texts)


@asynccontextmanager
async def opened(size: tuple[int, int] = (80, 24)) -> AsyncIterator[Driver]:
    async with deck(size) as driver:
        await driver.publish(USE)
        await driver.press("c")
        assert isinstance(driver.app.screen, PoolScreen)
        yield driver


def whole(driver: Driver) -> str:
    screen = driver.app.screen
    assert isinstance(screen, PoolScreen)
    return "\n".join("".join(text for text, _ in each) for each in screen.lines(100))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 18)], ids=str)
async def test_it_opens_groups_scrolls_and_closes(size: tuple[int, int]) -> None:
    async with opened(size) as driver:
        assert driver.shows("bites first")
        for title in ("user", "client address", "database", "state", "application"):
            await driver.press("tab")
            assert f"connections to all databases by {title}" in whole(driver)
        await driver.press("end")
        assert driver.shows("client > 10K leads")
        await driver.press("escape")
        assert driver.app.screen is driver.deck


async def test_x_leads_to_the_locks_and_esc_from_there_to_the_deck() -> None:
    async with opened() as driver:
        await driver.press("x")
        await driver.pilot.pause()
        assert isinstance(driver.app.screen, LocksScreen)
        await driver.press("escape")
        assert driver.app.screen is driver.deck


async def test_a_lost_server_and_a_missing_privilege_are_said() -> None:
    async with opened() as driver:
        await driver.publish(Unavailable("pool use", "permission denied", "grant it"))
        assert "? permission denied; to mend it: grant it" in whole(driver)
        await driver.publish(Lost("the server ended the session", 5.0))
        assert "what stands here is stale: the server ended the session" in whole(driver)


async def test_the_history_grows_with_every_reading_whatever_the_wall_clock_is_set_to() -> None:
    async with opened() as driver:
        for step in (2, -3600, -3598, 7200, 5):
            await driver.publish(replace(samples.POOL, taken_at=samples.NOW + timedelta(seconds=step)))
        assert len(driver.deck.readings.pool_history.points) == 6
        assert "14 to 14 used" in whole(driver)


def test_readings_that_come_unevenly_leave_no_gap_in_the_plot() -> None:
    kept = PoolHistory()
    for at in range(60):
        late_s = 0.9 if at % 7 == 0 else 0.0
        kept.take(samples.POOL.pool, 2 * at + late_s)
    lines = pool_lines(picture(history=kept), samples.NOW, 120)
    plots = [text for each in lines for text, tone in each if tone is Tone.SPARK]
    assert plots == ["█" * 40]
