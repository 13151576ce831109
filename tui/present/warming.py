"""Warming up, as lines: what it will do, how far it is, cold against warm."""

from __future__ import annotations

from collections.abc import Sequence

from profiles.manifest import ProbeEntry
from sql.latency.warming import MOST_ARGUMENTS, WarmedProbe, WarmedRelation, WarmStep, WarmUp
from tui.present.blocks import heading, prose
from tui.present.text import bar, clean, fit, ms, plural, size
from tui.present.view import BLANK, Line, Tone, line

BAR_WIDTH = 30
NAME_WIDTH = 28
NOT_FASTER = "not faster warm: its data was in the cache already, or the server was busier meanwhile"


def offer_lines(probes: Sequence[ProbeEntry], width: int) -> list[Line]:
    """What warming up would do."""
    if not probes:
        return prose("The manifest has no probe, so there is nothing to warm up with.", width)
    what = (
        f"c runs {plural(len(probes), 'probe')}, each with up to {MOST_ARGUMENTS} sets of arguments, one"
        " after the other; reads their tables and indexes into shared_buffers where pg_prewarm is installed"
        " and they fit into half of it; then runs every probe again. It reads only, on one connection of its"
        " own. The Latency pane rests meanwhile, so that its figures stay those of a calm server."
    )
    return [heading("Warm up"), BLANK, *prose(what, width)]


def going_lines(step: WarmStep) -> list[Line]:
    """How far it is."""
    total = max(step.total, 1)
    return [
        heading("Warming up"),
        BLANK,
        line("  ", (bar(step.done, total, BAR_WIDTH), Tone.ACCENT), f" {step.done} of {step.total}"),
        line("  ", (clean(step.what), Tone.PLAIN)),
    ]


def done_lines(warm: WarmUp, width: int) -> list[Line]:
    """Cold against warm."""
    head = f"  {'probe':<{NAME_WIDTH}}{'runs':>6}{'cold ms':>10}{'worst':>9}{'warm ms':>10}{'worst':>9}"
    lines = [heading("Cold against warm"), BLANK, line((head, Tone.DIM))]
    for each in warm.probes:
        lines += _probe(each, width)
    lines += [BLANK, heading("Read into shared_buffers"), BLANK]
    if warm.prewarm:
        lines += prose(clean(warm.prewarm), width, Tone.WARN)
    for relation in warm.relations:
        lines += _relation(relation, width)
    if not warm.prewarm and not warm.relations:
        lines += prose("nothing: no probe could be planned", width, Tone.DIM)
    return lines


def failed_lines(sentence: str, width: int) -> list[Line]:
    """Why it ended."""
    return [heading("Not warmed up"), BLANK, *prose(clean(sentence), width, Tone.BAD)]


def _probe(probe: WarmedProbe, width: int) -> list[Line]:
    figures = (probe.cold_ms, probe.cold_max_ms, probe.warm_ms, probe.warm_max_ms)
    numbers = "".join(f"{ms(each):>{room}}" for each, room in zip(figures, (10, 9, 10, 9), strict=True))
    name = fit(clean(probe.name), NAME_WIDTH - 1) + " "
    said = line("  ", (name, Tone.STRONG), f"{probe.runs:>6}{numbers}")
    notes = prose(clean(probe.detail), width, Tone.WARN, 4) if probe.detail else []
    if probe.cold_ms is not None and probe.warm_ms is not None and probe.warm_ms > probe.cold_ms:
        notes += prose(NOT_FASTER, width, Tone.DIM, 4)
    return [said, *notes]


def _relation(relation: WarmedRelation, width: int) -> list[Line]:
    name = clean(relation.name)
    if relation.seconds is None:
        return prose(f"! {name}, {size(relation.bytes)}: {clean(relation.detail)}", width, Tone.WARN)
    return prose(f"✓ {name}, {size(relation.bytes)} in {relation.seconds:.1f} s", width)
