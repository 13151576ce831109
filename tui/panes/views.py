"""From readings to the four panes: which part each shows, and what it says where that could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from sql.snapshots import (
    ConstraintsSnapshot,
    IndexesSnapshot,
    MigrationSnapshot,
    PoolSnapshot,
    ProbesSnapshot,
    Unavailable,
)
from tui.present.constraints import constraints_view, migration_rows
from tui.present.indexes import indexes_view
from tui.present.latency import latency_view
from tui.present.pool import pool_view, pooler_lines, pooler_trouble
from tui.present.text import clean
from tui.present.view import BLANK, Line, Tone, View, line
from tui.watching import Readings

if TYPE_CHECKING:
    from sql.latency.evidence import IncidentsSnapshot

TITLES: Mapping[str, str] = {
    "indexes": "Indexes",
    "constraints": "Constraints",
    "pool": "Pool",
    "probes": "Latency",
}
"""Title of the pane that shows each part, in the order of the panes."""
JOINED: Mapping[str, str] = {"constraints": "migration", "probes": "incidents"}
"""A part that a pane shows besides its own."""


@dataclass(frozen=True)
class Shown:
    """A view and what must be said above it."""

    view: View
    note: Line = BLANK


def pane_view(part: str, title: str, readings: Readings) -> Shown:
    """What a pane shows now."""
    known = readings.known(part)
    view = replace(_view(part, readings), stale=readings.is_stale(part))
    if known.unavailable is None:
        # The pooler's console is another link: it may tell why the server is out of reach.
        stale_pool = part == "pool" and readings.lost is not None and known.snapshot is not None
        before = pooler_trouble(readings.pgbouncer) if stale_pool else ""
        return Shown(view, line((f"! {clean(before)}", Tone.WARN)) if before else BLANK)
    reason, remedy = clean(known.unavailable.reason), clean(known.unavailable.remedy)
    note = line(
        (f"? {title} cannot be read: {reason}" + (f"; to mend it: {remedy}" if remedy else ""), Tone.WARN)
    )
    if known.snapshot is None:
        view = View(summary=line(("? not readable", Tone.WARN)), pinned=view.pinned)
    return Shown(view, note)


def _view(part: str, readings: Readings) -> View:
    snapshot = readings.known(part).snapshot
    manifest = readings.manifest
    migration = readings.known("migration")
    newest = migration.unavailable or migration.snapshot
    pinned = newest if isinstance(newest, MigrationSnapshot | Unavailable) else None
    if isinstance(snapshot, IndexesSnapshot):
        return indexes_view(snapshot)
    if isinstance(snapshot, ConstraintsSnapshot):
        return constraints_view(snapshot, pinned)
    if isinstance(snapshot, PoolSnapshot):
        return pool_view(snapshot)
    if isinstance(snapshot, ProbesSnapshot):
        entries = {entry.name: entry for entry in manifest.probes}
        return latency_view(snapshot, entries, _incidents(readings))
    waiting = View(summary=line(("waiting for the first reading", Tone.DIM)))
    if part == "pool":
        return replace(waiting, head=pooler_lines(readings.pgbouncer))
    if part == "constraints":
        return replace(waiting, pinned=migration_rows(pinned))
    return waiting


def _incidents(readings: Readings) -> int:
    snapshot = cast("IncidentsSnapshot | None", readings.known("incidents").snapshot)
    return 0 if snapshot is None else len(snapshot.incidents)
