"""Slow runs of the probes and why they were slow: the list, and the evidence of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from profiles.model import Profile
from sql.latency.evidence import Incident, IncidentsSnapshot
from tui import keys
from tui.messages import Copied
from tui.present.header import trail
from tui.present.incidents import incident_lines, incident_text, incidents_view
from tui.present.view import BLANK, Line, Tone, View, line
from tui.screens.listing import Listing
from tui.screens.reader import Reader
from tui.watching import Readings

PART = "incidents"


def _find(readings: Readings, key: str) -> Incident | None:
    snapshot = readings.known(PART).snapshot
    kept = snapshot.incidents if isinstance(snapshot, IncidentsSnapshot) else ()
    return next((each for each in kept if each.key == key), None)


class IncidentsScreen(Listing):
    """The newest first."""

    SCOPE = keys.Scope.INCIDENTS
    NAME = "incidents"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.INCIDENTS)]

    def __init__(self, profile: Profile, readings: Readings) -> None:
        super().__init__(profile)
        self._readings = readings

    def view(self) -> View:
        """What is kept since the watch began."""
        snapshot = self._readings.known(PART).snapshot
        return incidents_view(snapshot if isinstance(snapshot, IncidentsSnapshot) else None)

    def note(self) -> Line:
        """Why nothing new comes."""
        if not self._readings.manifest.probes:
            return line(("the manifest has no probe: nothing is measured", Tone.WARN))
        if self._readings.paused:
            return line(("paused: nothing is measured; space goes on", Tone.WARN))
        return BLANK

    @property
    def incident(self) -> Incident | None:
        """The one that the cursor is on."""
        row = self.pane.row
        return _find(self._readings, row.key) if row is not None else None

    def act(self, name: str) -> None:
        """The evidence, or a copy."""
        incident = self.incident
        if incident is None:
            return
        if name == "open":
            self.app.push_screen(EvidenceScreen(self.profile, incident, self._readings))
        elif name == "copy":
            self.post_message(Copied(incident_text(incident)))


class EvidenceScreen(Reader):
    """Everything that was seen of one incident; it follows one that still grows."""

    KEYS = keys.Scope.EVIDENCE
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.EVIDENCE)]

    def __init__(self, profile: Profile, incident: Incident, readings: Readings) -> None:
        super().__init__()
        self._profile = profile
        self._incident = incident
        self._readings = readings

    def title_text(self) -> Line:
        """Which one this is."""
        what = f"{self._incident.at:%H:%M:%S} {self._incident.probe}"
        return trail(self._profile.environment, "incidents", what)

    def lines(self, width: int) -> Sequence[Line]:
        """The evidence."""
        return incident_lines(self._incident, width)

    def follow(self) -> None:
        """It may have ended, or happened again; one that is kept no more stays."""
        self._incident = _find(self._readings, self._incident.key) or self._incident
        self.draw()

    def action_key(self, name: str) -> None:
        """Copying; the rest as in every text."""
        if name == "copy":
            self.post_message(Copied(incident_text(self._incident)))
        else:
            super().action_key(name)
