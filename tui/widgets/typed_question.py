"""The last question before something is done: Cancel has the focus, another key does it than opened it."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input

from profiles.model import Profile
from tui.present.blocks import sql_lines
from tui.present.confirming import Asked, Asking
from tui.present.signs import BADGES
from tui.present.text import clean, wrap
from tui.present.view import BLANK, Line, Tone, line
from tui.screens.reader import Scroller
from tui.widgets.lines import Lines
from tui.widgets.question import Question

WIDTH = 70


class Answer(Button):
    """A button that hands letters on to the field, in the order in which they were typed."""

    def _forward_event(self, event: events.Event) -> None:
        # Textual forwards keys one by one to what has the focus: only here can none overtake another.
        screen = self.screen
        if isinstance(event, events.Key) and event.is_printable and event.key != "space":
            field = screen.begin_typing() if isinstance(screen, TypedQuestion) else None
            if field is not None:
                field._forward_event(event)
                return
        super()._forward_event(event)


class TypedQuestion(Question[bool]):
    """True only where the operator did what the class of the environment asks for."""

    CSS_PATH = "../styles/confirm_step.tcss"
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "answer(False)", show=False),
        Binding("left,right", "switch", show=False),
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
    ]
    VERB: ClassVar[str] = "Run"
    """On the button that does it."""
    TO_DO_IT: ClassVar[str] = "To run it"

    def __init__(
        self, profile: Profile, asked: Asking, title: str, where: str, sql: str, facts: str, warning: str = ""
    ) -> None:
        """
        Args:
            title: what would be done, in two or three words.
            where: the server, as it said who it is.
            sql: exactly what would be sent.
            facts: what it would do.
            warning: what makes it worse just now; empty: nothing.
        """
        super().__init__()
        self._profile = profile
        self._asking = asked
        self._title = title
        self._where = where
        self._sql = sql
        self._facts = facts
        self._warning = warning

    @property
    def asking(self) -> Asking:
        """What is wanted."""
        return self._asking

    def compose(self) -> ComposeResult:
        """Where, what, the field where something must be typed, Cancel, and what does it."""
        statement = Scroller(id="statement")
        # With the focus there, enter and letters would do nothing and say nothing; ↑ and ↓ scroll it anyway.
        statement.can_focus = False
        with Vertical(id="asking-step"):
            yield Lines(id="where")
            yield statement
            yield Lines(id="wanted")
            if self._asking.expects:
                yield Input(id="typed", compact=True, select_on_focus=False)
            with Horizontal(id="answers"):
                yield Answer("Cancel", id="cancel", compact=True)
                yield Answer(self.VERB, id="run", compact=True, disabled=bool(self._asking.expects))

    def on_mount(self) -> None:
        """Ask, and listen after a moment."""
        self.add_class(f"-{self._profile.environment.value}")
        badge = (BADGES[self._profile.environment], Tone.BADGE)
        where = wrap(f"{self._profile.name} · {self._where}", WIDTH)
        title = [line(badge, (f" {self._title}", Tone.STRONG))]
        title += [line((each, Tone.PLAIN)) for each in where]
        self.query_one("#where", Lines).show([*title, BLANK])
        self.query_one("#wanted", Lines).show([BLANK, *self._said(), BLANK, *self._wanted()])
        if self._asking.expects:
            self.query_one("#typed", Input).cursor_blink = False
        self.call_after_refresh(self._show_statement)
        self.listen_soon()

    def _show_statement(self) -> None:
        statement = self.query_one("#statement", Scroller)
        lines = sql_lines(self._sql, WIDTH, indent=0)
        statement.styles.height = min(len(lines), max(self.size.height - 13 - len(self._said()), 3))
        statement.call_after_refresh(statement.read, lines)

    def _said(self) -> list[Line]:
        warned = wrap(f"! {self._warning}", WIDTH) if self._warning else []
        return [
            *(line((each, Tone.DIM)) for each in wrap(self._facts, WIDTH)),
            *(line((each, Tone.WARN)) for each in warned),
        ]

    def _wanted(self) -> list[Line]:
        asked = self._asking
        if asked.kind is Asked.NAME:
            or_else = f", or {asked.otherwise}" if asked.otherwise else ""
            said = wrap(f"{self.TO_DO_IT} type {asked.what}: {asked.expects}{or_else}", WIDTH)
        elif asked.kind is Asked.YES:
            said = [f"{self.TO_DO_IT} type y, then enter."]
        else:
            said = [f"{self.TO_DO_IT} go to {self.VERB} (→), then enter."]
        return [line((each, Tone.STRONG)) for each in said]

    def begin_typing(self) -> Input | None:
        """The field, with the focus, for a letter that was sent to a button; None: nothing is to be typed."""
        if not self._asking.expects or not self.listening:
            return None
        field = self.query_one("#typed", Input)
        self.set_focus(field)
        return field

    # -- answers ----------------------------------------------------------------------------------------

    @property
    def satisfied(self) -> bool:
        """Whether what must be typed was typed."""
        if not self._asking.expects:
            return True
        typed = clean(self.query_one("#typed", Input).value)
        if self._asking.kind is Asked.YES:
            return typed.strip().lower() in ("y", "yes")
        return typed in self._asking.accepted

    @on(Input.Changed, "#typed")
    def _typed(self) -> None:
        self.query_one("#run", Button).disabled = not self.satisfied

    @on(Input.Submitted, "#typed")
    def _submitted(self) -> None:
        if self.satisfied:
            self.dismiss(True)
            return
        self.app.bell()
        said = [line((each, Tone.WARN)) for each in wrap(f"! that is not {self._asking.expects}", WIDTH)]
        self.query_one("#wanted", Lines).show([BLANK, *self._said(), BLANK, *self._wanted(), *said])

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The answer."""
        self.dismiss(event.button.id == "run" and self.satisfied)

    def action_answer(self, answer: bool) -> None:
        """Escape is no."""
        self.dismiss(answer)

    def action_switch(self) -> None:
        """The other button."""
        self.focus_next(Button)

    def action_scroll(self, count: int) -> None:
        """A statement that does not fit is read by scrolling."""
        self.query_one("#statement", Scroller).scroll_by(count)
