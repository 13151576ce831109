"""A run on the deck: how far, who is in the way, what a key does about it, and how it ends."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from sql.snapshots import BuildsSnapshot
from sql.steps import claim
from sql.steps.blockers import Blocker
from sql.steps.journal import JournalEntry
from sql.steps.monitor import RunProgress
from sql.steps.runs import ForeignBuild, RunState, RunStatus
from tests.tui import lock_samples, samples
from tests.tui.lock_samples import locked
from tests.tui.stepping import RUN, StepDriver, entry, stepping
from tests.waiting import until
from tui.present.run import RunPicture, indicator, run_lines
from tui.present.runs import runs_view
from tui.screens.confirm import ConfirmScreen
from tui.screens.confirm_signal import ConfirmSignalScreen
from tui.screens.locks import LocksScreen
from tui.screens.quit_run import QuitRunScreen
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen

STARTED = samples.NOW.isoformat()
NEAR = Blocker(pid=11, backend_start=samples.NOW, user="a", application="near", state="active", waiter=1)
DEEP = replace(NEAR, pid=12, depth=2, waiter=11, application="deep", state="idle in transaction", age_s=95.0)
PROGRESS = RunProgress(
    phase="building index: scanning table",
    percent=43.0,
    done=430,
    total=1000,
    unit="blocks",
    rate=100.0,
    remaining_s=5.7,
    elapsed_s=12.0,
)
WAITING = replace(
    PROGRESS,
    phase="waiting for writers before build",
    percent=None,
    total=None,
    done=None,
    rate=None,
    remaining_s=None,
    waits_for=(NEAR, DEEP),
    queued_behind=(replace(NEAR, pid=13, application="behind"),),
)
STATE = RunState(
    run=RUN,
    profile="demo-production",
    step="create-index:i",
    sql="CREATE INDEX CONCURRENTLY i ON t (a)",
    operator="alice",
    host="here",
    state=RunStatus.RUNNING,
    confirmed_at=samples.NOW,
    started_at=samples.NOW,
    pid=77,
)


def words(picture: RunPicture, width: int = 80) -> str:
    lines = run_lines(picture, samples.NOW + timedelta(seconds=20), width)
    return " ".join(" ".join("".join(text for text, _ in each) for each in lines).split())


def test_percent_only_where_there_is_a_denominator() -> None:
    text = words(RunPicture(STATE, PROGRESS))
    for part in (
        "building index: scanning table",
        "43 % of this phase",
        "430 of 1,000 blocks, 100 blocks a second, about 5 s left in this phase",
        "elapsed 20 s",
    ):
        assert part in text, part
    assert "%" not in words(RunPicture(STATE, WAITING))


def test_who_is_in_the_way_and_who_queues_behind() -> None:
    text = words(RunPicture(STATE, WAITING))
    for part in (
        "it waits now for 2 sessions",
        "pid 11 (a, near), active",
        "pid 12 (a, deep), idle in transaction",
        "its transaction is 1 min 35 s old; it keeps pid 11 waiting",
        "behind it 1 session waits",
        "pid 13 (a, behind)",
    ):
        assert part in text, part


def test_a_done_run_shows_what_was_verified_and_the_latency_before_and_after() -> None:
    verified = {
        "reached": True,
        "sentence": "all of it",
        "catalog_before": "i is missing",
        "catalog_after": "i is valid",
        "uses_index": False,
        "why_not": "the table is small",
        "analyze": "ANALYZE t",
        "latency_before": {"lookup": {"p50_ms": 61.2}},
        "latency_after": {"lookup": {"p50_ms": 2.31}},
    }
    done = replace(
        STATE, state=RunStatus.DONE, outcome={"sentence": "the server says done"}, verification=verified
    )
    text = words(RunPicture(done, next_step="validate-constraint:t.c: b shows its preview"))
    for part in (
        "✓ done create-index:i",
        "✓ the server says done",
        "✓ i is valid before: i is missing",
        "! a plan does not use the index: the table is small",
        "ANALYZE t",
        "lookup 61.2 2.31 26.5 times faster",
        "next · validate-constraint:t.c",
    ):
        assert part in text, part


def test_no_phase_is_longer_than_the_run_that_it_is_of() -> None:
    early, begun = samples.NOW - timedelta(seconds=30), samples.NOW
    phases = (("measuring probes", early), ("sent to the server", begun))
    text = words(RunPicture(STATE, replace(WAITING, elapsed_s=19.0), phases))
    assert "elapsed 20 s" in text and " 20 s sent to the server" in text
    assert "30 s measuring probes (before it was sent)" in text


def test_the_list_says_for_how_long_a_blocker_is_there_now() -> None:
    now = replace(DEEP, state_age_s=190.0)
    old = replace(STATE, blocked={"sentence": "waits for pid 12, idle in transaction for 2 min 25 s"})
    view = runs_view([RunPicture(old, replace(WAITING, waits_for=(now,)))], [], samples.NOW)
    said = "".join(text for each in view.rows[0].said() for text, _ in each)
    assert "idle in transaction for 3 min 10 s" in said and "2 min 25 s" not in said


def test_done_is_said_once_the_catalog_showed_it() -> None:
    said = {"outcome": "done", "sentence": "the server says done"}
    ended = replace(STATE, state=RunStatus.VERIFYING, ended_at=samples.NOW, outcome=said)
    text = words(RunPicture(ended))
    assert text.startswith("» verifying create-index:i") and "✓" not in text
    assert "not yet: looking at the catalog …" in text
    line = "".join(text for text, _ in indicator([RunPicture(ended)], samples.NOW))
    assert line == " » create-index:i  verifying  0 s · u shows it"
    text = words(RunPicture(replace(ended, state=RunStatus.ORPHANED)))
    assert "nobody verified that: its runner died" in text and "✓" not in text


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.REFUSED])
def test_other_ends_say_the_sqlstate_and_what_is_left(status: RunStatus) -> None:
    outcome = {"sentence": "deadlock detected", "sqlstate": "40P01", "left": "an invalid index i is left"}
    text = words(RunPicture(replace(STATE, state=status, outcome=outcome)))
    assert f"{status} create-index:i" in text
    assert "deadlock detected (SQLSTATE 40P01)" in text
    assert "left behind: an invalid index i is left" in text


def test_an_orphan_says_how_it_is_adopted() -> None:
    orphan = RunPicture(replace(STATE, state=RunStatus.ORPHANED))
    assert "a adopts it" in words(orphan)
    assert "lost its runner" in "".join(text for text, _ in indicator([orphan], samples.NOW))


def test_the_deck_says_in_one_line_what_runs() -> None:
    said = "".join(text for text, _ in indicator([RunPicture(STATE, PROGRESS)], samples.NOW))
    assert said == " » create-index:i  building index: scanning table 43 %  0 s · u shows it"
    waiting = "".join(text for text, _ in indicator([RunPicture(STATE, WAITING)] * 2, samples.NOW))
    assert "waits for pid 11" in waiting
    assert "and 1 more" in waiting
    assert indicator([RunPicture(replace(STATE, state=RunStatus.DONE))], samples.NOW) == ()


@pytest.mark.parametrize("name", samples.HOSTILE)
@pytest.mark.parametrize("width", [40, 80])
def test_what_others_call_themselves_is_data(name: str, width: int) -> None:
    hostile = replace(NEAR, application=name, query=name, user=name)
    live = replace(WAITING, waits_for=(hostile,), phase=name)
    state = replace(STATE, step=name, operator=name, outcome={"sentence": name, "left": name})
    build = ForeignBuild(1, None, name, name, name, name, name, name, 1.0)
    view = runs_view([RunPicture(state, live)], [build], samples.NOW)
    shown = [text for row in view.rows for text, _ in (*row.cells, *row.said()[0])]
    for picture in (RunPicture(state, live), RunPicture(replace(state, state=RunStatus.FAILED))):
        shown += [text for each in run_lines(picture, samples.NOW, width) for text, _ in each]
    assert all(text.isprintable() for text in shown)


async def running(driver: StepDriver, *more: JournalEntry) -> None:
    """The journal says that a run goes on; its runner is this test."""
    descriptor = claim.claim(RUN)
    assert descriptor is not None
    claim.sign(descriptor, os.getpid())
    driver.app.claimed = descriptor  # type: ignore[attr-defined]
    await driver.journalled(
        entry("confirmed"), entry("started", 1, pid=77, backend_start=STARTED, runner_pid=os.getpid()), *more
    )


def over(driver: StepDriver) -> None:
    """The runner ends."""
    os.close(driver.app.claimed)  # type: ignore[attr-defined]


async def test_a_run_in_progress_is_said_on_the_deck_and_followed() -> None:
    async with stepping() as driver:
        await running(driver)
        assert driver.shows("» create-index:idx_leads_status_score")
        await driver.press("u")
        assert isinstance(driver.app.screen, RunsScreen)
        assert driver.shows("» running")
        await driver.press("enter")
        assert isinstance(driver.app.screen, RunScreen)
        driver.app.board.take(BuildsSnapshot(samples.NOW, ((RUN, PROGRESS),)))
        await driver.pilot.pause()
        assert driver.shows("43 % of this phase")
        await driver.press("escape", "escape")
        assert driver.shows("building index: scanning table 43 %")
        over(driver)


async def test_a_blocker_is_cancelled_or_terminated_after_a_question() -> None:
    async with stepping() as driver:
        await running(driver)
        await driver.press("u", "enter")
        await driver.press("c")
        assert driver.shows("! no row is selected in the list of who is in the way")
        driver.app.board.take(BuildsSnapshot(samples.NOW, ((RUN, WAITING),)))
        await driver.pilot.pause()
        screen = driver.app.screen
        assert isinstance(screen, RunScreen)
        assert screen.blocker == DEEP, "the one that keeps all others waiting"
        await driver.press("c")
        assert driver.shows("! nothing to cancel (idle in transaction)")
        await driver.press("t")
        question = driver.app.screen
        assert isinstance(question, ConfirmSignalScreen)
        assert driver.shows("SELECT pg_terminate_backend(12)")
        await until(lambda: question.listening)
        await driver.press("enter")
        assert driver.fake.asked == []
        await driver.press("n", "c")
        question = driver.app.screen
        assert isinstance(question, ConfirmSignalScreen)
        await until(lambda: question.listening)
        await driver.type("11")
        await driver.press("enter")
        await driver.settle()
        assert driver.fake.asked == [f"cancel 11 for {RUN}"]
        assert driver.shows("pid 11: its statement ended")
        over(driver)


async def test_a_superusers_session_is_not_offered_and_the_reason_is_said() -> None:
    async with stepping() as driver:
        await running(driver)
        await driver.press("u", "enter")
        assert driver.shows(" esc back  x cancel it  ? help  w who waits  y copy")
        root = replace(NEAR, user="postgres", of_superuser=True, may_signal=False)
        progress = replace(WAITING, waits_for=(root,))
        driver.app.board.take(BuildsSnapshot(samples.NOW, ((RUN, progress),)))
        await driver.pilot.pause()
        assert driver.shows(" esc back  x cancel it  c cancel blocker  t terminate  n mark  ? help")
        await driver.press("t")
        assert driver.shows("! it belongs to a superuser (postgres): only a superuser may signal it")
        assert isinstance(driver.app.screen, RunScreen)
        over(driver)


async def test_w_shows_whom_the_run_waits_for_as_a_tree() -> None:
    async with stepping() as driver:
        await running(driver)
        await driver.press("u", "enter", "w")
        assert isinstance(driver.app.screen, LocksScreen)
        build = locked(77, "pgdeck run", lock_samples.ROOT, own=True)
        beside = lock_samples.FIRST
        await driver.publish(lock_samples.snapshot(lock_samples.ROOT, build, beside))
        driver.app.screen.follow()
        await driver.pilot.pause()
        assert driver.shows("around pid 77: ✗ 1 waits behind 1 session")
        assert driver.shows("└ 77") and not driver.shows(" 101 ")
        await driver.publish(lock_samples.snapshot())
        driver.app.screen.follow()
        await driver.pilot.pause()
        assert driver.shows("pid 77 waits for nobody's lock")
        await driver.press("escape")
        assert isinstance(driver.app.screen, RunScreen)
        over(driver)


async def test_cancelling_the_run_asks_first() -> None:
    async with stepping() as driver:
        await running(driver)
        await driver.press("u", "enter", "x")
        question = driver.app.screen
        assert isinstance(question, ConfirmScreen)
        assert question.query_one("#confirming").region.x > 0, "its styles are there without the profiles"
        await until(lambda: question.listening)
        await driver.press("right", "enter")
        await driver.settle()
        assert driver.fake.asked == [f"cancel {RUN}"]
        assert driver.shows("told to cancel and clean up")
        over(driver)


async def test_an_end_is_said_and_its_keys_are_off() -> None:
    async with stepping() as driver:
        await running(driver)
        await driver.press("u", "enter")
        over(driver)
        await driver.journalled(
            entry("finished", 9, outcome="done", sentence="the server says done", sqlstate=None, left=""),
            entry("verified", 10, reached=True, sentence="it is valid"),
        )
        assert driver.shows("✓ done")
        assert driver.shows("it is valid")
        assert driver.shows(" esc back  ? help  y copy"), "no key that nothing can come of"
        screen = driver.app.screen
        assert isinstance(screen, RunScreen)
        screen.may_go_on = True
        screen.draw()
        await driver.pilot.pause()
        assert driver.shows(" esc back  b next step  ? help  y copy")
        screen.may_go_on = False
        await driver.press("x")
        assert driver.shows("! it is over: there is nothing to cancel")
        await driver.press("b")
        assert driver.shows("! there is no next step")
        await driver.press("escape", "escape")
        assert not driver.shows("» create-index")
        assert driver.shows("done and verified")


async def test_what_is_being_verified_is_not_done_and_not_to_be_cancelled() -> None:
    async with stepping() as driver:
        await running(driver)
        await driver.press("u")
        await driver.journalled(
            entry("finished", 9, outcome="done", sentence="the server says done", sqlstate=None, left="")
        )
        assert driver.shows("» verifying") and not driver.shows("✓ done")
        await driver.press("x")
        assert driver.shows("! its statement is over; it is being verified")
        await driver.press("enter")
        assert driver.shows("» verifying") and not driver.shows("✓ done")
        assert driver.shows(" esc back  ? help  y copy"), "nothing is to be cancelled"
        await driver.press("x")
        assert driver.shows("! its statement is over; it is being verified")
        over(driver)
        await driver.journalled(entry("verified", 10, reached=True, sentence="it is valid"))
        assert driver.shows("✓ done")


async def test_an_orphan_is_found_on_start_and_adopted() -> None:
    async with stepping() as driver:
        await driver.journalled(
            replace(entry("confirmed"), host=os.uname().nodename),
            entry("started", 1, pid=77, backend_start=STARTED),
        )
        assert driver.shows("found 1 run without a runner: u shows them")
        assert driver.shows("lost its runner")
        await driver.press("u", "x")
        assert driver.shows("! it does not run; adopt it first (a)")
        await driver.press("a")
        await driver.settle()
        assert driver.fake.asked == [f"adopt {RUN}"]


async def test_builds_of_others_are_listed_and_left_alone() -> None:
    async with stepping() as driver:
        build = ForeignBuild(
            99, None, "bob", "psql", "CREATE INDEX", "building index", "public.t", "CREATE INDEX", 3.0
        )
        driver.app.board.take(BuildsSnapshot(samples.NOW, (), (build,)))
        await driver.press("u")
        assert driver.shows("» foreign")
        assert driver.shows("CREATE INDEX on public.t")
        await driver.press("x")
        assert driver.shows("! somebody else's build")


@pytest.mark.parametrize(
    ("moves", "told"), [((), []), (("right",), []), (("right", "right"), [f"cancel {RUN}"])]
)
async def test_quitting_while_a_run_goes_on_asks(moves: tuple[str, ...], told: list[str]) -> None:
    async with stepping() as driver:
        await running(driver)
        await driver.press("q")
        question = driver.app.screen
        assert isinstance(question, QuitRunScreen)
        assert question.focused is not None
        assert question.focused.id == "stay"
        await until(lambda: question.listening)
        await driver.press(*moves, "enter")
        await driver.settle()
        assert driver.fake.asked == told
        over(driver)
        if not moves:
            assert driver.app.screen is driver.deck
        if told:
            await driver.journalled(entry("finished", 9, outcome="cancelled", sentence="stopped", left=""))
            assert "cancelled; stopped" in driver.app.last_words


async def test_a_long_journal_is_read_on_and_not_again() -> None:
    async with stepping() as driver:
        await running(driver)
        over(driver)
        watch = driver.app.board._ready()
        assert watch.update() in (True, False)
        assert not watch.update()
