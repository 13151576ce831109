"""What still holds of all that was recorded: a further part of the session begins with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from sql.recording.entries import Entry, Heard, Paused, Published, Ran

    Held: TypeAlias = Heard | Published | Ran | Paused


class Standing:
    """The latest of each kind, in the order in which they came."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Held] = {}

    def note(self, entry: Entry) -> None:
        """Take an entry in, where it says more than what happened just then."""
        from sql.recording.entries import Heard, Paused, Published, Ran

        key = _key(entry)
        if key is not None and isinstance(entry, Heard | Published | Ran | Paused):
            self._held.pop(key, None)
            self._held[key] = entry

    def entries(self, at: float) -> Iterator[Entry]:
        """All of it, said again at `at`."""
        return (replace(each, at=at) for each in self._held.values())


def _key(entry: Entry) -> tuple[str, str] | None:
    from sql.latency.messages import Planned, ServerMean, Ungranted, Unmeasured
    from sql.recording.entries import Heard, Paused, Published, Ran, part_of

    match entry:
        case Heard(message=Planned() | Unmeasured() | Ungranted() | ServerMean() as message):
            return type(message).__name__, str(message.probe)
        case Published(event=event):
            return "reading", part_of(event)
        case Ran(run=run):
            return "run", run.run
        case Paused():
            return "paused", ""
    return None
