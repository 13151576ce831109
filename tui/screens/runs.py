"""The list of runs: going on, left alone, ended; and the builds of others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen

from profiles.model import Profile
from tui import keys
from tui.panes.pane import Pane
from tui.present.runs import runs_view
from tui.present.signs import BADGES
from tui.present.text import clean
from tui.present.view import Tone, line
from tui.runs_board import RunsBoard
from tui.screens.help import open_help
from tui.widgets.footer import Footer
from tui.widgets.lines import Lines

TICK_S = 5.0


class RunsScreen(Screen[None]):
    """Every run of the profile, the latest first."""

    CSS_PATH = "../styles/runs.tcss"
    AUTO_FOCUS = "#runs-list"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.RUNS)]

    class Asked(Message):
        """A key was pressed whose action belongs to the app: `open`, `adopt` or `stop`."""

        def __init__(self, screen: RunsScreen, action: str, run: str) -> None:
            super().__init__()
            self.screen = screen
            self.action = action
            self.run = run

    def __init__(self, profile: Profile, board: RunsBoard) -> None:
        super().__init__()
        self.profile = profile
        self.board = board

    def compose(self) -> ComposeResult:
        """Title, list, keys."""
        yield Lines(id="runs-title")
        yield Pane(0, "Runs", id="runs-list")
        yield Footer(keys.Scope.RUNS, id="footer")

    def on_mount(self) -> None:
        """Show what is known; ages move on in steps."""
        self.pane.border_title = "Runs"
        badge = (BADGES[self.profile.environment], Tone.BADGE)
        title = line(badge, (f" {clean(self.profile.name)} › ", Tone.DIM), ("runs", Tone.STRONG))
        self.query_one("#runs-title", Lines).show([title])
        self._show()
        self.set_interval(TICK_S, self._show)

    @property
    def pane(self) -> Pane:
        """The rows."""
        return self.query_one("#runs-list", Pane)

    def follow(self) -> None:
        """Show what is known now."""
        if self.is_mounted and self.is_attached and not self._pruning:
            self._show()

    def _show(self) -> None:
        view = runs_view(self.board.pictures(), self.board.foreign, datetime.now(UTC))
        self.pane.show_view(view, "", line((self.board.trouble, Tone.WARN)) if self.board.trouble else ())

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in the footer for a while."""
        self.query_one("#footer", Footer).say(clean(text), tone)

    def on_pane_opened(self) -> None:
        """A second click on a row opens it."""
        self.action_key("open")

    def action_key(self, name: str) -> None:
        """Every key of the list comes through here."""
        if name == "close":
            self.dismiss(None)
            return
        if name == "help":
            open_help(self.app)
            return
        why_off = keys.key(f"runs.{name}").why_off(keys.Facts(why=self._why_not(name)))
        if why_off:
            self.say(why_off, Tone.WARN)
            return
        row = self.pane.row
        assert row is not None
        self.post_message(self.Asked(self, name, row.key))

    def _why_not(self, name: str) -> str:
        row = self.pane.row
        if row is None:
            return "there is no run yet"
        state = self.board.state(row.key)
        if state is None:
            return "somebody else's build: pgdeck watches it, and leaves it alone"
        if name == "adopt" and not state.wants_adoption:
            return "it has its runner" if state.state == "running" else "it is over, and its end is known"
        if name == "stop" and state.state != "running":
            return "it does not run" + ("; adopt it first (a)" if state.state == "orphaned" else "")
        return ""
