"""Asks what becomes of the runs that go on when the deck is left."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button

from tui.present.text import wrap
from tui.present.view import Tone, line
from tui.screens.confirm import WIDTH
from tui.widgets.lines import Lines
from tui.widgets.question import Question


class Leaving(StrEnum):
    """The operator's answer."""

    STAY = "stay"
    LEAVE = "leave"
    CANCEL = "cancel"


class QuitRunScreen(Question[Leaving]):
    """Stay has the focus."""

    CSS_PATH = "../styles/confirm_step.tcss"
    AUTO_FOCUS = "#stay"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "stay", show=False),
        Binding("right,down", "switch(1)", show=False),
        Binding("left,up", "switch(-1)", show=False),
    ]

    def __init__(self, steps: tuple[str, ...]) -> None:
        """
        Args:
            steps: ids of the steps that run.
        """
        super().__init__()
        self._steps = steps

    def compose(self) -> ComposeResult:
        """What runs, and three answers."""
        with Vertical(id="leaving"):
            yield Lines(id="question")
            with Horizontal(id="answers"):
                yield Button("Stay", id="stay", compact=True)
                yield Button("Leave it running", id="leave", compact=True)
                yield Button("Cancel and clean up", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Ask, and listen after a moment."""
        running = ", ".join(self._steps)
        goes = "goes" if len(self._steps) == 1 else "go"
        question = (
            f"{running} {goes} on. A run does not need the deck: left alone it is finished, verified and "
        )
        question += "journalled, and the next deck shows it."
        self.query_one("#question", Lines).show([line((each, Tone.STRONG)) for each in wrap(question, WIDTH)])
        self.listen_soon()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The answer."""
        self.dismiss(Leaving(event.button.id or "stay"))

    def action_stay(self) -> None:
        """Escape stays."""
        self.dismiss(Leaving.STAY)

    def action_switch(self, way: int) -> None:
        """Another button."""
        (self.focus_next if way > 0 else self.focus_previous)(Button)
