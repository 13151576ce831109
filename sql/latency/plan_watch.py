"""Which plan each probe had while it was as fast as usual, and whether it has another one now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sql.latency.messages import Planned
from sql.latency.readings import ProbePlan

CALM_S = 45.0
"""A plan that is seen so long after the last slow run is the usual one now."""
YOUNG_S = 5.0
"""The prober explains a probe that is slow again and again no more often."""


@dataclass
class _Known:
    usual: ProbePlan
    now: ProbePlan
    at: float
    heard: asyncio.Event = field(default_factory=asyncio.Event)


class PlanWatch:
    """The plans of all probes, as the prober tells them; times are of the samples' clock."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._slow: dict[int, float] = {}

    def slow(self, probe: int, at: float) -> None:
        """A run of it is slow: the plan that is told next may be why."""
        self._slow[probe] = at

    def take(self, message: Planned, at: float) -> None:
        """Note what the planner does with a probe."""
        plan = message.plan
        known = self._known.get(message.probe)
        if known is None:
            self._known[message.probe] = _Known(plan, plan, at)
            return
        known.now, known.at = plan, at
        if plan.shape == known.usual.shape or at - self._slow.get(message.probe, at - CALM_S) >= CALM_S:
            known.usual = plan
        heard, known.heard = known.heard, asyncio.Event()
        heard.set()

    def now(self, probe: int) -> ProbePlan | None:
        """How the planner would run it, as far as is known."""
        known = self._known.get(probe)
        return None if known is None else known.now

    def before(self, probe: int) -> ProbePlan | None:
        """The usual plan, where the planner does otherwise now."""
        known = self._known.get(probe)
        return None if known is None or known.now.shape == known.usual.shape else known.usual

    async def fresh(self, probe: int, since: float, patience_s: float) -> None:
        """Wait until a plan is known that is younger than `since`, or nearly so."""
        known = self._known.get(probe)
        if known is None or known.at >= since - YOUNG_S:
            return
        try:
            async with asyncio.timeout(patience_s):
                await known.heard.wait()
        except TimeoutError:
            return
