"""Which probes share a connection; a probe that takes long keeps nobody waiting."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import combinations

import asyncpg
import pytest

from profiles.manifest import ProbeEntry
from sql.latency.lanes import HEAVY_S, harm, heavy
from sql.latency.messages import Attached, Message, Samples
from sql.latency.prober import Prober
from sql.snapshots import ProbesSnapshot, Unavailable
from tests.servers import Database
from tests.sql.latency.targets import SCHEMA, probe, profile
from tests.waiting import until

PROBING = "application_name LIKE 'pgdeck probe%' AND datname = current_database()"
SLOW = probe("SELECT pg_sleep(0.3)", name="slow")
QUICK = probe("SELECT 1", name="quick")
LOCKED = probe("SELECT count(*) FROM leads", name="locked")


@pytest.mark.parametrize(
    ("costs", "second"),
    [
        ([], []),
        ([2.0], []),
        ([0.001, HEAVY_S * 0.99], []),
        ([0.001, 0.3], [1]),
        ([0.3, 0.001, 0.002], [0]),
        ([0.3, 0.4, 0.001, 0.002], [0, 1]),
        ([0.001, 0.06, 2.0], [2]),
    ],
)
def test_what_is_slow_gets_a_connection_of_its_own(costs: list[float], second: list[int]) -> None:
    assert heavy(dict(enumerate(costs))) == frozenset(second)


@pytest.mark.parametrize("seed", range(30))
def test_no_other_way_to_share_two_connections_keeps_probes_waiting_less(seed: int) -> None:
    chance = random.Random(seed)
    costs = {number: chance.lognormvariate(-4, 2) for number in range(chance.randint(2, 7))}
    costs[0] = 1.0
    found = heavy(costs)

    def harm_of(second: tuple[int, ...] | frozenset[int]) -> float:
        first = [cost for number, cost in costs.items() if number not in second]
        return harm([first, [costs[number] for number in second]])

    every = (second for size in range(1, len(costs)) for second in combinations(costs, size))
    assert harm_of(found) == pytest.approx(min(map(harm_of, every)))


class Heard:
    """What a prober said and published."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.events: list[ProbesSnapshot | Unavailable] = []

    def take(self, message: Message, arrived: float) -> None:
        self.messages.append(message)

    @property
    def lanes(self) -> list[int]:
        return [message.lane for message in self.messages if isinstance(message, Attached)]

    def samples(self, number: int) -> list[Samples]:
        return [each for each in self.messages if isinstance(each, Samples) and each.probe == number]

    def counted(self, number: int) -> int:
        return sum(len(each.rows) for each in self.samples(number))

    @property
    def unavailable(self) -> list[Unavailable]:
        return [event for event in self.events if isinstance(event, Unavailable)]


@pytest.fixture
async def control(newest: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await newest.connect()
    yield connection
    connection.terminate()


async def started(prober: Prober, database: Database, *probes: ProbeEntry) -> Heard:
    heard = Heard()
    prober.listen(heard.take)
    await prober.start(profile(database), None, probes, heard.events.append)
    return heard


async def sessions(control: asyncpg.Connection) -> int:
    count: int = await control.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {PROBING}")
    return count


async def test_a_slow_probe_gets_a_second_connection_and_delays_no_quick_one(
    newest: Database, control: asyncpg.Connection
) -> None:
    async with Prober() as prober:
        heard = await started(prober, newest, SLOW, QUICK)
        await until(lambda: heard.lanes == [0, 1])
        # From when each is where it belongs: what was said before counts the time together.
        since = len(heard.samples(1))
        before = heard.counted(0)
        await until(lambda: heard.counted(0) >= before + 4 and len(heard.samples(1)) > since + 1)
        quick = heard.samples(1)[since + 1 :]
        due, runs = sum(each.due for each in quick), sum(each.runs for each in quick)
        # On one connection 0.3 s of every run of the slow one would cost three of ten.
        assert runs >= 0.9 * due
        assert await sessions(control) == 2
        slow = heard.samples(0)[-1]
        assert slow.slowed and slow.every_s > 1
        assert not quick[-1].slowed and quick[-1].every_s == 0.1


async def test_a_probe_that_waits_for_a_lock_lets_the_others_go_on(
    newest: Database, control: asyncpg.Connection
) -> None:
    await newest.execute(SCHEMA)
    async with Prober() as prober:
        heard = await started(prober, newest, LOCKED, QUICK)
        await until(lambda: heard.counted(0) and heard.counted(1))
        assert heard.lanes == [0]
        await control.execute("BEGIN; LOCK TABLE leads")
        await until(lambda: 1 in heard.lanes)
        locked, quick = heard.counted(0), heard.counted(1)
        await until(lambda: heard.counted(1) >= quick + 10)
        assert heard.counted(0) <= locked + 5  # it still waits: only what had ended before was said
        await control.execute("ROLLBACK")
        await until(lambda: heard.counted(0) > locked + 10)
        assert not heard.unavailable


async def test_quick_probes_share_one_connection(newest: Database, control: asyncpg.Connection) -> None:
    async with Prober() as prober:
        heard = await started(prober, newest, QUICK, QUICK)
        await until(lambda: heard.counted(0) > 20)
        assert (heard.lanes, await sessions(control)) == ([0], 1)


async def test_a_server_without_a_connection_left_is_measured_on_one(
    newest: Database, control: asyncpg.Connection
) -> None:
    role = f"lonely_{newest.name}"
    await newest.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 1")
    try:
        async with Prober() as prober:
            heard = Heard()
            prober.listen(heard.take)
            lonely = replace(profile(newest), connection=newest.parameters(role))
            await prober.start(lonely, None, (SLOW, QUICK), heard.events.append)
            await until(lambda: heard.counted(0) >= 4 and heard.counted(1) >= 20)
            assert (heard.lanes, heard.unavailable) == ([0], [])
    finally:
        await until(lambda: _gone(control))
        await newest.execute(f"DROP ROLE {role}")


async def _gone(control: asyncpg.Connection) -> bool:
    return await sessions(control) == 0


async def test_a_lost_second_connection_is_a_lost_server(
    newest: Database, control: asyncpg.Connection
) -> None:
    async with Prober(chance=lambda: 0.0) as prober:
        heard = await started(prober, newest, SLOW, QUICK)
        await until(lambda: heard.lanes == [0, 1])
        pid = next(each.pid for each in heard.messages if isinstance(each, Attached) and each.lane == 1)
        await control.execute("SELECT pg_terminate_backend($1)", pid)
        await until(lambda: heard.unavailable)
        # Started again: both connections are there once more.
        await until(lambda: heard.lanes == [0, 1, 0, 1])
    await until(lambda: _gone(control))


async def test_two_connections_leave_nothing_behind(newest: Database, control: asyncpg.Connection) -> None:
    async with Prober() as prober:
        heard = await started(prober, newest, SLOW, QUICK)
        await until(lambda: heard.lanes == [0, 1])
    await until(lambda: _gone(control))
