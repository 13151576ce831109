"""What a database must have: indexes, constraints, probes with targets, pool budget, migration version.

Values only; `manifest_file` reads them. Definitions are kept as written: what they mean to PostgreSQL is
read in `sql.requirements`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

SampleValue: TypeAlias = str | int | float | bool | None
SampleRow: TypeAlias = Mapping[str, SampleValue]
"""A row of a constraint's `rejects` or `accepts`; a column that is absent is NULL."""


class Priority(StrEnum):
    """Orders reasons and plan; excuses nothing."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"


@dataclass(frozen=True)
class IndexEntry:
    """One `[[index]]` table."""

    definition: str
    priority: Priority = Priority.NORMAL
    purpose: str = ""
    demo_query: str = ""
    """What the customer sees that needs this index, in words."""
    keep: bool = False
    """It was there before: rolling back leaves it."""
    line: int = 0
    """1-based line of the `[[index]]` header."""
    position: int = 0
    """1-based place among the `[[index]]` tables of the file: 3 for the key `index[3]`."""


@dataclass(frozen=True)
class ConstraintEntry:
    """One `[[constraint]]` table."""

    table: str
    """SQL as written, quoted where it needs quoting, possibly with a schema."""
    name: str
    """The constraint's name itself, not quoted."""
    definition: str
    priority: Priority = Priority.NORMAL
    purpose: str = ""
    rejects: tuple[SampleRow, ...] = ()
    accepts: tuple[SampleRow, ...] = ()
    line: int = 0
    position: int = 0


@dataclass(frozen=True)
class Target:
    """Latency targets in ms; None is no target for that percentile."""

    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True)
class ProbeEntry:
    """One `[[probe]]` table: a read-only query and the latency that it must meet."""

    name: str
    sql: str
    target: Target
    query_class: str = ""
    """The key `class`: Lead Dashboard, Analytics Dashboard …"""
    arguments: str | None = None
    """A query whose rows are the argument sets, rotated."""
    index: str | None = None
    """The index that it should use at scale."""
    line: int = 0
    position: int = 0


@dataclass(frozen=True)
class PoolBudget:
    """What the applications are configured to hold."""

    size: int | None = None
    max_overflow: int | None = None
    timeout_s: float | None = None
    recycle_s: float | None = None
    query_timeout_s: float | None = None
    applications: tuple[str, ...] = ()
    """`application_name` patterns, as for LIKE, that draw on this pool."""

    @property
    def limit(self) -> int | None:
        """The most connections that the applications may hold together."""
        return None if self.size is None else self.size + (self.max_overflow or 0)


@dataclass(frozen=True)
class MigrationEntry:
    """Which revision the schema must be at."""

    expected: str
    table: str = "alembic_version"
    """SQL as written, possibly with a schema."""
    rollback_to: str | None = None
    line: int = 0


@dataclass(frozen=True)
class Manifest:
    """Everything that a database must have."""

    name: str
    """What a profile calls it."""
    title: str
    origin: Path
    search_path: str = "public"
    """Under which the names in definitions are read."""
    indexes: tuple[IndexEntry, ...] = ()
    constraints: tuple[ConstraintEntry, ...] = ()
    probes: tuple[ProbeEntry, ...] = ()
    pool: PoolBudget | None = None
    migration: MigrationEntry | None = None
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    """1-based line of every key of the file, such as `index[3].definition`."""
