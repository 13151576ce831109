"""How long the probes of a step take, by a few runs of each: enough to see before against after."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter as now
from typing import TYPE_CHECKING, Any

from profiles.manifest import ProbeEntry
from sql.latency.lane import Lane, RefusedError, StaleStatementError
from sql.latency.probe_plan import explain
from sql.latency.readings import ProbePlan
from sql.latency.sampler import probe_settings
from sql.requirements import Requirements
from sql.steps.step import IndexGone, IndexStands, StatisticsStand, Step

if TYPE_CHECKING:
    from profiles.model import Profile
    from profiles.secret import Secret

RUNS = 15
PATIENCE_S = 3.0
"""For all runs of one probe; what was measured until then counts."""
ARGUMENTS = 50
"""Argument sets in rotation."""


@dataclass(frozen=True)
class ProbeTiming:
    """One probe, measured alone: service times, without the schedule's waiting."""

    probe: str
    runs: int
    p50_ms: float | None
    plan: ProbePlan | None
    problem: str = ""
    """Why there is no number or no plan."""

    @property
    def figures(self) -> dict[str, Any]:
        """For the journal."""
        return {"p50_ms": self.p50_ms, "runs": self.runs}


def probes_of(step: Step, requirements: Requirements) -> tuple[ProbeEntry, ...]:
    """The probes that should use the index which a step is about."""
    names = {end.name for end in (step.end, step.goal) if isinstance(end, IndexStands | IndexGone)}
    if isinstance(step.end, StatisticsStand):
        names |= {index.name for index in requirements.indexes if index.table == step.end.table}
    return tuple(probe for probe in requirements.probes if probe.index in names)


async def time_probes(
    profile: Profile,
    password: Secret | None,
    probes: Sequence[ProbeEntry],
    search_path: str,
    *,
    query_timeout_s: float | None = None,
    runs: int = RUNS,
) -> tuple[ProbeTiming, ...]:
    """Run each probe a few times on a read-only connection of its own; no probes, no connection.

    Raises:
        ConfigurationError, SessionError, LoginError: as `sql.connect.connect`, or the connection was lost.
    """
    if not probes:
        return ()
    lane = await Lane.open(profile, password, probe_settings(probes, search_path, query_timeout_s))
    try:
        return tuple([await _time(lane, probe, runs) for probe in probes])
    finally:
        await lane.close()


async def _time(lane: Lane, probe: ProbeEntry, runs: int) -> ProbeTiming:
    taken: list[float] = []
    plan = None
    try:
        wanted = await lane.first_rows(probe.arguments, ARGUMENTS) if probe.arguments else [()]
        if not wanted:
            return ProbeTiming(probe.name, 0, None, None, "its arguments gave no row")
        plan = (await explain(lane, probe, wanted[0])).plan
        statement = await lane.prepare(probe.sql)
        deadline = now() + PATIENCE_S
        for turn in range(runs + 1):
            await lane.begin_probe()
            try:
                began = now()
                await lane.send(statement, wanted[turn % len(wanted)])
                ended = now()
            finally:
                await lane.end_probe()
            # The first run only warms the caches, unless there is no time for another.
            if turn or ended > deadline:
                taken.append((ended - began) * 1000)
            if ended > deadline:
                break
            await asyncio.sleep(0)
    except RefusedError as error:
        problem = str(error)
    except StaleStatementError:
        problem = "its table changed meanwhile"
    else:
        problem = ""
    # Few runs of a slow probe still say how slow it is; `runs` stands beside the figure.
    p50 = statistics.median_low(taken) if taken else None
    return ProbeTiming(probe.name, len(taken), p50, plan, problem)
