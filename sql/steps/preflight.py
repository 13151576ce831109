"""What must be true before a step is sent: one builder, and nobody on the table whom it would run into."""

from __future__ import annotations

import asyncio

import asyncpg

from sql.quoting import table_name
from sql.statements import OLDEST_SUPPORTED, statement
from sql.steps import advisory, blockers
from sql.steps.blockers import Blocker
from sql.steps.catalog import index_of, read_end, read_index
from sql.steps.failure import Refused
from sql.steps.journal import Event
from sql.steps.patience import Patience, Stop
from sql.steps.scribe import Scribe
from sql.steps.step import IndexGone, Step, Verb

POLL_S = 0.25
TOLD_BY_NAME = frozenset(
    {Verb.DROP_INDEX, Verb.DROP_CONSTRAINT, Verb.VALIDATE_CONSTRAINT, Verb.ANALYZE, Verb.SET_MIGRATION}
)
"""Steps whose end is known without comparing definitions."""


class Stopped(Exception):
    """The operator stopped the run before anything was sent."""


async def become_builder(connection: asyncpg.Connection, step: Step, scribe: Scribe, stop: Stop) -> None:
    """Wait until no other pgdeck builds in this database, and be the one who does.

    Raises:
        Stopped: the operator did not want to wait.
    """
    told: int | None = None
    while not await advisory.try_lock(connection):
        other = await advisory.holder(connection)
        if other is not None and other.pid != told:
            told = other.pid
            sentence = f"one builder at a time: {other.application or 'pgdeck'} has its turn"
            tell_blocked(scribe, step, sentence, (other,))
        if await stop.within(POLL_S):
            raise Stopped


async def wait_for_table(
    connection: asyncpg.Connection, step: Step, scribe: Scribe, stop: Stop, patience: Patience
) -> None:
    """Wait until nobody builds, or runs DDL, on the step's table.

    A statement queued behind a concurrent build holds a snapshot: the build would wait for us and die of the
    deadlock (CIC-06, CIC-07). Autovacuum and VACUUM hold no such snapshot.

    Raises:
        Refused: somebody still does when patience has run out.
        Stopped: the operator did not want to wait.
    """
    table = table_name(step.table)
    if table is None:
        return
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience.table_s
    told: frozenset[int | None] = frozenset()
    while found := await _on_table(connection, *table):
        who = frozenset(blocker.pid for blocker in found)
        if who != told:
            told = who
            tell_blocked(scribe, step, f"somebody else is at work on {step.table}", found)
        if loop.time() > deadline:
            raise Refused(
                f"{found[0].sentence} holds {found[0].mode} on {step.table}; "
                f"nothing was sent after {patience.table_s:g} s of waiting"
            )
        if await stop.within(POLL_S):
            raise Stopped


async def already_there(connection: asyncpg.Connection, step: Step) -> str:
    """That the end is reached before anything is sent, a clause; empty: it is not, or only comparing tells.

    Raises:
        Refused: what was to be dropped as dead is alive.
    """
    if step.verb not in TOLD_BY_NAME:
        return ""
    index = index_of(step)
    if isinstance(step.end, IndexGone) and step.end.only_dead and index:
        found = await read_index(connection, *index)
        if found is not None and found.usable:
            raise Refused(f"{step.end.name} is valid by now, and was to be dropped as a dead leftover")
    end = await read_end(connection, step.end)
    return end.sentence if end.reached else ""


def tell_blocked(scribe: Scribe, step: Step, sentence: str, found: tuple[Blocker, ...]) -> None:
    """Journal whom the run waits for."""
    detail = {"sentence": sentence, "blockers": [blocker.as_json() for blocker in found]}
    scribe.note(Event.BLOCKED, step, detail)


async def _on_table(connection: asyncpg.Connection, schema: str, table: str) -> tuple[Blocker, ...]:
    rows = await connection.fetch(statement("run_table_locks", OLDEST_SUPPORTED), schema, table)
    at_work = [row for row in rows if not row["maintains"] and row["backend_type"] != "autovacuum worker"]
    return tuple(blockers.from_row(row) for row in at_work)
