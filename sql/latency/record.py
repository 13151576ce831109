"""What the samples of a probe say: percentiles, and whether they meet the target."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from profiles.manifest import ProbeEntry
from sql.findings import ProbeFinding
from sql.latency.grants import NOT_ALLOWED, may_be_a_grant
from sql.latency.messages import (
    Attached,
    Floor,
    Message,
    Overdue,
    Planned,
    Sample,
    Samples,
    ServerMean,
    Standstill,
    Stopped,
    Ungranted,
    Unmeasured,
)
from sql.latency.window import LEAST_SAMPLES, Window
from sql.snapshots import ProbesSnapshot

if TYPE_CHECKING:
    from sql.latency.readings import FloorReading, ProbePlan, ProbeReading

RECENT = 60
"""Samples of a sparkline."""
TELLING = 3
"""So few samples tell that a target is missed where each of them is above it."""
SENTENCES = 200
"""The newest errors whose words are kept; all are counted."""


class Record:
    """One probe over a window of time."""

    def __init__(self, entry: ProbeEntry, window_s: float = math.inf) -> None:
        self.entry = entry
        self.window = Window(window_s)
        self._errors: deque[tuple[float, str]] = deque(maxlen=SENTENCES)
        self._every_s = 0.0
        self._slowed = False
        self.plan: ProbePlan | None = None
        self.server_mean_ms: float | None = None
        self.obstacle = ""
        """Why it cannot be run at all."""
        self.grants: tuple[str, ...] = ()
        """The statements that would let this role run it."""
        self.overdue: Overdue | None = None
        """The run that is in flight and takes too long."""

    def add(self, samples: Samples, now: float) -> None:
        """Take samples in, in the order in which they were made."""
        self.obstacle = ""
        self._every_s, self._slowed = samples.every_s, samples.slowed
        last = len(samples.rows) - 1
        for place, sample in enumerate(samples.rows):
            counts = (samples.due, samples.runs) if place == last else (0, 0)
            _take(sample, self.window, *counts)
            if self.overdue is not None and sample.start >= self.overdue.start:
                self.overdue = None
            if sample.error is not None and not sample.shared:
                self._errors.append((sample.end, sample.error))
        self.window.forget(now)

    def reading(self, now: float) -> ProbeReading:
        """The probe as it is at `now`, a time of the samples' clock."""
        from sql.latency.readings import ProbeReading

        self.window.forget(now)
        finding, detail = self._judge()
        window = self.window
        latencies, services = window.latencies, window.services
        recent = window.newest(RECENT)
        return ProbeReading(
            name=self.entry.name,
            query_class=self.entry.query_class,
            finding=finding,
            samples=len(latencies),
            errors=window.failed,
            target=self.entry.target,
            p50_ms=_finite(latencies.percentile(50)),
            p95_ms=_finite(latencies.percentile(95)),
            p99_ms=_finite(latencies.percentile(99)),
            max_ms=latencies.maximum(),
            last_ms=recent[-1] if recent else None,
            service_p50_ms=services.percentile(50),
            service_p95_ms=services.percentile(95),
            service_p99_ms=services.percentile(99),
            server_mean_ms=self.server_mean_ms,
            kept=min(1.0, window.runs / window.due) if window.due else None,
            plan=self.plan,
            detail=detail,
            recent_ms=recent,
            every_s=self._every_s or None,
            slowed=self._slowed,
            waits_s=None if self.overdue is None else now - self.overdue.start,
        )

    def _judge(self) -> tuple[ProbeFinding, str]:
        if not len(self.window):
            return ProbeFinding.NOT_MEASURED, self.obstacle or "there is no sample yet"
        if not len(self.window.services) and (sentence := self._not_allowed()):
            return ProbeFinding.NOT_MEASURED, sentence
        if self.window.failed:
            return ProbeFinding.FAILING, self._failure()
        missed, unjudged, judged = [], [], 0
        latencies = self.window.latencies
        count = len(latencies)
        for percent, target in _targets(self.entry):
            value = latencies.percentile(percent)
            if value is None and count >= TELLING and latencies.minimum() > target:
                missed.append(f"p{percent}: each of {count} samples is above {target:g} ms")
                continue
            if value is None:
                unjudged.append(
                    f"p{percent} not judged: it needs {LEAST_SAMPLES[percent]} samples, there are {count}"
                )
                continue
            judged += 1
            if value > target:
                missed.append(f"p{percent} is {value:.1f} ms, {target:g} ms wanted")
        detail = "; ".join(missed + unjudged)
        if missed:
            return ProbeFinding.MISSED, detail
        if unjudged and not judged:
            return ProbeFinding.NOT_MEASURED, detail
        return ProbeFinding.MET, detail

    def _not_allowed(self) -> str:
        """Which grant is missing where that alone made every run fail; empty where it did not.

        The application's role may well be allowed: that ours is not says nothing of the database.
        """
        errors = self._sentences()
        if not errors or not all(map(may_be_a_grant, errors)):
            return ""
        reason = errors[-1].partition(": ")[2]
        if self.grants:
            return f"{reason}; what mends it: {'; '.join(self.grants)}"
        if all(error.startswith(NOT_ALLOWED) for error in errors):
            return f"{reason}; this profile's role needs the right to that"
        return ""

    def _failure(self) -> str:
        runs = len(self.window.services) + self.window.failed
        said = f"{self.window.failed} of {runs} runs failed"
        return ": ".join([said, *(most for most, _ in Counter(self._sentences()).most_common(1))])

    def _sentences(self) -> list[str]:
        since = self.window.since or -math.inf
        return [error for at, error in self._errors if at >= since]


class Records:
    """All probes of a manifest, fed by a sampler's messages."""

    def __init__(self, probes: Sequence[ProbeEntry], window_s: float = math.inf) -> None:
        self._records = [Record(entry, window_s) for entry in probes]
        self._floor = Window(window_s)
        self._standstills: deque[Standstill] = deque(maxlen=SENTENCES)
        self._window_s = window_s
        self._pids: dict[int, int] = {}
        """The backend of each lane."""

    @property
    def window_s(self) -> float | None:
        """The window that is counted, seconds; None is since the start."""
        return None if math.isinf(self._window_s) else self._window_s

    def take(self, message: Message, now: float) -> None:
        """Note what the sampler said at `now`."""
        match message:
            case Samples():
                self._records[message.probe].add(message, now)
            case Planned():
                self._records[message.probe].plan = message.plan
            case Unmeasured():
                self._records[message.probe].obstacle = message.detail
            case Ungranted():
                self._records[message.probe].grants = message.grants
            case ServerMean():
                self._records[message.probe].server_mean_ms = message.mean_ms
            case Floor():
                for sample in message.rows:
                    _take(sample, self._floor)
            case Standstill():
                self._standstills.append(message)
            case Overdue():
                self._records[message.probe].overdue = message
            case Attached():
                before, self._pids[message.lane] = self._pids.get(message.lane), message.pid
                self._abandon(lambda run: run.pid == before)
            case Stopped():
                self._abandon(lambda _: True)

    @property
    def bytes(self) -> int:
        """What the samples of all probes take in memory."""
        return sum(window.bytes for window in self._windows())

    def look(self, window_s: float | None, now: float) -> None:
        """Count another window from now on, exactly: nothing is measured anew. None is since the start."""
        self._window_s = math.inf if window_s is None else window_s
        for window in self._windows():
            window.look(self._window_s, now)

    def snapshot(self, now: float) -> ProbesSnapshot:
        """The probes as they are at `now`."""
        at = datetime.now(UTC)
        readings = tuple(record.reading(now) for record in self._records)
        self._floor.forget(now)
        since = self._since()
        return ProbesSnapshot(
            taken_at=at,
            clock=now,
            probes=readings,
            window_s=self.window_s,
            since=None if since is None else at - timedelta(seconds=now - since),
            cut=any(record.window.cut for record in self._records),
            floor=self._floor_reading(),
            standstill_s=sum(
                each.end - each.start for each in self._standstills if each.end >= now - self._window_s
            ),
        )

    def _abandon(self, lost: Callable[[Overdue], bool]) -> None:
        """Nothing more will be heard of these runs: their connection is gone."""
        for record in self._records:
            if record.overdue is not None and lost(record.overdue):
                record.overdue = None

    def _windows(self) -> list[Window]:
        return [record.window for record in self._records] + [self._floor]

    def _since(self) -> float | None:
        """From when on the readings count all samples; where some were cut, from when on none is missing."""
        windows = [record.window for record in self._records]
        cut = [window.since for window in windows if window.cut and window.since is not None]
        every = [window.since for window in windows if window.since is not None]
        return max(cut) if cut else min(every, default=None)

    def _floor_reading(self) -> FloorReading | None:
        ranks = self._floor.latencies
        if not len(ranks):
            return None
        from sql.latency.readings import FloorReading

        return FloorReading(
            samples=len(ranks),
            p50_ms=ranks.percentile(50),
            p95_ms=ranks.percentile(95),
            p99_ms=ranks.percentile(99),
            max_ms=ranks.maximum(),
        )


def _take(sample: Sample, window: Window, due: int = 0, runs: int = 0) -> None:
    latency = (sample.end - sample.due) * 1000 if sample.answered else math.inf
    failed = sample.error is not None and not sample.shared
    service = None if sample.shared or failed else (sample.end - sample.start) * 1000
    window.add(sample.end, latency, service, failed=failed, due=due, runs=runs)


def _targets(entry: ProbeEntry) -> list[tuple[int, float]]:
    target = entry.target
    wanted = ((50, target.p50_ms), (95, target.p95_ms), (99, target.p99_ms))
    return [(percent, value) for percent, value in wanted if value is not None]


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value
