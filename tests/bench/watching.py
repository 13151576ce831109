"""What watching costs: the terminal, this machine, the server; and how the program ends."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Figure, Goal
from tests.bench.setting import Setting
from tests.bench.terminal import Terminal
from tests.servers import Database

SETTLE_S = 8.0
WATCH_S = 25.0
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
    statements_s: float
    execution_ms_s: float
    sessions: int
    exit_ms: float
    restored: bool
    left_over: int


def costs(setting: Setting) -> Iterator[Figure]:
    """A deck on a server that does nothing else, without probes and with, beside pg_activity."""
    deck = _watched(setting, [*setting.pgdeck, "small"], "READY", "deck")
    reference = _watched(setting, setting.reference, "RUNNING QUERIES", "reference")
    probed = _watched(setting, [*setting.pgdeck, "probed"], "READY", "deck")
    yield Figure("deck: bytes, nothing changes", deck.bytes_s, "B/s", 200, 50)
    for metric, ours, theirs, unit, must, aim in (
        ("terminal, with probes", probed.bytes_s, reference.bytes_s, "B/s", 1.0, 0.5),
        ("CPU, no probes", deck.cpu_percent, reference.cpu_percent, "%", 12, 3),
        ("CPU, with probes", probed.cpu_percent, reference.cpu_percent, "%", 12, 3),
        ("server, statements", deck.statements_s, reference.statements_s, "/s", 1.0, 0.3),
        ("server, execution", deck.execution_ms_s, reference.execution_ms_s, "ms/s", 1.0, 0.3),
    ):
        yield Figure(f"deck: {metric}", ours, unit, must, aim, Goal.RATIO, "pg_activity", theirs)
    yield Figure("deck: sessions on the server", probed.sessions, "", 3, 2)
    yield Figure("deck: exit", probed.exit_ms, "ms", 500, 200)
    yield Figure("deck: processes that stay", probed.left_over, "", 0, 0)
    yield Figure("deck: terminal not restored", float(not probed.restored), "", 0, 0)


def _watched(setting: Setting, command: Sequence[str], ready: str, role: str) -> Watched:
    with Terminal(command, variables=setting.environment) as terminal:
        terminal.until(ready)
        terminal.drain_for(SETTLE_S)
        asyncio.run(_server_cost(setting, role, reset=True))
        begun, written, cpu_before = time.perf_counter(), terminal.bytes, _cpu_s(terminal.pid)
        terminal.drain_for(WATCH_S)
        written = terminal.bytes - written
        cpu_s = _cpu_s(terminal.pid) - cpu_before
        seconds = time.perf_counter() - begun
        calls, execution_ms, sessions = asyncio.run(_server_cost(setting, role))
        family = _family(terminal.pid)
        exit_ms = terminal.until_ended("q")
        return Watched(
            bytes_s=written / seconds,
            cpu_percent=cpu_s / seconds * 100,
            statements_s=calls / seconds,
            execution_ms_s=execution_ms / seconds,
            sessions=sessions,
            exit_ms=exit_ms,
            restored=terminal.restored,
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
