"""One probe on a whole screen: its figures against the targets, and the plot of the last minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sql.findings import ProbeFinding
from sql.latency.readings import FloorReading, ProbeReading
from sql.latency.trend import Trend
from sql.latency.window import LEAST_SAMPLES
from tui.present.latency import KEPT_ENOUGH, waits
from tui.present.plot import AXIS_LINES, Plotted, legend_lines, plot_lines
from tui.present.text import clean, fit, ms, plural, target_ms
from tui.present.view import BLANK, Line, Span, Tone, clip, line, line_width

TABLE_WIDTH = 46
LEAST_ROWS = 4
TRENDS: dict[Trend, Span] = {
    Trend.RISING: ("↑ rising", Tone.WARN),
    Trend.STEADY: ("→ steady", Tone.PLAIN),
    Trend.FALLING: ("↓ falling", Tone.PLAIN),
}


@dataclass(frozen=True)
class ProbePicture:
    """All that is known of one probe."""

    reading: ProbeReading
    floor: FloorReading | None = None
    trouble: str = ""
    """Why what is shown is not what is measured now; empty: it is."""


def rows_for(height: int) -> tuple[int, int]:
    """Rows of the plot and lines of the legend in a text of `height` lines."""
    legend = min(max(height // 5, 2), 8)
    # Table, plan, a note, the caption.
    return max(height - legend - AXIS_LINES - 7, LEAST_ROWS), legend


def probe_lines(picture: ProbePicture, plotted: Plotted, width: int, height: int) -> tuple[Line, ...]:
    """The figures, the plot and its legend, at most `height` lines."""
    _, legend = rows_for(height)
    lines = [
        *_beside(_table(picture.reading), _facts(picture), width),
        _plan(picture.reading),
        _note(picture),
        _caption(plotted),
        *plot_lines(plotted),
        *legend_lines(plotted.told(), legend, width, picture.reading.name),
    ]
    return tuple(clip(each, width) for each in lines[:height])


def _table(reading: ProbeReading) -> list[Line]:
    target = reading.target
    rows = (
        (50, reading.p50_ms, reading.service_p50_ms, target.p50_ms),
        (95, reading.p95_ms, reading.service_p95_ms, target.p95_ms),
        (99, reading.p99_ms, reading.service_p99_ms, target.p99_ms),
    )
    head = line((f" ms{'seen':>8}{'service':>9}{'target':>7}", Tone.DIM))
    return [head, *(_row(*each, reading.samples) for each in rows)]


def _row(percent: int, seen: float | None, service: float | None, target: float | None, samples: int) -> Line:
    return (
        (f" p{percent}", Tone.DIM),
        (f"{ms(seen):>8}", Tone.STRONG),
        (f"{ms(service):>9}", Tone.PLAIN),
        (f"{target_ms(target):>7}  ", Tone.DIM),
        _judged(percent, seen, target, samples),
    )


def _judged(percent: int, seen: float | None, target: float | None, samples: int) -> Span:
    if seen is None:
        least = LEAST_SAMPLES[percent]
        return (f"? needs {least} runs", Tone.DIM) if samples < least else ("✗ unanswered", Tone.BAD)
    if target is None:
        return ("no target", Tone.DIM)
    return ("✗ missed", Tone.BAD) if seen > target else ("✓ met", Tone.GOOD)


def _facts(picture: ProbePicture) -> list[Line]:
    reading = picture.reading
    counted = [f"n {reading.samples}"]
    counts: list[Span] = [(", ".join(counted), Tone.PLAIN)]
    if reading.kept is not None:
        few = reading.kept < KEPT_ENOUGH
        counts.append(
            (f"{', ! kept' if few else ', kept'} {reading.kept:.0%}", Tone.WARN if few else Tone.PLAIN)
        )
    if reading.errors:
        counts.append((f", ✗ {reading.errors} failed", Tone.BAD))
    now: Span = waits(reading) or (f"now {ms(reading.last_ms)}", Tone.PLAIN)
    slowest = f", slowest {ms(reading.max_ms)} ms"
    trend = (TRENDS[reading.trend], (" · ", Tone.DIM)) if reading.trend is not None else ()
    return [line(now, (slowest, Tone.PLAIN)), (*trend, *counts), _server(reading), _floor(picture)]


def _server(reading: ProbeReading) -> Line:
    if reading.server_mean_ms is None:
        return line(("server's own mean: not known", Tone.DIM))
    return line(f"server's own mean: {ms(reading.server_mean_ms)} ms")


def _floor(picture: ProbePicture) -> Line:
    reading = picture.reading
    said: list[Span] = []
    if picture.floor is not None and picture.floor.p50_ms is not None:
        said.append((f"floor {ms(picture.floor.p50_ms)} ms", Tone.PLAIN))
    if reading.every_s is not None:
        comma = ", " if said else ""
        every = f"every {reading.every_s:.{2 if reading.every_s < 10 else 3}g} s"
        said.append(
            (f"{comma}! only {every}", Tone.WARN) if reading.slowed else (f"{comma}run {every}", Tone.DIM)
        )
    return tuple(said)


def _plan(reading: ProbeReading) -> Line:
    plan = reading.plan
    if plan is None:
        return line((" plan  ", Tone.DIM), ("not known yet", Tone.DIM))
    by: Span = ("", Tone.PLAIN)
    if plan.expected_index is not None:
        named = clean(plan.expected_index)
        by = (f" by {named}", Tone.PLAIN) if plan.uses_index else (f", not by {named}", Tone.WARN)
    note = f": {clean(plan.note)}" if plan.note else ""
    return line((" plan  ", Tone.DIM), (clean(plan.node), Tone.PLAIN), by, (note, Tone.DIM))


def _note(picture: ProbePicture) -> Line:
    if picture.trouble:
        return line((f" ? {clean(picture.trouble)}", Tone.WARN))
    reading = picture.reading
    # What is missed stands in the table; the detail tells what does not.
    if reading.finding in (ProbeFinding.FAILING, ProbeFinding.NOT_MEASURED):
        return line((f" {clean(reading.detail)}", Tone.WARN))
    return BLANK


def _caption(plotted: Plotted) -> Line:
    width_s = plotted.time.bucket_s
    column = f"{width_s} s" if width_s < 60 else f"{width_s // 60} min"
    if plotted.cursor is not None:
        return _read_out(plotted, plotted.cursor, column)
    said = f" ms, log scale · a column is {column}: ⠤ median, │ up to the slowest, ┈ targets"
    return line((said, Tone.DIM))


def _read_out(plotted: Plotted, cursor: int, width: str) -> Line:
    """What the column under the cursor says."""
    at = datetime.fromtimestamp(plotted.time.begin_of(cursor), UTC)
    bucket = plotted.buckets[cursor]
    when = (f" ▲ {at:%H:%M:%S}, {width}: ", Tone.DIM)
    if bucket is None:
        return line(when, ("nothing was measured", Tone.DIM))
    failed: Span = (f" · ✗ {bucket.failed} failed" if bucket.failed else "", Tone.BAD)
    said = f"{plural(bucket.samples, 'run')}, median {ms(bucket.median_ms)}, slowest {ms(bucket.max_ms)} ms"
    return line(when, (said, Tone.STRONG), failed)


def _beside(left: Sequence[Line], right: Sequence[Line], width: int) -> list[Line]:
    """Two blocks beside each other; where there is no room, the left one alone."""
    if width < TABLE_WIDTH + 10:
        return list(left)
    found = []
    for one, other in zip(left, right, strict=True):
        gap = fit("", max(TABLE_WIDTH - line_width(one), 1))
        found.append((*one, (gap, Tone.PLAIN), *other))
    return found
