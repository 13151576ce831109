"""The help: every key of the registry, and what the signs mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import App
from textual.binding import BindingType

from tui import keys
from tui.present.text import wrap
from tui.present.view import BLANK, Line, Tone, line
from tui.screens.reader import Reader
from tui.widgets.footer import Footer

LABEL_WIDTH = 12
TYPING = (
    ("enter", "keeps the filter; goes to the next field; presses the button that is marked"),
    ("esc", "drops the filter; leaves the form or the question, and nothing is done"),
    ("tab or ↑ ↓", "the next field, the one before"),
    ("← or →", "another choice of a field; the other button"),
    ("F2", "saves the form of a profile"),
)
"""Keys of whatever is typed into: no letter acts there."""
SIGNS = (
    ("✓", Tone.GOOD, "as the manifest asks"),
    ("✗", Tone.BAD, "not as the manifest asks: the database is NOT READY"),
    ("?", Tone.WARN, "could not be read, compared or measured: the verdict is UNKNOWN"),
    ("!", Tone.WARN, "a warning: it does not change the verdict"),
    ("≈", Tone.WARN, "there under another name"),
    ("»", Tone.WARN, "being built now"),
    (
        "kept",
        Tone.STRONG,
        "share of the measurements that were made when they were due; well below 100% the percentiles"
        " stand on few",
    ),
    ("floor", Tone.STRONG, "ms that SELECT 1 takes on the probes' connection: no probe can be faster"),
    ("p95", Tone.STRONG, "ms that 95 of 100 runs stay below, each counted from when it was due; so p50, p99"),
    ("≠", Tone.CHANGED, "this line of a definition differs"),
    (
        "…",
        Tone.STRONG,
        "there is more: cut for want of room (enter or more columns show it), or to come",
    ),
)


def help_lines(width: int, begins: keys.Scope = keys.Scope.DECK) -> tuple[Line, ...]:
    """Every key by where it works, then the signs.

    Args:
        begins: what stands first: where the help was asked for.
    """
    lines: list[Line] = [BLANK]
    for scope in sorted(keys.Scope, key=lambda each: each is not begins):
        of_scope = list(keys.of_scope(scope))
        if not of_scope:
            continue
        lines.append(line((f" {scope.value}", Tone.ACCENT)))
        for each in of_scope:
            lines += _explained(each.label, Tone.STRONG, each.help, width)
        lines.append(BLANK)
    lines.append(line((" In a filter, a form or a question", Tone.ACCENT)))
    for label, meaning in TYPING:
        lines += _explained(label, Tone.STRONG, meaning, width)
    lines += [BLANK, line((" Signs", Tone.ACCENT))]
    for sign, tone, meaning in SIGNS:
        lines += _explained(sign, tone, meaning, width)
    return tuple(lines)


def _explained(label: str, tone: Tone, meaning: str, width: int) -> list[Line]:
    first, *rest = wrap(meaning, width - LABEL_WIDTH - 4)
    begin = line("  ", (f"{label:<{LABEL_WIDTH}}", tone), first)
    return [begin, *(line(" " * (LABEL_WIDTH + 2), text) for text in rest)]


def open_help(app: App[int]) -> None:
    """Show the help above whatever screen is up; two fast presses show it once."""
    if not isinstance(app.screen, HelpScreen):
        below = app.screen.query(Footer)
        app.push_screen(HelpScreen(below.first().scope if below else keys.Scope.DECK))


class HelpScreen(Reader):
    """All keys."""

    KEYS = keys.Scope.HELP
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.HELP)]

    def __init__(self, first: keys.Scope = keys.Scope.DECK) -> None:
        """
        Args:
            first: where it was asked for.
        """
        super().__init__()
        self._first = first

    def title_text(self) -> Line:
        """What this is."""
        return line((" pgdeck: keys and signs", Tone.STRONG))

    def lines(self, width: int) -> Sequence[Line]:
        """The registry as text."""
        return help_lines(width, self._first)
