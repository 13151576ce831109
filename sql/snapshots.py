"""Readings of the server as frozen values, one type for each part.

Field names are those of the JSON report. `taken_at` never takes part in equality, so that an unchanged
reading is equal to the one before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from profiles.manifest import Priority
from sql.findings import (
    ConstraintFinding,
    IndexFinding,
    MigrationFinding,
    PoolFinding,
    SampleFinding,
)

if TYPE_CHECKING:  # values of modules that import asyncpg, or this one
    from sql.latency.checkpoints import CheckpointsSnapshot
    from sql.latency.evidence import IncidentsSnapshot
    from sql.latency.readings import FloorReading, ProbeReading
    from sql.locks.reading import LocksSnapshot
    from sql.pool.pgbouncer_reading import PgbouncerReading, PgbouncerSnapshot
    from sql.pool.use import PoolUseSnapshot
    from sql.replicas.values import Recovery, ReplicasSnapshot
    from sql.slow_statements import SlowStatementsSnapshot
    from sql.steps.monitor import RunProgress
    from sql.steps.runs import ForeignBuild


@dataclass(frozen=True)
class Pooler:
    """Evidence that a pooler stands between us and the server."""

    kind: str
    """`transaction` or `session`."""
    evidence: str


@dataclass(frozen=True)
class ServerIdentity:
    """Which server this is."""

    version: str
    """As the server prints it, such as `18.6`."""
    version_num: int
    database: str
    user: str
    address: str
    """`host:port` or the socket's path, as dialled."""
    system_identifier: str | None
    """pg_control_system(); None where it may not be read."""
    in_recovery: bool
    read_only: bool
    """Whether this session refuses writes."""
    is_superuser: bool = False
    can_read_stats: bool = False
    """Member of pg_read_all_stats (or pg_monitor): sees the state of other users' backends."""
    pooler: Pooler | None = None
    timeline: int | None = None
    """Rises with every promotion; None where it may not be read, and behind a pooler."""


@dataclass(frozen=True)
class Unavailable:
    """A part that could not be read. Never silently left out."""

    part: str
    """`indexes`, `constraints`, `pool`, `probes`, `migration` or `server`."""
    reason: str
    """Why, one clause without a full stop."""
    remedy: str = ""
    """The grant or setting that mends it, where one does."""
    taken_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True)
class IndexReading:
    """One required index, as it is."""

    name: str
    table: str
    """`schema.table`, each quoted as SQL would need it."""
    priority: Priority
    finding: IndexFinding
    declared: str
    """The manifest's definition."""
    actual: str | None = None
    """pg_get_indexdef of what bears the name (or is equivalent)."""
    equivalent: str | None = None
    """Name of a valid index with the same definition."""
    size_bytes: int | None = None
    scans: int | None = None
    last_scan: datetime | None = None
    """16+ only."""
    stats_since: datetime | None = None
    """Since when `scans` counts (pg_stat_database.stats_reset); None: since the cluster was made."""
    detail: str = ""
    """Why, in one or two sentences; what differs, who is building."""
    step: str | None = None
    """Id of the step that mends it."""
    purpose: str = ""
    demo_query: str = ""
    oid: int | None = None
    replica_scans: tuple[tuple[str, int | None], ...] = ()
    """By replica that the profile names: scans there, which `scans` leaves out; None: it was not reached."""

    @property
    def scans_on_replicas(self) -> int | None:
        """Scans on all replicas that were reached; None where there is none of them."""
        known = [count for _, count in self.replica_scans if count is not None]
        return sum(known) if known else None


@dataclass(frozen=True)
class IndexesSnapshot:
    taken_at: datetime = field(compare=False)
    indexes: tuple[IndexReading, ...]


@dataclass(frozen=True)
class ConstraintReading:
    """One required constraint, as it is."""

    name: str
    table: str
    finding: ConstraintFinding
    declared: str
    actual: str | None = None
    violations: int | None = None
    """Rows that break it; None where it was not counted."""
    violations_capped: bool = False
    """The count stopped at its cap: there are at least that many."""
    violating_keys: tuple[str, ...] = ()
    """First primary keys of violating rows, as text, such as `id=17`."""
    rejects: SampleFinding = SampleFinding.UNVERIFIED
    accepts: SampleFinding = SampleFinding.UNVERIFIED
    detail: str = ""
    step: str | None = None
    priority: Priority = Priority.NORMAL
    purpose: str = ""


@dataclass(frozen=True)
class ConstraintsSnapshot:
    taken_at: datetime = field(compare=False)
    constraints: tuple[ConstraintReading, ...]


@dataclass(frozen=True)
class ProbesSnapshot:
    """What the samples of every probe said at one moment."""

    taken_at: datetime = field(compare=False)
    probes: tuple[ProbeReading, ...]
    window_s: float | None = None
    """The stretch of time that the readings count; None: since the start."""
    since: datetime | None = field(default=None, compare=False)
    """When the oldest sample was made that every probe's readings count; None: there is none."""
    cut: bool = False
    """Whether the window asks for more samples than are kept: then it begins at `since`."""
    floor: FloorReading | None = None
    standstill_s: float = 0.0
    """For how long the prober itself did not run; what was due meanwhile counts from when it was due."""
    clock: float | None = field(default=None, compare=False)
    """`taken_at` by the samples' clock, exactly: at this moment the same samples give the same figures."""


@dataclass(frozen=True)
class ApplicationUse:
    """What the backends of one application_name hold of the pool's budget."""

    application: str
    used: int
    budget: int | None
    """None: the manifest does not name this application."""


@dataclass(frozen=True)
class PoolLimit:
    """A limit on connections and how much of it is used."""

    name: str
    """`max_connections`, `role oncall`, `database sales`, `pool budget`."""
    used: int
    limit: int


@dataclass(frozen=True)
class PoolReading:
    """How full the server's connections are."""

    finding: PoolFinding
    limit: int | None
    """max_connections."""
    reserved: int | None
    """Kept for superusers (and, 16+, pg_use_reserved_connections)."""
    used: int | None
    """Client backends."""
    by_state: Mapping[str, int]
    """Of the whole server, as are `used`, `by_application`, `running` and `own`."""
    by_application: tuple[ApplicationUse, ...]
    limits: tuple[PoolLimit, ...] = ()
    oldest_transaction_s: float | None = None
    """Of this database; the longest waiter and its root are of it too."""
    waiting_on_locks: int | None = None
    """Of this database."""
    root_blocker: str = ""
    """Who keeps the one waiting that waits longest: at the end of the chain; empty where nobody waits."""
    running: int | None = None
    """Backends, ours left out, that are active and wait for nothing: on a CPU or ready for one."""
    own: int = 0
    """Of `used`, pgdeck's own."""
    states_hidden: bool = False
    """Without pg_read_all_stats other users' states cannot be seen."""
    detail: str = ""
    pgbouncer: PgbouncerReading | None = None
    """What stands before the server; None: the profile names no console, or it was not read yet."""


@dataclass(frozen=True)
class PoolSnapshot:
    taken_at: datetime = field(compare=False)
    pool: PoolReading


@dataclass(frozen=True)
class MigrationReading:
    """The revision that the migration table holds, against the manifest's."""

    finding: MigrationFinding
    expected: str
    actual: tuple[str, ...]
    table: str = ""
    detail: str = ""


@dataclass(frozen=True)
class MigrationSnapshot:
    taken_at: datetime = field(compare=False)
    migration: MigrationReading


@dataclass(frozen=True)
class IdentitySnapshot:
    """Which server answered at one moment."""

    taken_at: datetime = field(compare=False)
    server: ServerIdentity
    news: str = ""
    """What has changed about it since the watch began or was refreshed, such as a promotion; one clause."""
    recovery: Recovery | None = None
    """How a standby stands by its own word."""


@dataclass(frozen=True)
class BuildsSnapshot:
    """Runs of ours that the server shows at work, and index builds of others."""

    taken_at: datetime = field(compare=False)
    live: tuple[tuple[str, RunProgress], ...] = ()
    """By run id."""
    foreign: tuple[ForeignBuild, ...] = ()


@dataclass(frozen=True)
class Lost:
    """The server is out of reach; the deck shows the last readings as stale."""

    reason: str
    """One sentence, no secret in it."""
    retry_in_s: float


Snapshot: TypeAlias = """(
    IndexesSnapshot
    | ConstraintsSnapshot
    | PoolSnapshot
    | ProbesSnapshot
    | MigrationSnapshot
    | IdentitySnapshot
    | BuildsSnapshot
    | PgbouncerSnapshot
    | ReplicasSnapshot
    | CheckpointsSnapshot
    | SlowStatementsSnapshot
    | LocksSnapshot
    | PoolUseSnapshot
    | IncidentsSnapshot
)"""
"""A reading that succeeded."""

Event: TypeAlias = "Snapshot | Unavailable | Lost"
"""All that a watcher publishes."""
