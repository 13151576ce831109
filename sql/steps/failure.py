"""A server's refusal as an ending: SQLSTATE and primary message, never a row's values."""

from __future__ import annotations

import re

import asyncpg

from sql.steps.outcome import Ending, Outcome

LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK = "40P01"
CANCELLED = "57014"
DUPLICATE_TABLE = "42P07"
NAME_CUT = "42622"
TRUTHS_IN_NOTICES = frozenset({DUPLICATE_TABLE, NAME_CUT, "42710", "42701"})
"""Said in a NOTICE, they mean that the statement did something else than it says."""
SESSION_ENDS = ("08", "57P01", "57P02", "57P03", "57P05", "25P03")
_NUMBER = re.compile(r"\d+")
_QUOTED = re.compile(r'"[^"]*"')


class ConnectionLost(Exception):
    """The connection broke while a statement was under way: how it went is not known yet."""


class Refused(Exception):
    """The step is not run, and nothing was changed: a sentence."""


class Misled(Exception):
    """The server did something else than the statement says; a sentence."""


def is_lost(error: BaseException, connection: asyncpg.Connection) -> bool:
    """Whether an error means that the connection, and not the statement, came to an end."""
    if connection.is_closed():
        return True
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(SESSION_ENDS)
    return isinstance(error, OSError | asyncpg.InterfaceError | asyncpg.InternalClientError)


def failure(error: BaseException, pid: int) -> Ending:
    """How a statement ended that the server refused.

    Args:
        pid: of the backend that ran it.
    """
    if isinstance(error, Refused):
        return Ending(Outcome.REFUSED, str(error))
    if not isinstance(error, asyncpg.PostgresError):
        text = str(error) if isinstance(error, Misled) else type(error).__name__
        return Ending(Outcome.FAILED, text)
    state = error.sqlstate or ""
    return Ending(Outcome.FAILED, f"{primary(error)} ({state}){_whom(error, pid)}", state)


def primary(error: asyncpg.PostgresError) -> str:
    """The primary message; values that it quotes (class 22, data exceptions) are left out."""
    said = str(error.args[0]) if error.args else type(error).__name__
    return _QUOTED.sub('"…"', said) if (error.sqlstate or "").startswith("22") else said


def _whom(error: asyncpg.PostgresError, pid: int) -> str:
    if error.sqlstate != DEADLOCK:
        return ""
    others = deadlock_pids(getattr(error, "detail", None) or "", pid)
    who = f" with pid {', '.join(map(str, others))}" if others else ""
    return f": concurrent DDL{who} and this step waited for each other, and the server ended this one"


def deadlock_pids(detail: str, pid: int) -> list[int]:
    """The other processes of a deadlock, from its DETAIL in whatever language it is.

    A line is "Process 1 waits for …; blocked by process 2.": the first number waits for the last one.
    """
    edges = [numbers for line in detail.splitlines() if len(numbers := _NUMBER.findall(line)) >= 2]
    found = dict.fromkeys(int(number) for edge in edges for number in (edge[-1], edge[0]))
    return [other for other in found if other != pid]
