"""Incidents as a recording holds them: each in full once, then by its place in the telling before.

Whenever one of them grows, which is once a second in a bad hour, a deck tells all hundred that it keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sql.latency.evidence import Incident
from sql.recording.values import UnknownValueError, pack, unpack


class ToldIncidents:
    """The telling before, on the side that writes."""

    def __init__(self) -> None:
        self._last: tuple[Incident, ...] = ()

    def pack(self, incidents: tuple[Incident, ...]) -> list[Any]:
        """For each its place in the telling before, or all of it.

        Raises:
            UnrecordableError: one holds a value of a type that no recording can hold.
        """
        # They are frozen, and live on in the telling before: the same object is the same incident.
        places = {id(each): place for place, each in enumerate(self._last)}
        packed = [places[id(each)] if id(each) in places else pack(each) for each in incidents]
        self._last = incidents
        return packed


class KnownIncidents:
    """The telling before, on the side that reads."""

    def __init__(self, last: tuple[Incident | None, ...] = ()) -> None:
        self._last = last
        """None: one that a newer pgdeck knows and this one does not."""

    def copy(self) -> KnownIncidents:
        """Another one that knows the same."""
        return KnownIncidents(self._last)

    def unpack(self, packed: Sequence[Any]) -> tuple[Incident, ...]:
        """The incidents of which `ToldIncidents.pack` made this; without those that are not known here."""
        self._last = tuple(map(self._one, packed))
        return tuple(each for each in self._last if each is not None)

    def _one(self, packed: Any) -> Incident | None:
        if isinstance(packed, int):
            return self._last[packed] if 0 <= packed < len(self._last) else None
        try:
            made = unpack(packed)
        except UnknownValueError:
            return None
        return made if isinstance(made, Incident) else None
