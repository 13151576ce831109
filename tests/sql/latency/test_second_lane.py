"""When the second connection is opened, filled, emptied and closed; no server is needed for that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sql.errors import SessionError
from sql.latency.asides import Asides
from sql.latency.heartbeat import Heartbeat
from sql.latency.query import Query
from sql.latency.schedule import Ticks
from sql.latency.second_lane import CALM_S, RETRY_S, SecondLane
from sql.latency.track import Run, Track
from tests.sql.latency.targets import probe
from tests.waiting import until

HEAVY = {0: 0.3, 1: 0.001}
LIGHT = {0: 0.002, 1: 0.001}


class Wire:
    """Stands where a lane does, and answers everything at once."""

    pid = 0

    def __init__(self) -> None:
        self.closed = False

    async def attached(self) -> None:
        """As behind a pooler."""

    async def aside(self, *_: object, **__: str) -> list[object]:
        return []

    async def prepare(self, sql: str) -> str:
        return sql

    prepare_ahead = prepare

    async def begin_probe(self) -> None:
        """Nothing to begin."""

    end_probe = begin_probe

    async def send(self, *_: object) -> None:
        """Answered."""

    async def close(self) -> None:
        self.closed = True


class Yard:
    """A main track with two probes, and what opens a second one."""

    def __init__(self) -> None:
        self.opened: list[Wire] = []
        self.full = False
        self.main = self.track(Wire())
        for number in HEAVY:
            self.main.admit(number, Query(probe("SELECT 1")), Ticks(60.0))
        self.second = SecondLane(self.main, self.track, Asides(Wire(), lambda message: None), self.open)  # type: ignore[arg-type]

    def track(self, lane: object) -> Track:
        return Track(
            lane,  # type: ignore[arg-type]
            overdue=lambda *_: None,
            after=self.after,
            heartbeat=Heartbeat(1.0, lambda *_: None),
            chance=lambda: 1.0,
        )

    async def after(self, track: Track, run: Run) -> None:
        """Nothing."""

    async def open(self) -> Wire:
        if self.full:
            raise SessionError("too many connections")
        self.opened.append(Wire())
        return self.opened[-1]

    async def arranged(self, costs: dict[int, float], *second: int) -> None:
        """Arrange until these probes are on the second connection, and the others on the first."""

        def there() -> bool:
            self.second.arrange(costs)
            here = set(self.second.track.passengers) if self.second.track is not None else set()
            return (here, set(self.main.passengers)) == (set(second), set(HEAVY) - set(second))

        await until(there)


@pytest.fixture
async def yard() -> AsyncIterator[Yard]:
    made = Yard()
    made.main.start()
    yield made
    await made.second.give_up()
    await made.main.give_up()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that a test sets."""
    moment = [1000.0]
    monkeypatch.setattr("sql.latency.second_lane.now", lambda: moment[0])
    return moment


async def test_a_connection_that_was_enough_for_a_minute_is_the_only_one(
    yard: Yard, clock: list[float]
) -> None:
    await yard.arranged(HEAVY, 0)
    clock[0] += CALM_S * 0.9
    await yard.arranged(LIGHT, 0)
    clock[0] += CALM_S * 0.2
    await yard.arranged(LIGHT)
    await until(lambda: yard.opened[0].closed)
    assert yard.second.track is None


async def test_it_stays_while_the_probe_that_it_is_for_is_still_in_flight(yard: Yard) -> None:
    yard.main.running = (0, 0.0)
    yard.main.stuck = lambda seconds: False  # type: ignore[method-assign]
    yard.second.arrange(HEAVY)
    await until(lambda: yard.opened)
    for _ in range(10):
        await asyncio.sleep(0)
        yard.second.arrange(HEAVY)
    assert (len(yard.opened), yard.opened[0].closed) == (1, False)
    yard.main.running = None
    await yard.arranged(HEAVY, 0)


async def test_a_full_server_is_not_asked_again_at_once(yard: Yard, clock: list[float]) -> None:
    yard.full = True

    def refused() -> bool:
        yard.second.arrange(HEAVY)
        return yard.second._opening is None and yard.second._not_before > 0

    await until(refused)
    yard.full = False
    clock[0] += RETRY_S * 0.9
    for _ in range(10):
        await asyncio.sleep(0)
        yard.second.arrange(HEAVY)
    assert yard.opened == []
    clock[0] += RETRY_S * 0.2
    await yard.arranged(HEAVY, 0)


async def test_the_others_leave_a_run_that_is_stuck_and_stay_where_they_are(
    yard: Yard, clock: list[float]
) -> None:
    yard.main.running = (1, 0.0)
    yard.main.stuck = lambda seconds: True  # type: ignore[method-assign]
    await yard.arranged(LIGHT, 0)
    yard.main.running = None
    yard.main.stuck = lambda seconds: False  # type: ignore[method-assign]
    await yard.arranged(LIGHT, 0)
