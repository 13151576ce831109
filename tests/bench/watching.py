"""What watching costs: the terminal, this machine, the server; and how the program ends."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Figure, Goal
from tests.bench.load import load
from tests.bench.setting import Setting
from tests.bench.terminal import Terminal
from tests.servers import Database

ROUNDS = 3
SETTLE_S = 14.0
"""A deck measures faster until its first percentiles are there: FIRST_S of `sql.latency.sampler`."""
WATCH_S = 20.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
COST = """
SELECT sum(s.calls)::float8 AS calls, sum(s.total_exec_time) AS ms,
       (SELECT count(*) FROM pg_stat_activity a WHERE a.usename = $1) AS sessions
FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
WHERE r.rolname = $1 AND s.toplevel
"""


@dataclass(frozen=True)
class Watched:
    """Costs a second, and the end."""

    bytes_s: float
    cpu_percent: float
    pss_mb: float
    """Proportional set size of the program and its children."""
    statements_s: float
    execution_ms_s: float
    sessions: float
    exit_ms: float
    not_restored: float
    left_over: float
    """Processes."""


@dataclass(frozen=True)
class Program:
    """What is watched, until it shows `ready`, and as whom it logs in."""

    command: Sequence[str]
    ready: str
    role: str


def costs(setting: Setting) -> Iterator[Figure]:
    """A deck on an idle server, without and with probes, beside pg_activity and the least Textual app."""
    floor = Program([sys.executable, "-m", "tests.bench.floor"], r"value 20\.0", "nobody")
    programs = {**_decks(setting), "reference": _reference(setting), "floor": floor}
    found = _watched(setting, programs)
    deck, probed, reference, floor_app = (found[name] for name in ("deck", "probed", "reference", "floor"))
    beside = (Goal.RATIO, "pg_activity")
    yield Figure("terminal, no value changes", deck.bytes_s, "B/s", 200, 50)
    yield Figure("terminal, idle server", probed.bytes_s, "B/s", 1.0, 0.5, *beside, reference.bytes_s)
    yield Figure(
        "CPU", probed.cpu_percent, "%", 1.0, 1.0, Goal.RATIO, "the least Textual app", floor_app.cpu_percent
    )
    yield Figure("CPU", probed.cpu_percent, "%", float("inf"), 3, *beside, reference.cpu_percent)
    yield Figure(
        "CPU, without probes", deck.cpu_percent, "%", float("inf"), 3, *beside, reference.cpu_percent
    )
    yield Figure("memory (PSS)", probed.pss_mb, "MB", 1.75, 1.4, *beside, reference.pss_mb)
    yield Figure(
        "server: statements, without probes",
        deck.statements_s,
        "/s",
        1.0,
        0.3,
        *beside,
        reference.statements_s,
    )
    yield Figure(
        "server: execution, without probes",
        deck.execution_ms_s,
        "ms/s",
        1.0,
        0.3,
        *beside,
        reference.execution_ms_s,
    )
    yield Figure("server: sessions", probed.sessions, "", 3, 2)
    yield Figure("exit", probed.exit_ms, "ms", 500, 200)
    yield Figure("exit: processes that stay", probed.left_over, "", 0, 0)
    yield Figure("exit: terminal not restored", probed.not_restored, "", 0, 0)


def costs_under_load(setting: Setting) -> Iterator[Figure]:
    """The same server under 50 transactions a second."""
    programs = {"probed": _decks(setting)["probed"], "reference": _reference(setting)}
    with load(setting):
        found = _watched(setting, programs)
    deck, reference = found["probed"], found["reference"]
    beside = (Goal.RATIO, "pg_activity")
    yield Figure("terminal, at 50 tps", deck.bytes_s, "B/s", 1.0, 0.5, *beside, reference.bytes_s)
    yield Figure("CPU, at 50 tps", deck.cpu_percent, "%", float("inf"), 3, *beside, reference.cpu_percent)


def _decks(setting: Setting) -> dict[str, Program]:
    return {
        "deck": Program([*setting.pgdeck, "small"], "READY", "deck"),
        "probed": Program([*setting.pgdeck, "probed"], "READY", "deck"),
    }


def _reference(setting: Setting) -> Program:
    return Program(setting.reference, "RUNNING QUERIES", "reference")


def _watched(setting: Setting, programs: Mapping[str, Program]) -> dict[str, Watched]:
    """Each in turn, round after round; medians."""
    rounds: dict[str, list[Watched]] = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, program in programs.items():
            rounds[name].append(_watch(setting, program))
    return {name: _median(series) for name, series in rounds.items()}


def _median(series: Sequence[Watched]) -> Watched:
    names = vars(series[0])
    return Watched(**{name: statistics.median(vars(each)[name] for each in series) for name in names})


def _watch(setting: Setting, program: Program) -> Watched:
    with Terminal(program.command, variables=setting.environment) as terminal:
        terminal.until(program.ready)
        terminal.drain_for(SETTLE_S)
        asyncio.run(_server_cost(setting, program.role, reset=True))
        begun, written, cpu_before = time.perf_counter(), terminal.bytes, _cpu_s(terminal.pid)
        terminal.drain_for(WATCH_S)
        written = terminal.bytes - written
        cpu_s = _cpu_s(terminal.pid) - cpu_before
        seconds = time.perf_counter() - begun
        calls, execution_ms, sessions = asyncio.run(_server_cost(setting, program.role))
        family = _family(terminal.pid)
        pss_mb = sum(map(_pss_mb, family))
        exit_ms = terminal.until_ended("q")
        return Watched(
            bytes_s=written / seconds,
            cpu_percent=cpu_s / seconds * 100,
            pss_mb=pss_mb,
            statements_s=calls / seconds,
            execution_ms_s=execution_ms / seconds,
            sessions=sessions,
            exit_ms=exit_ms,
            not_restored=float(not terminal.restored),
            left_over=sum(1 for pid in family[1:] if Path(f"/proc/{pid}").exists()),
        )


async def _server_cost(setting: Setting, role: str, *, reset: bool = False) -> tuple[float, float, int]:
    """Statements, ms of execution and sessions of a role since the last reset."""
    connection = await Database(setting.cluster, 18, "postgres").connect()
    try:
        row = await connection.fetchrow(COST, role)
        if reset:
            await connection.execute("SELECT pg_stat_statements_reset()")
        return row["calls"] or 0.0, row["ms"] or 0.0, row["sessions"]
    finally:
        await connection.close()


def _family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            found += map(int, children.read_text().split())
    return found


def _cpu_s(pid: int) -> float:
    """CPU time of a process and its descendants, ended ones that were collected included."""
    total = 0
    for each in _family(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))
    return total * TICK_S


def _pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
