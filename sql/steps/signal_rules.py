"""What a cancel or a terminate would do to a session that stands in the way, and why it may not be sent."""

from __future__ import annotations

import re

from sql.locks.reading import LockSession
from sql.quoting import literal
from sql.steps.signals import Signal

IDLE = ("idle", "idle in transaction", "idle in transaction (aborted)")
_BUILDS = re.compile(
    r"\s*(create\s+(unique\s+)?index\s+concurrently|reindex\b.*\bconcurrently)\b", re.I | re.S
)
"""Builds that leave an INVALID index where they are stopped."""
_CLIENT = "client backend"


def why_not(session: LockSession, signal: Signal) -> str:
    """Why it is not sent, with what would help; empty where it may be."""
    if session.pid is None:
        return f"a prepared transaction has no session to {signal}; y copies {rollback_prepared(session)}"
    if session.application.startswith("pgdeck run"):
        return "it is a run of pgdeck: u lists the runs, and cancels them with their clean-up"
    if session.own:
        return "it is a session of pgdeck: it ends with the pgdeck that opened it"
    if session.kind == "startup":
        # An auxiliary process is not in the array of backends: pg_terminate_backend would not find it.
        return (
            "it is the startup process, which replays a lock of the primary: no signal reaches it;"
            " the lock goes with the primary's transaction"
        )
    if session.hidden:
        return (
            f"what pid {session.pid} does is hidden from this role, so it cannot be told from another session"
            " with that pid; GRANT pg_read_all_stats shows it"
        )
    if not session.may_signal:
        return _privilege(session)
    if signal is Signal.CANCEL and session.state in IDLE:
        return f"nothing to cancel ({session.state}): only t, terminate, ends it"
    return ""


def _privilege(session: LockSession) -> str:
    if session.of_superuser:
        return f"it belongs to a superuser ({session.user}): only a superuser may signal it"
    if session.kind != _CLIENT:
        remedy = "superuser (or 18 and newer pg_signal_autovacuum_worker)"
        return f"it is {_article(session.kind)}: only a {remedy} may signal it"
    return f"this role may not signal sessions of {session.user}; GRANT pg_signal_backend allows it"


def what_happens(session: LockSession, signal: Signal) -> str:
    """What it would do, in a sentence without a full stop."""
    if session.kind == "autovacuum worker":
        again = "; this one prevents wraparound and starts again at once: better let it finish"
        wraparound = again if "to prevent wraparound" in session.query else " and is tried again later"
        return f"the worker gives up this table{wraparound}"
    if session.kind and session.kind != _CLIENT:
        return f"it is {_article(session.kind)}, not a client: know what depends on it first"
    if signal is Signal.CANCEL:
        left = "; the index that it builds stays behind INVALID" if _builds(session) else ""
        return (
            "its statement ends with an error, its transaction is rolled back (to the last SAVEPOINT, if any)"
            f" and lets its locks go; its session stays{left}"
        )
    lost = "what it wrote is rolled back" if session.wrote else "it has written nothing yet"
    left = "; the index that it builds stays behind INVALID" if _builds(session) else ""
    return f"its connection breaks, {lost}, and all its locks go{left}"


def rollback_prepared(session: LockSession) -> str:
    """The statement that ends a prepared transaction; COMMIT PREPARED would keep what it did."""
    return f"ROLLBACK PREPARED {literal(session.gid)}"


def who(session: LockSession) -> str:
    """Who it is: `pid 4711 (sales_app, sales-api, 10.0.0.7)`."""
    if session.pid is None:
        return f"prepared transaction {session.gid!r} of {session.user}"
    known = [part for part in (session.user, session.application, session.client) if part]
    return f"pid {session.pid}" + (f" ({', '.join(known)})" if known else "")


def _builds(session: LockSession) -> bool:
    return session.state == "active" and _BUILDS.match(session.query) is not None


def _article(kind: str) -> str:
    return f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind}" if kind else "a process of the server"
