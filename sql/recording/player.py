"""Plays a recording: what was known at any moment of it, forwards and backwards, exactly as it was.

Latency figures come of the recorded messages through the same records, at the same moments of the same clock.
Going back rebuilds them from the nearest place that was noted on the way, or from the beginning.
"""

from __future__ import annotations

import math
import pickle
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from sql.latency.record import Records
from sql.recording.entries import (
    Decoder,
    Ended,
    Entry,
    Heard,
    Measured,
    Paused,
    Published,
    Ran,
    Walled,
    part_of,
)
from sql.recording.reader import Recording
from sql.recording.state import Happened, Noted, Shown, State
from sql.recording.tape import DamagedError
from sql.snapshots import Event, ProbesSnapshot

NOTED_EVERY_S = 120.0
MOST_NOTED = 12
"""Places to come back to; a longer recording has them farther apart."""
NEAR_S = 300.0
"""Before the place of a jump one more is noted: the next jump is mostly some steps back from it."""
MOST_NEAR = 3
"""Of those, the newest."""
SKIMMED_S = 1.0
"""The window that is kept in order while nobody looks."""
FIGURES = ProbesSnapshot.__name__
SINCE_THE_START = math.inf
"""As a window, in seconds."""


class Player:
    """One recording and a place in it. Not for two threads at once."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.header = self._header = recording.header
        self._every_s = max(NOTED_EVERY_S, recording.duration_s / MOST_NOTED)
        self._noted: list[Noted] = []
        self._near: deque[Noted] = deque(maxlen=MOST_NEAR)
        self.window_s: float | None = None
        """The operator's window, as for `look`."""
        self.damage = ""
        """Why it goes on no further than here."""
        self._begin()

    def _begin(self) -> None:
        self._tape, self._decoder = self._recording.tape(), Decoder()
        self._records = Records(self._header.manifest.probes)
        self._looked = self._recorded_window_s = SINCE_THE_START
        self._next: Entry | None = None
        self.state = State(wall=(self._header.clock, self._header.started_at))
        self.position = 0.0

    @property
    def duration_s(self) -> float:
        """From the beginning to the last entry."""
        return self._recording.duration_s

    @property
    def is_over(self) -> bool:
        """Whether nothing comes any more."""
        return self.position >= self.duration_s or bool(self.damage)

    def moment(self, position: float | None = None) -> datetime:
        """What the wall's clock showed at a position, seconds since the beginning; None: now."""
        assert self.state.wall is not None
        clock, moment = self.state.wall
        at = self._header.clock + (self.position if position is None else position)
        return moment + timedelta(seconds=at - clock)

    def advance(self, to: float) -> Iterator[Happened]:
        """Go on to `to`, seconds since the beginning; what happened on the way, in its order.

        The position moves as the iterator is drawn; a place before the current one gives nothing.
        """
        while (entry := self._peek()) is not None:
            at = entry.at - self._header.clock
            if at > to:
                break
            self._next = None
            # Entries that waited for the writer may be a breath out of order: time never goes back.
            self.position = max(self.position, at)
            happened = self._take(entry)
            if happened is not None:
                yield happened
            if self._wants_note:
                self._noted.append(self._place())
        self.position = max(self.position, min(to, self.duration_s))

    def seek(self, to: float) -> None:
        """Go to `to`, forwards or backwards; `state` is then what was known there."""
        to = min(max(to, 0.0), self.duration_s)
        if to < self.position:
            self._return(to)
        self._skim(to)

    def look(self, window_s: float | None) -> ProbesSnapshot | None:
        """Count another window; the figures in it at this place, where there are some.

        Args:
            window_s: `SINCE_THE_START`, seconds, or None: that which was looked at then.
        """
        self.window_s = window_s
        shown = self.state.events.get(FIGURES)
        if shown is None or not isinstance(shown.event, ProbesSnapshot):
            return None
        assert shown.event.clock is not None
        snapshot = self._measure(shown.event.clock, shown.event.taken_at)
        self.state.events[FIGURES] = replace(shown, event=snapshot)
        return snapshot

    # -- forwards ---------------------------------------------------------------------------------------

    def _peek(self) -> Entry | None:
        while self._next is None and not self.damage:
            try:
                line = self._tape.next()
                if line is None:
                    return None
                self._next = self._decoder.decode(line)
            except (ValueError, DamagedError, OSError):
                self.damage = "the recording is damaged from here on"
        return self._next

    def _take(self, entry: Entry) -> Happened | None:
        match entry:
            case Heard():
                self._records.take(entry.message, entry.at)
                return entry
            case Published(event=event):
                return self._show(entry.at, event)
            case Measured():
                self._recorded_window_s = SINCE_THE_START if entry.window_s is None else entry.window_s
                return self._show(entry.at, self._measure(entry.at, entry.taken_at))
            case Ran(run=run):
                self.state.runs[run.run] = run
                return entry
            case Paused(paused=paused):
                self.state.paused = paused
                return entry
            case Walled():
                self.state.wall = (entry.at, entry.moment)
            case Ended():
                pass
        return None

    def _show(self, at: float, event: Event) -> Shown:
        position = at - self._header.clock
        shown = Shown(position, self.moment(position), event)
        key = part_of(event)
        self.state.events.pop(key, None)
        self.state.events[key] = shown
        return shown

    def _measure(self, at: float, taken_at: datetime) -> ProbesSnapshot:
        wanted = self._recorded_window_s if self.window_s is None else self.window_s
        if wanted != self._looked:
            self._looked = wanted
            self._records.look(None if wanted == SINCE_THE_START else wanted, at)
        snapshot = self._records.snapshot(at)
        since = None if snapshot.since is None else snapshot.since - (snapshot.taken_at - taken_at)
        return replace(snapshot, taken_at=taken_at, since=since)

    def _skim(self, to: float) -> None:
        """Go on as `advance` does, but work out no figures on the way: only those that stand at the end."""
        far = to - self.position > SKIMMED_S
        if far:
            self._look_away()
        held: list[Heard] = []
        measured: Measured | None = None
        while (entry := self._peek()) is not None and entry.at - self._header.clock <= to:
            self._next = None
            self.position = max(self.position, entry.at - self._header.clock)
            if isinstance(entry, Heard):
                # What came after the figures is not in them.
                held.append(entry)
            elif isinstance(entry, Measured):
                self._take_all(held)
                measured = entry
                self._keep_the_place_of_figures()
                if self._wants_note or self._is_near(to):
                    self._figures_at(measured)
                    (self._noted if self._wants_note else self._near).append(self._place())
                    self._look_away()
            else:
                self._take(entry)
        if measured is not None:
            self._figures_at(measured)
        self._take_all(held)
        self.position = max(self.position, to)

    def _look_away(self) -> None:
        # Keeping samples in order is what costs; another look orders them anew, exactly.
        if self._looked != SKIMMED_S:
            self._looked = SKIMMED_S
            self._records.look(SKIMMED_S, self._header.clock + self.position)

    def _take_all(self, held: list[Heard]) -> None:
        for entry in held:
            self._records.take(entry.message, entry.at)
        held.clear()

    def _keep_the_place_of_figures(self) -> None:
        """Figures that are worked out later still come before what was published after them."""
        before = self.state.events.pop(FIGURES, None)
        self.state.events[FIGURES] = before or Shown(
            0.0, self._header.started_at, ProbesSnapshot(self.moment(), ())
        )

    def _figures_at(self, entry: Measured) -> None:
        order = list(self.state.events)
        self._take(entry)
        self.state.events = {key: self.state.events[key] for key in order}

    # -- backwards --------------------------------------------------------------------------------------

    @property
    def _wants_note(self) -> bool:
        last = self._noted[-1].at if self._noted else 0.0
        return self.position >= last + self._every_s

    def _is_near(self, to: float) -> bool:
        """Whether steps back from `to` would come from farther away than this place."""
        if to - self.position > NEAR_S:
            return False
        before = self._last_noted(self.position)
        return (before.at if before is not None else 0.0) < self.position - NEAR_S

    def _last_noted(self, at: float) -> Noted | None:
        """The last noted place that is not behind `at`."""
        places = (each for each in (*self._noted, *self._near) if each.at <= at)
        return max(places, key=lambda each: each.at, default=None)

    def _place(self) -> Noted:
        return Noted(
            at=self.position,
            tape=self._tape.copy(),
            decoder=self._decoder.copy(),
            records=zlib.compress(pickle.dumps(self._records, pickle.HIGHEST_PROTOCOL), 1),
            state=self.state.copy(),
            looked=self._looked,
            recorded_window_s=self._recorded_window_s,
        )

    def _return(self, to: float) -> None:
        """Go back to the last noted place before `to`."""
        self.damage = ""
        place = self._last_noted(to)
        if place is None:
            self._begin()
            return
        self._tape, self._decoder = place.tape.copy(), place.decoder.copy()
        self._records = pickle.loads(zlib.decompress(place.records))
        self._looked, self._recorded_window_s, self._next = place.looked, place.recorded_window_s, None
        self.state, self.position = place.state.copy(), place.at
