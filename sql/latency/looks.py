"""One look at the backends that run a slow probe: what they do, for whom they wait, what else goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

from sql.errors import ReadingError
from sql.latency.evidence import Cause, LockWait, Others
from sql.quoting import qualified
from sql.steps.blockers import from_row

if TYPE_CHECKING:
    from sql.session import Session

Row: TypeAlias = Mapping[str, Any]

NO_WAIT = "no wait event"
IDLE = "idle"
WORKING = frozenset(("active", "fastpath function call", "disabled"))
"""States of a backend that has a statement; `disabled`: track_activities is off."""
WAL_LOCKS = ("WAL", "Checkpoint", "ControlFile")
"""How the names of the LWLocks begin that belong to writing WAL and to checkpoints (lwlocklist.h)."""
WAL_WAITS = frozenset(("CheckpointStart", "CheckpointDone", "SyncRep"))
MOST_BLOCKERS = 20
"""Of those in the way that a look tells of; of further ones it tells how many."""


@dataclass(frozen=True)
class Look:
    """A backend at one moment."""

    at: float
    """By the samples' clock: halfway between question and answer."""
    pid: int
    doing: str
    cause: Cause
    others: Others
    application: str = ""
    """By which of the names that were asked for it was found."""
    query_ms: float | None = None
    """Since it got its newest statement, by its own clock; None where that is hidden."""
    query_id: int | None = None
    """pg_stat_statements' id (14 and newer, where ids are computed)."""
    lock: LockWait | None = None
    unseen: str = ""
    """What this look could not see, and what would show it."""
    answered_ms: float | None = None
    """How long the server took to answer it; None where it had to wait for its turn."""


async def look(
    session: Session, pids: Sequence[int], applications: Sequence[str] = (), *, known: Collection[int] = ()
) -> tuple[Look, ...]:
    """Look once at the backends that measure; those that are gone are left out.

    Args:
        pids: of the backends.
        applications: behind a pooler, the application_names by which they are found.
        known: pids of whose lock enough is known: asking for blockers stops the whole lock manager for a
            moment (PRG-04).

    Raises:
        ReadingError, SessionError: as `Session.fetch`.
    """
    asked, busy = perf_counter(), session.busy
    rows: list[Row] = await session.fetch("incident_look", ",".join(map(str, pids)), ",".join(applications))
    answered = perf_counter()
    at = (asked + answered) / 2
    took = None if busy else (answered - asked) * 1000
    others = _others(rows[0])
    found = []
    for row in rows:
        if row["pid"] is None or row["leader_pid"] is not None:
            continue
        doing, cause = _doing(row, [each for each in rows if each["leader_pid"] == row["pid"]])
        asks = cause is Cause.LOCK and row["pid"] not in known
        lock, unseen = await _lock(session, row["pid"]) if asks else (None, "")
        found.append(
            Look(
                at,
                row["pid"],
                doing,
                cause,
                others,
                row["application"],
                query_ms=row["query_ms"],
                query_id=row["query_id"],
                lock=lock,
                unseen=unseen,
                answered_ms=took,
            )
        )
    return tuple(found)


async def rehearse(session: Session) -> None:
    """Look at nobody: what a first look must read of the catalogs is read while nothing is slow.

    Raises:
        ReadingError, SessionError: as `Session.fetch`.
    """
    await session.fetch("incident_look", "0", "")
    await session.fetch("incident_blockers", 0, MOST_BLOCKERS)


def _doing(row: Row, workers: Sequence[Row]) -> tuple[str, Cause]:
    if row["state"] is None:
        return "hidden", Cause.UNKNOWN
    event, kind = row["wait_event"], row["wait_event_type"]
    if row["state"] not in WORKING or event == "ClientRead":
        return IDLE, Cause.NETWORK
    if kind == "IPC" and workers:
        # A leader that waits for its workers is as slow as they are.
        waits = Counter((each["wait_event_type"], each["wait_event"]) for each in workers)
        ((kind, event), _), *_ = waits.most_common(1)
    if kind is None:
        return NO_WAIT, Cause.CPU
    return f"{kind}/{event}", cause_of(kind, event)


def cause_of(kind: str, event: str) -> Cause:
    """To what a wait event belongs, by pg_stat_activity's wait_event_type and wait_event."""
    if event in WAL_WAITS or (kind in ("IO", "LWLock") and event.startswith(WAL_LOCKS)):
        return Cause.WAL
    if event.startswith("Aio"):
        return Cause.IO
    simple = {
        "Lock": Cause.LOCK,
        "IO": Cause.IO,
        "LWLock": Cause.CONTENTION,
        "BufferPin": Cause.CONTENTION,
        "Buffer": Cause.CONTENTION,
        "Client": Cause.NETWORK,
    }
    return simple.get(kind, Cause.OTHER)


async def _lock(session: Session, pid: int) -> tuple[LockWait | None, str]:
    """For which lock it waits; None where it does so no more."""
    try:
        rows: list[Row] = await session.fetch("incident_blockers", pid, MOST_BLOCKERS)
    except ReadingError as error:
        return None, f"who holds the lock: {error.reason}"
    first = next((row for row in rows if row["depth"] == 1 and row["locktype"] is not None), None)
    if first is None:
        return None, ""
    relation = None if first["relation"] is None else qualified(first["schema"], first["relation"])
    blockers = tuple(from_row(row) for row in rows)
    direct = sum(each.depth == 1 for each in blockers)
    hidden = [each.pid for each in blockers if each.pid is not None and each.user and not each.backend_type]
    return (
        LockWait(
            first["locktype"],
            first["wanted_mode"],
            relation,
            first["waited_ms"],
            blockers,
            left_out=first["in_the_way"] - len(blockers),
            direct_left_out=first["as_deep"] - direct,
        ),
        f"what pid {hidden[0]} does, for it is another role's: GRANT pg_read_all_stats shows it"
        if hidden
        else "",
    )


def _others(row: Row) -> Others:
    return Others(
        active=row["active"],
        longest_s=row["longest_s"],
        waiting_on_locks=row["waiting_on_locks"],
        waiting_on_io=row["waiting_on_io"],
        waiting_on_wal=row["waiting_on_wal"],
        autovacuums=row["autovacuums"],
        builds=row["builds"],
        checkpointing=row["checkpointing"],
        hidden=row["hidden"],
    )
