from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from profiles.secret import Secret
from sql.findings import ProbeFinding
from sql.latency.child import start_child
from sql.latency.orders import Order, decode_order, encode_order
from sql.latency.prober import WINDOW_S, Prober
from sql.snapshots import ProbesSnapshot, Unavailable
from tests.servers import Database
from tests.sql.holding import open_transaction
from tests.sql.latency.targets import DASHBOARD, SCHEMA, probe, profile
from tests.waiting import until

PROBING = "application_name LIKE 'pgdeck probe%' AND datname = current_database()"
ROOT = Path(__file__).parents[3]


@pytest.fixture
async def leads(newest: Database) -> Database:
    await newest.execute(SCHEMA)
    return newest


@pytest.fixture
async def control(newest: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await newest.connect()
    yield connection
    connection.terminate()


class Heard(list[ProbesSnapshot | Unavailable]):
    """What a prober published."""

    @property
    def snapshots(self) -> list[ProbesSnapshot]:
        return [event for event in self if isinstance(event, ProbesSnapshot)]

    @property
    def unavailable(self) -> list[Unavailable]:
        return [event for event in self if isinstance(event, Unavailable)]

    def measured(self, samples: int = 1) -> bool:
        return bool(self.snapshots) and self.snapshots[-1].probes[0].samples >= samples


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def seen_by_others(pid: int | None) -> str:
    """Arguments and environment of a process."""
    return "".join(Path(f"/proc/{pid}/{file}").read_text(errors="replace") for file in ("cmdline", "environ"))


async def sessions(control: asyncpg.Connection) -> int:
    count: int = await control.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {PROBING}")
    return count


async def test_streams_snapshots_and_leaves_nothing_behind(
    leads: Database, control: asyncpg.Connection
) -> None:
    heard = Heard()
    async with Prober(chance=lambda: 0.0) as prober:
        await prober.start(profile(leads), None, (DASHBOARD,), heard.append)
        await until(lambda: heard.measured(5))
        pid = prober.pid
        assert pid is not None and alive(pid)
        reading = heard.snapshots[-1].probes[0]
        assert reading.finding is ProbeFinding.MET
        assert reading.plan is not None and reading.plan.uses_index
        assert reading.recent_ms
        assert await sessions(control) == 1
    assert not alive(pid)
    assert prober.pid is None
    await until(lambda: _none(control))


async def _none(control: asyncpg.Connection) -> bool:
    return await sessions(control) == 0


async def test_a_process_that_was_started_ahead_is_the_one_that_measures(leads: Database) -> None:
    heard = Heard()
    child = await start_child("sql.latency.prober", profile(leads))
    async with Prober(child, chance=lambda: 0.0) as prober:
        await prober.start(profile(leads), None, (DASHBOARD,), heard.append)
        await until(heard.measured)
        assert prober.pid == child.pid
    assert not alive(child.pid)


async def test_a_process_that_was_started_ahead_and_died_is_replaced(leads: Database) -> None:
    heard = Heard()
    child = await start_child("sql.latency.prober", profile(leads))
    os.kill(child.pid, signal.SIGKILL)
    await child.wait()
    async with Prober(child, chance=lambda: 0.0) as prober:
        await prober.start(profile(leads), None, (DASHBOARD,), heard.append)
        await until(heard.measured)
        assert prober.pid != child.pid


async def test_a_process_that_never_got_an_order_is_ended(leads: Database) -> None:
    child = await start_child("sql.latency.prober", profile(leads))
    async with Prober(child):
        assert alive(child.pid)
    assert not alive(child.pid)


async def test_another_window_is_published_at_once_from_the_same_samples(leads: Database) -> None:
    heard = Heard()
    async with Prober() as prober:
        await prober.start(profile(leads), None, (DASHBOARD,), heard.append)
        await until(lambda: heard.measured(10))
        assert heard.snapshots[-1].window_s == WINDOW_S
        before = heard.snapshots[-1].probes[0].samples
        prober.window(None)
        await until(lambda: heard.snapshots[-1].window_s is None)
        # Nothing was thrown away.
        assert heard.snapshots[-1].probes[0].samples >= before


async def test_while_a_lock_holds_a_probe_its_reading_says_how_long(leads: Database) -> None:
    heard = Heard()

    def waits() -> float | None:
        return heard.snapshots[-1].probes[0].waits_s

    async with Prober() as prober:
        await prober.start(profile(leads), None, (DASHBOARD,), heard.append)
        await until(heard.measured)
        async with open_transaction(leads, "LOCK TABLE leads"):
            await until(lambda: (waits() or 0.0) > 1.0)
        await until(lambda: waits() is None)


async def test_the_floor_of_the_connection_is_measured_beside(leads: Database) -> None:
    heard = Heard()
    async with Prober() as prober:
        await prober.start(profile(leads), None, (DASHBOARD,), heard.append)
        await until(lambda: heard.snapshots and heard.snapshots[-1].floor is not None)
        assert heard.snapshots[-1].floor.samples >= 1  # type: ignore[union-attr]


async def test_a_killed_prober_is_said_and_started_again(leads: Database) -> None:
    heard = Heard()
    async with Prober(chance=lambda: 0.0) as prober:
        await prober.start(profile(leads), None, (DASHBOARD,), heard.append)
        await until(heard.measured)
        first = prober.pid
        assert first is not None
        before = heard.snapshots[-1].probes[0].samples
        os.kill(first, signal.SIGKILL)
        await until(lambda: heard.unavailable)
        assert heard.unavailable[0].part == "probes"
        assert "SIGKILL" in heard.unavailable[0].reason
        # What was measured before is still in the window.
        await until(lambda: heard.measured(before + 1))
        assert prober.pid not in (None, first)


async def test_a_server_out_of_reach_is_said_and_not_hammered(
    leads: Database, control: asyncpg.Connection
) -> None:
    heard = Heard()
    async with Prober(chance=lambda: 0.0) as prober:
        await prober.start(profile(leads), None, (DASHBOARD,), heard.append)
        await until(heard.measured)
        await control.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {PROBING}")
        await until(lambda: heard.unavailable)
        assert "broke without a word" in heard.unavailable[0].reason or "57P01" in heard.unavailable[0].reason
        seen = len(heard.snapshots)
        await until(lambda: len(heard.snapshots) > seen)


async def test_a_refused_login_waits_long(newest: Database) -> None:
    from dataclasses import replace

    heard = Heard()
    nobody = replace(profile(newest), connection=newest.parameters("no_such_role"))
    async with Prober(chance=lambda: 0.0) as prober:
        await prober.start(nobody, None, (probe("SELECT 1"),), heard.append)
        await until(lambda: heard.unavailable)
        assert "60 s" in heard.unavailable[0].remedy


async def test_no_statement_while_paused(leads: Database, control: asyncpg.Connection) -> None:
    quiet = (
        f"SELECT true FROM pg_stat_activity WHERE {PROBING} AND state = 'idle'"
        " AND clock_timestamp() - query_start > interval '1 s'"
    )
    heard = Heard()
    async with Prober() as prober:
        await prober.start(profile(leads), None, (DASHBOARD,), heard.append)
        await until(heard.measured)
        prober.pause()
        # Ten periods without a statement, by the server's own clock.
        await until(lambda: control.fetchval(quiet))
        samples = heard.snapshots[-1].probes[0].samples
        prober.resume()
        await until(lambda: heard.measured(samples + 5))
        reading = heard.snapshots[-1].probes[0]
        assert reading.kept is not None and reading.kept > 0.8


async def test_a_running_probe_is_cancelled_when_the_deck_goes(
    newest: Database, control: asyncpg.Connection
) -> None:
    heard = Heard()
    sleeping = (
        f"SELECT true FROM pg_stat_activity WHERE {PROBING} AND query LIKE '%pg_sleep%' AND state = 'active'"
    )
    async with Prober() as prober:
        await prober.start(profile(newest), None, (probe("SELECT pg_sleep(9)"),), heard.append)
        await until(lambda: control.fetchval(sleeping))
    await until(lambda: _none(control))


DECK = """
import asyncio, sys
from sql.latency.prober import WINDOW_S, Prober
from tests.sql.latency.targets import probe
from profiles.model import EnvironmentClass, Profile
import json

async def main():
    parameters = json.loads(sys.argv[1])
    profile = Profile("test", EnvironmentClass.DEVELOPMENT, "none", connection=parameters)
    prober = Prober()
    await prober.start(profile, None, (probe("SELECT 1"),), lambda event: print(prober.pid, flush=True))
    await prober.wait()

asyncio.run(main())
"""


async def test_the_prober_dies_with_a_deck_that_is_killed(
    newest: Database, control: asyncpg.Connection
) -> None:
    command = [sys.executable, "-c", DECK, json.dumps(newest.parameters())]
    deck = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    assert deck.stdout is not None
    pid = int(await deck.stdout.readline())
    assert alive(pid)
    assert await sessions(control) == 1
    deck.kill()
    await deck.wait()
    await until(lambda: not alive(pid))
    await until(lambda: _none(control))


async def test_the_password_is_in_neither_argv_nor_environment(leads: Database) -> None:
    secret = "S3cr3t #/@:'\"ü\\"
    heard = Heard()
    async with Prober() as prober:
        await prober.start(profile(leads), Secret(secret), (DASHBOARD,), heard.append)
        await until(heard.measured)
        assert "sql.latency.prober" in seen_by_others(prober.pid)
        assert "S3cr3t" not in seen_by_others(prober.pid)


def test_an_order_survives_the_pipe(newest: Database) -> None:
    order = Order(
        profile(newest), Secret("ü'\"\n\\ #"), (DASHBOARD, probe("SELECT 'ü\n'")), '"$user", public', 7.5
    )
    line = encode_order(order)
    assert line.count(b"\n") == 1
    assert decode_order(line) == order


def test_the_prober_loads_no_drawing_and_no_parser() -> None:
    heavy = "('textual', 'rich', 'keyring', 'postgast', 'tui')"
    code = f"import sql.latency.probing, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_deck_loads_no_driver_before_it_has_painted() -> None:
    code = "import sql.latency.prober, sql.poller, sql.watch, sys; print('asyncpg' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


async def test_without_probes_there_is_an_empty_snapshot_and_no_process() -> None:
    from profiles.model import EnvironmentClass, Profile

    heard = Heard()
    async with Prober() as prober:
        await prober.start(Profile("x", EnvironmentClass.STAGING, "none"), None, (), heard.append)
        assert [snapshot.probes for snapshot in heard.snapshots] == [()]
        assert prober.pid is None


WITHOUT_UVLOOP = """
import sys
sys.modules["uvloop"] = None
from sql.latency.probing import loop_factory, main
assert loop_factory() is None
sys.exit(main())
"""


async def first_samples(order: Order, *command: str) -> None:
    """Let a prober's process measure until it says so, then end it as a deck that goes does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(encode_order(order))
    async with asyncio.timeout(20):
        while b'"Samples"' not in await process.stdout.readline():
            pass
        process.stdin.close()
        assert await process.wait() == 0


async def test_it_measures_with_the_loop_of_the_standard_library(leads: Database) -> None:
    await first_samples(Order(profile(leads), None, (DASHBOARD,)), "-c", WITHOUT_UVLOOP)


async def test_it_measures_with_uvloop_where_that_is_installed(leads: Database) -> None:
    uvloop = pytest.importorskip("uvloop")
    from sql.latency.probing import loop_factory

    assert loop_factory() is uvloop.new_event_loop
    await first_samples(Order(profile(leads), None, (DASHBOARD,)), "-m", "sql.latency.prober")


async def test_another_window_while_paused_counts_as_of_the_pause(leads: Database) -> None:
    heard = Heard()
    async with Prober() as prober:
        await prober.start(profile(leads), None, (DASHBOARD,), heard.append)
        await until(lambda: heard.measured(5))
        prober.pause()
        paused = len(heard.snapshots)
        prober.window(60.0)
        await until(lambda: heard.snapshots[-1].window_s == 60.0)
        prober.window(None)
        await until(lambda: heard.snapshots[-1].window_s is None)
        first, second = heard.snapshots[paused], heard.snapshots[-1]
        assert first.clock == second.clock
