"""The Indexes pane."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache, partial

from profiles.manifest import Priority
from sql.findings import IndexFinding
from sql.snapshots import IndexesSnapshot, IndexReading
from tui.present.signs import badness, mark
from tui.present.tally import tally
from tui.present.text import NOTHING, clean, count, plural, size
from tui.present.view import Column, Line, Row, Span, Tone, View, line

COLUMNS = (
    Column("finding", least=9),
    Column("index", least=12, most=63, middle=True, fills=True),
    Column("table", most=30, drop=3, middle=True),
    Column("size", least=7, right=True, drop=2),
    Column("scans", least=5, right=True, drop=4),
    Column("priority", least=8, drop=1),
)
ROWS_KEPT = 8192
"""Rows of unchanged readings that are not made again."""
RANK: Mapping[Priority, int] = {priority: rank for rank, priority in enumerate(Priority)}
PRIORITY_TONES: Mapping[Priority, Tone] = {
    Priority.CRITICAL: Tone.STRONG,
    Priority.HIGH: Tone.PLAIN,
    Priority.NORMAL: Tone.DIM,
}


def short_table(table: str) -> str:
    """The table without `public.`, which says nothing new."""
    return clean(table.removeprefix("public."))


def indexes_view(snapshot: IndexesSnapshot) -> View:
    """The required indexes: what is not right first, then by priority, then as the manifest has them."""
    ordered = sorted(snapshot.indexes, key=lambda i: (badness(i.finding), RANK[i.priority]))
    return View(
        summary=summary(snapshot),
        columns=COLUMNS,
        rows=tuple(_row(index) for index in ordered),
        empty=(line(("the manifest requires no index", Tone.DIM)),),
    )


def index_key(index: IndexReading) -> str:
    """By what a row is known: an index's name is unique only within its schema."""
    return f"{index.table}.{index.name}"


def summary(snapshot: IndexesSnapshot) -> Line:
    """`3 of 5 present  ✗ 1 missing  ✗ 1 drifted`."""
    return tally((index.finding for index in snapshot.indexes), IndexFinding.PRESENT, "none required")


@lru_cache(ROWS_KEPT)
def _row(index: IndexReading) -> Row:
    return Row(
        key=index_key(index),
        name=clean(index.name),
        cells=(
            mark(index.finding),
            (clean(index.name), Tone.PLAIN),
            (short_table(index.table), Tone.DIM),
            (size(index.size_bytes), Tone.PLAIN),
            (count(index.scans), Tone.PLAIN),
            (index.priority.value, PRIORITY_TONES[index.priority]),
        ),
        sql=index.declared,
        foot_later=partial(_foot, index),
    )


def _foot(index: IndexReading) -> tuple[Line, ...]:
    facts: list[Span] = [(clean(index.table), Tone.STRONG)]
    if index.size_bytes is not None:
        facts.append((f" · {size(index.size_bytes)}", Tone.DIM))
    if index.scans is not None:
        facts.append((f" · {plural(index.scans, 'scan')}{since(index.stats_since)}", Tone.DIM))
    if index.scans_on_replicas is not None:
        facts.append((f" · {index.scans_on_replicas:,} on replicas", Tone.DIM))
    said = " · ".join(clean(each).rstrip(".") for each in (index.detail, index.purpose) if each)
    return (tuple(facts), line((said, Tone.DIM)))


def on_replicas(index: IndexReading) -> str:
    """Scans on the replicas that the profile names; empty where it names none."""
    counts = [
        f"{clean(name)} {NOTHING if scans is None else f'{scans:,}'}" for name, scans in index.replica_scans
    ]
    if not counts:
        return ""
    known = index.scans_on_replicas
    total = "scans unknown" if known is None else plural(known, "scan")
    return f"{total} ({', '.join(counts)})"


def since(moment: datetime | None) -> str:
    """Since when statistics count."""
    return " since the server was made" if moment is None else f" since {moment:%Y-%m-%d %H:%M} UTC"
