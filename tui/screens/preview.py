"""The preview of one step: the exact SQL at once, what is true of it now once the server has answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from profiles.model import Profile
from sql.steps.step import Direction, Step
from tui import keys
from tui.mending import name_of
from tui.present.blocks import heading, points
from tui.present.confirming import forbidden
from tui.present.header import trail
from tui.present.step import chain_lines, listing_lines, looking, preview_lines, step_lines, undo_lines
from tui.present.text import clean
from tui.present.view import BLANK, Line, Tone
from tui.remedies import Mendable
from tui.road import Looked
from tui.screens.reader import Reader

LOOKING = "looking at the server"


class PreviewScreen(Reader):
    """What a step would do, and what stands in its way."""

    KEYS = keys.Scope.PREVIEW
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.PREVIEW)]

    class Asked(Message):
        """A key was pressed whose action belongs to the app: `look`, `confirm` or `copy`."""

        def __init__(self, screen: PreviewScreen, action: str) -> None:
            super().__init__()
            self.screen = screen
            self.action = action

    def __init__(self, profile: Profile, reading: Mendable, direction: Direction, first: Step | None) -> None:
        """
        Args:
            first: the step as far as it is known before the server was asked.
        """
        super().__init__()
        self.profile = profile
        self.reading = reading
        self.direction = direction
        self.looked: Looked | None = None
        self._first = first
        self._doing = LOOKING
        self._trouble = ""
        self._changed: tuple[str, ...] = ()

    def on_mount(self) -> None:
        """Ask the server once the frame is out."""
        self.call_after_refresh(self.look)

    def look(self) -> None:
        """Ask for a fresh look."""
        self.wait_for(LOOKING)
        self.post_message(self.Asked(self, "look"))

    # -- what the app tells -----------------------------------------------------------------------------

    def wait_for(self, doing: str) -> None:
        """Say what is being done; nothing can be confirmed meanwhile."""
        self._doing = doing
        self.draw()

    def take(self, looked: Looked) -> None:
        """A look arrived."""
        self.looked, self._doing, self._trouble = looked, "", ""
        self.draw()

    def fail(self, sentence: str, changed: tuple[str, ...] = ()) -> None:
        """It could not be looked at, or not be started; what changed since it was confirmed."""
        self._doing, self._trouble, self._changed = "", sentence, changed
        self.draw()

    # -- drawing ----------------------------------------------------------------------------------------

    @property
    def step(self) -> Step | None:
        """The step that is shown."""
        if self.looked is not None:
            return self.looked.step.step if self.looked.step is not None else None
        return self._first

    def title_text(self) -> Line:
        """Class, profile, step."""
        what = self.step.id if self.step is not None else name_of(self.reading)
        return trail(self.profile.environment, self.profile.name, what)

    def lines(self, width: int) -> Sequence[Line]:
        """Whether it may run, the step, what was seen."""
        step, looked = self.step, self.looked
        lines: list[Line] = [*self._standing(width), BLANK]
        if step is not None:
            lines += [*step_lines(step, width), BLANK]
        if looked is not None:
            lines += listing_lines(looked.listing, width)
            if looked.step is not None and looked.step.preview is not None:
                lines += preview_lines(looked.step.preview, width)
        if step is not None:
            lines += [*undo_lines(step, width), BLANK]
        if looked is not None:
            lines += chain_lines(looked.then, width)
        return lines

    def _standing(self, width: int) -> list[Line]:
        """Whether it may run now, and why not."""
        lines: list[Line] = []
        if self._changed:
            lines += [heading("it is not what was confirmed; nothing was sent")]
            lines += points(self._changed, width, Tone.WARN, "≠")
        elif self._trouble:
            lines += points([self._trouble], width, Tone.BAD, "✗")
        if self._doing:
            return [*lines, looking(f"{self._doing} …")]
        if forbidden(self.profile):
            lines += points([forbidden(self.profile)], width, Tone.WARN, "!")
        looked = self.looked
        if looked is None:
            return lines
        if looked.step is None:
            lines += points([looked.sentence], width, Tone.PLAIN, "·")
        elif looked.sentence:
            lines += points([f"it must not run now: {looked.sentence}"], width, Tone.BAD, "✗")
        elif not forbidden(self.profile):
            waits = looked.step.preview is not None and looked.step.preview.forecast.blockers
            said = "it may run, but it would wait for others now" if waits else "it may run now"
            sign, tone = ("!", Tone.WARN) if waits else ("✓", Tone.GOOD)
            lines += points([f"{said}; c goes on to the question"], width, tone, sign)
        return lines

    # -- keys -------------------------------------------------------------------------------------------

    @property
    def facts(self) -> keys.Facts:
        """What decides which keys are off."""
        return keys.Facts(row=True, sql=bool(self.sql), why=self._why_not())

    @property
    def sql(self) -> str:
        """What `y` copies: the statement, or the SELECT that shows the rows in the way of it."""
        listing = self.looked.listing if self.looked is not None else ""
        return self.step.sql if self.step is not None else listing

    def _why_not(self) -> str:
        looked = self.looked
        if reason := forbidden(self.profile):
            return reason
        if self._doing or looked is None:
            return self._trouble or f"{self._doing} …: wait for what it says"
        if self._changed or self._trouble:
            return "look again first (g)"
        return clean(looked.sentence)

    def action_key(self, name: str) -> None:
        """Confirm, look again, copy; the rest as in every text."""
        if name not in ("confirm", "refresh", "copy"):
            super().action_key(name)
            return
        why_off = keys.key(f"preview.{name}").why_off(self.facts)
        if why_off:
            self.say(why_off, Tone.WARN)
        elif name == "refresh":
            if not self._doing:
                self._changed, self._trouble = (), ""
                self.look()
        else:
            self.post_message(self.Asked(self, name))
