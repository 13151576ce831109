"""When to add a read replica: the rules of the readiness report, with the figures behind each.

"Database CPU > 60 % sustained, query queue building up, enterprise client > 10K leads." A SQL session
does not see the CPU: it sees how many backends run and wait for nothing, and how many processors there are
only where somebody says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

from sql.durations import duration
from sql.pool.history import Point

CPU_SHARE = 0.6
LEADS = 10_000
SUSTAINED_S = 300.0
"""What lasts this long is sustained."""
BUILDING_UP = 1.5
"""From the first to the last third of the time."""
QUEUE = 2.0
"""Fewer than this are no queue."""
MOSTLY_READ = 0.5


class Weight(StrEnum):
    """How a rule stands."""

    HOLDS = "holds"
    NOT = "does not hold"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Rule:
    """One of the report's rules."""

    name: str
    weight: Weight
    sentence: str
    """The figures behind it."""


@dataclass(frozen=True)
class ReplicaAdvice:
    """What the rules say together."""

    sentence: str
    """In one line."""
    rules: tuple[Rule, ...]
    worth: bool
    """At least one rule holds."""


def read_replica(
    points: Sequence[Point],
    leads: int | None,
    read_share: float | None,
    replicas: int = 0,
    processors: int | None = None,
) -> ReplicaAdvice:
    """Whether a read replica is worth it.

    Args:
        points: the pool's history, oldest first.
        leads: estimated rows of `leads`.
        read_share: of all rows that were read and written, 0 to 1.
        replicas: that stream already.
        processors: of the server, where somebody knows.
    """
    rules = (_cpu(points, processors), _queue(points), _leads(leads))
    held = [rule for rule in rules if rule.weight is Weight.HOLDS]
    return ReplicaAdvice(_sentence(rules, held, read_share, replicas), rules, bool(held))


def _sentence(rules: Sequence[Rule], held: Sequence[Rule], read_share: float | None, replicas: int) -> str:
    unknown = [rule.name for rule in rules if rule.weight is Weight.UNKNOWN]
    open_ones = f"; not known: {', '.join(unknown)}" if unknown else ""
    if not held:
        return f"read replica: no rule asks for one{open_ones}"
    said = f"read replica: {len(held)} of {len(rules)} rules hold ({', '.join(rule.name for rule in held)})"
    if replicas:
        said += f"; {replicas} stream{'s' if replicas == 1 else ''} already: send reads there"
    elif read_share is not None and read_share < MOSTLY_READ:
        said += f"; only {read_share:.0%} of the rows are read, not written: a replica takes reads only"
    elif read_share is not None:
        said += f"; {read_share:.0%} of the rows are reads, which a replica could take"
    return said + open_ones


def _cpu(points: Sequence[Point], processors: int | None) -> Rule:
    name = f"CPU > {CPU_SHARE:.0%} sustained"
    look = "the CPU is not visible through SQL: look at it on the server (top, vmstat) or at its provider"
    mean = _mean([point.running for point in _sustained(points)])
    if mean is None:
        return Rule(name, Weight.UNKNOWN, look)
    running = f"{mean:.1f} backends ran on average over {_minutes(points)}"
    if processors is None:
        return Rule(name, Weight.UNKNOWN, f"{look}; {running}")
    share = mean / processors
    holds = Weight.HOLDS if share > CPU_SHARE and _long(points) else Weight.NOT
    return Rule(name, holds, f"{running}, {share:.0%} of {processors} processors")


def _queue(points: Sequence[Point]) -> Rule:
    """Backends that run, clients that wait for a connection; waits for locks go on with any replica."""
    name = "a queue builds up"
    watched = _sustained(points)
    queued = [(point.running or 0) + point.queued for point in watched]
    third = len(queued) // 3
    if not third or not _long(points):
        return Rule(
            name, Weight.UNKNOWN, f"watched for {_minutes(points)} only; it takes five minutes to tell"
        )
    before, now = fmean(queued[:third]), fmean(queued[-third:])
    grows = now >= QUEUE and now >= BUILDING_UP * max(before, 1.0)
    said = f"{before:.1f} running or queued then, {now:.1f} now, over {_minutes(points)}"
    return Rule(name, Weight.HOLDS if grows else Weight.NOT, said)


def _leads(leads: int | None) -> Rule:
    name = f"client > {LEADS // 1000}K leads"
    if leads is None:
        return Rule(name, Weight.UNKNOWN, "no table leads here, or it was never analysed")
    holds = Weight.HOLDS if leads > LEADS else Weight.NOT
    return Rule(name, holds, f"about {leads:,} leads in all, whatever client they belong to")


def _sustained(points: Sequence[Point]) -> Sequence[Point]:
    if not points:
        return ()
    end = points[-1].at
    return [point for point in points if end - point.at <= SUSTAINED_S]


def _long(points: Sequence[Point]) -> bool:
    """Whether it was watched for as long as "sustained" takes, a late reading forgiven."""
    return bool(points) and points[-1].at - points[0].at >= 0.9 * SUSTAINED_S


def _mean(values: Sequence[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _minutes(points: Sequence[Point]) -> str:
    watched = _sustained(points)
    return duration(watched[-1].at - watched[0].at if watched else 0.0)
