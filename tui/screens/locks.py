"""Who waits for whose locks: a tree, read while the screen is open, and the two ways to end a queue."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message

from profiles.model import Profile
from tui import keys
from tui.messages import Copied
from tui.panes.pane import Pane
from tui.present.confirming import forbidden
from tui.present.lock_details import session_lines, wrapped
from tui.present.locks import around_view, locks_view
from tui.present.text import clean
from tui.present.view import BLANK, Line, Tone, View, line
from tui.screens.listing import Listing, age_of, doubt
from tui.watching import Readings
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from sql.locks.reading import LockSession, LocksSnapshot
    from sql.locks.tree import Forest
    from sql.steps.signals import Signal
    from tui.feed import Feed

PART = "locks"
READ_S = 2.0
TICK_S = 5.0
LOW, TALL = 20, 36
"""Heights at which the selected session gets fewer or more lines."""
SIGNALS = ("cancel", "terminate")


class LocksScreen(Listing):
    """The forest in the list, the selected session below it."""

    SCOPE = keys.Scope.LOCKS
    NAME = "locks"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.LOCKS)]

    class Asked(Message):
        """A session shall be cancelled or terminated."""

        def __init__(self, screen: LocksScreen, signal: Signal, session: LockSession, forest: Forest) -> None:
            super().__init__()
            self.screen = screen
            self.signal = signal
            self.session = session
            self.forest = forest

    def __init__(
        self, profile: Profile, readings: Readings, feed: Feed | None, around: int | None = None
    ) -> None:
        """
        Args:
            feed: reads them; None where nothing is watched.
            around: only whom this backend waits for, and who waits for it.
        """
        super().__init__(profile)
        self._around = around
        self._readings = readings
        self._feed = feed
        self._forest: tuple[LocksSnapshot, Forest] | None = None
        self._told: Line = BLANK

    def compose(self) -> ComposeResult:
        """The list, and below it what is known of the selected session."""
        yield from super().compose()
        yield Lines(id="selected")

    def on_mount(self) -> None:
        """Begin to read; ages move on in steps."""
        # The selected session is told below the list, in more lines than a foot has.
        self.pane.add_class("-short")
        self.set_interval(TICK_S, self.follow)
        if self._feed is not None:
            from sql.locks.reading import read_locks
            from sql.poller import Reading

            self._feed.join(Reading(PART, READ_S, read_locks))

    def on_unmount(self) -> None:
        """Read them no more."""
        if self._feed is not None:
            self._feed.leave(PART)

    @property
    def forest(self) -> Forest | None:
        """Who waits behind whom, as it was read last; grown once a reading."""
        from sql.locks.tree import Forest

        snapshot: LocksSnapshot | None = self._readings.known(PART).snapshot  # type: ignore[assignment]
        if snapshot is None:
            return None
        if self._forest is None or self._forest[0] is not snapshot:
            forest = Forest(snapshot)
            if self._around is not None:
                forest = Forest(replace(snapshot, sessions=forest.around(self._around)))
            self._forest = (snapshot, forest)
        return self._forest[1]

    @property
    def selected(self) -> LockSession | None:
        """The session that keys mean."""
        row, forest = self.pane.row, self.forest
        return forest.session(row.key.partition(" < ")[0]) if row is not None and forest is not None else None

    # -- what is shown ----------------------------------------------------------------------------------

    def view(self) -> View:
        """The forest."""
        forest = self.forest
        if forest is None or self._forest is None:
            return View(summary=line(("waiting for the first reading", Tone.DIM)))
        view = locks_view(self._forest[0], forest, datetime.now(UTC))
        return view if self._around is None else around_view(view, self._around)

    def age(self) -> str:
        """How old the reading is."""
        return age_of(self._readings, PART)

    def note(self) -> Line:
        """Why they are old or cannot be read; what the last key came to."""
        return doubt(self._readings, PART) or self._told

    def tell(self, text: str, tone: Tone) -> None:
        """What a key came to; it stays until the next one."""
        self._told = line((clean(text), tone))
        self.follow()

    def _show(self) -> None:
        super()._show()
        self._show_selected()

    def _show_selected(self) -> None:
        selected, forest = self.selected, self.forest
        lines: list[Line] = []
        shown = self.query_one("#selected", Lines)
        if selected is not None and forest is not None and self._forest is not None:
            said = session_lines(selected, self._forest[0], forest, datetime.now(UTC), self._off())
            lines = wrapped(said, self.size.width, shown.size.height)
        shown.show(lines)

    def on_pane_moved(self, message: Pane.Moved) -> None:
        """Another session is selected."""
        message.stop()
        self._show_selected()

    def on_pane_row_gone(self, message: Pane.RowGone) -> None:
        """Say that the selected session waits no more."""
        row = self.pane.row
        now = f"; now on {row.name}" if row is not None else ""
        self.say(f"{message.name} waits no more, and nobody waits for it{now}", Tone.WARN)
        self._show_selected()

    def on_resize(self, event: events.Resize) -> None:
        """More or fewer lines for the selected session."""
        self.set_class(event.size.height < LOW, "-low")
        self.set_class(event.size.height >= TALL, "-tall")
        self.call_after_refresh(self.follow)

    # -- keys -------------------------------------------------------------------------------------------

    def _off(self) -> str:
        """Why nobody is signalled at all just now; empty where they may be."""
        if self._readings.recorded:
            return "this is a recording: there is no server behind it"
        if self._readings.lost is not None:
            return "the server is out of reach"
        return forbidden(self.profile)

    def facts(self, name: str) -> keys.Facts:
        """Why a session may not be signalled."""
        row, selected = self.pane.row, self.selected
        why = ""
        if name in SIGNALS and selected is not None:
            from sql.steps.signal_rules import why_not
            from sql.steps.signals import Signal

            why = self._off() or why_not(selected, Signal(name))
        return keys.Facts(
            pane=self.NAME,
            row=row is not None,
            sql=bool(row and row.sql),
            why=why,
            watching=self._feed is not None,
            paused=self._readings.paused,
        )

    def act(self, name: str) -> None:
        """A signal, a copy, a fresh reading."""
        self._told = BLANK
        row, selected, forest = self.pane.row, self.selected, self.forest
        if name in SIGNALS and selected is not None and forest is not None:
            from sql.steps.signals import Signal

            self.post_message(self.Asked(self, Signal(name), selected, forest))
        elif name == "copy" and row is not None:
            self.post_message(Copied(row.sql))
        elif name == "refresh" and self._feed is not None:
            self._feed.refresh()
            self.say("reading everything again")
