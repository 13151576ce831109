"""What one verification found, as a value; the formats are made from it in `tui.reports`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from profiles.model import EnvironmentClass
from sql.findings import Scope, Verdict
from sql.latency.readings import ProbeReading
from sql.replicas.values import ReplicasReading
from sql.snapshots import (
    ConstraintReading,
    IndexReading,
    MigrationReading,
    PoolReading,
    ServerIdentity,
    Unavailable,
)
from sql.steps.step import Direction, Plan

if TYPE_CHECKING:
    from sql.latency.evidence import Incident

EMPTY_FIX = Plan(Direction.FIX, ())
EMPTY_ROLLBACK = Plan(Direction.ROLLBACK, ())


@dataclass(frozen=True)
class Report:
    """One verification of one profile, complete: what could not be read stands in `unavailable`."""

    taken_at: datetime
    """When it was complete, UTC."""
    profile: str
    environment: EnvironmentClass
    manifest: str
    """The manifest's name."""
    title: str
    """The manifest's title."""
    scope: Scope
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    server: ServerIdentity | None = None
    """None where it was out of reach."""
    indexes: tuple[IndexReading, ...] = ()
    constraints: tuple[ConstraintReading, ...] = ()
    probes: tuple[ProbeReading, ...] = ()
    pool: PoolReading | None = None
    migration: MigrationReading | None = None
    replicas: ReplicasReading | None = None
    """None where they could not be read."""
    plan: Plan = field(default=EMPTY_FIX)
    """The steps that take this database to its manifest."""
    rollback: Plan = field(default=EMPTY_ROLLBACK)
    """The steps that take the manifest's objects away again; empty unless asked for."""
    unavailable: tuple[Unavailable, ...] = ()
    incidents: tuple[Incident, ...] = ()
    """Runs that were slow while the probes were sampled, and why, the oldest first."""
    duration_s: float = 0.0
    """How long the probes were sampled."""

    @property
    def ready(self) -> bool:
        """ENTERPRISE READY: the answer for a monitoring service."""
        return self.verdict is Verdict.READY
