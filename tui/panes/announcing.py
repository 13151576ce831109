"""Which slow run is said in the footer before anybody asks: once while it runs, once when it has ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sql.latency.evidence import IncidentsSnapshot

EVERY = timedelta(seconds=20)
"""Between slow runs of different probes: the keys must be in sight in between."""


class Announcing:
    """Remembers what was said last."""

    def __init__(self) -> None:
        self._known: IncidentsSnapshot | None = None
        self._probe = ""
        self._since = datetime.min.replace(tzinfo=UTC)

    def sentence(self, snapshot: IncidentsSnapshot, now: datetime) -> str:
        """What is to be said of these incidents; empty where nothing is."""
        from tui.present.incidents import told

        known, self._known = self._known, snapshot
        incident = told(() if known is None else known.incidents, snapshot.incidents)
        if incident is None or (incident.probe != self._probe and now - self._since < EVERY):
            return ""
        self._probe, self._since = incident.probe, now
        return incident.sentence
