"""Detached runners: what survives the death of whom, and every run is found again and brought to its end."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from profiles.locations import locations
from profiles.secret import Secret
from sql.steps import claim, runs
from sql.steps.job import Job
from sql.steps.journal import Event
from sql.steps.launch import LaunchError, adopt, launch, new_run_id
from sql.steps.runs import RunState, RunStatus, cancel, foreign, run_state
from sql.steps.scribe import Scribe
from sql.steps.step import Step
from tests import servers
from tests.servers import Database
from tests.sql.sessions import session
from tests.sql.steps import running
from tests.sql.steps.running import OPERATOR, QUICK, TABLE, flags, journal, profile, story
from tests.waiting import until

USABLE = (True, True, True)
SECRET = Secret("correct horse")
ENDED = (RunStatus.DONE, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.REFUSED, RunStatus.UNKNOWN)


@pytest.fixture(autouse=True)
async def no_runner_outlives_its_test() -> AsyncIterator[None]:
    yield
    for state in runs.runs(journal()):
        if state.runner_pid is not None:
            os.kill(state.runner_pid, signal.SIGKILL)


async def begin(database: Database, step: Step) -> str:
    return await launch(
        profile(database), SECRET, step, "hash", operator=OPERATOR, patience=replace(QUICK, look_s=0.1)
    )


def state(run: str) -> RunState:
    found = run_state(journal(), run)
    assert found is not None
    return found


async def building(run: str) -> int:
    """Wait until it builds; the runner's pid."""
    await until(lambda: str(state(run).progress.get("phase")).startswith("building index"))
    pid = state(run).runner_pid
    assert pid is not None
    return pid


async def ended(run: str) -> RunState:
    await until(lambda: state(run).state in ENDED and state(run).runner_pid is None, timeout=60)
    return state(run)


async def kill_runner(run: str) -> None:
    os.kill(await building(run), signal.SIGKILL)
    await until(lambda: state(run).state is RunStatus.ORPHANED)


async def backend_gone(database: Database, run: str) -> None:
    connection = await database.connect()
    try:

        async def gone() -> bool:
            sql = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
            return bool(await connection.fetchval(sql, state(run).pid) == 0)

        await until(gone)
    finally:
        await connection.close()


async def test_a_run_is_launched_and_ends_by_itself(database: Database) -> None:
    await database.execute(TABLE)
    run = await begin(database, running.create())
    assert state(run).state in (RunStatus.RUNNING, RunStatus.VERIFYING, RunStatus.DONE)
    found = await ended(run)
    assert (found.state, found.operator, found.step) == (
        RunStatus.DONE,
        "alice from 203.0.113.5",
        "create-index:i",
    )
    assert found.verification["reached"] is True and not found.wants_adoption
    assert await flags(database) == USABLE
    events = [entry.event for entry in story(run) if entry.event != Event.PROGRESS]
    assert events == [Event.CONFIRMED, Event.STARTED, Event.FINISHED, Event.VERIFIED]
    assert not list((locations().state / "runs").iterdir())


@pytest.mark.hazard("SEC-03")
async def test_the_runner_has_no_parent_no_terminal_and_shows_no_secret(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "battery staple")
    await newest.execute(TABLE)
    run = await begin(newest, running.slow())
    process = psutil.Process(await building(run))
    assert process.ppid() != os.getpid()
    assert os.getsid(process.pid) != os.getsid(0) and os.getpgid(process.pid) != os.getpgid(0)
    assert process.terminal() is None
    shown = " ".join([*process.cmdline(), *process.environ().values()]).encode()
    told = journal().path.read_bytes()
    for secret in (b"correct horse", b"battery staple"):
        assert secret not in shown and secret not in told
    zombies = [child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE]
    assert not zombies
    assert cancel(journal(), run)
    await ended(run)


@pytest.mark.hazard("DISC-01")
async def test_a_killed_runner_leaves_a_build_that_is_adopted_while_it_goes_on(database: Database) -> None:
    await database.execute(TABLE)
    run = await begin(database, running.slow())
    await kill_runner(run)
    assert await adopt(profile(database), SECRET, run)
    found = await ended(run)
    assert found.state is RunStatus.DONE, found.outcome
    assert found.verification["reached"] is True
    assert await flags(database) == USABLE
    kinds = [entry.event for entry in story(run) if entry.event not in (Event.PROGRESS, Event.BLOCKED)]
    assert kinds == [Event.CONFIRMED, Event.STARTED, Event.ADOPTED, Event.FINISHED, Event.VERIFIED]


@pytest.mark.hazard("DISC-01", "PRG-02")
async def test_a_killed_runner_whose_build_is_over_is_judged_by_the_catalog(database: Database) -> None:
    await database.execute(TABLE)
    run = await begin(database, running.slow())
    await kill_runner(run)
    await backend_gone(database, run)
    assert state(run).wants_adoption
    assert await adopt(profile(database), SECRET, run)
    assert (await ended(run)).state is RunStatus.DONE
    assert await flags(database) == USABLE


@pytest.mark.hazard("DISC-01", "DISC-09")
async def test_a_killed_runner_whose_build_was_killed_too_is_cleared_away(database: Database) -> None:
    await database.execute(TABLE)
    run = await begin(database, running.slow())
    await kill_runner(run)
    await database.execute(f"SELECT pg_terminate_backend({state(run).pid})")
    await backend_gone(database, run)
    found = await flags(database)
    assert found is not None and not found[0]
    assert await adopt(profile(database), SECRET, run)
    assert (await ended(run)).state is RunStatus.FAILED
    assert await flags(database) is None


@pytest.mark.hazard("DISC-10")
async def test_an_adopted_build_can_be_cancelled(database: Database) -> None:
    await database.execute(TABLE)
    run = await begin(database, running.slow())
    await kill_runner(run)
    assert not cancel(journal(), run)
    await adopt(profile(database), SECRET, run)
    assert cancel(journal(), run)
    found = await ended(run)
    assert found.state is RunStatus.CANCELLED and found.left == ""
    assert await flags(database) is None


async def test_two_decks_adopt_a_run_once(newest: Database) -> None:
    await newest.execute(TABLE)
    run = await begin(newest, running.slow())
    await kill_runner(run)
    both = await asyncio.gather(*(adopt(profile(newest), SECRET, run) for _ in range(2)))
    assert sorted(both) == [False, True]
    await ended(run)
    assert len(story(run, Event.ADOPTED)) == 1


async def test_a_run_with_a_runner_is_not_adopted(newest: Database) -> None:
    await newest.execute(TABLE)
    run = await begin(newest, running.slow())
    assert not await adopt(profile(newest), SECRET, run)
    cancel(journal(), run)
    await ended(run)


@pytest.mark.hazard("DISC-07")
async def test_a_hangup_means_nothing(newest: Database) -> None:
    await newest.execute(TABLE)
    run = await begin(newest, running.slow())
    os.kill(await building(run), signal.SIGHUP)
    assert (await ended(run)).state is RunStatus.DONE
    assert await flags(newest) == USABLE


@pytest.mark.hazard("DISC-05")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_cancels_and_clears_away(database: Database, number: signal.Signals) -> None:
    await database.execute(TABLE)
    run = await begin(database, running.slow())
    os.kill(await building(run), number)
    found = await ended(run)
    assert found.state is RunStatus.CANCELLED and found.left == ""
    assert number.name in story(run, Event.CANCELLED)[0].detail["why"]
    assert await flags(database) is None


LAUNCHER = """
import asyncio, sys
from sql.steps.job import from_json
from sql.steps.launch import launch
import json
job = from_json(json.loads(sys.argv[1]))
asyncio.run(launch(job.profile, None, job.step, "hash", job.run, patience=job.patience))
sys.stdin.read()
"""


@pytest.mark.hazard("DISC-06", "DISC-07")
async def test_the_death_of_parent_and_terminal_does_not_reach_it(newest: Database) -> None:
    await newest.execute(TABLE)
    job = Job(new_run_id(), profile(newest), running.slow(), OPERATOR, patience=QUICK)
    ours, theirs = pty.openpty()
    parent = await asyncio.to_thread(
        subprocess.Popen,
        [sys.executable, "-c", LAUNCHER, json.dumps(job.as_json())],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        cwd=Path(__file__).parents[3],
    )
    os.close(theirs)
    await until(lambda: run_state(journal(), job.run) is not None, timeout=60)
    await building(job.run)
    os.close(ours)
    parent.kill()
    await asyncio.to_thread(parent.wait)
    found = await ended(job.run)
    assert found.state is RunStatus.DONE and found.verification["reached"] is True
    assert await flags(newest) == USABLE


@pytest.mark.hazard("DISC-09")
async def test_a_server_that_restarts_under_an_orphan(newest: Database) -> None:
    with running.own_server() as cluster:
        database = await servers.new_database(cluster, 18)
        await database.execute(TABLE)
        run = await begin(database, running.slow())
        await kill_runner(run)
        await asyncio.to_thread(cluster.stop)
        await adopt(profile(database), SECRET, run)
        await asyncio.to_thread(cluster.start)
        found = await ended(run)
        assert found.state is RunStatus.FAILED and found.left == ""
        assert await flags(database) is None


@pytest.mark.hazard("DIC-03")
async def test_a_drop_whose_runner_was_killed_is_brought_to_its_end(database: Database) -> None:
    await database.execute(TABLE + "CREATE INDEX i ON t (a);")
    async with running.transaction(database, "SELECT * FROM t") as reader:
        run = await begin(database, running.drop())
        await until(lambda: state(run).blocked)
        pid = state(run).runner_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: state(run).state is RunStatus.ORPHANED)
        await database.execute(f"SELECT pg_terminate_backend({state(run).pid})")
        await backend_gone(database, run)
        assert await flags(database) == (False, True, True)
        await adopt(profile(database), SECRET, run)
        await until(lambda: len(story(run, Event.STARTED)) == 2)
        await reader.execute("COMMIT")
        assert (await ended(run)).state is RunStatus.DONE
    assert await flags(database) is None


async def test_a_refused_run_says_so_at_once(newest: Database) -> None:
    await newest.execute(TABLE)
    changed = replace(running.create(), fingerprint="of another time")
    run = await begin(newest, changed)
    found = await ended(run)
    assert found.state is RunStatus.REFUSED and "previewed" in found.outcome["sentence"]
    assert found.started_at is None and await flags(newest) is None


async def test_a_runner_that_dies_before_its_first_word_is_a_launch_error(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await newest.execute(TABLE)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(LaunchError, match="could not be started"):
        await begin(newest, running.create())
    (found,) = runs.runs(journal())
    assert found.state is RunStatus.REFUSED and found.started_at is None


async def test_a_run_confirmed_but_never_begun_is_adopted_as_refused(newest: Database) -> None:
    await newest.execute(TABLE)
    job = Job("20260101-000000-aaaa", profile(newest), running.create(), OPERATOR)
    Scribe(journal(), job.profile, job.run).write(Event.CONFIRMED, job.step, {"job": job.as_json()})
    assert state(job.run).state is RunStatus.REFUSED and state(job.run).wants_adoption
    assert await adopt(profile(newest), None, job.run)
    found = await ended(job.run)
    assert found.state is RunStatus.REFUSED and await flags(newest) is None
    assert len(story(job.run, Event.FINISHED)) == 1 and not found.wants_adoption


async def test_done_means_verified(newest: Database) -> None:
    job = Job("20260101-000000-bbbb", profile(newest), running.create(), OPERATOR)
    scribe = Scribe(journal(), job.profile, job.run)
    descriptor = claim.claim(job.run)
    assert descriptor is not None
    scribe.write(Event.CONFIRMED, job.step, {"job": job.as_json()})
    scribe.write(Event.FINISHED, job.step, {"outcome": "done", "sentence": "the server says it is done"})
    assert state(job.run).state is RunStatus.VERIFYING and not state(job.run).wants_adoption
    os.close(descriptor)
    assert state(job.run).state is RunStatus.ORPHANED and state(job.run).wants_adoption
    scribe.write(Event.VERIFIED, job.step, {"reached": True})
    assert state(job.run).state is RunStatus.DONE and not state(job.run).wants_adoption


async def test_a_swap_whose_runner_was_killed_is_not_taken_for_done(database: Database) -> None:
    await database.execute(TABLE + "CREATE INDEX i ON t (a); CREATE INDEX i_new ON t (b);")
    async with running.transaction(database, "ALTER INDEX i SET (fillfactor = 90)"):
        run = await begin(database, running.swap())
        await until(lambda: state(run).blocked)
        pid = state(run).runner_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: state(run).state is RunStatus.ORPHANED)
        await adopt(profile(database), SECRET, run)
        found = await ended(run)
    assert found.state is RunStatus.FAILED and found.outcome["outcome"] == "failed"
    assert await flags(database, "i_new") == USABLE


async def test_an_unknown_run_cannot_be_adopted(newest: Database) -> None:
    with pytest.raises(LaunchError, match="does not say"):
        await adopt(profile(newest), None, "20260101-000000-bbbb")


@pytest.mark.hazard("IDX-04")
async def test_builds_of_others_are_seen(database: Database) -> None:
    await database.execute(TABLE)
    other = await database.connect(application_name="another tool")
    build = asyncio.create_task(other.execute("CREATE INDEX CONCURRENTLY i ON t (slow(a))"))
    try:
        async with session(database) as mine:
            (found,) = await until(lambda: foreign(mine))
            assert (found.application, found.table) == ("another tool", "public.t")
            assert found.query.startswith("CREATE INDEX CONCURRENTLY")
    finally:
        other.terminate()
        await asyncio.wait({build})
        build.exception()


async def test_runs_of_ours_are_not_foreign(newest: Database) -> None:
    await newest.execute(TABLE)
    run = await begin(newest, running.slow())
    await building(run)
    async with session(newest) as mine:
        assert await foreign(mine, runs.runs(journal())) == ()
        assert len(await foreign(mine)) == 1
    cancel(journal(), run)
    await ended(run)


def test_a_claim_ends_with_its_holder() -> None:
    held = claim.claim("r")
    assert held is not None
    assert claim.claimed("r") and claim.claim("r") is None and claim.runner_pid("r") is None
    claim.sign(held, 42)
    assert claim.runner_pid("r") == 42
    os.close(held)
    assert not claim.claimed("r") and claim.runner_pid("r") is None


def test_run_ids_are_in_the_order_of_time() -> None:
    first = new_run_id()
    assert len(first) == len("20261122-210512-a1b2")
    assert first[:15] <= new_run_id()[:15]
