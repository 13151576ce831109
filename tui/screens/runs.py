"""The list of runs: going on, left alone, ended; and the builds of others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from profiles.model import Profile
from tui import keys
from tui.present.runs import runs_view
from tui.present.view import BLANK, Line, Tone, View, line
from tui.runs_board import RunsBoard
from tui.screens.listing import Listing
from tui.screens.run import VERIFYING

TICK_S = 5.0


class RunsScreen(Listing):
    """Every run of the profile, the latest first."""

    SCOPE = keys.Scope.RUNS
    NAME = "runs"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.RUNS)]

    class Asked(Message):
        """A key was pressed whose action belongs to the app: `open`, `adopt` or `stop`."""

        def __init__(self, screen: RunsScreen, action: str, run: str) -> None:
            super().__init__()
            self.screen = screen
            self.action = action
            self.run = run

    def __init__(self, profile: Profile, board: RunsBoard) -> None:
        super().__init__(profile)
        self.board = board

    def on_mount(self) -> None:
        """Ages move on in steps."""
        self.set_interval(TICK_S, self.follow)

    def view(self) -> View:
        """Own runs, and builds of others."""
        return runs_view(self.board.pictures(), self.board.foreign, datetime.now(UTC))

    def note(self) -> Line:
        """Why the journal cannot be read."""
        return line((self.board.trouble, Tone.WARN)) if self.board.trouble else BLANK

    def act(self, name: str) -> None:
        """What a key does with a run belongs to the app."""
        row = self.pane.row
        if row is not None:
            self.post_message(self.Asked(self, name, row.key))

    def facts(self, name: str) -> keys.Facts:
        """What decides whether the key `name` is off."""
        return keys.Facts(pane="the runs", row=self.pane.row is not None, why=self._why_not(name))

    def _why_not(self, name: str) -> str:
        row = self.pane.row
        if row is None:
            return "there is no run yet"
        state = self.board.state(row.key)
        if state is None:
            return "somebody else's build: pgdeck watches it, and leaves it alone"
        if name == "adopt" and not state.wants_adoption:
            cared_for = state.state in ("running", "verifying")
            return "it has its runner" if cared_for else "it is over, and its end is known"
        if name == "stop" and state.state == "verifying":
            return VERIFYING
        if name == "stop" and state.state != "running":
            return "it does not run" + ("; adopt it first (a)" if state.state == "orphaned" else "")
        return ""
