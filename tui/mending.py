"""From a row of the deck to what a plan says of it, and back: by key, never by place."""

from __future__ import annotations

from typing import TypeAlias

from profiles.model import Profile
from sql.snapshots import (
    ConstraintReading,
    ConstraintsSnapshot,
    IdentitySnapshot,
    IndexesSnapshot,
    IndexReading,
    MigrationSnapshot,
)
from sql.verdict import Parts
from tui import keys
from tui.present.constraints import MIGRATION_KEY, constraint_key
from tui.present.indexes import index_key
from tui.present.signs import is_good
from tui.present.text import clean
from tui.remedies import MIGRATION, Mendable
from tui.watching import Readings

Subject: TypeAlias = tuple[str, str]
"""Part and row key."""


def reading_of(subject: Subject, parts: Parts) -> Mendable | None:
    """What was read of a row; None where it is of no kind that steps mend, or no longer there."""
    part, key = subject
    if key == MIGRATION_KEY:
        return parts.migration.migration if isinstance(parts.migration, MigrationSnapshot) else None
    if part == "indexes" and isinstance(parts.indexes, IndexesSnapshot):
        return next((each for each in parts.indexes.indexes if index_key(each) == key), None)
    if part == "constraints" and isinstance(parts.constraints, ConstraintsSnapshot):
        found = parts.constraints.constraints
        return next((each for each in found if constraint_key(each) == key), None)
    return None


def mends_of(reading: Mendable) -> str:
    """How the steps of a plan name what they mend."""
    from sql.steps import chain

    if isinstance(reading, IndexReading):
        return chain.index_key(reading)
    if isinstance(reading, ConstraintReading):
        return chain.constraint_key(reading)
    return MIGRATION


def name_of(reading: Mendable) -> str:
    """How a person calls it."""
    if isinstance(reading, IndexReading | ConstraintReading):
        return reading.name
    return "migration version"


def needs_nothing(reading: Mendable) -> bool:
    """Whether it is as the manifest asks."""
    return is_good(reading.finding)


def facts_of(
    readings: Readings, profile: Profile | None, pane: str, subject: Subject | None, *, sql: bool
) -> keys.Facts:
    """What decides which keys of a row are off.

    Args:
        pane: the title of the row's pane.
        subject: None where no row is selected.
        sql: whether the row has SQL of its own.
    """
    reading = reading_of(subject, readings.judged_parts()) if subject is not None else None
    return keys.Facts(
        good=reading is not None and needs_nothing(reading),
        pane=pane,
        row=subject is not None,
        sql=sql,
        paused=readings.paused,
        probes=bool(readings.manifest.probes),
        standby=standby(readings, profile),
    )


def standby(readings: Readings, profile: Profile | None) -> str:
    """Why no step can run on the server that is watched, a sentence; empty where one can."""
    if readings.recorded:
        return "this is a recording: no step can be run in it"
    snapshot = readings.known("server").snapshot
    if not isinstance(snapshot, IdentitySnapshot) or not snapshot.server.in_recovery:
        return ""
    if profile is not None and profile.direct is not None:
        return ""
    return f"{clean(snapshot.server.address)} is a standby, which takes no writes; n finds its primary"
