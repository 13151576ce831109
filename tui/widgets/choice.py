"""A field with a few values to choose from: arrows or space go through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.present.view import Tone, line
from tui.widgets.lines import Lines
from tui.widgets.own_keys import act_on_own


class Choice(Lines, can_focus=True):
    """Shows one of its values between two arrows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space", "step(1)", show=False),
        Binding("left", "step(-1)", show=False),
    ]

    class Changed(Message):
        """Another value was chosen."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

        @property
        def control(self) -> Choice:
            """The field."""
            return self.choice

    def __init__(self, values: Sequence[str], value: str, *, id: str) -> None:
        super().__init__(id=id)
        self._values = tuple(values)
        self._at = self._values.index(value) if value in self._values else 0

    @property
    def value(self) -> str:
        """The value that is shown."""
        return self._values[self._at]

    def on_mount(self) -> None:
        """Draw it."""
        self._draw()

    def on_focus(self) -> None:
        """The arrows are bright while they work."""
        self._draw()

    def on_blur(self) -> None:
        """The arrows stand back."""
        self._draw()

    async def on_key(self, event: events.Key) -> None:
        """Its own keys are not left to the app."""
        await act_on_own(event, self)

    def on_click(self) -> None:
        """A click goes on by one."""
        self.action_step(1)

    def action_step(self, count: int) -> None:
        """Go on by so many values, around the end."""
        self._at = (self._at + count) % len(self._values)
        self._draw()
        self.post_message(self.Changed(self))

    def _draw(self) -> None:
        arrow = Tone.ACCENT if self.has_focus else Tone.DIM
        self.show([line(("‹ ", arrow), self.value, (" ›", arrow))])
