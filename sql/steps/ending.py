"""Ends what stands in the way: a cancel or a terminate for one session, and what became of those behind it.

Sent on a connection of its own; where the server is full, through the watching session. Journalled before it
is sent, after it took effect, and once more with what the queue did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import asyncpg

from profiles.locations import locations
from profiles.model import Profile
from profiles.secret import Secret
from sql.connect import Purpose, open_link
from sql.errors import ReadingError, SessionError
from sql.locks.reading import Fetch, LockSession, look
from sql.locks.tree import Forest
from sql.recognition import difference
from sql.session import Session
from sql.snapshots import ServerIdentity
from sql.statements import statement
from sql.steps.blockers import Blocker
from sql.steps.journal import Event, Journal
from sql.steps.launch import new_run_id
from sql.steps.monitor import make_watcher
from sql.steps.scribe import Scribe
from sql.steps.signal_rules import who
from sql.steps.signals import Signal, SignalResult, send_to_blocker, text_of
from sql.steps.watching import TROUBLE

T = TypeVar("T")
Ask: TypeAlias = Callable[[Callable[[Session], Awaitable[T]]], Awaitable[T]]
"""Lets a function use the watching session."""

QUEUE_WAIT_S = 5.0
"""How long those who waited are given to go on: the next in the queue must do its work first."""
_POLL_S = 0.1
_FREE_LOOKS = 2
"""Looks in a row that must find nobody waiting."""


@dataclass(frozen=True)
class Ended:
    """What came of it."""

    sent: bool
    effective: bool
    """The statement, or the session, has ended."""
    waited: int
    """How many waited behind it."""
    still_waiting: int
    """How many of them wait still, for others."""
    sentence: str


async def end(
    profile: Profile,
    password: Secret | None,
    signal: Signal,
    session: LockSession,
    ask: Ask[Ended] | None = None,
    *,
    watched: ServerIdentity | None = None,
    wait_s: float = QUEUE_WAIT_S,
) -> Ended:
    """Send a signal to the session that was confirmed, only to that one, and look what its queue does.

    Args:
        ask: the watching session, for a server that lets nobody in any more.
        watched: the server on which the session was seen; nothing is sent to another one.

    Raises:
        ConfigurationError, SessionError: there is no connection, it was lost, or goes to another server.
        OSError: the journal cannot be written; then nothing was sent.
    """
    try:
        link = await open_link(profile, password, Purpose.RUN)
    except SessionError as error:
        if error.stage != "limit" or ask is None:
            raise
        return await ask(lambda watching: _through(watching, profile, signal, session, wait_s))
    try:
        another = difference(watched, link.identity) if watched is not None else None
        if another is not None:
            raise SessionError(f"{another}; nothing was sent")
        await make_watcher(link.connection, "unblock")
        ending = _Ending(link.connection, link.identity, profile, session, wait_s)
        return await ending.go(signal)
    except TROUBLE as error:
        if isinstance(error, SessionError) or (isinstance(error, OSError) and error.errno is not None):
            raise
        raise SessionError(f"the connection was lost ({type(error).__name__})") from None
    finally:
        link.connection.terminate()


async def _through(
    watching: Session, profile: Profile, signal: Signal, session: LockSession, wait_s: float
) -> Ended:
    through: Any = _Through(watching)
    return await _Ending(through, watching.identity, profile, session, wait_s).go(signal)


class _Through:
    """The watching session, as the few calls of a connection that a signal needs."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def fetch(self, sql: str, *arguments: object) -> list[Any]:
        try:
            return await self._session.fetch_composed(sql, *arguments)
        except ReadingError as error:
            if error.sqlstate == asyncpg.InsufficientPrivilegeError.sqlstate:
                raise asyncpg.InsufficientPrivilegeError(error.reason) from None
            raise

    async def fetchrow(self, sql: str, *arguments: object) -> Any:
        return next(iter(await self.fetch(sql, *arguments)), None)

    async def fetchval(self, sql: str, *arguments: object) -> Any:
        row = await self.fetchrow(sql, *arguments)
        return None if row is None else row[0]


class _Ending:
    """One signal, on one connection."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        identity: ServerIdentity,
        profile: Profile,
        session: LockSession,
        wait_s: float,
    ) -> None:
        self._connection = connection
        self._identity = identity
        self._session = session
        self._wait_s = wait_s
        self._blocker = as_blocker(session)
        self._scribe = Scribe(Journal(locations().journal), profile, new_run_id(), identity=identity)

    async def go(self, signal: Signal) -> Ended:
        """Journal, send, look."""
        forest = await self._forest()
        behind = None if forest is None else forest.behind(self._session.key)
        waited = len(behind or ())
        sql = text_of(signal, self._session.pid)
        said = {"signal": signal, "blocker": self._blocker.as_json(), "waiting_behind": waited}
        await asyncio.to_thread(self._scribe.write, Event.CONFIRMED, detail=said, sql=sql)
        result = await send_to_blocker(self._connection, signal, self._blocker, self._scribe)
        if not result.sent:
            return Ended(False, False, waited, waited, result.sentence)
        ended = await self._look_after(behind, result)
        seen = {
            "reached": result.effective,
            "sentence": ended.sentence,
            "waited": ended.waited,
            "still_waiting": ended.still_waiting,
        }
        await asyncio.to_thread(self._scribe.write, Event.VERIFIED, detail={**said, **seen}, sql=sql)
        return ended

    @property
    def _fetch(self) -> Fetch:
        number = self._identity.version_num

        async def fetch(name: str, *arguments: object) -> list[Any]:
            rows: list[Any] = await self._connection.fetch(statement(name, number), *arguments)
            return rows

        return fetch

    async def _forest(self) -> Forest | None:
        """Who waits behind whom; None: the server is too busy with locks to say."""
        try:
            return Forest(await look(self._fetch))
        except (asyncpg.QueryCanceledError, ReadingError):
            return None

    async def _look_after(self, behind: frozenset[str] | None, result: SignalResult) -> Ended:
        """Whether those that waited go on; each lets the next one through only when it is done itself."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait_s
        waited, seen_free = len(behind or ()), 0
        waiting: set[str] | None = None if behind is None else set()
        forest: Forest | None = None
        while behind:
            forest = await self._forest()
            waiting = None if forest is None else _still(behind, forest)
            # From one lock of its queue to the next a session waits for nothing for an instant.
            seen_free = 0 if waiting is None or waiting else seen_free + 1
            if seen_free >= _FREE_LOOKS or (not seen_free and loop.time() >= deadline):
                break
            await asyncio.sleep(_POLL_S)
        sentence = result.sentence
        if waiting is None:
            sentence += "; what its queue does could not be read"
        elif behind and forest is not None:
            sentence += f"; {_queue(waited, waiting, forest)}"
        return Ended(True, result.effective, waited, waited if waiting is None else len(waiting), sentence)


def _still(behind: frozenset[str], forest: Forest) -> set[str]:
    """Who of them waits for a lock."""
    return {key for key in behind if (one := forest.session(key)) is not None and one.wait}


def _queue(number: int, waiting: set[str], forest: Forest) -> str:
    if not waiting:
        return "the one that waited behind it goes on" if number == 1 else f"all {number} behind it go on"
    roots = [root for root in forest.roots if waiting & forest.behind(root.key)]
    now = f", now for {who(roots[0])}" if roots else ""
    more = f" and {len(roots) - 1} more" if len(roots) > 1 else ""
    return f"of {number} behind it {len(waiting)} still wait{'s' if len(waiting) == 1 else ''}{now}{more}"


def session_of(blocker: Blocker) -> LockSession:
    """What those who signal know of a blocker, as a session; where nobody asked whether it may be signalled,
    the server will say."""
    start = blocker.backend_start
    return LockSession(
        key=f"{blocker.pid}@{start.isoformat() if start else 'hidden'}",
        pid=blocker.pid,
        backend_start=start,
        query_start=blocker.query_start,
        user=blocker.user or "",
        application=blocker.application or "",
        client=blocker.client or "",
        kind=blocker.backend_type or "",
        state=blocker.state or "",
        query=blocker.query,
        wrote=True,
        gid=blocker.gid or "",
        own=(blocker.application or "").startswith("pgdeck"),
        may_signal=blocker.may_signal is not False,
        of_superuser=blocker.of_superuser,
    )


def as_blocker(session: LockSession) -> Blocker:
    """The session as those who signal know it."""
    return Blocker(
        pid=session.pid,
        backend_start=session.backend_start,
        query_start=session.query_start,
        xact_start=session.xact_start,
        user=session.user or None,
        application=session.application or None,
        client=session.client or None,
        backend_type=session.kind or None,
        state=session.state or None,
        query=session.query,
        gid=session.gid or None,
        of_superuser=session.of_superuser,
        may_signal=session.may_signal,
    )
