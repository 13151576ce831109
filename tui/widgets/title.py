"""The title of a screen over the deck; over a recording it says so, and where that stands."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tui.present.view import Line, Tone, line, line_width, spread
from tui.widgets.lines import Lines


@runtime_checkable
class Recorded(Protocol):
    """An app that plays a recording."""

    @property
    def title_badge(self) -> str:
        """Stands beside the environment's badge."""


class Title(Lines):
    """One line: where one is on the left, how much there is on the right."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._ends: tuple[Line, Line] = ((), ())

    def say(self, left: Line, right: Line = ()) -> None:
        """Show this; `left` gives way, and may begin with the environment's badge."""
        self._ends = (left, right)
        self.draw()

    def draw(self) -> None:
        """Show it as of now: a recording goes on."""
        left, right = self._ends
        app = self.app
        if isinstance(app, Recorded):
            own = left[:1] if left and left[0][1] is Tone.BADGE else ()
            left = line(*own, (app.title_badge, Tone.BADGE), *left[len(own) :])
            # With one more badge, where one is matters more than how much there is.
            right = right if line_width((*left, *right)) < self.size.width else ()
        self.show([spread(left, right, self.size.width) if right else left])

    def on_resize(self) -> None:
        """The right end is elsewhere."""
        self.draw()
