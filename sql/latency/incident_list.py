"""The incidents that are kept: bounded, the same cause in a row as one, told at most once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sql.latency.evidence import Cause, Incident, IncidentsSnapshot, Tell

MOST = 100
"""Incidents that are kept; the oldest are forgotten."""
IN_A_ROW_S = 30.0
"""A slow run so long after the one before, and with the same cause, is no new incident."""
ENOUGH = 3
"""So many runs in a row with the same cause tell; of further ones only some are looked at."""
AGAIN_S = 5.0
"""One of them this often, and whatever takes twice as long as the slowest."""
TELL_S = 1.0
GROWN_S = 10.0
"""How often it is told that a row has grown: each telling carries everything that is kept."""


@dataclass
class _Last:
    """The newest incident of a probe."""

    incident: Incident
    looked_at: float


class IncidentList:
    """Keeps incidents, the oldest first."""

    def __init__(self, tell: Tell, clock: Callable[[], float]) -> None:
        self._tell = tell
        self._clock = clock
        self._kept: list[Incident] = []
        self._last: dict[int, _Last] = {}
        self._running: dict[int, Incident] = {}
        self._told = -TELL_S
        self._timer: asyncio.TimerHandle | None = None

    @property
    def snapshot(self) -> IncidentsSnapshot:
        """Everything that is kept, the newest first, with what still runs before it."""
        every = (*self._kept, *self._running.values())
        return IncidentsSnapshot(datetime.now(UTC), tuple(reversed(every)))

    def worth_looking_from(self, probe: int, now: float) -> float:
        """After how many ms a run is worth looking at: at once, unless it only repeats what is known."""
        last = self._last.get(probe)
        if last is None or last.incident.count < ENOUGH or now - last.looked_at >= AGAIN_S:
            return 0.0
        return 2 * last.incident.ms

    def running(self, probe: int, incident: Incident) -> None:
        """A run of the probe is slow and has not ended."""
        self._running[probe] = incident
        self._say(TELL_S)

    def add(self, probe: int, incident: Incident, *, matters: bool, looked: bool) -> None:
        """A slow run has ended.

        Args:
            matters: whether it is kept also where nothing was seen.
            looked: whether anybody looked at it while it ran.
        """
        was_told = self._running.pop(probe, None) is not None
        last = self._last.get(probe)
        follows = last is not None and (incident.at - last.incident.until).total_seconds() <= IN_A_ROW_S
        if last is not None and follows and (not looked or _same(last.incident, incident)):
            grown = last.incident.joined(incident, looked=looked)
            self._replace(last.incident, grown)
            last.incident = grown
            every = TELL_S if was_told else GROWN_S
        elif matters or was_told or incident.cause is not Cause.UNKNOWN:
            self._kept.append(incident)
            del self._kept[:-MOST]
            last = self._last[probe] = _Last(incident, self._clock())
            every = TELL_S
        else:
            return
        if looked:
            last.looked_at = self._clock()
        self._say(every)

    def _replace(self, old: Incident, new: Incident) -> None:
        place = next((at for at, each in enumerate(self._kept) if each is old), None)
        if place is not None:
            self._kept[place] = new

    def _say(self, every_s: float) -> None:
        """Tell now, or once so many seconds have gone since it was told last."""
        wait = self._told + every_s - self._clock()
        loop = asyncio.get_running_loop()
        if wait <= 0:
            self._say_now()
        elif self._timer is None or self._timer.when() > loop.time() + wait:
            self.close()
            self._timer = loop.call_later(wait, self._say_now)

    def close(self) -> None:
        """Tell nothing later."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _say_now(self) -> None:
        self.close()
        self._told = self._clock()
        self._tell(self.snapshot)


def _same(one: Incident, other: Incident) -> bool:
    """Whether two slow runs have one reason, as far as anybody saw."""
    if one.cause is not other.cause:
        return False
    return one.cause is not Cause.LOCK or _holder(one) == _holder(other)


def _holder(incident: Incident) -> object:
    """Who is at the root of a wait for a lock."""
    lock = incident.evidence.lock
    if lock is None or not lock.blockers:
        return None
    deepest = max(lock.blockers, key=lambda each: each.depth)
    return (deepest.pid, deepest.backend_start, deepest.gid)
