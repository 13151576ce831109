"""How a connection that was there got lost, in words: from what the server said last, or from its silence."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from sql.errors import SessionError
from sql.farewell import Farewell

GOODBYES: Mapping[str, str] = {
    "57P02": "a process of the server crashed, and the server restarts",
    "57P03": "the server is starting up or shutting down",
    "57P04": "the database was dropped",
    "57P05": "the server ends sessions that are idle for so long (idle_session_timeout)",
    "25P03": "the server ended a transaction that was idle (idle_in_transaction_session_timeout)",
    "25P04": "the server ended a transaction that took too long (transaction_timeout)",
    "40001": "the standby ended our session, which was in the way of its recovery",
}
"""By SQLSTATE of the FATAL error with which a session ends (errcodes.txt, postgres.c)."""


QUEUED = "query_wait_timeout"
"""How PgBouncer calls the end of a wait for a server connection (objects.c)."""
FULL_POOL = "the pooler had no server connection for us in time: its pool is full, or its server is down"


def lost(
    error: BaseException,
    *,
    gave_up_after_s: float | None = None,
    pooled: bool = False,
    farewell: Farewell | None = None,
) -> SessionError:
    """The error of a session that is gone, with one clause that says why; holds nothing of what was sent.

    Args:
        gave_up_after_s: how long the server said nothing, where we hung up for that.
        pooled: a pooler stands in between, in which we may have queued.
        farewell: what was overheard: asyncpg hands on what the server said only where a statement was under
            way.
    """
    if gave_up_after_s is not None or isinstance(error, TimeoutError):
        limit = "in time" if gave_up_after_s is None else f"within {gave_up_after_s:g} s"
        queued = "the pooler's pool is full, " if pooled else ""
        return SessionError(f"no answer {limit}: {queued}the server is frozen, or the network swallows all")
    said: BaseException | None = error
    if isinstance(error, asyncpg.ConnectionDoesNotExistError):
        # The driver's own exception for a connection that ended while a statement ran.
        said = error.__cause__
    if not isinstance(said, asyncpg.PostgresError):
        if farewell is not None and farewell.sqlstate:
            return _goodbye(farewell.sqlstate, farewell.said)
        return SessionError("the connection broke without a word: the server ended it, or the network did")
    state = said.sqlstate or ""
    if QUEUED in str(said):
        return SessionError(FULL_POOL, sqlstate=state)
    return _goodbye(state, str(said.args[0]) if said.args else type(said).__name__)


def _goodbye(state: str, said: str) -> SessionError:
    words = GOODBYES.get(state)
    if words is not None:
        return SessionError(f"{words} ({state})", sqlstate=state)
    why = said.removeprefix("terminating connection ")
    return SessionError(f"the server ended our session ({state}): {why}", sqlstate=state)
