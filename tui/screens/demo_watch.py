"""The demo watch: large calm figures, one verdict; quiet unless something crosses a line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from profiles.model import Profile
from sql.snapshots import PoolSnapshot, ProbesSnapshot
from tui import keys
from tui.crossings import Crossings
from tui.present.demo_watch import LOG_LINES, log_lines, tile_lines, verdict_line
from tui.present.pool import summary
from tui.present.signs import BADGES
from tui.present.text import clean, utc_now
from tui.present.view import Line, Tone, line
from tui.screens.help import open_help
from tui.watching import Readings
from tui.widgets.footer import Footer
from tui.widgets.lines import Lines
from tui.widgets.title import Title

CALM_S = 5.0
"""Figures change no more often, unless one crosses a line."""


class DemoWatchScreen(Screen[None]):
    """Readable from two metres; rings the bell when something crosses to the bad side."""

    CSS_PATH = "../styles/demo_watch.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.DEMO_WATCH)]

    def __init__(
        self,
        profile: Profile,
        readings: Readings,
        crossings: Crossings,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """
        Args:
            crossings: what was noted so far; the app notes on.
        """
        super().__init__()
        self._profile = profile
        self._readings = readings
        self._crossings = crossings
        self._clock = clock
        self._drawn_at: datetime | None = None
        self._seen = crossings.total
        self._muted = False

    def compose(self) -> ComposeResult:
        """Title, verdict, tiles, what crossed, keys."""
        yield Title(id="watch-title")
        yield Lines(id="watch-verdict")
        yield Lines(id="watch-tiles")
        yield Lines(id="watch-log")
        yield Footer(keys.Scope.DEMO_WATCH, id="footer")

    def on_mount(self) -> None:
        """Show what is known once there is room for it."""
        self.query_one("#watch-log", Lines).styles.height = LOG_LINES
        self.call_after_refresh(self.follow)

    def on_resize(self) -> None:
        """Another size has room for more or fewer probes."""
        self._drawn_at = None
        self.call_after_refresh(self.follow)

    def follow(self) -> None:
        """Take what arrived; draw where something crossed a line, or where it is time to."""
        if not self.is_mounted or not self.is_attached or self._pruning:
            return
        now = self._clock()
        crossed = self._crossings.since(self._seen)
        self._seen = self._crossings.total
        if any(each.worse for each in crossed) and not self._muted:
            self.app.bell()
        due = self._drawn_at is None or (now - self._drawn_at).total_seconds() >= CALM_S
        if crossed or due:
            self._drawn_at = now
            self._draw()

    def _draw(self) -> None:
        readings = self._readings
        width = self.size.width
        self.query_one("#watch-title", Title).say(self._title())
        lost = f"lost: {readings.lost.reason}" if readings.lost is not None else ""
        trouble = lost or ("paused: nothing is read from the server" if readings.paused else "")
        self.query_one("#watch-verdict", Lines).show([verdict_line(readings.judged(), trouble)])
        snapshot = readings.known("probes").snapshot
        probes = snapshot.probes if isinstance(snapshot, ProbesSnapshot) else ()
        tiles = self.query_one("#watch-tiles", Lines)
        nothing = line((" no probe was measured yet", Tone.DIM))
        tiles.show(tile_lines(probes, width, tiles.size.height) if probes else [nothing])
        self.query_one("#watch-log", Lines).show(log_lines(self._crossings.entries, width))

    def _title(self) -> Line:
        badge = (BADGES[self._profile.environment], Tone.BADGE)
        pool = self._readings.known("pool").snapshot
        said = summary(pool.pool) if isinstance(pool, PoolSnapshot) else ()
        muted = (" · bell muted", Tone.WARN) if self._muted else ("", Tone.DIM)
        name = (f" {clean(self._profile.name)}", Tone.STRONG)
        return line(badge, name, (" › demo · pool ", Tone.DIM), *said, muted)

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in the footer for a while."""
        self.query_one("#footer", Footer).say(clean(text), tone)

    def action_key(self, name: str) -> None:
        """Every key comes through here."""
        if name == "help":
            open_help(self.app)
        elif name == "close":
            self.dismiss(None)
        else:
            self._muted = not self._muted
            self.say("the bell is muted" if self._muted else "the bell rings when something crosses a line")
            self._draw()
