"""The server's own list of slow statements, read while the screen is open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from profiles.model import Profile
from tui import keys
from tui.messages import Copied
from tui.present.header import trail
from tui.present.slow_statements import Order, slow_statements_view, statement_lines
from tui.present.view import Line, Tone, View, line
from tui.screens.listing import Listing, age_of, doubt
from tui.screens.reader import Reader
from tui.watching import Readings

if TYPE_CHECKING:
    from sql.slow_statements import SlowStatement, SlowStatementsSnapshot
    from tui.feed import Feed

READ_S = 5.0
PART = "slow statements"


def _find(readings: Readings, query_id: int) -> SlowStatement | None:
    snapshot: SlowStatementsSnapshot | None = readings.known(PART).snapshot  # type: ignore[assignment]
    listed = snapshot.statements if snapshot is not None else ()
    return next((each for each in listed if each.query_id == query_id), None)


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

    @property
    def statement(self) -> SlowStatement | None:
        """The one that the cursor is on."""
        row = self.pane.row
        return _find(self._readings, int(row.key)) if row is not None else None

    def act(self, name: str) -> None:
        """The whole statement, another order, or a copy."""
        row, statement = self.pane.row, self.statement
        if name == "open" and statement is not None:
            self.app.push_screen(StatementScreen(self.profile, statement, self._readings))
        elif name == "order":
            orders = list(Order)
            self._order = orders[(orders.index(self._order) + 1) % len(orders)]
            self.follow()
        elif name == "copy" and row is not None:
            self.post_message(Copied(row.sql))


class StatementScreen(Reader):
    """One statement as a whole; its figures follow the readings."""

    KEYS = keys.Scope.STATEMENT
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.STATEMENT)]

    def __init__(self, profile: Profile, statement: SlowStatement, readings: Readings) -> None:
        super().__init__()
        self._profile = profile
        self._statement = statement
        self._readings = readings

    def title_text(self) -> Line:
        """Whose statement this is."""
        return trail(self._profile.environment, self._profile.name, "slow statement")

    def lines(self, width: int) -> Sequence[Line]:
        """Figures and text."""
        return statement_lines(self._statement, width)

    def follow(self) -> None:
        """Newer figures; what is listed no more stays as it was."""
        self._statement = _find(self._readings, self._statement.query_id) or self._statement
        self.draw()

    def action_key(self, name: str) -> None:
        """Copying; the rest as in every text."""
        if name == "copy":
            self.post_message(Copied(self._statement.text))
        else:
            super().action_key(name)
