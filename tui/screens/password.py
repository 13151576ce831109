"""Asks for a password; it goes from the field to whoever asked, and nowhere else."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from profiles.secret import Secret
from tui.present.text import wrap
from tui.present.view import Tone, line
from tui.widgets.lines import Lines

WIDTH = 60


class PasswordScreen(ModalScreen[Secret | None]):
    """A masked field; escape gives None."""

    AUTO_FOCUS = "#password"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Question, field, keys."""
        with Vertical(id="asking"):
            yield Lines(id="question")
            yield Input(id="password", password=True, compact=True)
            yield Lines(id="keys")

    def on_mount(self) -> None:
        """Say what is asked."""
        self.query_one("#password", Input).cursor_blink = False
        asked = [line((text, Tone.STRONG)) for text in wrap(self._question, WIDTH)]
        self.query_one("#question", Lines).show(asked)
        keys = line(
            ("enter", Tone.ACCENT), (" connect  ", Tone.DIM), ("esc", Tone.ACCENT), (" cancel", Tone.DIM)
        )
        self.query_one("#keys", Lines).show([keys])

    @on(Input.Submitted)
    def _answer(self, event: Input.Submitted) -> None:
        secret = Secret(event.value)
        event.input.value = ""
        self.dismiss(secret)

    def action_cancel(self) -> None:
        """No password."""
        self.query_one("#password", Input).value = ""
        self.dismiss(None)
