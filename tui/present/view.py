"""What a pane shows, as a value: lines of toned text, columns, rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from tui.present.text import fit, fit_middle, width_of, wrap


class Tone(StrEnum):
    """How a text is meant; the stylesheet says how that looks. Never the only carrier of a fact."""

    PLAIN = "plain"
    DIM = "dim"
    STRONG = "strong"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    ACCENT = "accent"
    SPARK = "spark"
    BADGE = "badge"
    CHANGED = "changed"
    """The part of a definition that differs."""
    CURSOR = "cursor"
    """A mark that is added to the tones of the selected row."""


Span: TypeAlias = tuple[str, Tone]
Line: TypeAlias = tuple[Span, ...]
BLANK: Line = ()
FOOT_LINES = 3
"""Said of the selected row below a table."""
READABLE = 24
"""Cells to which a name is cut before the last column that may go is dropped."""


def line(*parts: str | Span) -> Line:
    """A line of plain and toned texts."""
    return tuple((part, Tone.PLAIN) if isinstance(part, str) else part for part in parts)


def line_width(spans: Iterable[Span]) -> int:
    """Cells that the spans take."""
    return sum(width_of(text) for text, _ in spans)


def clip(spans: Iterable[Span], width: int) -> Line:
    """The spans in at most `width` cells; what is cut ends in an ellipsis."""
    every = tuple(spans)
    if line_width(every) <= width:
        return every
    kept: list[Span] = []
    left = width
    for text, tone in every:
        length = width_of(text)
        if length >= left:
            if left > 0:
                # What would just fit gives a cell to the ellipsis: more follows it.
                kept.append((fit(f"{text} ", left), tone))
            break
        kept.append((text, tone))
        left -= length
    return tuple(kept)


GAP: Span = ("  ", Tone.PLAIN)
"""Between the parts of a summary."""


def shortened(spans: Line, width: int) -> Line:
    """The spans in at most `width` cells: a dim last part is left out as a whole before anything is cut."""
    while line_width(spans) > width and len(spans) > 2 and spans[-2] is GAP and spans[-1][1] is Tone.DIM:
        spans = spans[:-2]
    return clip(spans, width)


def spread(left: Line, right: Line, width: int) -> Line:
    """`left` and `right` at the two ends of a line; the left one gives way."""
    room = width - line_width(right)
    shown = shortened(left, max(room - 1, 0))
    gap = max(room - line_width(shown), 0)
    return (*shown, (" " * gap, Tone.PLAIN), *right)


def dimmed(spans: Iterable[Span]) -> Line:
    """The same words without colour, for what is no longer true for sure."""
    return tuple((text, Tone.DIM) for text, _ in spans)


@dataclass(frozen=True)
class Column:
    """A column of a pane's table; its width follows the content between the two bounds."""

    title: str
    least: int = 0
    most: int = 40
    right: bool = False
    drop: int = 0
    """Where the width does not suffice the column with the largest number goes first; 1 goes only after
    long names are cut, 0 stays."""
    middle: bool = False
    """A value that is too long keeps its beginning and end."""
    tail: bool = False
    """Keeps its end, and shrinks to `least` before any column is dropped."""
    fills: bool = False
    """Takes what is left of the width."""


@dataclass(frozen=True)
class Row:
    """One thing in a pane. `key` is what it is known by, through every refresh."""

    key: str
    cells: tuple[Span, ...]
    name: str
    """What messages call it."""
    sql: str = ""
    """The exact SQL that `y` copies; empty where there is none."""
    foot: tuple[Line, ...] = ()
    """What is said below the table while this row is selected."""
    foot_later: Callable[[], tuple[Line, ...]] | None = None
    """Makes the foot when it is needed, where there are many rows."""

    def said(self) -> tuple[Line, ...]:
        """The foot."""
        return self.foot if self.foot_later is None else self.foot_later()

    def matches(self, needle: str) -> bool:
        """Whether any cell holds `needle` (already in lower case)."""
        return needle in self.name.lower() or any(needle in text.lower() for text, _ in self.cells)


def neighbour(rows: Sequence[Row], place: int, keys_now: set[str]) -> str:
    """The nearest row of those before that is still there: the next ones first."""
    for row in (*rows[place + 1 :], *reversed(rows[:place])):
        if row.key in keys_now:
            return row.key
    return ""


@dataclass(frozen=True)
class View:
    """Everything that a pane draws, apart from its age, its cursor and its filter."""

    summary: Line
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    pinned: tuple[Row, ...] = ()
    """Rows that are always in sight, below the others; drawn without columns."""
    head: tuple[Line, ...] = ()
    """Lines above the table."""
    empty: tuple[Line, ...] = ()
    """What stands in place of rows."""
    stale: bool = False
    calm: bool = False
    """Columns do not come and go from one reading to the next: names give way to them."""
    widths: tuple[int, ...] = field(default=(), compare=False)
    """Width of the widest value of each column; measured once."""

    def measured(self) -> tuple[int, ...]:
        """Width of the widest value of each column, in cells."""
        if not self.widths:
            tops = [width_of(column.title) for column in self.columns]
            for row in self.rows:
                for place, (text, _) in enumerate(row.cells):
                    length = len(text) if text.isascii() else width_of(text)
                    if length > tops[place]:
                        tops[place] = length
            object.__setattr__(self, "widths", tuple(tops))
        return self.widths


def layout(view: View, width: int, before: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Width of each column in a table of `width` cells, one cell between two columns; 0 is left out.

    Args:
        before: the widths that stand there already: a column keeps its own or gets more, as far as there is
            room, and what was left out stays so.
    """
    columns = view.columns
    wanted = [
        min(max(need, each.least, *before[at : at + 1]), each.most)
        for at, (need, each) in enumerate(zip(view.measured(), columns, strict=True))
    ]
    shown = {at: need for at, need in enumerate(wanted) if not before or before[at]}

    def over() -> int:
        return sum(shown.values()) + len(shown) - 1 - width

    def drop_from(number: int) -> None:
        for place in droppable:
            if columns[place].drop >= number and over() > 0:
                shown.pop(place, None)

    for place, column in enumerate(columns):
        if place in shown and column.tail and over() > 0:
            shown[place] = max(column.least, shown[place] - over())
    droppable = sorted(
        (at for at, c in enumerate(columns) if c.drop), key=lambda at: (-columns[at].drop, -at)
    )
    if not before:
        drop_from(2)
    for least in (READABLE, 8):
        for place in sorted(shown, reverse=bool(before)):
            if columns[place].middle and over() > 0:
                shown[place] = max(min(least, shown[place]), shown[place] - over())
        if not before:
            drop_from(1)
    drop_from(1)
    for place, column in enumerate(columns):
        if place in shown and column.tail and over() < 0:
            shown[place] = min(column.most, shown[place] - over())
    for place, column in enumerate(columns):
        if place in shown and column.fills and over() < 0:
            shown[place] -= over()
    return tuple(shown.get(place, 0) for place in range(len(columns)))


def table_line(view: View, widths: tuple[int, ...], cells: Iterable[Span]) -> Line:
    """The cells of a row, aligned."""
    spans: list[Span] = []
    for (text, tone), width, column in zip(cells, widths, view.columns, strict=True):
        if width:
            spans.append((_fitted(text, width, column), tone))
            spans.append((" ", Tone.PLAIN))
    return tuple(spans[:-1])


def _fitted(text: str, width: int, column: Column) -> str:
    if column.middle:
        return fit_middle(text, width)
    return fit(text[-width:] if column.tail else text, width, right=column.right)


def title_line(view: View, widths: tuple[int, ...]) -> Line:
    """The titles of the columns, aligned as their values are."""
    return table_line(view, widths, ((column.title, Tone.DIM) for column in view.columns))


def foot_lines(view: View, row: Row | None, width: int) -> list[Line]:
    """What is said of the selected row below a table of `width` cells: a rule and `FOOT_LINES` lines."""
    lines: list[Line] = [line((" " + "─" * (width - 2), Tone.DIM))]
    said = row.said() if row is not None else ()
    if row is not None and row not in view.pinned and _is_cut(view, row, width - 2):
        said = (line((row.name, Tone.STRONG)), *said)
    for each in said:
        left = FOOT_LINES + 1 - len(lines)
        if line_width(each) <= width - 2 or left <= 1:
            lines.append(clip(line(" ", *each), width - 1))
            continue
        words = wrap("".join(text for text, _ in each), width - 2)
        if len(words) > left:
            words = [*words[: left - 1], fit(f"{words[left - 1]} {words[left]}", width - 2)]
        lines += [line(" ", (text, each[0][1])) for text in words]
    return [*lines, *[BLANK] * (FOOT_LINES + 1 - len(lines))][: FOOT_LINES + 1]


def _is_cut(view: View, row: Row, width: int) -> bool:
    """Whether the row's name does not stand in the table as a whole."""
    return any(
        column.middle and width_of(text) > room and text == row.name
        for (text, _), room, column in zip(row.cells, layout(view, width), view.columns, strict=True)
    )
