"""Notices that this process did not run for a while: stopped, or starved by a busy machine."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from time import perf_counter as now

BEAT_S = 0.25


class Heartbeat:
    """Beats four times a second; `say` is called with beginning and end of a beat that was missed."""

    def __init__(self, longest_s: float, say: Callable[[float, float], None]) -> None:
        self._longest_s = longest_s
        self._say = say
        self._next = math.inf
        self._last = (math.inf, math.inf)
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin; needs a running loop."""
        self._set(now())

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()

    def stood_still_since(self, start: float) -> float:
        """Since when the process did not run, where that ended after `start`; infinity where it ran."""
        self._look(now())
        began, ended = self._last
        return began if began != ended and ended >= start else math.inf

    def _set(self, moment: float) -> None:
        self._next = moment + BEAT_S
        self._timer = asyncio.get_running_loop().call_later(BEAT_S, self._beat)

    def _beat(self) -> None:
        moment = now()
        self._look(moment)
        self._set(moment)

    def _look(self, moment: float) -> None:
        if moment - self._next >= self._longest_s:
            self._last = (self._next, moment)
            self._next = moment + BEAT_S
            self._say(*self._last)
