"""Clears away what a failed or cancelled build of ours left, or says what is left and what mends it."""

from __future__ import annotations

import asyncio

import asyncpg

from sql.statements import OLDEST_SUPPORTED, statement
from sql.steps import ddl
from sql.steps.catalog import IndexState, read_index
from sql.steps.failure import DUPLICATE_TABLE, ConnectionLost, failure, is_lost
from sql.steps.journal import Event
from sql.steps.outcome import Ending
from sql.steps.patience import Patience
from sql.steps.scribe import Scribe
from sql.steps.step import IndexGone, IndexStands, Step
from sql.steps.watching import TimeRule, Watching

CLEANING = "cleaning up"
"""The phase that the journal gives to dropping a carcass."""


async def clear(
    connection: asyncpg.Connection,
    watching: Watching,
    step: Step,
    ending: Ending,
    scribe: Scribe,
    patience: Patience,
) -> str:
    """Drop the invalid index that this run made.

    Args:
        connection: idle, without time limits.
        watching: of that connection; knows what bore the name before the run.

    Returns:
        What is left, a sentence; empty: nothing.

    Raises:
        ConnectionLost: whether it is gone is not known.
        asyncpg.PostgresError, asyncpg.InterfaceError, OSError: the same.
    """
    end = step.end
    if not isinstance(end, IndexStands):
        return ""
    found = await read_index(connection, end.schema, end.name)
    if found is None or found.usable:
        return ""
    why_not = await _not_ours(connection, end, found, ending, watching)
    if why_not:
        return why_not
    told = await _drop(connection, watching, step, end, scribe, patience)
    found = await read_index(connection, end.schema, end.name)
    return _left(end, found, told) if found is not None else ""


def half_dropped(step: Step, found: IndexState | None) -> str:
    """What a DROP INDEX CONCURRENTLY left that was stopped half-way; empty: nothing."""
    if not isinstance(step.end, IndexGone) or found is None or found.usable:
        return ""
    how = "still there" if step.end.only_dead else "half dropped"
    return f"{step.end.name} is {how}, {found.flags}: queries do not use it; run {step.id} again to finish"


def not_cleared(step: Step, found: IndexState | None) -> str:
    """What is left where nothing was tried; empty: nothing is."""
    if found is None or found.usable:
        return ""
    return _left(step.end, found, "") if isinstance(step.end, IndexStands) else half_dropped(step, found)


async def _not_ours(
    connection: asyncpg.Connection, end: IndexStands, found: IndexState, ending: Ending, watching: Watching
) -> str:
    """Why it is not this run's to drop; empty where it is."""
    before = watching.index_before
    was_there = before is not None and before.oid == found.oid
    if was_there or ending.sqlstate == DUPLICATE_TABLE:
        return f"an invalid index {end.name} was there before; it was left alone"
    if found.kind != "i" or found.table != (end.schema, end.table):
        return f"the name {end.name} is borne by something else; it was left alone"
    rows = await connection.fetch(statement("run_table_locks", OLDEST_SUPPORTED), end.schema, end.table)
    others = [row["pid"] for row in rows if not row["maintains"] and row["pid"] != watching.pid]
    if others and watching.index_seen != found.oid:
        return f"an invalid index {end.name} is there, and pid {others[0]} may be building it; left alone"
    return ""


async def _drop(
    connection: asyncpg.Connection,
    watching: Watching,
    step: Step,
    end: IndexStands,
    scribe: Scribe,
    patience: Patience,
) -> str:
    """Drop it under a time limit; why that failed, or nothing. Stopping costs nothing: it is dead already."""
    sql = ddl.drop_index(end.schema, end.name)
    scribe.write(Event.PROGRESS, step, {"phase": CLEANING}, sql=sql)
    watching.stop.obey()
    rule = TimeRule(patience.cleanup_s)
    error = await watching.until_done(asyncio.ensure_future(_send(connection, sql)), rule)
    if error is None:
        return ""
    if is_lost(error, connection):
        raise ConnectionLost(type(error).__name__)
    return rule.fired or failure(error, watching.pid).sentence


async def _send(connection: asyncpg.Connection, sql: str) -> None:
    await (await connection.prepare(sql)).fetch()


def _left(end: IndexStands, found: IndexState, told: str) -> str:
    why = f" (dropping it: {told})" if told else ""
    alarm = "; being unique it STILL REJECTS WRITES" if found.unique and found.ready else ""
    return f"an invalid index {end.name} is left{why}{alarm}; drop-index:{end.name} mends it"
