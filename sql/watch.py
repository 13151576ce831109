"""The readings that a deck takes, and how often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from profiles.locations import locations
from sql.poller import Reading
from sql.snapshots import (
    ConstraintReading,
    ConstraintsSnapshot,
    Snapshot,
)

if TYPE_CHECKING:
    from profiles.manifest import MigrationEntry
    from sql.requirements import Requirements
    from sql.session import Session
    from sql.snapshots import ServerIdentity
    from sql.steps.remembered import Memory

IDENTITY_S = 10.0
INDEXES_S = 10.0
CONSTRAINTS_S = 10.0
POOL_S = 2.0
MIGRATION_S = 30.0
VIOLATIONS_S = 300.0
"""Counting violations reads whole tables, so it is done seldom."""

Fetch = Callable[["Session"], Awaitable[Snapshot]]


def readings_for(
    requirements: Requirements, *, counted: ConstraintsSnapshot | None = None
) -> tuple[Reading, ...]:
    """The readings of the deck, in the order in which a fresh connection takes them.

    Args:
        counted: the constraints as they were read a moment ago, violations counted.
    """
    readings = [
        Reading("server", IDENTITY_S, _identity),
        Reading("pool", POOL_S, _pool(requirements)),
        Reading("indexes", INDEXES_S, _indexes(requirements)),
    ]
    if requirements.migration is not None:
        readings.append(
            Reading("migration", MIGRATION_S, _migration(requirements.migration, requirements.search_path))
        )
    constraints = ConstraintWatch(requirements)
    if counted is not None:
        constraints.remember(counted)
    readings.append(Reading("constraints", CONSTRAINTS_S, constraints, constraints.forget))
    return tuple(readings)


def prepare(requirements: Requirements) -> None:
    """Import what the readings need: a thread can do it while the screen is drawn."""
    import sql.identity
    import sql.pool.reading

    if requirements.indexes:
        import sql.indexes

        if locations().journal.exists():
            import sql.steps.remembered
    if requirements.constraints:
        import sql.constraints
    if requirements.migration is not None:
        import sql.migration  # noqa: F401


async def _identity(session: Session) -> Snapshot:
    from sql.identity import reread

    return await reread(session)


def _pool(requirements: Requirements) -> Fetch:
    async def fetch(session: Session) -> Snapshot:
        from sql.pool.reading import read_pool

        return await read_pool(session, requirements.pool)

    return fetch


def _indexes(requirements: Requirements) -> Fetch:
    was_valid = WasValid()

    async def fetch(session: Session) -> Snapshot:
        from sql.indexes import read_indexes

        return await read_indexes(session, requirements, was_valid=await was_valid.of(session.identity))

    return fetch


class WasValid:
    """The oids of indexes that were valid before somebody began to drop them, as the journal has it."""

    def __init__(self) -> None:
        self._memory: Memory | None = None

    async def of(self, server: ServerIdentity) -> frozenset[int]:
        """Those of a database; where nothing was ever run, nothing is imported to remember it."""
        if self._memory is None:
            journal = locations().journal
            if not journal.exists():
                return frozenset()
            from sql.steps.remembered import Memory

            self._memory = Memory(journal)
        return (await asyncio.to_thread(self._memory.of, server)).was_valid


def _migration(entry: MigrationEntry, search_path: str) -> Fetch:
    async def fetch(session: Session) -> Snapshot:
        from sql.migration import read_migration

        return await read_migration(session, entry, search_path)

    return fetch


class ConstraintWatch:
    """Reads the constraints every time, their violations every five minutes and when asked to."""

    def __init__(self, requirements: Requirements, clock: Callable[[], float] = time.monotonic) -> None:
        self._requirements = requirements
        self._clock = clock
        self._counted_at: float | None = None
        self._counts: dict[tuple[str, str], ConstraintReading] = {}

    def remember(self, counted: ConstraintsSnapshot) -> None:
        """Carry these counts of violations over, as if they had been counted just now."""
        self._counted_at = self._clock()
        self._counts = {(reading.table, reading.name): reading for reading in counted.constraints}

    def forget(self) -> None:
        """Count the violations in the next reading."""
        self._counted_at = None

    async def __call__(self, session: Session) -> ConstraintsSnapshot:
        """A snapshot whose violations are counted now, or carried over from the last count."""
        if not self._requirements.constraints:
            return ConstraintsSnapshot(datetime.now(UTC), ())
        from sql.constraints import read_constraints

        now = self._clock()
        due = self._counted_at is None or now - self._counted_at >= VIOLATIONS_S
        snapshot = await read_constraints(session, self._requirements, count_violations=due)
        if due:
            self.remember(snapshot)
            return snapshot
        return replace(snapshot, constraints=tuple(map(self._carried, snapshot.constraints)))

    def _carried(self, reading: ConstraintReading) -> ConstraintReading:
        counted = self._counts.get((reading.table, reading.name))
        # A count belongs to the state in which it was taken: validated since, it would be a lie.
        if counted is None or reading.violations is not None or counted.finding != reading.finding:
            return reading
        return replace(
            reading,
            violations=counted.violations,
            violations_capped=counted.violations_capped,
            violating_keys=counted.violating_keys,
        )
