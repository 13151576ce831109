"""What crossed a line during a demo: a target, the pool's room, the verdict, the server's reach."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sql.findings import PoolFinding, ProbeFinding, Verdict
from sql.latency.readings import ProbeReading
from sql.snapshots import PoolReading, PoolSnapshot, ProbesSnapshot
from tui.watching import Readings

MOST = 200
"""Entries that are kept."""
GOOD_PROBE = ProbeFinding.MET
BAD_PROBES = (ProbeFinding.MISSED, ProbeFinding.FAILING)
BAD_POOLS = (PoolFinding.TIGHT, PoolFinding.FULL)


@dataclass(frozen=True)
class Crossing:
    """One line that was crossed."""

    at: datetime
    sentence: str
    worse: bool
    """Whether it went to the bad side."""


class Crossings:
    """Notes them as readings arrive; what was so when it began is no crossing."""

    def __init__(self) -> None:
        self.entries: deque[Crossing] = deque(maxlen=MOST)
        self.total = 0
        """How many were ever noted."""
        self._bad: dict[str, bool] = {}

    def take(self, readings: Readings, now: datetime) -> None:
        """Note what has crossed a line since the last call."""
        for crossing in self._compare(readings, now):
            self.entries.append(crossing)
            self.total += 1

    def since(self, total: int) -> tuple[Crossing, ...]:
        """Those that came after the first `total`, as far as they are kept."""
        new = min(self.total - total, len(self.entries))
        return tuple(self.entries)[len(self.entries) - new :]

    def _compare(self, readings: Readings, now: datetime) -> Iterator[Crossing]:
        for subject, (bad, sentence) in _states(readings).items():
            before = self._bad.get(subject)
            self._bad[subject] = bad
            if before is not None and before is not bad:
                yield Crossing(now, sentence, bad)


def _states(readings: Readings) -> Mapping[str, tuple[bool, str]]:
    """Each thing that can be good or bad now: whether it is bad, and the sentence for having become so."""
    lost = readings.lost
    states = {"": (lost is not None, f"the server is lost: {lost.reason}" if lost else "the server is back")}
    if lost is not None or readings.paused:
        return states
    judgement = readings.judged()
    if judgement is not None and judgement.verdict is not Verdict.UNKNOWN:
        bad = judgement.verdict is not Verdict.READY
        reason = f": {judgement.reasons[0]}" if judgement.reasons else ""
        states["verdict"] = (bad, f"{judgement.verdict}{reason}")
    snapshot = readings.known("probes").snapshot
    if isinstance(snapshot, ProbesSnapshot) and not readings.is_stale("probes"):
        for probe in snapshot.probes:
            if probe.finding is GOOD_PROBE or probe.finding in BAD_PROBES:
                states[f"probe {probe.name}"] = _probe(probe)
    pool = readings.known("pool").snapshot
    if isinstance(pool, PoolSnapshot) and not _is_half_known(pool.pool):
        finding = pool.pool.finding
        detail = f": {pool.pool.detail}" if pool.pool.detail else ""
        said = f"the pool is {finding}{detail}" if finding in BAD_POOLS else "the pool has room again"
        states["pool"] = (finding in BAD_POOLS, said)
    return states


def _is_half_known(pool: PoolReading) -> bool:
    """Whether the server has room, and PgBouncer before it does not say whether it has."""
    unknown = pool.pgbouncer is not None and bool(pool.pgbouncer.unknown)
    return pool.finding is PoolFinding.UNREADABLE or (unknown and pool.finding not in BAD_POOLS)


def _probe(probe: ProbeReading) -> tuple[bool, str]:
    if probe.finding in BAD_PROBES:
        return True, f"{probe.name}: {probe.detail or probe.finding}"
    return False, f"{probe.name} meets its targets again"
