"""Keeps why each slow run was slow: looks at it while it is overdue, and does nothing while nothing is.

The prober says which run is overdue; the watching session looks at its backend until the run ends. All of it
belongs to one event loop; times are of the samples' clock.
"""

from __future__ import annotations

import asyncio
import statistics
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

from profiles.manifest import ProbeEntry
from sql.errors import ReadingError, SessionError
from sql.latency.causes import judge
from sql.latency.evidence import Evidence, Incident, Tell
from sql.latency.incident_list import IncidentList
from sql.latency.looks import look, rehearse
from sql.latency.messages import Attached, Message, Overdue, Planned, Sample, Samples, Standstill, Stopped
from sql.latency.overdue import OverdueRun
from sql.latency.plan_watch import PlanWatch
from sql.latency.server_calls import Counters, ServerCalls, difference

if TYPE_CHECKING:
    from sql.session import Session

Ask: TypeAlias = "Callable[[Callable[[Session], Awaitable[Any]]], Awaitable[Any]]"
"""Asks the watching session something once; raises SessionError or ReadingError."""

ALL_PROBES = "all probes"
PLAN_S = 1.0
"""How long to wait for the plan that the prober sends after a slow run."""
LAST_LOOK_S = 0.5
FIRST_WORD_S = 0.4
"""A run that takes so much longer is told of while it runs."""
LOST_S = 120.0
"""A run of which nothing is heard any more."""
STANDSTILL_S = 0.2
LEAST_USUAL = 5
USUAL_RUNS = 31
"""Of which the median is what a run usually takes."""
MOST_CLOSING = 4
"""Runs whose plan and counters are read at the same time; further ones do without."""


class Incidents:
    """Hears what the prober says, looks at what is overdue, and tells what it found."""

    def __init__(
        self,
        probes: Sequence[ProbeEntry],
        ask: Ask,
        tell: Tell,
        *,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._probes = tuple(probes)
        self._ask = ask
        self._clock = clock
        self._open: dict[tuple[int, float], OverdueRun] = {}
        self._wanted = asyncio.Event()
        self._usual = [deque[float](maxlen=USUAL_RUNS) for _ in self._probes]
        """What the newest runs of each probe took, ms."""
        self._looking = asyncio.Lock()
        self._rehearsed = True
        self._pids: dict[int, int] = {}
        """By lane."""
        self._closing: set[asyncio.Task[None]] = set()
        self._plans = PlanWatch()
        self._calls = ServerCalls()
        self._stalls: deque[Standstill] = deque(maxlen=50)
        self.list = IncidentList(tell, clock)

    def hear(self, message: Message, at: float) -> None:
        """Take a message of the prober that arrived at `at`."""
        match message:
            case Overdue():
                self._begin(message, at)
            case Samples():
                self._take(message)
            case Planned():
                self._plans.take(message, at)
            case Standstill():
                self._stand_still(message)
            case Attached():
                before, self._pids[message.lane] = self._pids.get(message.lane), message.pid
                self._abandon(lambda run: run.said.pid == before)
                self._rehearsed = False
                self._wanted.set()
            case Stopped():
                self._abandon(lambda _: True)

    async def run(self) -> None:
        """Look at whatever is overdue, until cancelled."""
        try:
            while True:
                await self._wanted.wait()
                if not self._rehearsed and not self._open:
                    self._rehearsed = True
                    with suppress(ReadingError, SessionError):
                        await self._ask(rehearse)
                while self._open:
                    await self._look()
                    await asyncio.sleep(min((run.rest_s for run in self._open.values()), default=0.0))
                self._wanted.clear()
        finally:
            await self.settle(cancel=True)
            self.list.close()

    async def settle(self, *, cancel: bool = False) -> None:
        """Until the runs that have ended are judged."""
        tasks = tuple(self._closing)
        for task in tasks if cancel else ():
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _take(self, samples: Samples) -> None:
        usual = self._usual[samples.probe]
        for sample in samples.rows:
            if sample.shared:
                continue
            run = self._open.pop((samples.probe, sample.start), None)
            if run is not None:
                run.usual_ms = statistics.median(usual) if len(usual) >= LEAST_USUAL else None
                self._close(run, sample)
            usual.append(_ms(sample))

    # -- a run begins to be slow, is looked at, ends ------------------------------------------------------

    def _begin(self, said: Overdue, at: float) -> None:
        worth_from = self.list.worth_looking_from(said.probe, at)
        run = OverdueRun(said, self._wall(said.start), look_from=worth_from)
        self._open[said.probe, said.start] = run
        self._plans.slow(said.probe, at)
        self._wanted.set()

    async def _look(self) -> None:
        now = self._clock()
        self._abandon(lambda run: now - run.said.start > LOST_S)
        runs = [run for run in self._open.values() if run.wants_look(now)]
        if not runs:
            return
        pids = [run.said.pid for run in runs if run.said.pid]
        applications = [run.said.application for run in runs if not run.said.pid]
        try:
            known = [run.pid for run in runs if run.knows_lock(now)]
            async with self._looking:
                looks = await self._ask(lambda session: look(session, pids, applications, known=known))
            for run in runs:
                for each in looks:
                    if run.is_at(each):
                        run.take(each)
        except ReadingError as error:
            self._cannot_see(runs, error.reason)
        except SessionError as error:
            self._cannot_see(runs, error.user_message())
        for run in runs:
            self._tell_early(run)
        await self._count(runs)

    def _abandon(self, lost: Callable[[OverdueRun], bool]) -> None:
        """Nothing more will be heard of these runs: their connection is gone."""
        for key, run in tuple(self._open.items()):
            if lost(run):
                del self._open[key]
                ms = (self._clock() - run.said.start) * 1000
                incident = self._incident(run, ms, self._evidence(run, ms))
                reason = f"{incident.reason}; its end was not seen: the probing connection was lost"
                self._list_add(run, replace(incident, running=False, reason=reason))

    def _cannot_see(self, runs: Sequence[OverdueRun], why: str) -> None:
        for run in runs:
            run.cannot_see(f"the watching session could not look: {why}")

    async def _count(self, runs: Sequence[OverdueRun]) -> None:
        """What the server has counted of the statement before this run ends: it counts a run when it ends."""
        for run in runs:
            if not run.counted and run.query_id is not None:
                run.counted = True
                with suppress(ReadingError, SessionError):
                    run.counters = await self._counters(run.query_id)

    async def _counters(self, query_id: int) -> Counters | None:
        now = self._clock()
        found: Counters | None = await self._ask(lambda session: self._calls.read(session, query_id, now))
        return found

    def _tell_early(self, run: OverdueRun) -> None:
        """Say why it takes so long while it does."""
        lasted = self._clock() - run.said.start
        if lasted < run.said.threshold_ms / 1000 + FIRST_WORD_S or not run.looked:
            return
        self.list.running(
            run.said.probe, self._incident(run, lasted * 1000, self._evidence(run, lasted * 1000))
        )

    def _close(self, run: OverdueRun, sample: Sample) -> None:
        if len(self._closing) >= MOST_CLOSING:
            self._add(run, sample, self._evidence(run, _ms(sample)))
            return
        task = asyncio.get_running_loop().create_task(self._finish(run, sample), name="judge a slow run")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _finish(self, run: OverdueRun, sample: Sample) -> None:
        """Read what is only known afterwards, then judge."""
        with suppress(TimeoutError):
            # A look that is under way may tell why it is not answered.
            async with asyncio.timeout(LAST_LOOK_S), self._looking:
                pass
        seen = self._evidence(run, _ms(sample))
        try:
            if run.counters is not None and run.query_id is not None:
                after = await self._counters(run.query_id)
                seen = replace(seen, call=difference(run.counters, after) if after is not None else None)
            await self._plans.fresh(run.said.probe, sample.end, PLAN_S)
            seen = await self._with_plan(run.said.probe, seen)
        except (ReadingError, SessionError):
            pass  # what was seen before stands
        self._add(run, sample, seen)

    async def _with_plan(self, probe: int, seen: Evidence) -> Evidence:
        plan, before = self._plans.now(probe), self._plans.before(probe)
        if before is None:
            return replace(seen, plan=plan)
        gone = sorted(set(before.indexes) - set(plan.indexes if plan is not None else ()))
        rows = await self._ask(lambda session: session.fetch("incident_indexes", gone)) if gone else []
        said = tuple(f"index {row['name']} {_what_became(row)}" for row in rows if not row["usable"])
        if not said and self._probes[probe].arguments is not None:
            # Other arguments may have another plan at all times: that alone is no change.
            return replace(seen, plan=plan)
        return replace(seen, plan=plan, plan_before=before, indexes=said)

    # -- what it says -------------------------------------------------------------------------------------

    def _evidence(self, run: OverdueRun, ms: float) -> Evidence:
        begin, end = run.said.start, run.said.start + ms / 1000
        stood = sum(max(0.0, min(end, each.end) - max(begin, each.start)) for each in self._stalls)
        return replace(run.evidence(ms), stood_still_ms=stood * 1000, plan=self._plans.now(run.said.probe))

    def _add(self, run: OverdueRun, sample: Sample, seen: Evidence) -> None:
        self._list_add(run, self._incident(run, _ms(sample), seen, sample))

    def _list_add(self, run: OverdueRun, incident: Incident) -> None:
        target = self._probes[run.said.probe].target.p99_ms
        missed = target is not None and incident.ms > target
        self.list.add(
            run.said.probe,
            incident,
            matters=missed or incident.ms >= 2 * run.said.threshold_ms,
            looked=bool(incident.looked_into),
        )

    def _incident(self, run: OverdueRun, ms: float, seen: Evidence, sample: Sample | None = None) -> Incident:
        cause, reason = judge(seen, ms)
        if sample is not None and sample.error is not None:
            reason += f"; it failed: {sample.error}"
        return Incident(
            probe=self._probes[run.said.probe].name,
            at=run.at,
            until=run.at + timedelta(milliseconds=ms),
            ms=ms,
            cause=cause,
            reason=reason,
            evidence=seen,
            looked_into=int(bool(seen.looks)),
            running=sample is None,
        )

    def _stand_still(self, stall: Standstill) -> None:
        self._stalls.append(stall)
        lasted = stall.end - stall.start
        if lasted < STANDSTILL_S:
            return
        seen = Evidence(pid=None, threshold_ms=STANDSTILL_S * 1000, stood_still_ms=lasted * 1000)
        cause, reason = judge(seen, lasted * 1000)
        at, until = self._wall(stall.start), self._wall(stall.end)
        incident = Incident(ALL_PROBES, at, until, lasted * 1000, cause, reason, seen)
        self.list.add(-1, incident, matters=True, looked=False)

    def _wall(self, moment: float) -> datetime:
        return datetime.now(UTC) - timedelta(seconds=self._clock() - moment)


def _ms(sample: Sample) -> float:
    """Of the run itself: a tick that waited behind a slow run is that run's doing."""
    return (sample.end - sample.start) * 1000


def _what_became(row: Any) -> str:
    return "is not valid" if row["there"] else "is gone"
