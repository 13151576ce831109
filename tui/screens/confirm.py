"""A question with two answers, of which Cancel is the one that a hasty hand gives."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button

from tui.present.text import wrap
from tui.present.view import Tone, line
from tui.widgets.lines import Lines
from tui.widgets.question import Question

WIDTH = 58


class ConfirmScreen(Question[bool]):
    """True only where the operator went to the second button and pressed it."""

    CSS_PATH = "../styles/profiles.tcss"
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "answer(False)", show=False),
        Binding("left,right", "switch", show=False),
    ]

    def __init__(self, question: str, yes: str, no: str = "Cancel") -> None:
        """
        Args:
            no: another word for leaving it, where `yes` is to cancel something.
        """
        super().__init__()
        self._no = no
        self._question = question
        self._yes = yes

    def compose(self) -> ComposeResult:
        """Question, Cancel, and what would be done."""
        with Vertical(id="confirming"):
            yield Lines(id="question")
            with Horizontal(id="answers"):
                yield Button(self._no, id="cancel", compact=True)
                yield Button(self._yes, id="yes", compact=True)

    def on_mount(self) -> None:
        """Ask, and listen after a moment."""
        self.query_one("#question", Lines).show(
            [line((text, Tone.STRONG)) for text in wrap(self._question, WIDTH)]
        )
        self.listen_soon()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The answer."""
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """Escape is no."""
        self.dismiss(answer)

    def action_switch(self) -> None:
        """The other button."""
        self.focus_next(Button)
