"""A list over the deck: a title bar, rows, a filter, the keys below."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Input

from profiles.model import Profile
from tui import keys
from tui.panes.pane import Pane
from tui.present.header import trail
from tui.present.text import age, clean
from tui.present.view import BLANK, Line, Tone, View, line
from tui.screens.help import open_help
from tui.watching import Readings
from tui.widgets.filtering import Filtering
from tui.widgets.footer import Footer
from tui.widgets.title import Title


def age_of(readings: Readings, part: str) -> str:
    """How old the newest reading of a part is, in words; empty where there is none."""
    taken_at = readings.known(part).taken_at
    return age(taken_at, datetime.now(UTC)) if taken_at is not None else ""


def doubt(readings: Readings, part: str) -> Line:
    """Why what is shown of a part may be old: no server, or it cannot be read. Else blank."""
    if readings.lost is not None:
        return line((f"? what stands here is stale: {clean(readings.lost.reason)}", Tone.WARN))
    unavailable = readings.known(part).unavailable
    if unavailable is None:
        return BLANK
    remedy = f"; to mend it: {clean(unavailable.remedy)}" if unavailable.remedy else ""
    return line((f"? {clean(unavailable.reason)}{remedy}", Tone.WARN))


class Listing(Filtering[None]):
    """What is listed comes from `view()`; keys of its own go to `act()`."""

    CSS_PATH = "../styles/listing.tcss"
    AUTO_FOCUS = "#list"
    SCOPE: ClassVar[keys.Scope]
    NAME: ClassVar[str]
    """What is listed, in lower case: `runs`."""

    def __init__(self, profile: Profile) -> None:
        super().__init__()
        self.profile = profile

    def compose(self) -> ComposeResult:
        """Title, rows, filter, keys."""
        yield Title(id="list-title")
        yield Pane(0, self.NAME.capitalize(), id="list")
        yield Input(id="list-filter", classes="filter", compact=True)
        yield Footer(self.SCOPE, id="footer")

    def on_mount(self) -> None:
        """Show what is known."""
        self.pane.border_title = self.NAME.capitalize()
        self.query_one("#list-filter", Input).cursor_blink = False
        title = trail(self.profile.environment, self.profile.name, self.NAME)
        self.query_one("#list-title", Title).say(title)
        self._show()

    def view(self) -> View:
        """The rows as they are known now."""
        raise NotImplementedError

    def note(self) -> Line:
        """What must be said above them: why they are not there, or stale."""
        return BLANK

    def age(self) -> str:
        """How old they are, in words; empty where that is no matter."""
        return ""

    def act(self, name: str) -> None:
        """A key of this list; whatever turns it off is not so."""

    def facts(self, name: str) -> keys.Facts:  # noqa: ARG002
        """What decides whether the key `name` is off."""
        row = self.pane.row
        return keys.Facts(pane=f"the {self.NAME}", row=row is not None, sql=bool(row and row.sql))

    @property
    def pane(self) -> Pane:
        """The rows."""
        return self.query_one("#list", Pane)

    @property
    def filtered(self) -> Pane:
        """The filter narrows the rows."""
        return self.pane

    def follow(self) -> None:
        """Show what is known now."""
        if self.is_mounted and self.is_attached and not self._pruning:
            self._show()

    def idle_keys(self) -> Collection[str]:
        """Where there is no row, what needs one; a cursor that moves makes no key come and go."""
        if self.pane.row is not None:
            return ()
        shown = keys.footer_keys(self.SCOPE)
        return [each.action for each in shown if each.why_off(self.facts(each.action))]

    def _show(self) -> None:
        self.pane.show_view(self.view(), self.age(), self.note())
        self.query_one("#footer", Footer).leave_out(self.idle_keys())

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in the footer for a while."""
        self.query_one("#footer", Footer).say(clean(text), tone)

    def on_pane_opened(self) -> None:
        """A second click on a row opens it."""
        if any(each.action == "open" for each in keys.of_scope(self.SCOPE)):
            self.action_key("open")

    def action_key(self, name: str) -> None:
        """Every key of the list comes through here: it acts, or says why it does not."""
        why_off = keys.key(f"{self.SCOPE.name.lower()}.{name}").why_off(self.facts(name))
        if why_off:
            self.say(why_off, Tone.WARN)
        elif name == "help":
            open_help(self.app)
        elif name == "filter":
            self.open_filter("show only the rows that hold …")
        elif name == "close":
            self._leave()
        else:
            self.act(name)

    def _leave(self) -> None:
        if self.pane.needle:
            self.pane.filter("")
            self.say(f"all rows of the {self.NAME}")
        else:
            self.dismiss(None)
