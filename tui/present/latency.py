"""The Latency pane: what each probe measures against its targets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING

from profiles.manifest import ProbeEntry, Target
from sql.findings import ProbeFinding
from sql.snapshots import ProbesSnapshot
from tui.present.signs import badness, mark
from tui.present.tally import tally
from tui.present.text import clean, ms, plural, spark, target_ms
from tui.present.view import GAP, Column, Line, Row, Span, Tone, View, line

if TYPE_CHECKING:
    from sql.latency.readings import ProbeReading

COLUMNS = (
    Column("finding", least=8),
    Column("probe, ms", least=10, most=40, middle=True, fills=True),
    Column("now ", least=7, right=True, drop=4),
    Column("p50 ", least=6, right=True),
    Column("p95 ", least=6, right=True),
    Column("p99 ", least=6, right=True),
    Column("target", least=9, right=True, drop=5),
    Column("n", least=4, right=True, drop=6),
    Column("kept", least=5, right=True, drop=7),
    Column("newest", least=6, most=24, drop=1, tail=True),
)
SIGNS: Mapping[str, str] = {"rising": "↑", "falling": "↓"}
"""Of a `Trend` that is worth a sign."""
KEPT_ENOUGH = 0.98
WAITS_FROM_S = 1.0
"""A run that has been in flight for less is not worth a word of its own."""
SPARK_WIDTH = 24


def latency_view(snapshot: ProbesSnapshot, entries: Mapping[str, ProbeEntry], incidents: int = 0) -> View:
    """The probes: what misses its target first, then in the manifest's order."""
    places = {name: place for place, name in enumerate(entries)}
    ordered = sorted(snapshot.probes, key=lambda p: (badness(p.finding), places.get(p.name, 0)))
    return View(
        summary=summary(snapshot, incidents),
        columns=COLUMNS,
        rows=tuple(_row(probe, entries.get(probe.name)) for probe in ordered),
        empty=(line(("the manifest has no probe", Tone.DIM)),),
    )


def summary(snapshot: ProbesSnapshot, incidents: int = 0) -> Line:
    """`5 min: 4 of 5 met  ! 2 incidents, i  ✗ 1 missed  ! kept 97%  floor 0.21`."""
    said = tally((probe.finding for probe in snapshot.probes), ProbeFinding.MET, "no probe")
    if not snapshot.probes:
        return said
    if incidents:
        # Before the kinds of trouble, which the rows show too: the end is what a narrow pane cuts.
        said = (said[0], GAP, (f"! {plural(incidents, 'incident')}, i", Tone.WARN), *said[1:])
    if snapshot.window_s is not None or snapshot.since is not None:
        said = ((f"{window(snapshot)}: ", Tone.DIM), *said)
    if snapshot.standstill_s:
        said = (*said, GAP, (f"! prober stopped {snapshot.standstill_s:.1f} s", Tone.WARN))
    shares = [probe.kept for probe in snapshot.probes if probe.kept is not None]
    if shares and min(shares) < KEPT_ENOUGH:
        said = (*said, GAP, (f"! kept {min(shares):.0%}", Tone.WARN))
    if snapshot.floor is not None and snapshot.floor.p50_ms is not None:
        said = (*said, GAP, (f"floor {ms(snapshot.floor.p50_ms)}", Tone.DIM))
    return said


def window(snapshot: ProbesSnapshot) -> str:
    """What the figures count: `5 min`, or `since 14:03` (UTC)."""
    if snapshot.window_s is not None and not snapshot.cut:
        return f"{snapshot.window_s / 60:.0f} min"
    if snapshot.since is None:
        return "since the start"
    return f"since {snapshot.since.astimezone(UTC):%H:%M}"


def is_missed(value: float | None, target: float | None) -> bool:
    """Whether a percentile is over its target."""
    return value is not None and target is not None and value > target


def percentile(value: float | None, target: float | None) -> Span:
    """A percentile with a sign behind it: `61.2✗`, `20.1✓`."""
    if value is None or target is None:
        return (ms(value) + " ", Tone.PLAIN)
    missed = is_missed(value, target)
    return (ms(value) + ("✗" if missed else "✓"), Tone.BAD if missed else Tone.PLAIN)


def now_and_trend(probe: ProbeReading) -> Span:
    """The newest sample, with the way that the median goes: `0.91↑`; steady has no sign."""
    sign = SIGNS.get(probe.trend or "", " ")
    return (ms(probe.last_ms) + sign, Tone.WARN if sign == "↑" else Tone.PLAIN)


def waits(probe: ProbeReading) -> Span | None:
    """That a run has no answer yet: `! waits 5 s`; None where none is that late."""
    if probe.waits_s is None or probe.waits_s < WAITS_FROM_S:
        return None
    return (f"! waits {probe.waits_s:.0f} s", Tone.WARN)


def targets(target: Target) -> str:
    """The three targets, as `25/35/50`."""
    return "/".join(target_ms(value) for value in (target.p50_ms, target.p95_ms, target.p99_ms))


def kept(probe: ProbeReading) -> Span:
    """Share of the due measurements that were made."""
    if probe.kept is None:
        return ("–", Tone.DIM)
    return (f"{probe.kept:.0%}", Tone.PLAIN if probe.kept >= KEPT_ENOUGH else Tone.WARN)


def _row(probe: ProbeReading, entry: ProbeEntry | None) -> Row:
    target = probe.target
    return Row(
        key=probe.name,
        name=clean(probe.name),
        cells=(
            # While nothing comes back, the figures are those of before.
            waits(probe) or mark(probe.finding),
            (clean(probe.name), Tone.PLAIN),
            now_and_trend(probe),
            percentile(probe.p50_ms, target.p50_ms),
            percentile(probe.p95_ms, target.p95_ms),
            percentile(probe.p99_ms, target.p99_ms),
            (targets(target), Tone.DIM),
            (str(probe.samples), Tone.PLAIN),
            kept(probe),
            (spark(probe.recent_ms, SPARK_WIDTH), Tone.SPARK),
        ),
        sql=entry.sql if entry is not None else "",
        foot=(_named(probe), _said(probe)),
    )


def _named(probe: ProbeReading) -> Line:
    spans: list[Span] = [(clean(probe.name), Tone.STRONG)]
    if probe.query_class:
        spans.append((f" · {clean(probe.query_class)}", Tone.DIM))
    spans += [(" · target ", Tone.DIM), (f"{targets(probe.target)} ms", Tone.PLAIN)]
    return tuple(spans)


def _said(probe: ProbeReading) -> Line:
    trend = f", {probe.trend}" if probe.trend in SIGNS else ""
    facts = [f"now {ms(probe.last_ms)} ms{trend}", f"n {probe.samples}"]
    if probe.errors:
        facts.append(f"! {plural(probe.errors, 'error')}")
    if probe.kept is not None:
        facts.append(f"kept {probe.kept:.0%}")
    if probe.slowed and probe.every_s is not None:
        facts.append(f"every {probe.every_s:.1f} s, being heavy")
    if probe.plan is not None:
        facts.append(
            clean(probe.plan.node) + {False: ", not by its index", None: "", True: ""}[probe.plan.uses_index]
        )
    facts.append(clean(probe.detail))
    return line((" · ".join(fact for fact in facts if fact), Tone.DIM))
