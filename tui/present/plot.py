"""The time plot of a probe: the median and the slowest of each column of time, targets, marks.

Our own drawing: textual-plotext has had no release since 2024 and holds plotext below 6 (20 ms to import,
a process-wide figure, a colour for each cell), textual-plot needs numpy (100 ms, 18 MB); both draw all anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from profiles.manifest import Target
from sql.latency.marks import Mark, MarkKind
from sql.latency.series import Bucket
from tui.present.axes import LEVELS, TimeAxis, ValueAxis
from tui.present.text import clean, fit, target_ms
from tui.present.view import Line, Span, Tone, line, spread

GUTTER = 5
"""Cells left of the plot: four of a number, one of the frame."""
MARGIN = 10
"""Cells right of it: the names of the targets."""
AXIS_LINES = 2
MEDIAN = "⣀⠤⠒⠉"
"""By the level within the row, from the lowest."""
WHISKER, SHORT_WHISKER, FAILED, TARGET = "│", "╷", "✗", "┈"
EMPTY: Span = (" ", Tone.PLAIN)
CURSOR: Span = ("▲", Tone.STRONG)

SIGNS: dict[MarkKind, Span] = {
    MarkKind.INCIDENT: ("!", Tone.BAD),
    MarkKind.LOST: ("✗", Tone.BAD),
    MarkKind.BACK: ("✓", Tone.GOOD),
    MarkKind.PROBER: ("?", Tone.WARN),
    MarkKind.STEP_STARTED: ("▶", Tone.ACCENT),
    MarkKind.STEP_ENDED: ("■", Tone.ACCENT),
    MarkKind.PLAN: ("~", Tone.WARN),
    MarkKind.BUILD: ("◐", Tone.WARN),
    MarkKind.CHECKPOINT: ("●", Tone.PLAIN),
    MarkKind.PAUSED: ("○", Tone.DIM),
}
"""Of what happened in the same column the first kind is shown; the legend has all. Apart in ASCII too."""


@dataclass(frozen=True)
class Plotted:
    """What is drawn."""

    buckets: Sequence[Bucket | None]
    """One for each column of the time axis."""
    target: Target
    marks: Sequence[Mark]
    time: TimeAxis
    values: ValueAxis
    cursor: int | None = None
    """The column that is read out; None: none is."""

    def told(self) -> list[Mark]:
        """What the legend tells: of all columns, or up to the one that is read out."""
        if self.cursor is None:
            return list(self.marks)
        end = self.time.begin_of(self.cursor + 1)
        return [mark for mark in self.marks if mark.at.timestamp() < end]


def columns_of(width: int) -> int:
    """Columns of time that a plot of this width has."""
    return max(width - GUTTER - MARGIN, 8)


def plot_lines(plotted: Plotted) -> tuple[Line, ...]:
    """The plot, its time axis with the marks, and the times below; as many lines as rows and two."""
    grid = [[EMPTY] * plotted.time.count for _ in range(plotted.values.rows)]
    names = _draw_targets(grid, plotted)
    for column, bucket in enumerate(plotted.buckets):
        if bucket is not None:
            _draw_bucket(grid, column, bucket, plotted)
    labels = plotted.values.labels()
    rows = [
        (
            (_gutter(labels.get(row)), Tone.DIM),
            *_joined(cells),
            (fit(" " + names.get(row, ""), MARGIN), Tone.PLAIN),
        )
        for row, cells in enumerate(grid)
    ]
    return (*rows, _axis(plotted), _times(plotted.time))


def legend_lines(marks: Sequence[Mark], most: int, width: int, probe: str = "") -> tuple[Line, ...]:
    """What each sign on the time axis stands for, the newest first, in at most `most` lines.

    Args:
        probe: the one that is shown; what is another's bears its name.
    """
    if not marks:
        return (line((" no step, build, checkpoint, lost server or other plan in this time", Tone.DIM)),)
    shown = list(reversed(marks))[:most]
    lines = [_said(mark, probe) for mark in shown]
    if len(marks) > most:
        lines[-1] = spread(lines[-1], line((f"{len(marks) - most} earlier ", Tone.DIM)), width)
    return tuple(lines)


def _said(mark: Mark, probe: str) -> Line:
    whose = f"{clean(mark.probe)} " if mark.probe not in (None, probe) else ""
    return (
        (" ", Tone.PLAIN),
        SIGNS[mark.kind],
        (f" {mark.at:%H:%M:%S} ", Tone.DIM),
        (whose + clean(mark.text), Tone.PLAIN),
    )


def _draw_targets(grid: list[list[Span]], plotted: Plotted) -> dict[int, str]:
    """Draw the lines of the targets; their names by row."""
    target = plotted.target
    wanted = (("50", target.p50_ms), ("95", target.p95_ms), ("99", target.p99_ms))
    by_row: dict[int, list[tuple[str, float]]] = {}
    for name, value in wanted:
        if value is not None:
            by_row.setdefault(plotted.values.row(value), []).append((name, value))
    for row in by_row:
        grid[row] = [(TARGET, Tone.DIM)] * plotted.time.count
    return {row: _target_name(found) for row, found in by_row.items()}


def _target_name(found: Sequence[tuple[str, float]]) -> str:
    """`p99 50`, `p95/99 35/50` where two share a row, `p50/95/99` where their values have no room."""
    names = "p" + "/".join(name for name, _ in found)
    full = f"{names} {'/'.join(target_ms(value) for _, value in found)}"
    return full if len(full) < MARGIN else names


def _draw_bucket(grid: list[list[Span]], column: int, bucket: Bucket, plotted: Plotted) -> None:
    values, limit = plotted.values, plotted.target.p99_ms
    if bucket.max_ms is not None:
        # Where most failed there is no median: the whisker then stands on the frame.
        middle = values.level(bucket.median_ms) if bucket.median_ms is not None else -1
        top = values.level(bucket.max_ms)
        tone = Tone.WARN if limit is not None and bucket.max_ms > limit else Tone.DIM
        for step in range(middle // LEVELS + 1, top // LEVELS + 1):
            ends_low = step == top // LEVELS and top % LEVELS < LEVELS // 2
            grid[values.rows - 1 - step][column] = (SHORT_WHISKER if ends_low else WHISKER, tone)
        if middle >= 0:
            grid[values.rows - 1 - middle // LEVELS][column] = (MEDIAN[middle % LEVELS], Tone.SPARK)
    if bucket.failed:
        grid[0][column] = (FAILED, Tone.BAD)


def _gutter(value: float | None) -> str:
    if value is None:
        return " " * (GUTTER - 1) + "│"
    text = f"{value:g}" if value < 10_000 else f"{value / 1000:g}k"
    return fit(text, GUTTER - 1, right=True) + "┤"


def _axis(plotted: Plotted) -> Line:
    cells: list[Span] = [("─", Tone.DIM)] * plotted.time.count
    for column, _ in plotted.time.labels():
        cells[column] = ("┬", Tone.DIM)
    if plotted.cursor is not None:
        cells[plotted.cursor] = CURSOR
    places = list(SIGNS)
    for mark in sorted(plotted.marks, key=lambda mark: places.index(mark.kind), reverse=True):
        column_of = plotted.time.column(mark.at.timestamp())
        if column_of is not None:
            cells[column_of] = SIGNS[mark.kind]
    return ((" " * (GUTTER - 1) + "└", Tone.DIM), *_joined(cells), (fit(" UTC", MARGIN), Tone.DIM))


def _times(axis: TimeAxis) -> Line:
    text = ""
    for column, label in axis.labels():
        text += " " * (column - len(text)) + label
    return ((" " * GUTTER + fit(text, axis.count + MARGIN), Tone.DIM),)


def _joined(cells: Sequence[Span]) -> Line:
    """Cells of one tone as one span."""
    spans: list[Span] = []
    for text, tone in cells:
        # A blank shows no tone: it joins whatever stands before it.
        if spans and (spans[-1][1] is tone or text == " "):
            spans[-1] = (spans[-1][0] + text, spans[-1][1])
        else:
            spans.append((text, tone))
    return tuple(spans)
