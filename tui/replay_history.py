"""What a deck would remember of its probes at a place of a recording, for the plot and the trends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sql.latency.history import History
from sql.recording.entries import Heard, Paused, Published, Ran, Walled
from sql.recording.player import Player
from sql.recording.reader import Recording


class ReplayHistory(History):
    """Goes with a player; after a jump it is filled anew from the beginning."""

    def __init__(self, recording: Recording, player: Player) -> None:
        clock = recording.header.clock
        super().__init__(
            _names(recording),
            wall=lambda: player.moment().timestamp(),
            now=lambda: clock + player.position,
        )

    def become(self, other: History) -> None:
        """Remember what the other one does, and nothing else. Whoever shows this one shows it then."""
        self.series, self.timeline = other.series, other.timeline
        self._in_order = list(self.series.values())
        self._trends_at = float("-inf")


def filled(recording: Recording, until: float, given_up: Callable[[], bool]) -> History | None:
    """What is remembered at `until`, seconds since the beginning; None where it was given up. Takes a while.

    Raises:
        ConfigurationError: the file is damaged before that place.
    """
    header = recording.header
    wall, at = (header.clock, header.started_at), header.clock
    history = History(
        _names(recording),
        wall=lambda: (wall[1] + timedelta(seconds=at - wall[0])).timestamp(),
        now=lambda: at,
    )
    runs = {}
    for entry in recording.entries():
        if entry.at - header.clock > until:
            break
        if given_up():
            return None
        at = max(at, entry.at)
        match entry:
            case Heard():
                history.take(entry.message, entry.at)
            case Published():
                history.hear(entry.event)
            case Ran(run=run):
                runs[run.run] = run
                history.timeline.follow_runs(tuple(runs.values()))
            case Paused(paused=paused):
                history.timeline.pause(paused, wall[1] + timedelta(seconds=at - wall[0]))
            case Walled():
                wall = (entry.at, entry.moment)
    return history


def _names(recording: Recording) -> list[str]:
    return [entry.name for entry in recording.header.manifest.probes]
