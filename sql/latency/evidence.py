"""What was seen of a slow run, and what that says of its cause: plain values.

What took how long comes from looks at the backend, some ten a second: it is an estimate, and said as such.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sql.latency.readings import ProbePlan

if TYPE_CHECKING:  # the deck's first frame does without the journal's rooms
    from sql.steps.blockers import Blocker


COLD_SHARE = 0.5
"""From this share of its blocks on that were read, a run counts as one on a cold cache."""
COLD_BLOCKS = 100
COLD_TIMES = 3
"""A run that always reads much is not on a cold cache: its storage is slow."""


class Cause(StrEnum):
    """Where the time of a slow run went."""

    LOCK = "lock"
    IO = "io"
    COLD_CACHE = "cold_cache"
    """It read from disk, or from the system's cache, what was not in shared buffers."""
    CPU = "no_wait"
    """No wait event: on a CPU, or not scheduled."""
    PLAN = "plan_change"
    NO_INDEX = "index_not_used"
    """No slower than usual: its plan does without the index that it should use."""
    WAL = "checkpoint_or_wal"
    CONTENTION = "contention"
    """A lock inside the server that holds for microseconds, as a rule."""
    NETWORK = "network_or_client"
    """The backend had nothing to do: the question or the answer was under way."""
    STALLED = "prober_stalled"
    """pgdeck's own process stood still."""
    OTHER = "other_wait"
    UNKNOWN = "nothing_seen"


@dataclass(frozen=True)
class Share:
    """One thing that the backend did, in how many looks, and for how much of the run these stand."""

    doing: str
    """`Lock/relation`, `IO/DataFileRead`, `no wait event`, `idle` …"""
    cause: Cause
    looks: int
    ms: float


@dataclass(frozen=True)
class LockWait:
    """The lock that was waited for, and by whom it was held; the longest wait that was seen."""

    kind: str
    """pg_locks.locktype: `relation`, `transactionid`, `advisory` …"""
    mode: str
    """The mode that was wanted."""
    relation: str | None
    """`schema.name`, where it is a relation of this database."""
    waited_ms: float | None
    """At the last look that saw it, counted from pg_locks.waitstart (14 and newer)."""
    blockers: tuple[Blocker, ...] = ()
    """The direct ones first; pid None is a prepared transaction."""
    left_out: int = 0
    """How many more were in the way than are listed."""
    direct_left_out: int = 0
    """Of these, how many kept it waiting themselves."""


@dataclass(frozen=True)
class Others:
    """What else went on: the most that any look saw."""

    active: int
    """Other client backends that ran something."""
    longest_s: float | None
    """Age of the oldest statement among them."""
    waiting_on_locks: int
    waiting_on_io: int
    waiting_on_wal: int
    autovacuums: int
    builds: int
    """CREATE INDEX and REINDEX."""
    checkpointing: bool | None
    """Whether the checkpointer was at work; None where that is hidden."""
    hidden: int = 0
    """Backends whose doings this role may not see."""


@dataclass(frozen=True)
class ServerCall:
    """What pg_stat_statements counted between the run's first look and its end."""

    calls: int
    """1: this run alone; more: it and the runs right after it."""
    exec_ms: float
    shared_hit: int
    """Blocks found in shared buffers."""
    shared_read: int
    """Blocks read from disk or from the system's cache."""
    temp_written: int
    """Blocks of temporary files."""
    read_ms: float | None = None
    """Time of these reads; None without track_io_timing."""
    usual_read: float = 0.0
    """Blocks that a run before it read, on average since the counters were reset."""

    @property
    def read_share(self) -> float:
        """Of its blocks, those that were not in shared buffers; 0 to 1."""
        touched = self.shared_hit + self.shared_read
        return self.shared_read / touched if touched else 0.0

    @property
    def is_cold(self) -> bool:
        """Whether it read much, and much more than it usually does."""
        much = self.shared_read >= COLD_BLOCKS and self.read_share >= COLD_SHARE
        return much and self.shared_read >= COLD_TIMES * self.usual_read * self.calls


@dataclass(frozen=True)
class Evidence:
    """What was seen of one slow run."""

    pid: int | None
    """The backend that ran it; None behind a pooler or where nothing was looked at."""
    threshold_ms: float
    """What it exceeded."""
    usual_ms: float | None = None
    """The median of the runs before it."""
    looks: int = 0
    first_look_ms: float | None = None
    """After the run began: nothing is known of the time before."""
    shares: tuple[Share, ...] = ()
    """The longest first."""
    lock: LockWait | None = None
    others: Others | None = None
    call: ServerCall | None = None
    plan: ProbePlan | None = None
    """As the planner would run it after this."""
    plan_before: ProbePlan | None = None
    """Before it changed; None where it did not."""
    indexes: tuple[str, ...] = ()
    """What became of the indexes that the plan before used, in words."""
    stood_still_ms: float = 0.0
    """For how long pgdeck's own prober did not run, as far as its own clock tells."""
    unseen: tuple[str, ...] = ()
    """What could not be seen, why, and what would show it."""


@dataclass(frozen=True)
class Incident:
    """One slow run, or several in a row with the same cause."""

    probe: str
    at: datetime
    """When the first of them began, UTC."""
    until: datetime
    """When the last of them ended, or was last seen running."""
    ms: float
    """The slowest of them."""
    cause: Cause
    reason: str
    """Why the slowest was slow, a clause without a full stop."""
    evidence: Evidence
    """Of the slowest."""
    count: int = 1
    looked_into: int = 0
    """How many of them were looked at while they ran; the others only followed."""
    running: bool = False
    """It still runs: nothing is final."""

    @property
    def key(self) -> str:
        """By what it is known while it grows."""
        return f"{self.at.isoformat()} {self.probe}"

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        what = f"{self.at.astimezone(UTC):%H:%M:%S} {self.probe}"
        if self.running:
            return f"{what} has run for {self.ms:.0f} ms: {self.reason}"
        if self.count == 1:
            return f"{what} {self.ms:.0f} ms: {self.reason}"
        seconds = (self.until - self.at).total_seconds()
        span = f"in {seconds:.0f} s" if seconds >= 1 else "within a second"
        return f"{what} {self.count} slow runs {span}, the slowest {self.ms:.0f} ms: {self.reason}"

    def joined(self, newer: Incident, *, looked: bool) -> Incident:
        """With one more run; one that nobody looked at brings no reason of its own."""
        base = newer if looked and newer.ms >= self.ms else self
        return replace(
            base,
            at=self.at,
            until=newer.until,
            ms=max(self.ms, newer.ms),
            count=self.count + 1,
            looked_into=self.looked_into + looked,
        )


@dataclass(frozen=True)
class IncidentsSnapshot:
    """All incidents that are kept, the newest first."""

    taken_at: datetime = field(compare=False)
    incidents: tuple[Incident, ...]


Tell = Callable[[IncidentsSnapshot], None]
