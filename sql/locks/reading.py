"""Who waits for whose locks, and what sits on locks without waiting: sessions as values, edges by key.

pg_blocking_pids says who is in the way; pg_locks says which of them hold what is waited for, and which only
wait before the waiter in the same queue. Without that difference forty updates of one row were a chain.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from sql.locks.modes import conflict, strongest
from sql.locks.targets import target

if TYPE_CHECKING:
    from sql.session import Session

Row: TypeAlias = Mapping[str, Any]
Fetch: TypeAlias = Callable[..., Awaitable[Sequence[Any]]]
"""Gives the rows of a statement by its name and arguments."""

AHEAD_NAMED = 4
IDLE_IN_TRANSACTION = ("idle in transaction", "idle in transaction (aborted)")


@dataclass(frozen=True)
class Wait:
    """The lock that a session waits for."""

    mode: str
    """As pg_locks says it: `ShareLock`."""
    target: str
    """What is locked, in words: `public.leads`, `a row of public.leads`, `advisory lock 42`."""
    since: datetime | None = None
    """14 and newer."""


@dataclass(frozen=True)
class Hold:
    """What a session has locked."""

    target: str
    """`public.leads`, `3 advisory locks`."""
    mode: str
    """The strongest mode, as pg_locks says it."""


@dataclass(frozen=True)
class LockSession:
    """A backend or a prepared transaction that waits, is waited for, or sits idle in a transaction."""

    key: str
    """Pid and backend_start, or the prepared transaction's id: what it is known by through every reading."""
    pid: int | None
    """None: a prepared transaction."""
    backend_start: datetime | None = None
    """None also where it is hidden from us."""
    query_start: datetime | None = None
    xact_start: datetime | None = None
    """Of a prepared transaction: when it was prepared."""
    state_change: datetime | None = None
    user: str = ""
    application: str = ""
    client: str = ""
    database: str = ""
    kind: str = ""
    """backend_type; empty where it is hidden from us."""
    state: str = ""
    query: str = ""
    """Its last statement, cut; empty where it is hidden from us or may hold a secret."""
    wrote: bool = False
    """It has a transaction id: ending it undoes something."""
    gid: str = ""
    """Of a prepared transaction."""
    wait: Wait | None = None
    blockers: tuple[str, ...] = ()
    """Keys of those that hold what it waits for."""
    ahead: tuple[str, ...] = ()
    """Keys of those that wait for the same before it, and would not let it pass; where somebody holds it, the
    first few."""
    before: int = 0
    """How many wait for the same before it."""
    holds: tuple[Hold, ...] = ()
    held: int = 0
    """How many things it has locked; more than `holds` where those were cut."""
    own: bool = False
    """It is pgdeck's."""
    may_signal: bool = False
    of_superuser: bool = False

    @property
    def hidden(self) -> bool:
        """Whether what it does cannot be seen."""
        return self.pid is not None and self.backend_start is None

    @property
    def idle_in_transaction(self) -> bool:
        """Whether it does nothing, and keeps what it has locked."""
        return self.state in IDLE_IN_TRANSACTION

    @property
    def parents(self) -> tuple[str, ...]:
        """Who must end for it to go on: the holders, or where there are none, who waits before it."""
        return self.blockers or self.ahead


@dataclass(frozen=True)
class LocksSnapshot:
    """Everybody who waits, everybody who is waited for, everybody who is idle in a transaction."""

    taken_at: datetime = field(compare=False)
    sessions: tuple[LockSession, ...]
    server_time: datetime = field(compare=False)
    """The server's clock when this was taken: ages are counted by it."""


@dataclass(frozen=True)
class Queue:
    """Who waits behind whom, by pid; 0 and the transaction id stand for a prepared transaction."""

    waits: Mapping[int, Wait]
    holders: Mapping[int, tuple[int | str, ...]]
    """Who holds what a pid waits for; a text is the transaction id of a prepared transaction."""
    ahead: Mapping[int, tuple[int, ...]]
    before: Mapping[int, int]

    @property
    def pids(self) -> list[int]:
        """Everybody who waits or is waited for."""
        named = (one for many in (*self.holders.values(), *self.ahead.values()) for one in many)
        return sorted({*self.waits, *(one for one in named if isinstance(one, int))})


async def read_locks(session: Session) -> LocksSnapshot:
    """The blocking forest and the idle transactions of the whole server.

    Raises:
        ReadingError: something may not be read, or a time limit ran out.
        SessionError: the connection is lost.
    """
    return await look(session.fetch)


async def look(fetch: Fetch) -> LocksSnapshot:
    """The same over anything that can fetch a statement.

    Raises:
        What `fetch` raises.
    """
    queue = await read_queue(fetch)
    activity = await fetch("locks_sessions", queue.pids)
    prepared = await fetch("locks_prepared")
    blocking = [pid for pid in queue.pids if pid not in queue.waits]
    idle = [row["pid"] for row in activity if row["state"] in IDLE_IN_TRANSACTION]
    wanted, xids = sorted({*blocking, *idle, *queue.waits}), [row["xid"] for row in prepared]
    held = await fetch("locks_held", wanted, xids) if wanted or xids else []
    now = next((row["server_time"] for row in (*activity, *prepared)), None)
    return LocksSnapshot(
        datetime.now(UTC), sessions(queue, activity, prepared, held), now or datetime.now(UTC)
    )


async def read_queue(fetch: Fetch) -> Queue:
    """Who waits for locks, and behind whom: one statement, which asks for no backend that does not wait.

    Raises:
        What `fetch` raises.
    """
    rows = await fetch("locks_waits")
    # One that was let through between the two looks of the statement waits for nobody.
    waiting = [row for row in rows if row["blockers"]]
    holders = {row["pid"]: _holders(row) for row in waiting}
    ahead = {row["pid"]: _ahead(row, holders[row["pid"]]) for row in waiting}
    # In a queue of hundreds everybody is after everybody: where somebody holds it, the first few are enough.
    named = {pid: found[:AHEAD_NAMED] if holders[pid] else found for pid, found in ahead.items()}
    waits = {row["pid"]: _wait(row) for row in waiting}
    return Queue(waits, holders, named, {pid: len(found) for pid, found in ahead.items()})


def sessions(
    queue: Queue, activity: Iterable[Row], prepared: Iterable[Row], held: Iterable[Row]
) -> tuple[LockSession, ...]:
    """The rows of the four statements as sessions, with edges between those that are there."""
    rows = {row["pid"]: row for row in activity}
    leaders = {pid: row["leader_pid"] or pid for pid, row in rows.items()}
    holds: dict[int | str, list[Row]] = {}
    for row in held:
        holds.setdefault(row["xid"] if row["pid"] is None else row["pid"], []).append(row)
    found: dict[int | str, LockSession] = {
        pid: _session(row) for pid, row in rows.items() if leaders[pid] not in rows or leaders[pid] == pid
    }
    found |= {row["xid"]: _prepared(row) for row in prepared}
    for pid, wait in queue.waits.items():
        waiter = leaders.get(pid, pid)
        if waiter in found:
            found[waiter] = replace(
                found[waiter],
                wait=wait,
                blockers=_keys(found, leaders, queue.holders[pid], waiter),
                ahead=_keys(found, leaders, queue.ahead[pid], waiter),
                before=queue.before[pid],
            )
    told = (_holding(one, holds.get(name, [])) for name, one in found.items())
    return tuple(sorted(told, key=lambda one: (one.pid is None, one.pid or 0, one.key)))


def _keys(
    found: Mapping[int | str, LockSession],
    leaders: Mapping[int, int],
    names: Iterable[int | str],
    waiter: int,
) -> tuple[str, ...]:
    """Keys of the sessions by these names; a worker stands for its leader, one that is gone is left out."""
    known = dict.fromkeys(leaders.get(name, name) if isinstance(name, int) else name for name in names)
    return tuple(found[name].key for name in known if name in found and name != waiter)


def _holders(row: Row) -> tuple[int | str, ...]:
    """Those of the blockers that hold what is waited for, in a mode that conflicts."""
    blockers = frozenset(row["blockers"])
    found: dict[int | str, None] = {}
    for pid, mode, xid in zip(row["holder_pids"], row["holder_modes"], row["prepared_xids"], strict=True):
        holder = pid or xid
        if pid in blockers and holder is not None and conflict(row["mode"], mode):
            found[holder] = None
    return tuple(found)


def _ahead(row: Row, holders: tuple[int | str, ...]) -> tuple[int, ...]:
    return tuple(pid for pid in row["blockers"] if pid and pid not in holders)


def _wait(row: Row) -> Wait:
    return Wait(row["mode"], target(row), row["wait_start"])


def _session(row: Row) -> LockSession:
    from sql.steps.scribe import foreign_query

    start = row["backend_start"]
    return LockSession(
        key=f"{row['pid']}@{start.isoformat() if start else 'hidden'}",
        pid=row["pid"],
        backend_start=start,
        query_start=row["query_start"],
        xact_start=row["xact_start"],
        state_change=row["state_change"],
        user=row["user"] or "",
        application=row["application"] or "",
        client=row["client"] or "",
        database=row["database"] or "",
        kind=row["backend_type"] or "",
        state=row["state"] or "",
        query=foreign_query(row["query"]) if start else "",
        wrote=bool(row["wrote"]),
        own=bool(row["own"]),
        may_signal=bool(row["may_signal"]),
        of_superuser=bool(row["of_superuser"]),
    )


def _prepared(row: Row) -> LockSession:
    return LockSession(
        key=f"prepared {row['xid']}",
        pid=None,
        xact_start=row["prepared"],
        user=row["owner"] or "",
        database=row["database"] or "",
        kind="prepared transaction",
        state="prepared",
        wrote=True,
        gid=row["gid"],
        may_signal=bool(row["may_end"]),
    )


def _holding(session: LockSession, rows: Sequence[Row]) -> LockSession:
    if not rows:
        return session
    return replace(session, holds=tuple(map(_hold, rows)), held=rows[0]["total"])


def _hold(row: Row) -> Hold:
    if row["locktype"] == "advisory":
        number = row["number"]
        return Hold(f"{number} advisory lock{'s' if number > 1 else ''}", strongest(row["modes"]))
    return Hold(
        row["relation"] or f"table {row['relation_oid']} of another database", strongest(row["modes"])
    )
