"""Cancels or terminates a backend, only the one that was meant, and looks whether it worked.

Pids are used again, and a backend goes on to its next statement: who is meant is said by pid, backend_start
and, for a cancel, query_start (DISC-10).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import asyncpg

from sql.statements import OLDEST_SUPPORTED, statement
from sql.steps.blockers import Blocker
from sql.steps.journal import Event
from sql.steps.scribe import Scribe, foreign_query

EFFECT_WAIT_S = 5.0
_POLL_S = 0.05


class Signal(StrEnum):
    """What is sent."""

    CANCEL = "cancel"
    """Ends the statement (pg_cancel_backend)."""
    TERMINATE = "terminate"
    """Ends the session (pg_terminate_backend)."""


@dataclass(frozen=True)
class Target:
    """The backend that is meant."""

    pid: int
    backend_start: datetime
    query_start: datetime | None = None
    """Of the statement that is meant; None: whichever it runs."""
    work: tuple[datetime, datetime | None] | None = None
    """When the transaction that is meant began, and its statement; None: whatever it does."""


@dataclass(frozen=True)
class SignalResult:
    """What came of it."""

    sent: bool
    effective: bool
    """The statement, or the session, has ended."""
    sentence: str


async def send(
    connection: asyncpg.Connection, signal: Signal, target: Target, *, wait_s: float = EFFECT_WAIT_S
) -> SignalResult:
    """Send a signal to the backend that was meant, and wait for its effect.

    Raises:
        asyncpg.InterfaceError, OSError: the connection is lost.
    """
    refused = _refusal(signal, target, await _backend(connection, target.pid))
    if refused:
        return SignalResult(False, False, refused)
    try:
        sent = await connection.fetchval(statement(f"run_{signal}", OLDEST_SUPPORTED), *_meant(target))
    except asyncpg.InsufficientPrivilegeError as error:
        return SignalResult(False, False, f"not allowed to {signal} pid {target.pid} ({error.args[0]})")
    if not sent:
        return SignalResult(False, False, f"pid {target.pid} had already gone on; nothing was sent")
    effective = await _takes_effect(connection, signal, target, wait_s)
    done = "its statement ended" if signal is Signal.CANCEL else "its session ended"
    sentence = done if effective else f"it was told to, and has not ended within {wait_s:g} s"
    return SignalResult(True, effective, f"pid {target.pid}: {sentence}")


def text_of(signal: Signal, pid: int | None) -> str:
    """What is sent, as the operator and the journal are told it."""
    return f"SELECT pg_{signal}_backend({pid})"


async def send_to_blocker(
    connection: asyncpg.Connection, signal: Signal, blocker: Blocker, scribe: Scribe
) -> SignalResult:
    """Send a signal to somebody else's backend; journalled before it is sent, and its effect afterwards.

    Raises:
        asyncpg.InterfaceError, OSError: the connection or the journal is lost.
    """
    if blocker.pid is None or blocker.backend_start is None:
        why = "which backend it is cannot be seen; the owner, or pg_read_all_stats, can see it"
        return SignalResult(False, False, why)
    query_start = blocker.query_start if signal is Signal.CANCEL else None
    work = (blocker.xact_start, blocker.query_start) if blocker.xact_start is not None else None
    target = Target(blocker.pid, blocker.backend_start, query_start, work)
    said: dict[str, Any] = {"signal": signal, "blocker": blocker.as_json()}
    sql = text_of(signal, blocker.pid)
    scribe.write(Event.CANCELLED, detail=said, sql=sql)
    result = await send(connection, signal, target)
    effect = {"sent": result.sent, "effective": result.effective, "sentence": result.sentence}
    scribe.write(Event.CANCELLED, detail={**said, "effect": effect}, sql=sql)
    return result


async def _backend(connection: asyncpg.Connection, pid: int) -> Any:
    return await connection.fetchrow(statement("run_backend", OLDEST_SUPPORTED), pid)


def _refusal(signal: Signal, target: Target, found: Any) -> str:
    """Why nothing is sent; empty where it may be."""
    if found is None:
        return f"pid {target.pid} is gone"
    if found["backend_start"] is None:
        return f"what pid {target.pid} does cannot be seen; pg_read_all_stats would show it"
    if found["backend_start"] != target.backend_start:
        return f"pid {target.pid} is another session by now"
    if signal is Signal.TERMINATE:
        # A build has one statement and several transactions, an application several statements in one.
        if (
            target.work is None
            or target.work[0] == found["xact_start"]
            or target.work[1] == found["query_start"]
        ):
            return ""
        return f"pid {target.pid} has ended its transaction by now: what it held is let go"
    if found["state"] in ("idle", "idle in transaction", "idle in transaction (aborted)"):
        return f"pid {target.pid} runs no statement ({found['state']}): there is nothing to cancel"
    if target.query_start is not None and found["query_start"] != target.query_start:
        return f"pid {target.pid} runs another statement by now ({foreign_query(found['query'])})"
    return ""


def _meant(target: Target) -> tuple[int, datetime, datetime | None]:
    return target.pid, target.backend_start, target.query_start


async def _takes_effect(
    connection: asyncpg.Connection, signal: Signal, target: Target, wait_s: float
) -> bool:
    before = await _backend(connection, target.pid)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while loop.time() < deadline:
        found = await _backend(connection, target.pid)
        if found is None or found["backend_start"] != target.backend_start:
            return True
        if signal is Signal.CANCEL and (
            found["state"] != "active" or found["query_start"] != before["query_start"]
        ):
            return True
        await asyncio.sleep(_POLL_S)
    return False
