"""What a scout told is shown at once, and no more is made of it than it is worth."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from threading import Event

import pytest

from sql import scouting
from sql.requirements import Requirements
from sql.snapshots import ConstraintsSnapshot, PoolLimit, PoolSnapshot, ServerIdentity
from sql.telling import SIGN_OF_LIFE, Told, tell
from tests.servers import Database
from tests.tui import samples
from tests.tui.deck import Driver
from tests.tui.live import SCHEMA, live, write_profile
from tests.tui.terminal import alive
from tests.waiting import until
from tui import feed, scout
from tui.commands.deck import load
from tui.feed import Feed
from tui.scout import Scout

VARIABLE = "PGDECK_TEST_PASSWORD"


class ByHand:
    """A scout that tells what a test wants."""

    def __init__(self) -> None:
        ours, self._its = os.pipe()
        self.process = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
        self.scout = Scout(self.process, ours)

    def tell(self, *told: Told) -> None:
        """Let the deck have these."""
        with os.fdopen(os.dup(self._its), "wb", buffering=0) as pipe:
            for each in told:
                tell(pipe, each)

    def live(self) -> None:
        """Give a sign of life."""
        os.write(self._its, SIGN_OF_LIFE)

    def leave(self) -> None:
        """All is told."""
        its, self._its = self._its, -1
        if its >= 0:
            os.close(its)


@pytest.fixture
def ahead() -> Iterator[ByHand]:
    made = ByHand()
    yield made
    made.leave()
    made.scout.end()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """The watch begins once this is set."""
    goes = Event()
    prepare = Feed._prepare

    def late(self: Feed) -> Requirements:
        assert goes.wait(20)
        return prepare(self)

    monkeypatch.setattr(Feed, "_prepare", late)
    yield goes
    goes.set()


async def scouted(name: str) -> list[Told]:
    """What a scout of this profile would tell."""
    told: list[Told] = []
    await scouting.scout(*load(name), told.append)
    return told


def violated(told: list[Told]) -> list[Told]:
    """The same, with seven rows that violate each constraint."""
    return [
        replace(each, constraints=tuple(replace(one, violations=7) for one in each.constraints))
        if isinstance(each, ConstraintsSnapshot)
        else each
        for each in told
    ]


async def unvalidated(database: Database) -> str:
    """A profile whose constraint is not validated, and which no row violates."""
    await database.execute(SCHEMA.replace("(score >= 0)", "(score >= 0) NOT VALID"))
    return write_profile(database)


def violations(driver: Driver) -> int | None:
    """How many the watch's own reading of the constraint says, or carries over."""
    snapshot = driver.deck.readings.known("constraints").snapshot
    assert isinstance(snapshot, ConstraintsSnapshot)
    return snapshot.constraints[0].violations


async def read_by_the_watch(driver: Driver, told: list[Told]) -> None:
    """Wait until the watch itself has read the constraints."""
    counted = next(each for each in told if isinstance(each, ConstraintsSnapshot))
    known = driver.deck.readings.known
    await until(lambda: (at := known("constraints").taken_at) is not None and at > counted.taken_at)


async def test_what_was_counted_a_moment_ago_is_not_counted_again(newest: Database, ahead: ByHand) -> None:
    told = violated(await scouted(await unvalidated(newest)))
    ahead.tell(*told)
    ahead.leave()
    async with live("small", scout=ahead.scout) as driver:
        await read_by_the_watch(driver, told)
        assert violations(driver) == 7


async def test_asked_to_read_anew_before_the_watch_begins_it_counts_again(
    newest: Database, ahead: ByHand, held: Event
) -> None:
    told = violated(await scouted(await unvalidated(newest)))
    ahead.tell(*told)
    ahead.leave()
    async with live("small", scout=ahead.scout) as driver:
        await until(lambda: "constraints" in driver.deck.readings.parts)
        await driver.press("g")
        held.set()
        await read_by_the_watch(driver, told)
        assert violations(driver) == 0


async def test_another_server_than_was_scouted_is_said_and_taken_on_request(
    newest: Database, ahead: ByHand
) -> None:
    server, *parts = violated(await scouted(await unvalidated(newest)))
    assert isinstance(server, ServerIdentity)
    ahead.tell(replace(server, system_identifier="7000000000000000001"), *parts)
    ahead.leave()
    async with live("small", scout=ahead.scout) as driver:
        await until(lambda: driver.shows("ANOTHER SERVER answers"))
        assert driver.shows("after g")
        assert driver.app.feed is not None
        assert driver.app.feed.server is not None
        assert driver.app.feed.server.system_identifier == "7000000000000000001"
        await driver.press("g")
        await until(lambda: driver.deck.readings.lost is None)
        await read_by_the_watch(driver, parts)
        assert violations(driver) == 0


async def test_after_a_failover_between_the_two_it_counts_again(newest: Database, ahead: ByHand) -> None:
    server, *parts = violated(await scouted(await unvalidated(newest)))
    assert isinstance(server, ServerIdentity)
    ahead.tell(replace(server, timeline=(server.timeline or 2) - 1), *parts)
    ahead.leave()
    async with live("small", scout=ahead.scout) as driver:
        await read_by_the_watch(driver, parts)
        assert violations(driver) == 0


async def test_paused_it_is_sent_home_and_the_watch_reads_afterwards(
    newest: Database, ahead: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scout, "PATIENCE_S", 3600.0)
    await newest.execute(SCHEMA)
    async with live(write_profile(newest), scout=ahead.scout) as driver:
        await until(lambda: driver.app.feed is not None)
        await driver.press("space")
        await until(lambda: not alive(ahead.process))
        await driver.press("space")
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))


def full(told: list[Told]) -> list[Told]:
    """The same, of a role that may have one session."""
    limits = (PoolLimit("role oncall", 1, 1),)
    return [
        replace(each, pool=replace(each.pool, limits=limits)) if isinstance(each, PoolSnapshot) else each
        for each in told
    ]


@pytest.mark.parametrize("room", [True, False])
async def test_probes_begin_beside_the_watch_only_where_the_scout_saw_room_for_both(
    newest: Database, ahead: ByHand, held: Event, room: bool
) -> None:
    await newest.execute(SCHEMA)
    name = write_profile(newest)
    told = await scouted(name)
    ahead.tell(*(told if room else full(told)))
    ahead.leave()
    write_profile(newest, name, user="nobody_here")
    async with live(name, scout=ahead.scout) as driver:
        await until(lambda: "constraints" in driver.deck.readings.parts)
        held.set()
        await until(lambda: driver.deck.readings.lost is not None)
        assert driver.app.feed is not None
        assert driver.app.feed._connected.is_set() is room


async def test_paused_before_the_watch_begins_nobody_measures(
    newest: Database, ahead: ByHand, held: Event
) -> None:
    await newest.execute(SCHEMA)
    name = write_profile(newest)
    ahead.tell(*await scouted(name))
    ahead.leave()
    async with live(name, scout=ahead.scout) as driver:
        await until(lambda: "constraints" in driver.deck.readings.parts)
        await driver.press("space")
        held.set()
        feed = driver.app.feed
        await until(lambda: feed is not None and feed._poller is not None)
        assert feed is not None
        assert not feed._connected.is_set()
        await driver.press("space")
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))


async def test_a_key_is_answered_while_a_scout_is_on_its_way(newest: Database, ahead: ByHand) -> None:
    await newest.execute(SCHEMA)
    async with live(write_profile(newest), scout=ahead.scout) as driver:
        await driver.press("c")
        await until(lambda: type(driver.app.screen).__name__ == "PoolScreen")
        assert alive(ahead.process)


async def test_no_trouble_stands_beside_what_it_told_while_the_watch_logs_in(
    newest: Database, ahead: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "LOGIN_S", 3600.0)
    await newest.execute(SCHEMA)
    name = write_profile(newest)
    ahead.tell(*await scouted(name))
    said: list[str] = []
    async with live(name, scout=ahead.scout) as driver:
        monkeypatch.setattr(driver.deck, "wait_for", said.append)
        await until(lambda: driver.app.feed is not None and driver.app.feed.requirements is not None)
        ahead.leave()
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
    assert said == []


async def test_a_watch_that_ends_before_its_scout_leaves_the_next_one_alone(
    newest: Database, ahead: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the loop still knew of the pipe would hit whoever got its number."""
    monkeypatch.delenv(VARIABLE, raising=False)
    await newest.execute(SCHEMA)
    source = f'[credentials]\nsource = "environment"\nvariable = "{VARIABLE}"\n'
    async with live(write_profile(newest, credentials=source), scout=ahead.scout) as driver:
        await until(lambda: driver.shows("is not set"))
        await until(lambda: not alive(ahead.process))
        assert [each.get_name() for each in asyncio.all_tasks() if "scout" in each.get_name()] == []
        monkeypatch.setenv(VARIABLE, "unused")
        await driver.press("g")
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))


async def test_a_login_that_takes_long_is_waited_for(ahead: ByHand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several hosts that are out of reach take ten seconds each."""
    monkeypatch.setattr(scout, "PATIENCE_S", 0.5)
    told: list[Told] = []
    hearing = asyncio.create_task(ahead.scout.hear(told.append))
    begun = asyncio.get_running_loop().time()

    def lasted() -> bool:
        ahead.live()
        return asyncio.get_running_loop().time() > begun + 1.0

    await until(lasted)
    ahead.tell(samples.SERVER)
    ahead.leave()
    await hearing
    assert told == [samples.SERVER]


@pytest.mark.parametrize("before", [True, False], ids=["before", "while"])
async def test_told_to_leave_it_is_heard_no_more(ahead: ByHand, before: bool) -> None:
    told: list[Told] = []
    hearing = asyncio.create_task(ahead.scout.hear(told.append))
    if not before:
        ahead.tell(samples.SERVER)
        await until(lambda: told)
    ahead.scout.end()
    await hearing
    await until(lambda: not alive(ahead.process))
    assert told == ([] if before else [samples.SERVER])


def test_one_that_was_taken_away_already_is_no_mistake(ahead: ByHand) -> None:
    os.kill(ahead.process, signal.SIGKILL)
    os.waitpid(ahead.process, 0)
    ahead.scout.end()
