"""When the server wrote a checkpoint: a common reason for a moment of slow answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sql.poller import Reading
    from sql.session import Session

PART = "checkpoints"
CHECKPOINTS_S = 10.0
BLIND_S = 60.0
"""What happened between two readings that are further apart has no time that is worth a mark."""


@dataclass(frozen=True)
class CheckpointsSnapshot:
    """The server's counters since `reset`; on a standby those of restartpoints."""

    taken_at: datetime = field(compare=False)
    timed: int
    requested: int
    buffers: int
    """Blocks written by checkpoints."""
    write_ms: float
    sync_ms: float
    reset: datetime | None


async def read_checkpoints(session: Session) -> CheckpointsSnapshot:
    """The counters as they are.

    Raises:
        ReadingError: the statistics may not be read.
        SessionError: the connection is lost.
    """
    row = (await session.fetch("checkpoints"))[0]
    return CheckpointsSnapshot(
        taken_at=datetime.now(UTC),
        timed=row["timed"],
        requested=row["requested"],
        buffers=row["buffers"],
        write_ms=row["write_ms"],
        sync_ms=row["sync_ms"],
        reset=row["stats_reset"],
    )


def checkpoints_reading() -> Reading:
    """For the poller: seldom enough to cost nothing, often enough for a time axis."""
    from sql.poller import Reading

    return Reading(PART, CHECKPOINTS_S, read_checkpoints)


class Checkpoints:
    """Tells from one reading to the next what happened; one that wrote nothing is not told."""

    def __init__(self) -> None:
        self._before: CheckpointsSnapshot | None = None
        self._cause = ""
        """Of a checkpoint that has begun; empty: none is known to go on."""
        self._told = False
        self._from = 0
        """`buffers` when it began."""

    def take(self, now: CheckpointsSnapshot) -> str:
        """What to say of the time since the reading before; empty: nothing."""
        before, self._before = self._before, now
        if before is None or _is_new_count(before, now):
            self._cause, self._told = "", False
            return ""
        began = _cause(before, now)
        if began and not self._cause:
            self._cause, self._told, self._from = began, False, before.buffers
        ended_ms = now.write_ms - before.write_ms + now.sync_ms - before.sync_ms
        if ended_ms > 0:
            wrote = now.buffers - (self._from if self._cause else before.buffers)
            cause, self._cause = self._cause or "begun before", ""
            told, self._told = self._told, False
            # Where one ended and the next began between two readings, the next is told when it ends.
            head = "checkpoint ended" if told else f"checkpoint ({cause})"
            return f"{head}: {wrote} buffers in {_span(ended_ms)}"
        if self._cause and not self._told and now.buffers > self._from:
            self._told = True
            return f"checkpoint ({self._cause}) began"
        return ""


def _span(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _is_new_count(before: CheckpointsSnapshot, now: CheckpointsSnapshot) -> bool:
    if before.reset != now.reset or now.taken_at - before.taken_at > timedelta(seconds=BLIND_S):
        return True
    pairs = ((before.timed, now.timed), (before.requested, now.requested), (before.buffers, now.buffers))
    return any(later < earlier for earlier, later in pairs) or now.write_ms < before.write_ms


def _cause(before: CheckpointsSnapshot, now: CheckpointsSnapshot) -> str:
    if now.requested > before.requested:
        return "requested"
    return "timed" if now.timed > before.timed else ""
