"""A screen to read: a title bar, lines that scroll, the keys below. Details and help are of this kind."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen

from tui import keys
from tui.present.view import Line, Tone, line
from tui.widgets.footer import Footer
from tui.widgets.lines import Lines
from tui.widgets.title import Title


class Scroller(Lines, can_focus=True):
    """Lines of which as many are shown as fit; the rest is reached by scrolling."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._all: Sequence[Line] = ()
        self.top = 0

    @property
    def last_top(self) -> int:
        """The furthest that it scrolls."""
        return max(0, len(self._all) - self.size.height)

    def read(self, lines: Sequence[Line]) -> None:
        """Take other lines; the place in them stays as far as there is one."""
        self._all = lines
        self.scroll_by(0)

    def scroll_by(self, count: int) -> None:
        """Scroll by lines, down is positive."""
        self.top = max(0, min(self.top + count, self.last_top))
        self.show(self._all[self.top : self.top + max(self.size.height, 1)])

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """One notch is three lines."""
        event.stop()
        self.scroll_by(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """One notch is three lines."""
        event.stop()
        self.scroll_by(-3)


class Reader(Screen[None]):
    """Covers the deck with something to read; the deck lives on behind it."""

    AUTO_FOCUS = "#text"
    KEYS = keys.Scope.HELP

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        yield Title(id="title")
        yield Scroller(id="text")
        yield Footer(self.KEYS, id="footer")

    def title_text(self) -> Line:
        """What stands in the title bar."""
        raise NotImplementedError

    def lines(self, width: int) -> Sequence[Line]:
        """The text for a width in cells."""
        raise NotImplementedError

    def idle_keys(self) -> Collection[str]:
        """Actions whose keys can do nothing just now: the footer has room for others."""
        return ()

    @property
    def scroller(self) -> Scroller:
        """The text."""
        return self.query_one("#text", Scroller)

    def on_resize(self) -> None:
        """Another width breaks lines elsewhere."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Show the text as it is now."""
        if not self.is_mounted or not self.is_attached or self._pruning or self.scroller.size.width == 0:
            return
        self.scroller.read(self.lines(self.scroller.size.width))
        self._draw_title()
        self.query_one("#footer", Footer).leave_out(self.idle_keys())

    def _draw_title(self) -> None:
        scroller = self.scroller
        below = scroller.last_top - scroller.top
        more = f"{below} more below " if below else ""
        self.query_one("#title", Title).say(self.title_text(), line((more, Tone.DIM)))

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in the footer for a while."""
        self.query_one("#footer", Footer).say(text, tone)

    def action_key(self, name: str) -> None:
        """Scrolling and leaving."""
        page = max(self.scroller.size.height - 2, 1)
        far = 1_000_000
        moves = {"up": -1, "down": 1, "page_up": -page, "page_down": page, "first": -far, "last": far}
        if name in moves:
            self.scroller.scroll_by(moves[name])
            self._draw_title()
        elif name == "help":
            from tui.screens.help import open_help

            open_help(self.app)
        elif name == "close":
            self.dismiss(None)
