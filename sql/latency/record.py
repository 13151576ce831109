"""What the samples of a probe say: percentiles, and whether they meet the target."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime

from profiles.manifest import ProbeEntry
from sql.findings import ProbeFinding
from sql.latency.grants import NOT_ALLOWED, may_be_a_grant
from sql.latency.messages import (
    Attached,
    Message,
    Overdue,
    Planned,
    Sample,
    Samples,
    ServerMean,
    Stopped,
    Ungranted,
    Unmeasured,
)
from sql.latency.window import LEAST_SAMPLES, Window
from sql.snapshots import ProbePlan, ProbeReading, ProbesSnapshot

RECENT = 60
"""Samples of a sparkline."""
TELLING = 3
"""So few samples tell that a target is missed where each of them is above it."""


class Record:
    """One probe over a window of time."""

    def __init__(self, entry: ProbeEntry, window_s: float = math.inf) -> None:
        self.entry = entry
        self._window_s = window_s
        self._latencies = Window(window_s)
        self._services = Window(window_s)
        self._ticks: deque[tuple[float, int, int]] = deque()
        self._errors: deque[tuple[float, str]] = deque()
        self.plan: ProbePlan | None = None
        self.server_mean_ms: float | None = None
        self.obstacle = ""
        """Why it cannot be run at all."""
        self.grants: tuple[str, ...] = ()
        """The statements that would let this role run it."""

    def add(self, samples: Samples, now: float) -> None:
        """Take samples in, in the order in which they were made."""
        self.obstacle = ""
        self._ticks.append((now, samples.due, samples.runs))
        for sample in samples.rows:
            self._add(sample)

    def _add(self, sample: Sample) -> None:
        latency = (sample.end - sample.due) * 1000 if sample.answered else math.inf
        self._latencies.add(sample.end, latency)
        if sample.shared:
            return
        if sample.error is None:
            self._services.add(sample.end, (sample.end - sample.start) * 1000)
        else:
            self._errors.append((sample.end, sample.error))

    def reading(self, now: float) -> ProbeReading:
        """The probe as it is at `now`, a time of the samples' clock."""
        self._forget(now)
        finding, detail = self._judge()
        due = sum(ticks for _, ticks, _ in self._ticks)
        runs = sum(run for _, _, run in self._ticks)
        recent = self._latencies.newest(RECENT)
        return ProbeReading(
            name=self.entry.name,
            query_class=self.entry.query_class,
            finding=finding,
            samples=len(self._latencies),
            errors=len(self._errors),
            target=self.entry.target,
            p50_ms=_finite(self._latencies.percentile(50)),
            p95_ms=_finite(self._latencies.percentile(95)),
            p99_ms=_finite(self._latencies.percentile(99)),
            max_ms=self._latencies.maximum(),
            last_ms=recent[-1] if recent else None,
            service_p50_ms=self._services.percentile(50),
            service_p95_ms=self._services.percentile(95),
            service_p99_ms=self._services.percentile(99),
            server_mean_ms=self.server_mean_ms,
            kept=min(1.0, runs / due) if due else None,
            plan=self.plan,
            detail=detail,
            recent_ms=recent,
        )

    def _forget(self, now: float) -> None:
        self._latencies.forget(now)
        self._services.forget(now)
        for passing in (self._ticks, self._errors):
            while passing and passing[0][0] < now - self._window_s:
                passing.popleft()

    def _judge(self) -> tuple[ProbeFinding, str]:
        if not len(self._latencies):
            return ProbeFinding.NOT_MEASURED, self.obstacle or "there is no sample yet"
        if not len(self._services) and (sentence := self._not_allowed()):
            return ProbeFinding.NOT_MEASURED, sentence
        if self._errors:
            return ProbeFinding.FAILING, self._failure()
        missed, unjudged, judged = [], [], 0
        count = len(self._latencies)
        for percent, target in _targets(self.entry):
            value = self._latencies.percentile(percent)
            if value is None and count >= TELLING and self._latencies.minimum() > target:
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
        errors = [error for _, error in self._errors]
        if not errors or not all(map(may_be_a_grant, errors)):
            return ""
        reason = errors[-1].partition(": ")[2]
        if self.grants:
            return f"{reason}; what mends it: {'; '.join(self.grants)}"
        if all(error.startswith(NOT_ALLOWED) for error in errors):
            return f"{reason}; this profile's role needs the right to that"
        return ""

    def _failure(self) -> str:
        most, _ = Counter(error for _, error in self._errors).most_common(1)[0]
        runs = len(self._services) + len(self._errors)
        return f"{len(self._errors)} of {runs} runs failed: {most}"


class Records:
    """All probes of a manifest, fed by a sampler's messages."""

    def __init__(self, probes: Sequence[ProbeEntry], window_s: float = math.inf) -> None:
        self._records = [Record(entry, window_s) for entry in probes]

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
            case Attached() | Overdue() | Stopped():
                pass

    def snapshot(self, now: float) -> ProbesSnapshot:
        """The probes as they are at `now`."""
        return ProbesSnapshot(datetime.now(UTC), tuple(record.reading(now) for record in self._records))


def _targets(entry: ProbeEntry) -> list[tuple[int, float]]:
    target = entry.target
    wanted = ((50, target.p50_ms), (95, target.p95_ms), (99, target.p99_ms))
    return [(percent, value) for percent, value in wanted if value is not None]


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value
