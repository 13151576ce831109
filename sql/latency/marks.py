"""What happened while probes were measured: steps, builds, lost servers, other plans, checkpoints."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sql.durations import duration
from sql.latency.checkpoints import Checkpoints, CheckpointsSnapshot
from sql.latency.evidence import Cause, Incident, IncidentsSnapshot
from sql.latency.messages import Message, Planned, Samples, Standstill, Stopped
from sql.latency.readings import ProbePlan
from sql.snapshots import (
    BuildsSnapshot,
    ConstraintsSnapshot,
    Event,
    IdentitySnapshot,
    IndexesSnapshot,
    Lost,
    MigrationSnapshot,
    PoolSnapshot,
    Unavailable,
)

if TYPE_CHECKING:
    from sql.steps.runs import ForeignBuild, RunState

OF_THE_WATCH = (
    IdentitySnapshot,
    PoolSnapshot,
    IndexesSnapshot,
    ConstraintsSnapshot,
    MigrationSnapshot,
    BuildsSnapshot,
    CheckpointsSnapshot,
)
"""What is read on the watching connection: with any of them a lost server is back."""
MOST_MARKS = 500
MOST_RUNS = 100


class MarkKind(StrEnum):
    """What kind of thing happened."""

    STEP_STARTED = "step started"
    STEP_ENDED = "step ended"
    BUILD = "somebody's build"
    INCIDENT = "slow sample"
    LOST = "server lost"
    BACK = "server back"
    PROBER = "prober"
    PLAN = "plan changed"
    CHECKPOINT = "checkpoint"
    PAUSED = "pause"


@dataclass(frozen=True)
class Mark:
    """One thing that happened, for the time axis."""

    at: datetime
    kind: MarkKind
    text: str
    """A clause without a full stop; holds names from the server, as they are."""
    probe: str | None = None
    """Whose it is; None: it concerns all probes."""
    shared: bool = False
    """It is one probe's, and tells of the others too, as a lock does."""


class Timeline:
    """Collects marks from all that is published; the oldest leave first."""

    def __init__(self, probes: Sequence[str]) -> None:
        """
        Args:
            probes: names, in the order of the prober's messages.
        """
        self._probes = tuple(probes)
        self._happened: list[Mark] = []
        self._of_runs: list[Mark] = []
        self._of_incidents: list[Mark] = []
        self._plans: dict[int, ProbePlan] = {}
        self._lost_at: datetime | None = None
        self._silent_at: datetime | None = None
        """Since when the prober does not measure."""
        self._news = ""
        self._builds: dict[tuple[int, datetime | None], str] = {}
        self._checkpoints = Checkpoints()

    def marks(self, since: datetime, probe: str | None = None) -> list[Mark]:
        """The marks since then, the oldest first.

        Args:
            probe: leave out what concerns other probes alone; None: all.
        """
        every = self._happened + self._of_runs + self._of_incidents
        fitting = [
            mark
            for mark in every
            if mark.shared or probe is None or mark.probe is None or mark.probe == probe
        ]
        return sorted((mark for mark in fitting if mark.at >= since), key=_when)

    def take(self, message: Message, at: datetime) -> None:
        """Note what the prober said."""
        if isinstance(message, Planned):
            self._planned(message, at)
        elif isinstance(message, Stopped):
            self._silent(message.reason, at)
        elif isinstance(message, Standstill):
            said = f"the prober itself stood still for {message.end - message.start:.1f} s"
            self._note(Mark(at, MarkKind.PROBER, said))
        elif isinstance(message, Samples) and self._silent_at is not None:
            said = f"probes are measured again, after {_span(self._silent_at, at)}"
            self._silent_at = None
            self._note(Mark(at, MarkKind.PROBER, said))

    def hear(self, event: Event, at: datetime) -> None:
        """Note what was published."""
        if isinstance(event, Lost):
            if self._lost_at is None:
                self._lost_at = at
                self._note(Mark(at, MarkKind.LOST, event.reason))
            return
        if isinstance(event, Unavailable):
            if event.part == "probes":
                self._silent(event.reason, at)
            return
        if isinstance(event, IncidentsSnapshot):
            self._of_incidents = [_of_incident(each, self._probes) for each in event.incidents]
        elif isinstance(event, OF_THE_WATCH):
            self._answered(at)
        if isinstance(event, CheckpointsSnapshot):
            if said := self._checkpoints.take(event):
                self._note(Mark(event.taken_at, MarkKind.CHECKPOINT, said))
        elif isinstance(event, BuildsSnapshot):
            self._see_builds(event.foreign, at)
        elif isinstance(event, IdentitySnapshot) and event.news != self._news:
            self._news = event.news
            if event.news:
                self._note(Mark(at, MarkKind.BACK, event.news))

    def pause(self, paused: bool, at: datetime) -> None:
        """The operator stopped the reading, or let it go on."""
        self._note(Mark(at, MarkKind.PAUSED, "paused here" if paused else "reading goes on"))

    def follow_runs(self, states: Iterable[RunState]) -> None:
        """The runs of the profile as they are now, the latest first."""
        marks: list[Mark] = []
        for state in list(states)[:MOST_RUNS]:
            if state.started_at is not None:
                marks.append(Mark(state.started_at, MarkKind.STEP_STARTED, f"{state.step} started"))
            if state.started_at is not None and state.ended_at is not None:
                took = _span(state.started_at, state.ended_at)
                marks.append(
                    Mark(state.ended_at, MarkKind.STEP_ENDED, f"{state.step} {state.state} after {took}")
                )
        self._of_runs = marks

    def _note(self, mark: Mark) -> None:
        insort(self._happened, mark, key=_when)
        del self._happened[: max(0, len(self._happened) - MOST_MARKS)]

    def _planned(self, message: Planned, at: datetime) -> None:
        before, plan = self._plans.get(message.probe), message.plan
        self._plans[message.probe] = plan
        if before is None or _gist(before) == _gist(plan):
            return
        if before.node != plan.node:
            said = f"{plan.node} now, {before.node} before"
        elif before.uses_index != plan.uses_index:
            said = f"{plan.node}, {'by' if plan.uses_index else 'no longer by'} {plan.expected_index}"
        else:
            said = plan.shape or f"another {plan.node}"
        self._note(Mark(at, MarkKind.PLAN, said, self._probes[message.probe]))

    def _silent(self, reason: str, at: datetime) -> None:
        # Every attempt to start it again says so again; after a lost server, that was said.
        if self._silent_at is None:
            self._silent_at = at
            if self._lost_at is None:
                self._note(Mark(at, MarkKind.PROBER, f"probes are not measured: {reason}"))

    def _answered(self, at: datetime) -> None:
        if self._lost_at is not None:
            said = f"the server answers again, after {_span(self._lost_at, at)}"
            self._lost_at = None
            self._note(Mark(at, MarkKind.BACK, said))

    def _see_builds(self, foreign: Iterable[ForeignBuild], at: datetime) -> None:
        seen = {(build.pid, build.backend_start): _named(build) for build in foreign}
        for key, name in seen.items():
            if key not in self._builds:
                self._note(Mark(at, MarkKind.BUILD, f"{name} goes on"))
        for key, name in self._builds.items():
            if key not in seen:
                self._note(Mark(at, MarkKind.BUILD, f"{name} is over"))
        self._builds = seen


def _of_incident(incident: Incident, probes: Sequence[str]) -> Mark:
    said = incident.sentence.removeprefix(f"{incident.at.astimezone(UTC):%H:%M:%S} {incident.probe} ")
    # What all probes had in common bears the name of none.
    whose = incident.probe if incident.probe in probes else None
    return Mark(incident.at, MarkKind.INCIDENT, said, whose, shared=incident.cause is Cause.LOCK)


def _gist(plan: ProbePlan) -> tuple[object, ...]:
    return plan.node, plan.uses_index, plan.shape


def _when(mark: Mark) -> datetime:
    return mark.at


def _span(since: datetime, until: datetime) -> str:
    seconds = max(0.0, (until - since).total_seconds())
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return duration(seconds)


def _named(build: ForeignBuild) -> str:
    return f"{build.command or 'a build'} on {build.table or 'a table'} by pid {build.pid}"


def at_wall(seconds: float) -> datetime:
    """A time of the wall's clock."""
    return datetime.fromtimestamp(seconds, UTC)
