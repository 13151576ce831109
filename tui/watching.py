"""What is known of the watched server: the newest reading of each part, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias, cast

from profiles.manifest import Manifest
from sql.findings import Verdict
from sql.pool.history import PoolHistory
from sql.snapshots import (
    Event,
    IndexesSnapshot,
    Lost,
    PoolSnapshot,
    ProbesSnapshot,
    Snapshot,
    Unavailable,
)
from sql.verdict import Judgement, Parts, judge

if TYPE_CHECKING:
    from sql.pool.pgbouncer_reading import PgbouncerReading, PgbouncerSnapshot

PARTS: Mapping[str, str] = {
    "IndexesSnapshot": "indexes",
    "ConstraintsSnapshot": "constraints",
    "PoolSnapshot": "pool",
    "ProbesSnapshot": "probes",
    "MigrationSnapshot": "migration",
    "IdentitySnapshot": "server",
    "SlowStatementsSnapshot": "slow statements",
    "CheckpointsSnapshot": "checkpoints",
    "PgbouncerSnapshot": "pgbouncer",
    "ReplicasSnapshot": "replicas",
    "LocksSnapshot": "locks",
    "PoolUseSnapshot": "pool use",
    "IncidentsSnapshot": "incidents",
}
"""By the name of the snapshot's class: most of them are imported by who reads them, after the first frame."""
Part: TypeAlias = str
ON_DECK = ("indexes", "constraints", "pool", "probes", "migration", "server")
"""Parts that are read all the time; the others are read while a screen of theirs is open."""
OTHER_LINKS = ("probes", "pgbouncer", "incidents")
"""Parts that come on connections of their own: they say nothing of the watching one."""


def part_of(event: Event) -> Part:
    """Of which part an event tells; empty where it tells of none, or of all."""
    return event.part if isinstance(event, Unavailable) else PARTS.get(type(event).__name__, "")


@dataclass
class Known:
    """One part: the last reading that succeeded, its age, and why there is no newer one."""

    snapshot: Snapshot | None = None
    taken_at: datetime | None = None
    """Of the last reading, also where it equalled the one before."""
    unavailable: Unavailable | None = None


@dataclass
class Readings:
    """The newest of everything; `apply` says which part changed."""

    manifest: Manifest
    parts: dict[Part, Known] = field(default_factory=dict)
    lost: Lost | None = None
    lost_at: datetime | None = None
    paused: bool = False
    recorded: bool = False
    """They come of a recording: there is no server behind them."""
    clock: Callable[[], float] = monotonic
    """Seconds, for what is remembered: the wall's clock may be set."""
    pool_history: PoolHistory = field(default_factory=PoolHistory)
    _servers_pool: PoolSnapshot | None = None
    """The pool as the server says it, without what its pooler's console adds."""
    _measured: ProbesSnapshot | None = None
    """The probes as the prober says them, without what their indexes are."""

    def forget(self) -> None:
        """Know nothing of any part; the pool's history stays."""
        self.parts.clear()
        self.lost = self.lost_at = self._servers_pool = self._measured = None

    def apply(self, event: Event, now: datetime) -> set[Part]:
        """Take in what was published.

        Returns:
            The parts whose content changed; a part that was only read again is not among them.
        """
        if isinstance(event, Lost):
            changed = set() if self.lost is not None else set(PARTS.values())
            self.lost, self.lost_at = event, now
            return changed
        part = part_of(event)
        known = self.parts.setdefault(part, Known())
        changed = set()
        if self.lost is not None and part not in OTHER_LINKS:
            self.lost, changed = None, set(PARTS.values())
        if isinstance(event, Unavailable):
            if event != known.unavailable:
                known.unavailable = event
                changed.add(part)
            return changed
        known.taken_at = event.taken_at
        if isinstance(event, PoolSnapshot):
            self._servers_pool = event
            event = self._pool(event)
            self.pool_history.take(event.pool, self.clock())
        if isinstance(event, ProbesSnapshot):
            self._measured = event
            event = self._probes(event)
        if known.unavailable is not None or event != known.snapshot:
            known.unavailable, known.snapshot = None, event
            changed.add(part)
            if part == "pgbouncer":
                self._join_pools()
                changed.add("pool")
            if part == "indexes" and self._join_probes():
                changed.add("probes")
        return changed

    @property
    def pgbouncer(self) -> PgbouncerReading | None:
        """What the pooler's console says; None: no console is named, or it was not read yet."""
        snapshot = cast("PgbouncerSnapshot | None", self.known("pgbouncer").snapshot)
        return None if snapshot is None else snapshot.pgbouncer

    def _join_pools(self) -> None:
        if self._servers_pool is not None:
            self.parts["pool"].snapshot = self._pool(self._servers_pool)

    def _pool(self, servers: PoolSnapshot) -> PoolSnapshot:
        """Two readings on two connections, one pool."""
        if self.pgbouncer is None:
            return servers
        from sql.pool.pgbouncer_reading import with_pgbouncer

        return replace(servers, pool=with_pgbouncer(servers.pool, self.pgbouncer))

    def _join_probes(self) -> bool:
        """Whether that says anything new of the probes."""
        if self._measured is None:
            return False
        before = self.parts["probes"].snapshot
        self.parts["probes"].snapshot = self._probes(self._measured)
        return self.parts["probes"].snapshot != before

    def _probes(self, measured: ProbesSnapshot) -> ProbesSnapshot:
        """What the planner does with them, and what their indexes are, come on two connections."""
        indexes = self.known("indexes").snapshot
        if not isinstance(indexes, IndexesSnapshot):
            return measured
        from sql.latency.plan_notes import with_findings

        return with_findings(measured, indexes)

    def known(self, part: Part) -> Known:
        """What is known of a part; nothing where it was never read."""
        return self.parts.get(part, Known())

    def is_stale(self, part: Part) -> bool:
        """Whether what is shown of a part may no longer be true."""
        return self.lost is not None or self.known(part).unavailable is not None

    def oldest(self) -> datetime | None:
        """When the oldest of the readings that the deck shows was taken."""
        taken = (known.taken_at for part, known in self.parts.items() if part in ON_DECK)
        return min((each for each in taken if each), default=None)

    @property
    def is_complete(self) -> bool:
        """Whether every part that the manifest asks for was read, or could not be."""
        wanted = {
            "pool": True,
            "indexes": bool(self.manifest.indexes),
            "constraints": bool(self.manifest.constraints),
            "probes": bool(self.manifest.probes),
            "migration": self.manifest.migration is not None,
        }
        return all(part in self.parts for part, asked in wanted.items() if asked)

    def judged(self) -> Judgement | None:
        """The verdict over all parts; UNKNOWN while the server is out of reach, None before it is known."""
        if self.lost is not None:
            return Judgement(Verdict.UNKNOWN, (self.lost.reason,))
        judgement = judge(self.manifest, self.judged_parts())
        # What is wrong is wrong already; what was not read yet is no doubt.
        return judgement if self.is_complete or judgement.verdict is Verdict.NOT_READY else None

    def judged_parts(self) -> Parts:
        """The parts in the form that verdict and plan want."""
        return Parts(
            indexes=self._newest("indexes"),  # type: ignore[arg-type]
            constraints=self._newest("constraints"),  # type: ignore[arg-type]
            probes=self._newest("probes"),  # type: ignore[arg-type]
            pool=self._newest("pool"),  # type: ignore[arg-type]
            migration=self._newest("migration"),  # type: ignore[arg-type]
        )

    def _newest(self, part: Part) -> Snapshot | Unavailable | None:
        known = self.known(part)
        return known.unavailable or known.snapshot
