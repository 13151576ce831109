"""The server's own list of slow statements, read while the screen is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from profiles.model import Profile
from tui import keys
from tui.messages import Copied
from tui.present.slow_statements import Order, slow_statements_view
from tui.present.view import Line, Tone, View, line
from tui.screens.listing import Listing, age_of, doubt
from tui.watching import Readings

if TYPE_CHECKING:
    from sql.slow_statements import SlowStatementsSnapshot
    from tui.feed import Feed

READ_S = 5.0
PART = "slow statements"


class SlowStatementsScreen(Listing):
    """The statements on the manifest's tables, by what they cost."""

    SCOPE = keys.Scope.SLOW_STATEMENTS
    NAME = "slow statements"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.SLOW_STATEMENTS)]

    def __init__(self, profile: Profile, readings: Readings, feed: Feed | None) -> None:
        """
        Args:
            feed: reads them; None where nothing is watched.
        """
        super().__init__(profile)
        self._readings = readings
        self._feed = feed
        self._order = Order.MEAN

    def on_mount(self) -> None:
        """Begin to read."""
        if self._feed is None or self._feed.requirements is None:
            return
        from sql.poller import Reading
        from sql.slow_statements import SlowStatements

        self._feed.join(Reading(PART, READ_S, SlowStatements(self._feed.requirements)))

    def on_unmount(self) -> None:
        """Read them no more."""
        if self._feed is not None:
            self._feed.leave(PART)

    @property
    def _snapshot(self) -> SlowStatementsSnapshot | None:
        return self._readings.known(PART).snapshot  # type: ignore[return-value]

    def view(self) -> View:
        """The statements in the order that was chosen."""
        snapshot = self._snapshot
        if snapshot is None:
            return View(summary=line(("waiting for the first reading", Tone.DIM)))
        return slow_statements_view(snapshot, self._order)

    def age(self) -> str:
        """How old the reading is."""
        return age_of(self._readings, PART)

    def note(self) -> Line:
        """Why they are old or cannot be read, and what mends it."""
        return doubt(self._readings, PART)

    def act(self, name: str) -> None:
        """Another order, or a copy."""
        row = self.pane.row
        if name == "order":
            orders = list(Order)
            self._order = orders[(orders.index(self._order) + 1) % len(orders)]
            self.follow()
        elif name == "copy" and row is not None:
            self.post_message(Copied(row.sql))
