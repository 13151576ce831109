"""A pane: one view, its age, a cursor that stays on its row's key, and a filter."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from tui import keys
from tui.present.text import wrap
from tui.present.view import (
    BLANK,
    Line,
    Row,
    Tone,
    View,
    clip,
    dimmed,
    foot_lines,
    layout,
    line,
    neighbour,
    spread,
    table_line,
    title_line,
)
from tui.widgets.lines import Lines

FOOT_NEEDS = 12
"""Lines that a pane must have before it spends some on the selected row's foot."""
MARK = "›"


class Pane(Lines, can_focus=True):
    """Draws only what is in sight, so that five thousand rows cost no more than ten."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.PANE, "cursor")]

    class Moved(Message):
        """The cursor is on another row now."""

        def __init__(self, pane: Pane) -> None:
            super().__init__()
            self.pane = pane

    class RowGone(Message):
        """The selected row is no longer there."""

        def __init__(self, pane: Pane, name: str) -> None:
            super().__init__()
            self.pane = pane
            self.name = name

    class Opened(Message):
        """A row was clicked that was selected before."""

        def __init__(self, pane: Pane) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, number: int, title: str, *, id: str, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.number = number
        self.title = title
        self.border_title = f"{number} {title}"
        self._view = View(summary=line(("waiting for the first reading", Tone.DIM)))
        self._age = ""
        self._note: Line = BLANK
        self._needle = ""
        self._rows: tuple[Row, ...] = ()
        self._key = ""
        self._top = 0
        self._body = (0, 0)
        self._held = False
        self._widths: tuple[int, ...] = ()

    @property
    def view(self) -> View:
        """What is shown."""
        return self._view

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that the filter lets through, then the pinned ones."""
        return (*self._rows, *self._view.pinned)

    @property
    def row(self) -> Row | None:
        """The selected row."""
        return next((row for row in self.rows if row.key == self._key), None)

    @property
    def needle(self) -> str:
        """The filter; empty shows every row."""
        return self._needle

    def summary(self) -> Line:
        """The pane in one line, for where it is not shown itself."""
        said = dimmed(self._view.summary) if self._view.stale else self._view.summary
        return (*line((f"{self.number} {self.title}  ", Tone.STRONG)), *said)

    @property
    def age(self) -> str:
        """How old the reading is, in words."""
        return self._age

    def show_view(self, view: View, age: str, note: Line = BLANK) -> None:
        """Show a reading; the cursor stays on a row that a key was pressed on, or goes to its neighbour."""
        if view is self._view and (age, note) == (self._age, self._note):
            return
        self._age, self._note = age, note
        self.set_class(view.stale, "-stale")
        if view is not self._view:
            self._view = view
            self._choose_rows()
        self._draw()

    def filter(self, needle: str) -> None:
        """Show only the rows that hold `needle`."""
        if needle != self._needle:
            self._needle = needle
            self._choose_rows(said=False)
            self._draw()

    def _choose_rows(self, *, said: bool = True) -> None:
        before, key = self.rows, self._key
        needle = self._needle.lower()
        self._rows = tuple(row for row in self._view.rows if not needle or row.matches(needle))
        keys_now = {row.key for row in self.rows}
        if not keys_now:
            self._key = ""
            return
        place = next((at for at, row in enumerate(before) if row.key == key), -1)
        if place < 0 or not self._held:
            self._key, self._top = self.rows[0].key, 0
            return
        if key in keys_now:
            return
        self._key = neighbour(before, place, keys_now) or self.rows[0].key
        if said:
            self.post_message(self.RowGone(self, before[place].name))

    def _draw(self) -> None:
        width, height = self.size
        if width == 0 or not self.display:
            return
        head = self._head(width)
        has_foot = height >= FOOT_NEEDS and not self.has_class("-short")
        foot = foot_lines(self._view, self.row, width) if has_foot else []
        pinned = self._view.pinned
        room = max(height - len(head) - len(foot) - len(pinned) - 2, 1)
        widths = layout(self._view, width - 2, self._widths)
        if self._view.calm and self._rows:
            self._widths = widths
        cursor = None
        body: list[Line] = [line(" ", *title_line(self._view, widths))] if self._view.rows else []
        place = self._place()
        self._scroll(place, room)
        head = [self._status(width, room), *head]
        self._body = (len(head) + len(body), room)
        for at, row in enumerate(self._rows[self._top : self._top + room], self._top):
            if at == place:
                cursor = len(head) + len(body)
            body.append(self._row_line(row, table_line(self._view, widths, row.cells)))
        if not self._rows:
            body += [line(" ", *each) for each in self._nothing(width)]
        body = body[: room + 1]
        body += [BLANK] * (room + 1 - len(body))
        for row in pinned:
            if row.key == self._key:
                cursor = len(head) + len(body)
            body.append(self._row_line(row, row.cells))
        takes_keys = self.has_focus or self.has_class("-active")
        self.show([*head, *body, *foot], cursor if takes_keys else None)

    def _row_line(self, row: Row, spans: Line) -> Line:
        mark = (MARK, Tone.ACCENT) if row.key == self._key else (" ", Tone.PLAIN)
        return (mark, *(dimmed(spans) if self._view.stale else spans))

    def _status(self, width: int, room: int) -> Line:
        said = dimmed(self._view.summary) if self._view.stale else self._view.summary
        place, total = self._place(), len(self._rows)
        position = f"{place + 1}/{total}  " if total > room and place >= 0 else ""
        if self._needle:
            found = f"{len(self._rows)} of {len(self._view.rows)} rows"
            said = line((f'filter "{self._needle}" {found}', Tone.ACCENT), (" · all: ", Tone.DIM), *said)
        right = ("stale · " if self._view.stale and self._age else "") + self._age
        tone = Tone.WARN if self._view.stale else Tone.DIM
        return spread(line(" ", *said), line((f"{position}{right} ", tone)), width)

    def _head(self, width: int) -> list[Line]:
        lines = [clip(line(" ", *each), width) for each in self._view.head]
        if self._view.stale:
            lines = [dimmed(each) for each in lines]
        if self._note:
            words = "".join(text for text, _ in self._note)
            tone = self._note[0][1]
            lines = [*(line(" ", (text, tone)) for text in wrap(words, width - 2)), *lines]
        return lines

    def _nothing(self, width: int) -> list[Line]:
        if self._needle and self._view.rows:
            return [line((f'no row holds "{self._needle}"', Tone.DIM))]
        return [
            line((text, each[0][1] if each else Tone.DIM))
            for each in self._view.empty
            for text in wrap("".join(text for text, _ in each), width - 2)
        ]

    def _place(self) -> int:
        return next((at for at, row in enumerate(self._rows) if row.key == self._key), -1)

    def _scroll(self, place: int, room: int) -> None:
        if place >= 0:
            self._top = min(max(self._top, place - room + 1), place)
        self._top = max(0, min(self._top, len(self._rows) - room))

    def _select(self, place: int) -> None:
        rows = self.rows
        if not rows:
            return
        self._held = True
        key = rows[max(0, min(place, len(rows) - 1))].key
        if key != self._key:
            self._key = key
            self._draw()
            self.post_message(self.Moved(self))

    def _at(self) -> int:
        return next((at for at, row in enumerate(self.rows) if row.key == self._key), 0)

    def select(self, key: str) -> None:
        """Put the cursor on a row; nothing happens where there is none of that key."""
        place = next((at for at, row in enumerate(self.rows) if row.key == key), None)
        if place is not None:
            self._select(place)

    def action_cursor(self, where: str) -> None:
        """Move the cursor: `up`, `down`, `page_up`, `page_down`, `first`, `last`."""
        at, page = self._at(), max(self._body[1] - 1, 1)
        places = {
            "up": at - 1,
            "down": at + 1,
            "page_up": at - page,
            "page_down": at + page,
            "first": 0,
            "last": len(self.rows) - 1,
        }
        self._select(places[where])

    def on_key(self) -> None:
        """Who presses a key means the selected row: from now on the cursor stays with it."""
        self._held = self._held or bool(self._key)

    def on_focus(self) -> None:
        """The selected row of the pane that takes the keys has a background of its own."""
        self._draw()

    def on_blur(self) -> None:
        """See `on_focus`."""
        self._draw()

    def on_resize(self) -> None:
        """Another size shows other columns and more or fewer rows."""
        self._widths = ()
        self._draw()

    def on_show(self) -> None:
        """What arrived while the pane was hidden is drawn now."""
        self._draw()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """One notch is one row."""
        event.stop()
        self.action_cursor("down")

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """See above."""
        event.stop()
        self.action_cursor("up")

    def on_click(self, event: events.Click) -> None:
        """A click selects a row; a click on the selected row opens it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        first, room = self._body
        place = offset.y - first + self._top
        if offset.y - first >= room:
            place = len(self._rows) + offset.y - first - room
        if offset.y < first or not 0 <= place < len(self.rows):
            return
        if self.rows[place].key == self._key:
            self.post_message(self.Opened(self))
        else:
            self._select(place)
