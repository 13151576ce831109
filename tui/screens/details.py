"""The details of one row; they follow the readings while they are open."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeAlias

from textual.binding import BindingType
from textual.message import Message

from sql.snapshots import (
    ConstraintsSnapshot,
    IndexesSnapshot,
    MigrationSnapshot,
    PoolSnapshot,
    ProbesSnapshot,
)
from tui import keys
from tui.mending import facts_of
from tui.messages import Copied
from tui.panes.views import TITLES
from tui.present.constraints import MIGRATION_KEY, constraint_key
from tui.present.details import (
    constraint_details,
    index_details,
    migration_details,
    pool_details,
    probe_details,
)
from tui.present.indexes import index_key
from tui.present.text import clean
from tui.present.view import Line, Tone, line
from tui.remedies import remedy_of
from tui.screens.reader import Reader
from tui.watching import Readings


@dataclass(frozen=True)
class Details:
    """What the details of one row say, for any width."""

    lines: Callable[[int], Sequence[Line]]
    sql: str
    """What `y` copies: the next step, or the object's own definition."""


Subject: TypeAlias = tuple[str, str]
"""Part and row key."""


def find(subject: Subject, readings: Readings) -> Details | None:
    """The details of a row in the newest readings; None where it is no longer there."""
    part, key = subject
    if key == MIGRATION_KEY and part == "constraints":
        part = "migration"
    snapshot = readings.known(part).snapshot
    parts = readings.judged_parts()
    if isinstance(snapshot, IndexesSnapshot):
        index = next((each for each in snapshot.indexes if index_key(each) == key), None)
        if index is None:
            return None
        remedy = remedy_of(index, readings.manifest, parts)
        return Details(partial(index_details, index, remedy), remedy.sql or index.declared)
    if isinstance(snapshot, ConstraintsSnapshot):
        constraint = next((each for each in snapshot.constraints if constraint_key(each) == key), None)
        if constraint is None:
            return None
        remedy = remedy_of(constraint, readings.manifest, parts)
        return Details(partial(constraint_details, constraint, remedy), remedy.sql or constraint.declared)
    if isinstance(snapshot, MigrationSnapshot):
        remedy = remedy_of(snapshot.migration, readings.manifest, parts)
        return Details(partial(migration_details, snapshot.migration, remedy), remedy.sql)
    if isinstance(snapshot, ProbesSnapshot):
        probe = next((each for each in snapshot.probes if each.name == key), None)
        entry = next((each for each in readings.manifest.probes if each.name == key), None)
        sql = entry.sql if entry is not None else ""
        return None if probe is None else Details(partial(probe_details, probe, entry), sql)
    if isinstance(snapshot, PoolSnapshot):
        return Details(partial(pool_details, snapshot.pool, key), "")
    return None


class DetailsScreen(Reader):
    """One row, its definition against the actual one, and what to do."""

    KEYS = keys.Scope.DETAILS
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.DETAILS)]

    class Stepped(Message):
        """The next step of this row is asked for: `build` or `roll_back`."""

        def __init__(self, subject: Subject, action: str) -> None:
            super().__init__()
            self.subject = subject
            self.action = action

    def __init__(self, subject: Subject, name: str, readings: Readings) -> None:
        super().__init__()
        self._subject = subject
        self._row_name = name
        self._readings = readings
        self._details = find(subject, readings)
        self._gone = self._details is None

    def title_text(self) -> Line:
        """Which row this is, and whether it is still there."""
        part, _ = self._subject
        title = TITLES[part]
        gone = " · no longer among the readings" if self._gone else ""
        stale = " · stale: the server is out of reach" if self._readings.is_stale(part) else ""
        return line(
            (f" {title} › ", Tone.DIM), (clean(self._row_name), Tone.STRONG), (gone + stale, Tone.WARN)
        )

    def lines(self, width: int) -> Sequence[Line]:
        """The details as they are now."""
        return self._details.lines(width) if self._details is not None else ()

    def idle_keys(self) -> Collection[str]:
        """No step mends a probe or the pool; not every row has SQL of its own."""
        has_sql = self._details is not None and bool(self._details.sql)
        steps = () if TITLES[self._subject[0]] in keys.MENDABLE else ("build", "roll_back")
        return steps if has_sql else (*steps, "copy")

    def follow(self) -> None:
        """Look the row up again; what was last known of a row that is gone stays."""
        found = find(self._subject, self._readings)
        self._gone = found is None
        self._details = found or self._details
        self.draw()

    def _facts(self, sql: str) -> keys.Facts:
        """What decides which keys are off."""
        profile, title = getattr(self.app, "profile", None), TITLES[self._subject[0]]
        subject = self._subject if self._details is not None else None
        return facts_of(self._readings, profile, title, subject, sql=bool(sql))

    def action_key(self, name: str) -> None:
        """Copying and the next step; the rest as in every text."""
        if name not in ("copy", "build", "roll_back"):
            super().action_key(name)
            return
        sql = self._details.sql if self._details is not None else ""
        why_off = keys.key(f"details.{name}").why_off(self._facts(sql))
        if why_off:
            self.say(why_off, Tone.WARN)
        elif name != "copy":
            self.post_message(self.Stepped(self._subject, name))
        else:
            self.post_message(Copied(sql))
