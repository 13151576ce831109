"""The tree of who waits for whom, and the way from a key to a signal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from profiles.model import EnvironmentClass, Guard
from sql.locks.reading import LockSession, LocksSnapshot
from sql.locks.tree import Forest
from sql.snapshots import Unavailable
from sql.steps.signal_rules import what_happens, why_not
from sql.steps.signals import Signal
from tests.tui import lock_samples, samples
from tests.tui.lock_samples import BOTH, FIRST, LOCKS, PREPARED, ROOT, SECOND, SHARE, SITS, locked, snapshot
from tests.tui.stepping import StepDriver, stepping
from tests.waiting import until
from tui.present.lock_details import session_lines, signal_facts, wrapped
from tui.present.locks import locks_view
from tui.present.view import View, layout
from tui.screens.confirm_signal import ConfirmSignalScreen
from tui.screens.locks import LocksScreen

STAGING, PRODUCTION = EnvironmentClass.STAGING, EnvironmentClass.PRODUCTION


@asynccontextmanager
async def opened(
    environment: EnvironmentClass = PRODUCTION,
    guard: Guard = Guard.CONFIRM,
    size: tuple[int, int] = (80, 24),
    locks: LocksSnapshot | None = LOCKS,
) -> AsyncIterator[StepDriver]:
    async with stepping(environment, guard, size) as driver:
        await driver.press("x")
        assert isinstance(driver.app.screen, LocksScreen)
        if locks is not None:
            await driver.publish(locks)
            driver.app.screen.follow()
            await driver.pilot.pause()
        yield driver


def screen(driver: StepDriver) -> LocksScreen:
    found = driver.app.screen
    assert isinstance(found, LocksScreen)
    return found


def table(locks: LocksSnapshot, after_s: float = 0) -> list[str]:
    view = locks_view(locks, Forest(locks), samples.NOW + timedelta(seconds=after_s))
    return [" | ".join(text for text, _ in row.cells) for row in view.rows]


def test_columns_stay_from_one_reading_to_the_next_and_long_names_give_way() -> None:
    def view(locks: LocksSnapshot) -> View:
        return locks_view(locks, Forest(locks), samples.NOW)

    short = view(snapshot(SITS))
    first = layout(short, 116)
    assert all(first)
    long = replace(SITS, holds=tuple(replace(hold, target="public." + "t" * 60) for hold in SITS.holds))
    crowded = view(snapshot(long, ROOT, FIRST, SECOND, BOTH, SHARE))
    assert not all(layout(crowded, 100))
    roomy = layout(short, 100)
    then = layout(crowded, 100, roomy)
    assert all(then)
    assert sum(then) + len(then) - 1 <= 100
    calm = [at for at, column in enumerate(short.columns) if column.title not in ("on", "statement")]
    assert all(then[at] >= roomy[at] for at in calm)
    assert layout(short, 100, then)[0] == then[0]


async def test_the_open_screen_keeps_its_columns() -> None:
    async with opened(size=(100, 30), locks=snapshot(SITS)) as driver:
        titles = screen(driver).pane.texts[1].split()
        assert "statement" in titles
        long = replace(SITS, holds=tuple(replace(hold, target="public." + "t" * 60) for hold in SITS.holds))
        await driver.publish(snapshot(long, ROOT, FIRST, SECOND, BOTH, SHARE))
        screen(driver).follow()
        await driver.pilot.pause()
        assert any("tttt" in text for text in screen(driver).pane.texts)
        assert screen(driver).pane.texts[1].split() == titles


def said(session: LockSession, locks: LocksSnapshot = LOCKS, off: str = "") -> str:
    found = session_lines(session, locks, Forest(locks), samples.NOW, off)
    return "\n".join(f"{label}: {text}" for label, text, _ in found)


def test_the_one_behind_whom_others_wait_is_counted_as_idle_too() -> None:
    def summary(*sessions: LockSession) -> str:
        locks = snapshot(*sessions)
        return "".join(text for text, _ in locks_view(locks, Forest(locks), samples.NOW).summary)

    assert summary(ROOT, FIRST, SITS) == "✗ 1 waits behind 1 session · 2 idle in a transaction"
    assert summary(SHARE, replace(FIRST, blockers=(SHARE.key,))) == "✗ 1 waits behind 1 session"


def test_the_tree_has_roots_first_and_idle_transactions_last() -> None:
    rows = table(LOCKS)
    names = [row.split(" | ")[0] for row in rows]
    assert names == [
        "100",
        "├ 101",
        "│ ├ 102",
        "│ └ 103",
        "└ 201",
        "200",
        "└ 201",
        "prepared it's 7",
        "300",
    ]
    assert rows[0] == (
        "100 | sales-api | sales_app | ✗ idle in tx 1 min 30 s | public.leads +1 | RowExclusive | 4"
        " | UPDATE leads SET score = 1 WHERE id = 7"
    )
    assert "» waits 30 s" in rows[1] and "a row of public.leads | Share" in rows[1]
    assert "also waits here" in rows[6]


def test_ages_go_on_between_two_readings() -> None:
    assert "» waits 50 s" in table(LOCKS, after_s=20)[1]


def test_an_application_between_two_statements_is_not_shown() -> None:
    fresh = replace(SITS, state_change=samples.NOW - timedelta(seconds=1))
    assert table(snapshot(fresh)) == []
    assert len(table(snapshot(fresh), after_s=5)) == 1


def test_what_is_said_of_a_root() -> None:
    text = said(ROOT)
    for part in (
        "who: pid 100 (sales_app, sales-api, 10.0.0.7) · in sales",
        "holds: RowExclusive on public.leads, AccessShare on public.job_queue; it has written",
        "behind: 4 sessions wait for it; 1 of them waits for others too, and would go on waiting",
        "c cancel: off: nothing to cancel (idle in transaction): only t, terminate, ends it",
        "t terminate: its connection breaks, what it wrote is rolled back, and all its locks go",
    ):
        assert part in text, part


def test_what_is_said_of_a_waiter() -> None:
    text = said(lock_samples.THIRD)
    assert "waits: for Share on a row of public.leads, held by pid 101; also queued after pid 102" in text
    assert "c cancel: its statement ends with an error" in text


def test_a_prepared_transaction_is_ended_by_a_statement_only() -> None:
    text = said(PREPARED)
    assert "ROLLBACK PREPARED 'it''s 7'" in text
    assert "in database sales, as billing or a superuser" in text
    assert "c cancel" not in text
    for signal in Signal:
        assert "ROLLBACK PREPARED" in why_not(PREPARED, signal)


@pytest.mark.parametrize(
    ("changed", "signal", "part"),
    [
        ({"own": True, "application": "pgdeck watch"}, Signal.TERMINATE, "session of pgdeck"),
        ({"own": True, "application": "pgdeck run x"}, Signal.CANCEL, "u lists the runs"),
        ({"may_signal": False}, Signal.CANCEL, "GRANT pg_signal_backend"),
        ({"may_signal": False, "of_superuser": True}, Signal.TERMINATE, "only a superuser"),
        ({"may_signal": False, "kind": "autovacuum worker"}, Signal.CANCEL, "pg_signal_autovacuum_worker"),
        ({"backend_start": None}, Signal.TERMINATE, "GRANT pg_read_all_stats"),
        ({"state": "idle"}, Signal.CANCEL, "nothing to cancel (idle)"),
        ({}, Signal.CANCEL, ""),
        ({"state": "idle in transaction"}, Signal.TERMINATE, ""),
    ],
)
def test_why_a_signal_is_off(changed: dict[str, object], signal: Signal, part: str) -> None:
    reason = why_not(locked(1, **{"application": "a", **changed}), signal)  # type: ignore[arg-type]
    assert part in reason
    assert bool(part) == bool(reason)


@pytest.mark.parametrize(
    ("changed", "signal", "part"),
    [
        ({"query": "CREATE INDEX CONCURRENTLY i ON t (a)"}, Signal.CANCEL, "stays behind INVALID"),
        ({"kind": "autovacuum worker"}, Signal.CANCEL, "gives up this table and is tried again later"),
        (
            {"kind": "autovacuum worker", "query": "autovacuum: VACUUM t (to prevent wraparound)"},
            Signal.CANCEL,
            "better let it finish",
        ),
        ({"kind": "walsender"}, Signal.TERMINATE, "a walsender, not a client"),
        ({"wrote": False}, Signal.TERMINATE, "it has written nothing yet"),
    ],
)
def test_what_a_signal_does(changed: dict[str, object], signal: Signal, part: str) -> None:
    assert part in what_happens(locked(1, "a", **changed), signal)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", samples.HOSTILE)
@pytest.mark.parametrize("width", [40, 80])
def test_what_others_call_themselves_is_data(name: str, width: int) -> None:
    root = replace(ROOT, application=name, user=name, query=name, database=name, client=name)
    gid = replace(PREPARED, gid=name or "x")
    locks = snapshot(root, lock_samples.FIRST, gid)
    forest = Forest(locks)
    shown = [cell for row in locks_view(locks, forest, samples.NOW).rows for cell, _ in row.cells]
    for session in (root, gid):
        found = session_lines(session, locks, forest, samples.NOW, "")
        shown += [text for each in wrapped(found, width, 10) for text, _ in each]
    shown += signal_facts(Signal.TERMINATE, root, forest).splitlines()
    assert all(text.isprintable() for text in shown)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 18)], ids=str)
async def test_it_shows_the_tree_and_the_selected_session(size: tuple[int, int]) -> None:
    async with opened(size=size) as driver:
        assert driver.shows("✗ 4 wait behind 2 sessions")
        assert driver.shows("├ 101")
        assert driver.shows("pid 100 (sales_app")
        await driver.press("down")
        assert driver.shows("pid 101 (sales_app")
        await driver.press("end")
        assert screen(driver).selected == SITS


async def test_nobody_waits() -> None:
    async with opened(locks=snapshot()) as driver:
        assert driver.shows("✓ nobody waits")
        await driver.press("c")
        assert driver.shows("! no row is selected in locks")


async def test_before_the_first_reading_and_without_privilege() -> None:
    async with opened(locks=None) as driver:
        assert driver.shows("waiting for the first reading")
        await driver.publish(Unavailable("locks", "permission denied", "grant it"))
        screen(driver).follow()
        await driver.pilot.pause()
        assert driver.shows("? permission denied; to mend it: grant it")


async def test_the_cursor_stays_on_its_session_when_the_tree_changes() -> None:
    async with opened() as driver:
        await driver.press("down", "down")
        assert screen(driver).selected == lock_samples.SECOND
        await driver.publish(snapshot(ROOT, lock_samples.SECOND, replace(lock_samples.FIRST, wrote=True)))
        screen(driver).follow()
        await driver.pilot.pause()
        assert screen(driver).selected == lock_samples.SECOND
        await driver.publish(snapshot(ROOT, lock_samples.FIRST))
        screen(driver).follow()
        await driver.pilot.pause()
        assert driver.shows("102 waits no more")


async def test_production_wants_the_pid_typed_and_enter_alone_cancels() -> None:
    async with opened() as driver:
        await driver.press("c")
        assert driver.shows("! nothing to cancel (idle in transaction)")
        await driver.press("t")
        question = driver.app.screen
        assert isinstance(question, ConfirmSignalScreen)
        assert driver.shows("SELECT pg_terminate_backend(100)")
        assert driver.shows("To send it type its pid: 100, or sales-api")
        await until(lambda: question.listening)
        await driver.press("enter")
        assert driver.fake.asked == [] and driver.app.screen is not question
        await driver.press("t")
        question = driver.app.screen
        assert isinstance(question, ConfirmSignalScreen)
        await until(lambda: question.listening)
        await driver.type("101")
        await driver.press("enter")
        assert driver.shows("! that is not 100")
        await driver.press("backspace")
        await driver.type("0")
        assert driver.app.screen is question
        await driver.press("enter")
        await driver.settle()
        assert driver.fake.asked == [f"terminate {ROOT.key}"]
        assert driver.shows("✓ pid 100: its session ended; all 2 behind it go on; the journal has it")


async def test_production_takes_the_application_as_well() -> None:
    async with opened() as driver:
        await driver.press("t")
        question = driver.app.screen
        assert isinstance(question, ConfirmSignalScreen)
        await until(lambda: question.listening)
        await driver.type("sales-api")
        await driver.press("enter")
        await driver.settle()
        assert driver.fake.asked == [f"terminate {ROOT.key}"]


async def test_staging_wants_a_yes() -> None:
    async with opened(STAGING) as driver:
        await driver.press("down", "c")
        question = driver.app.screen
        assert isinstance(question, ConfirmSignalScreen)
        await until(lambda: question.listening)
        await driver.press("y", "enter")
        await driver.settle()
        assert driver.fake.asked == [f"cancel {lock_samples.FIRST.key}"]


async def test_a_session_of_another_database_is_named_so_and_not_ended_by_a_hasty_yes() -> None:
    foreign = replace(ROOT, database="sales_production")
    async with opened(STAGING, locks=snapshot(foreign, FIRST)) as driver:
        await driver.press("t")
        question = driver.app.screen
        assert isinstance(question, ConfirmSignalScreen)
        assert driver.shows("! It is in another database of this server: sales_production.")
        assert driver.shows("To send it type its pid: 100, or sales-api")
        await until(lambda: question.listening)
        await driver.press("y", "enter")
        assert driver.fake.asked == [] and driver.app.screen is question


async def test_a_forbidden_profile_signals_nobody() -> None:
    async with opened(STAGING, Guard.FORBIDDEN) as driver:
        await driver.press("t")
        assert screen(driver)
        assert driver.shows("! steps are off on demo-production")


async def test_a_session_that_is_named_twice_is_one_session() -> None:
    async with opened() as driver:
        await driver.press(*["down"] * 6)
        assert screen(driver).pane.row is not None
        assert screen(driver).pane.row.key.endswith(f" < {lock_samples.SHARE.key}")
        assert screen(driver).selected == lock_samples.BOTH


async def test_y_copies_the_statement_that_ends_a_prepared_transaction() -> None:
    async with opened() as driver:
        screen(driver).pane.select(PREPARED.key)
        await driver.press("c")
        assert driver.shows("! a prepared transaction has no session to cancel")
        row = screen(driver).pane.row
        assert row is not None and row.sql == "ROLLBACK PREPARED 'it''s 7'"
