"""Watches a run from a second connection, opened before it begins: how far it is, and whom it waits for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from sql.statements import statement
from sql.steps import blockers
from sql.steps.blockers import Blocker
from sql.steps.catalog import IndexState, read_index

WATCH_SETTINGS: Mapping[str, str] = {
    "search_path": "pg_catalog",
    "statement_timeout": "2000",
    "lock_timeout": "1000",
    "idle_in_transaction_session_timeout": "10000",
    "default_transaction_read_only": "on",
    "client_min_messages": "warning",
    "TimeZone": "UTC",
    # Compiling takes longer than the looks: one that takes 0.3 s misses who held a lock for 0.5 s.
    "jit": "off",
}
"""In ms. A monitor must not be able to hurt."""
UNLIMITED = ("idle_session_timeout", "transaction_timeout")
"""Would end the monitor while it sits between two looks, where the server knows them."""

COUNTED_BY: Mapping[str, str] = {
    "waiting for writers before build": "lockers",
    "building index: scanning table": "blocks",
    "building index: loading tuples in tree": "tuples",
    "building index: merging tuples": "tuples",
    "building index": "blocks",
    "waiting for writers before validation": "lockers",
    "index validation: scanning index": "blocks",
    "index validation: scanning table": "blocks",
    "waiting for old snapshots": "lockers",
    "waiting for readers before marking dead": "lockers",
    "waiting for readers before dropping": "lockers",
}
"""Which counters mean something in a phase; in the others they are stale or never set (hazards 0.3)."""


@dataclass(frozen=True)
class RunProgress:
    """One look at a run."""

    phase: str | None
    """Verbatim from the progress view; None where there is none (DROP INDEX, VALIDATE, ALTER)."""
    percent: float | None
    """Of this phase, 0 to 100; None where PostgreSQL gives no denominator."""
    done: int | None
    total: int | None
    unit: str | None
    """`blocks`, `tuples` or `lockers`."""
    rate: float | None
    """Units a second, in this phase, since the look before."""
    remaining_s: float | None
    """Of this phase, at that rate."""
    elapsed_s: float
    """Since the statement began."""
    waits_for: tuple[Blocker, ...] = ()
    queued_behind: tuple[Blocker, ...] = ()
    """Who waits for us."""
    waiting_lock: str | None = None
    """The kind of lock that it waits for: `relation`, `virtualxid`, `transactionid` …"""
    index: IndexState | None = None
    state: str | None = None
    """Of the backend: `active`, `idle` …"""
    wait_event: str | None = None


class Monitor:
    """Looks at one backend."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        version_num: int,
        pid: int,
        backend_start: datetime,
        index: tuple[str, str] | None = None,
    ) -> None:
        """
        Args:
            index: schema and name of the index that the run makes or drops.
        """
        self.connection = connection
        self.pid = pid
        self.backend_start = backend_start
        self._version_num = version_num
        self._index = index
        self._before: tuple[str, int, float] | None = None

    async def look(self) -> RunProgress | None:
        """How it stands; None: the backend is gone.

        Raises:
            asyncpg.PostgresError, asyncpg.InterfaceError, OSError: the monitor's own connection is in
                trouble.
        """
        rows = await self._fetch("run_progress", self.pid)
        if not rows or rows[0]["backend_start"] not in (None, self.backend_start):
            return None
        waits = await self._fetch("run_waits", self.pid)
        blocked_by = await self._fetch("run_blockers", self.pid) if waits else []
        queue = await self._fetch("run_queue", self.pid)
        index = await self.read_index()
        return self._progress(rows[0], waits, blocked_by, queue, index)

    async def read_index(self) -> IndexState | None:
        """The index that the run makes or drops, as it is now."""
        return await read_index(self.connection, *self._index) if self._index else None

    async def _fetch(self, name: str, *arguments: object) -> list[Any]:
        rows: list[Any] = await self.connection.fetch(statement(name, self._version_num), *arguments)
        return rows

    def _progress(
        self, row: Any, waits: list[Any], blocked_by: list[Any], queue: list[Any], index: IndexState | None
    ) -> RunProgress:
        unit, done, total = _counted(row)
        rate = self._rate(row["phase"], done)
        left = total - done if done is not None and total is not None else None
        return RunProgress(
            phase=row["phase"],
            percent=percent(done, total),
            done=done,
            total=total,
            unit=unit,
            rate=rate,
            remaining_s=left / rate if left is not None and rate else None,
            elapsed_s=row["elapsed_s"] or 0.0,
            waits_for=tuple(blockers.from_row(blocker) for blocker in blocked_by),
            queued_behind=tuple(blockers.from_row(waiter) for waiter in queue),
            waiting_lock=waits[0]["locktype"] if waits else None,
            index=index,
            state=row["state"],
            wait_event=row["wait_event"],
        )

    def _rate(self, phase: str | None, done: int | None) -> float | None:
        before, now = self._before, time.monotonic()
        self._before = (phase, done, now) if phase is not None and done is not None else None
        if before is None or self._before is None or before[0] != phase or now <= before[2]:
            return None
        gained = self._before[1] - before[1]
        return gained / (now - before[2]) if gained > 0 else None


def percent(done: int | None, total: int | None) -> float | None:
    """Within 0 and 100, whatever the server counts; None without a denominator."""
    if done is None or not total:
        return None
    return min(100.0, max(0.0, 100.0 * done / total))


def _counted(row: Any) -> tuple[str | None, int | None, int | None]:
    unit = COUNTED_BY.get(row["phase"] or "")
    if unit is None:
        return None, None, None
    done, total = row[f"{unit}_done"], row[f"{unit}_total"]
    if not total or (row["phase"] == "building index" and done >= total):
        # Without sub-phases the scan ends long before the build does.
        return None, None, None
    return unit, done, total


async def make_watcher(connection: asyncpg.Connection, run: str) -> None:
    """Give a fresh connection the settings of a monitor."""
    for name, value in {**WATCH_SETTINGS, "application_name": f"pgdeck watch {run}"}.items():
        await connection.fetchval("SELECT set_config($1, $2, false)", name, value)
    await connection.fetch(
        "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = ANY ($1::text[])", list(UNLIMITED)
    )
