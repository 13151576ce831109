"""Accidents at random moments of a run: nothing is left that is not said, and the journal reads as one story.

Every moment is drawn from PGDECK_CHAOS_SEED; PGDECK_CHAOS says how many a kind of accident and server.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from profiles.secret import Secret
from sql.demo.cluster import Cluster
from sql.steps import claim, runs
from sql.steps.job import Job
from sql.steps.journal import Event, Journal, JournalEntry, Tail
from sql.steps.launch import LaunchError, adopt, launch, new_run_id
from sql.steps.outcome import Outcome
from sql.steps.runs import RunState, RunStatus, cancel, run_state
from tests import servers
from tests.chaos.conftest import MOMENTS, ONLY, SEED, restartable_of
from tests.chaos.deck import Deck
from tests.chaos.scenes import HASTY, PATIENCE, SCENES, Holder, Scene
from tests.chaos.story import contradictions
from tests.proxy import Proxy, proxy
from tests.servers import Database
from tests.sql.steps import running
from tests.sql.steps.running import OPERATOR, flags, journal, profile, story
from tests.waiting import until

SECRET = Secret("correct horse")
USABLE = (True, True, True)
LIMIT_S = 90.0


class Moment:
    """One run with one accident, and what the next deck makes of it."""

    def __init__(self, database: Database, scene: Scene, chance: Random, wire: Proxy | None = None) -> None:
        self.database = database
        self.scene = scene
        self.chance = chance
        self.wire = wire
        parameters = {"host": "127.0.0.1", "port": str(wire.port)} if wire else {}
        self.profile = profile(database, **parameters)
        step = scene.step()
        patience = HASTY if scene.kept else PATIENCE
        self.job = Job(new_run_id(), self.profile, step, OPERATOR, "hash", patience=patience)
        self.run = self.job.run
        self.deck: Deck | None = None
        self.runner_died = False
        self._tail = Tail(journal().path)
        self._told: list[JournalEntry] = []

    @property
    def told(self) -> list[JournalEntry]:
        """What the journal says of the run by now."""
        self._told += [entry for entry in self._tail.new() if entry.run == self.run]
        return self._told

    @property
    def state(self) -> RunState:
        """The run as a deck sees it."""
        found = run_state(journal(), self.run)
        assert found is not None
        return found

    async def play(self, accident: Callable[[Moment], Any], *, with_deck: bool) -> str:
        """Launch, have the accident at the moment, let the next deck look, and check everything; the end."""
        await self.database.execute(self.scene.tables)
        self.holder = holder = Holder(self.database, self.scene)
        await holder.hold()
        launching = asyncio.create_task(self._launch(with_deck))
        try:
            await self._reach_moment()
            await accident(self)
            await asyncio.sleep(self.chance.uniform(0, 0.3))
            if not self.scene.kept:
                await holder.release()
            await launching
            await self._next_deck()
        finally:
            await holder.release()
            if self.deck is not None:
                await self.deck.end()
            await asyncio.wait([launching])
            pid = claim.runner_pid(self.run)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        self._check_story()
        return await self._check_end()

    async def _launch(self, with_deck: bool) -> None:
        if with_deck:
            self.deck = await asyncio.to_thread(Deck, self.job, SECRET)
            return
        job = self.job
        try:
            await launch(
                job.profile, SECRET, job.step, "hash", job.run, operator=OPERATOR, patience=job.patience
            )
        except LaunchError:
            # The accident came before its first word; what matters is what the next deck finds.
            assert self.runner_died

    async def _reach_moment(self) -> None:
        """Wait for the moment, or for the end of a run that was faster, and a little longer."""
        cancelled_at = self.scene.cancelled_at
        if cancelled_at is not None:
            await until(lambda: any(cancelled_at(entry) for entry in self.told), LIMIT_S, every=0.005)
            cancel(journal(), self.run)
        await until(
            lambda: any(self.scene.reached(entry) or _is_end(entry) for entry in self.told),
            LIMIT_S,
            every=0.005,
        )
        await asyncio.sleep(self.chance.uniform(0, 0.25))

    async def _next_deck(self) -> None:
        """What a deck that starts now does: look for runs, and take over those that nobody cares for."""

        async def settled() -> bool:
            if claim.claimed(self.run):
                if self._waits_unlinked:
                    await self.holder.release()
                return False
            (found,) = [each for each in runs.runs(journal()) if each.run == self.run]
            if not found.wants_adoption:
                return True
            await adopt(self.profile, SECRET, self.run)
            return False

        await until(settled, LIMIT_S, every=0.05)

    @property
    def _waits_unlinked(self) -> bool:
        """Whether the run says for whom a session waits to which it lost its link: that one has no limit."""
        lost = [
            place
            for place, entry in enumerate(self.told)
            if entry.event == Event.ADOPTED or entry.detail.get("phase") == "connection lost"
        ]
        return bool(lost) and any(entry.event == Event.BLOCKED for entry in self._told[lost[0] :])

    def _check_story(self) -> None:
        found = contradictions(story(self.run), self.job.step, runner_died=self.runner_died)
        assert not found, "\n".join([*found, *_lines(journal(), self.run)])
        assert SECRET.reveal().encode() not in journal().path.read_bytes()

    async def _check_end(self) -> str:
        """The index is absent or valid, or the run says what is left and names the step that mends it."""
        found, state = await flags(self.database), self.state
        tale = "\n".join(_lines(journal(), self.run))
        if found is not None and found != USABLE:
            assert state.left, f"{found} is left, and nobody says so:\n{tale}"
            await self._mend(state)
            return f"{state.state}, left {found}, mended"
        assert not state.left, f"{state.left}, and it is {found}:\n{tale}"
        if state.state is not RunStatus.REFUSED:
            done = await self._asked(self.scene.proof)
            assert done == (state.state is RunStatus.DONE), f"{state.state}, and its end: {done}\n{tale}"
        return str(state.state)

    async def _asked(self, sql: str) -> Any:
        connection = await self.database.connect()
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    async def _mend(self, state: RunState) -> None:
        step = running.drop()
        assert step.id in state.left
        patience = replace(PATIENCE, look_s=0.1)
        run = await launch(self.profile, SECRET, step, "hash", operator=OPERATOR, patience=patience)
        await until(lambda: not claim.claimed(run), LIMIT_S)
        mended = run_state(journal(), run)
        assert mended is not None and mended.state is RunStatus.DONE, mended
        assert await flags(self.database) is None


def _is_end(entry: JournalEntry) -> bool:
    return entry.event == Event.FINISHED and entry.detail["outcome"] != Outcome.UNKNOWN


def _lines(written: Journal, run: str) -> list[str]:
    return [entry.as_line().decode() for entry in written.read(run=run)]


async def kill_deck(moment: Moment) -> None:
    assert moment.deck is not None
    moment.deck.kill()
    moment.runner_died = _is_unborn(moment)


async def close_terminal(moment: Moment) -> None:
    assert moment.deck is not None
    moment.deck.close_terminal()
    moment.runner_died = _is_unborn(moment)


def _is_unborn(moment: Moment) -> bool:
    """Whether the runner may not have its job yet: a deck that dies then takes the run with it."""
    return all(entry.event == Event.CONFIRMED for entry in moment.told)


async def kill_runner(moment: Moment) -> None:
    await _signal_runner(moment, signal.SIGKILL)


async def hang_up_runner(moment: Moment) -> None:
    await _signal_runner(moment, signal.SIGHUP)


async def _signal_runner(moment: Moment, number: signal.Signals) -> None:
    def pid() -> int | None:
        over = any(_is_end(entry) for entry in moment.told) and not claim.claimed(moment.run)
        return -1 if over else claim.runner_pid(moment.run)

    found = await until(pid, LIMIT_S, every=0.001)
    assert found is not None
    if found > 0:
        moment.runner_died = number is signal.SIGKILL
        os.kill(found, number)


async def stop_server(moment: Moment) -> None:
    await _restart(moment, "fast")


async def crash_server(moment: Moment) -> None:
    await _restart(moment, "immediate")


async def _restart(moment: Moment, mode: str) -> None:
    cluster = moment.database.cluster
    await asyncio.to_thread(cluster.stop, mode=mode)
    await asyncio.sleep(moment.chance.uniform(0, 0.5))
    await asyncio.to_thread(cluster.start)


async def cut_network(moment: Moment) -> None:
    assert moment.wire is not None
    moment.wire.cut(refuse=True)
    await asyncio.sleep(moment.chance.uniform(0, 1.0))
    moment.wire.mend()


async def freeze_network(moment: Moment) -> None:
    assert moment.wire is not None
    moment.wire.freeze()
    await asyncio.sleep(moment.chance.uniform(0, 3.0))
    moment.wire.mend()


DECK_ACCIDENTS = (kill_deck, close_terminal)
RUNNER_ACCIDENTS = (kill_runner, hang_up_runner)
SERVER_ACCIDENTS = (stop_server, crash_server)
WIRE_ACCIDENTS = (cut_network, freeze_network)
ACCIDENTS = (*DECK_ACCIDENTS, *RUNNER_ACCIDENTS, *SERVER_ACCIDENTS, *WIRE_ACCIDENTS)


@pytest.fixture
async def database(
    request: pytest.FixtureRequest, accident: Any, major: int, restartable: dict[int, Cluster]
) -> AsyncIterator[Database]:
    """On a server of its own where that one is to be stopped."""
    if accident in SERVER_ACCIDENTS:
        cluster = restartable_of(restartable, major)
    else:
        if servers.binaries(major) is None:
            pytest.skip(servers.how_to_get(major))
        clusters = request.getfixturevalue("running")
        if major not in clusters:
            clusters[major] = servers.start(major)
        cluster = clusters[major]
    made = await servers.new_database(cluster, major)
    yield made
    await servers.drop_database(made)


@pytest.mark.hazard("DISC-01", "DISC-07", "DISC-09")
@pytest.mark.parametrize("number", range(MOMENTS))
@pytest.mark.parametrize("major", servers.wanted_majors(), ids=lambda major: f"pg{major}")
@pytest.mark.parametrize("accident", ACCIDENTS, ids=lambda accident: accident.__name__)
async def test_an_accident_leaves_nothing_unsaid(
    database: Database,
    accident: Any,
    major: int,
    number: int,
    record_property: Callable[[str, object], None],
) -> None:
    wanted = [scene for scene in SCENES if not ONLY or scene.name in ONLY]
    drawn = Random(f"{SEED}/{accident.__name__}/{major}").sample(wanted, len(wanted))
    scene = drawn[number % len(drawn)]
    chance = Random(f"{SEED}/{accident.__name__}/{major}/{number}")
    print(f"PGDECK_CHAOS_SEED={SEED} PGDECK_CHAOS={MOMENTS}: {accident.__name__} at: {scene.name}")
    with_deck = accident in DECK_ACCIDENTS
    if accident in WIRE_ACCIDENTS:
        async with proxy(database.cluster) as wire:
            end = await Moment(database, scene, chance, wire).play(accident, with_deck=with_deck)
    else:
        end = await Moment(database, scene, chance).play(accident, with_deck=with_deck)
    record_property(f"chaos {accident.__name__}", end)
    record_property("chaos at", f"{scene.name}: {end}")
