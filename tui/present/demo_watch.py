"""What is watched during a demo: one verdict, one large figure a probe, and what crossed a line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC
from itertools import zip_longest

from sql.findings import ProbeFinding
from sql.latency.readings import ProbeReading
from sql.verdict import Judgement
from tui.crossings import Crossing
from tui.present.large import HEIGHT, large
from tui.present.latency import waits
from tui.present.signs import badness, mark
from tui.present.text import clean, fit, plural, target_ms, width_of
from tui.present.view import BLANK, Line, Span, Tone, line

TILE_WIDTH = 26
TILE_HEIGHT = HEIGHT + 3
"""Name, figure, words, a blank line."""
LOG_LINES = 3
TONES = {ProbeFinding.MET: Tone.GOOD, ProbeFinding.MISSED: Tone.BAD, ProbeFinding.FAILING: Tone.BAD}


def verdict_line(judgement: Judgement | None, trouble: str) -> Line:
    """The verdict and its first reason."""
    if trouble:
        return line((f" ? {clean(trouble)}", Tone.WARN))
    if judgement is None:
        return line((" reading …", Tone.DIM))
    reason = clean(judgement.reasons[0]) if judgement.reasons else "everything the manifest asks for is there"
    return line(" ", mark(judgement.verdict), "  ", (reason, Tone.PLAIN))


def tile_lines(probes: Sequence[ProbeReading], width: int, height: int) -> list[Line]:
    """As many probes as fit, the worst ones at least, in the manifest's order."""
    columns = max(width // TILE_WIDTH, 1)
    rows = max((height + 1) // TILE_HEIGHT, 1)
    room = columns * rows
    worst = sorted(range(len(probes)), key=lambda at: (badness(probes[at].finding), at))[:room]
    shown = [_tile(probes[at], width // columns) for at in sorted(worst)]
    lines: list[Line] = []
    for first in range(0, len(shown), columns):
        if lines:
            lines.append(BLANK)
        lines += [_joined(parts) for parts in zip_longest(*shown[first : first + columns], fillvalue=BLANK)]
    left = len(probes) - len(shown)
    if left:
        others = {probes[at].finding for at in range(len(probes)) if at not in worst}
        words = "all met" if others == {ProbeFinding.MET} else "see the deck"
        lines.append(line((f" and {plural(left, 'more probe')}, {words}", Tone.DIM)))
    return lines


def log_lines(entries: Iterable[Crossing], width: int) -> list[Line]:
    """What crossed a line, the newest first."""
    newest = list(entries)[::-1][:LOG_LINES]
    if not newest:
        return [line((" nothing crossed a line since this was opened", Tone.DIM))]
    return [_entry(each, width) for each in newest]


def _entry(entry: Crossing, width: int) -> Line:
    sign = ("✗ ", Tone.BAD) if entry.worse else ("✓ ", Tone.GOOD)
    said = fit(clean(entry.sentence), width - 13).rstrip()
    return line((f" {entry.at.astimezone(UTC):%H:%M:%S} ", Tone.DIM), sign, (said, Tone.PLAIN))


def _tile(probe: ProbeReading, width: int) -> list[Line]:
    figure, unit = figure_of(_telling(probe)[1])
    tone = TONES.get(probe.finding, Tone.DIM)
    rows = [_padded(line(" ", (row, tone)), width) for row in large(figure)]
    rows[-1] = _padded(line(" ", (large(figure)[-1], tone), (f" {unit}", Tone.DIM)), width)
    name = line(" ", (fit(clean(probe.name), width - 2), Tone.STRONG))
    return [_padded(name, width), *rows, _padded(line(" ", *_words(probe)), width)]


def _telling(probe: ProbeReading) -> tuple[str, float | None, float | None]:
    """The p95 with its target; while there are too few samples for it the p50, then the newest sample."""
    target = probe.target
    if probe.p95_ms is not None:
        return "p95", probe.p95_ms, target.p95_ms
    if probe.p50_ms is not None:
        return "p50", probe.p50_ms, target.p50_ms
    return "newest", probe.last_ms, None


def _words(probe: ProbeReading) -> tuple[Span, ...]:
    name, _, wanted = _telling(probe)
    if (late := waits(probe)) is not None:
        return (late, (f", {name}", Tone.DIM))
    if probe.finding is ProbeFinding.NOT_MEASURED:
        return (mark(probe.finding), (f", {name}", Tone.DIM))
    if probe.finding is ProbeFinding.FAILING:
        return ((f"✗ {plural(probe.errors, 'run')} failed", Tone.BAD), (f", {name}", Tone.DIM))
    target = f" of {target_ms(wanted)} ms" if wanted else ""
    return (mark(probe.finding), (f" {name}{target}", Tone.DIM))


def figure_of(value_ms: float | None) -> tuple[str, str]:
    """A latency in at most three digits, such as `0.4` or `812`, and its unit: `ms` or `s`."""
    if value_ms is None:
        return "–", "ms"
    if value_ms >= 999.5:
        seconds = value_ms / 1000
        return (f"{seconds:.1f}" if seconds < 9.95 else f"{seconds:.0f}"), "s"
    return (f"{value_ms:.1f}" if value_ms < 9.95 else f"{value_ms:.0f}"), "ms"


def _padded(spans: Line, width: int) -> Line:
    used = sum(width_of(text) for text, _ in spans)
    return (*spans, (" " * max(width - used, 0), Tone.PLAIN))


def _joined(parts: Iterable[Line]) -> Line:
    return tuple(span for part in parts for span in part)
