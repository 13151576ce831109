"""The last line: the keys that work here, or what the last key said."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tui import keys
from tui.present.view import Line, Span, Tone, clip, line, line_width
from tui.widgets.lines import Lines

MESSAGE_S = 8.0


class Footer(Lines):
    """One line made from the key registry; a message takes its place for a while."""

    def __init__(self, scope: keys.Scope, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.scope = scope
        self._left_out: frozenset[str] = frozenset()
        self._said: Line = ()
        self._told = 0
        self._announced = 0
        """Number of the last message that nobody asked for."""

    def on_mount(self) -> None:
        """Draw the keys."""
        self._draw()

    def on_resize(self) -> None:
        """Another width has room for more or fewer keys."""
        self._draw()

    def leave_out(self, actions: Collection[str]) -> None:
        """Show no key of these actions: just now none of them can do anything on this screen."""
        if self._left_out != frozenset(actions):
            self._left_out = frozenset(actions)
            self._draw()

    def say(self, text: str, tone: Tone = Tone.PLAIN, seconds: float = MESSAGE_S) -> None:
        """Show a message for a while in place of the keys."""
        sign = {Tone.WARN: "! ", Tone.BAD: "✗ ", Tone.GOOD: "✓ "}.get(tone, "")
        self._said = line((f" {sign}{text}", tone))
        self._told += 1
        self._draw()
        self.set_timer(seconds, lambda told=self._told: self._forget(told))

    def announce(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show what nobody asked for, unless it would hide what a key said."""
        if not self._said or self._announced == self._told:
            self.say(text, tone)
            self._announced = self._told

    def _forget(self, told: int) -> None:
        if told == self._told:
            self._said = ()
            self._draw()

    def _draw(self) -> None:
        width = self.size.width or 80
        shown = self._said or key_line(self.scope, width, self._left_out)
        self.show([clip(shown, width)])


def key_line(scope: keys.Scope, width: int, without: Collection[str] = ()) -> Line:
    """The keys of a scope, as many as fit, those that stay first; none is ever cut in half.

    Args:
        without: actions whose keys are left out.
    """
    every = [each for each in keys.footer_keys(scope) if each.action not in without]
    shown: list[keys.Key] = []
    for each in sorted(every, key=lambda each: not each.stays):
        if line_width(_spans([*shown, each])) > width:
            break
        shown.append(each)
    return tuple(_spans([each for each in every if each in shown]))


def _spans(shown: Sequence[keys.Key]) -> list[Span]:
    spans: list[Span] = [(" ", Tone.PLAIN)]
    for each in shown:
        label = each.label.partition(" or ")[0]
        spans += [(label, Tone.ACCENT), (f" {each.title}", Tone.DIM), ("  ", Tone.PLAIN)]
    return spans
