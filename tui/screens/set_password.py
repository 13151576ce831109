"""Asks for a password twice, to keep it in the keyring."""

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

WIDTH = 58


class SetPasswordScreen(ModalScreen[Secret | None]):
    """Two masked fields; None where the operator left."""

    AUTO_FOCUS = "#first"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def compose(self) -> ComposeResult:
        """Question, two fields, what is wrong, keys."""
        with Vertical(id="storing"):
            yield Lines(id="question")
            yield Input(id="first", password=True, compact=True)
            yield Lines(id="repeat")
            yield Input(id="again", password=True, compact=True)
            yield Lines(id="wrong")

    def on_mount(self) -> None:
        """Say what is asked."""
        for field in self.query(Input):
            field.cursor_blink = False
        question = f"Password of {self._name}, for this machine's keyring"
        self.query_one("#question", Lines).show([line((text, Tone.STRONG)) for text in wrap(question, WIDTH)])
        self.query_one("#repeat", Lines).show([line("again")])
        self._say("enter next · esc cancel", Tone.DIM)

    @on(Input.Submitted, "#first")
    def _next(self) -> None:
        self.query_one("#again", Input).focus()

    @on(Input.Submitted, "#again")
    def _answer(self) -> None:
        first, again = self.query_one("#first", Input), self.query_one("#again", Input)
        if not first.value:
            self._say("nothing was typed · esc cancels", Tone.WARN)
            first.focus()
        elif first.value != again.value:
            self._say("the two are not the same; type both again · esc cancels", Tone.WARN)
            self._clear()
            first.focus()
        else:
            secret = Secret(first.value)
            self._clear()
            self.dismiss(secret)

    def action_cancel(self) -> None:
        """No password."""
        self._clear()
        self.dismiss(None)

    def _clear(self) -> None:
        for field in self.query(Input):
            field.value = ""

    def _say(self, text: str, tone: Tone) -> None:
        self.query_one("#wrong", Lines).show([line((text, tone))])
