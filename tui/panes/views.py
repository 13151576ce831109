"""From readings to what the deck shows of them: its header, and its four panes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from sql.snapshots import (
    ConstraintsSnapshot,
    IdentitySnapshot,
    IndexesSnapshot,
    MigrationSnapshot,
    PoolSnapshot,
    ProbesSnapshot,
    Unavailable,
)
from tui.present.constraints import constraints_view, migration_rows
from tui.present.header import Banner, target_of
from tui.present.indexes import indexes_view
from tui.present.latency import latency_view
from tui.present.pool import pool_view, pooler_lines, pooler_trouble
from tui.present.text import age, clean, countdown
from tui.present.view import BLANK, Line, Tone, View, line
from tui.watching import Readings

if TYPE_CHECKING:
    from profiles.model import Profile
    from sql.latency.evidence import IncidentsSnapshot
    from sql.verdict import Judgement

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


def banner_of(
    profile: Profile, readings: Readings, judgement: Judgement | None, waiting_for: str, now: datetime
) -> Banner:
    """What the header says now.

    Args:
        waiting_for: before the watch can start; empty: it has.
    """
    oldest, identity = readings.oldest(), _identity(readings)
    return Banner(
        environment=profile.environment,
        profile=profile.name,
        target=target_of(profile),
        server=identity.server if identity is not None else None,
        recovery=identity.recovery if identity is not None else None,
        judgement=judgement,
        age=age(oldest, now) if oldest is not None else "",
        trouble=_trouble(readings, waiting_for),
        retry=_retry(readings, now),
    )


def staleness(readings: Readings) -> Line:
    """That the server is out of reach or another one, as a whole sentence; blank where it is neither."""
    if readings.lost is not None:
        return line((f"? what stands here is stale: {clean(readings.lost.reason)}", Tone.WARN))
    news = _news(readings)
    return line((news, Tone.WARN)) if news else BLANK


def _identity(readings: Readings) -> IdentitySnapshot | None:
    snapshot = readings.known("server").snapshot
    return snapshot if isinstance(snapshot, IdentitySnapshot) else None


def _trouble(readings: Readings, waiting_for: str) -> str:
    if readings.paused:
        return "paused: nothing is read from the server; space goes on"
    if readings.lost is not None:
        return f"lost: {readings.lost.reason}"
    # While nobody lets us in, the pooler's console may know why.
    before = pooler_trouble(readings.pgbouncer) if waiting_for else ""
    return f"{waiting_for} {before}".rstrip() or _news(readings)


def _news(readings: Readings) -> str:
    identity = _identity(readings)
    said = identity.news if identity is not None else ""
    return f"! {clean(said)}; g takes note of it" if said else ""


def _retry(readings: Readings, now: datetime) -> str:
    lost, since = readings.lost, readings.lost_at
    if lost is None or since is None or readings.paused:
        return ""
    left = lost.retry_in_s - (now - since).total_seconds()
    return "after g" if left == float("inf") else countdown(left)
