"""One probe at a time over time: figures against targets, a plot, and what happened meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen

from profiles.model import Profile
from sql.latency.history import History
from sql.latency.readings import ProbeReading
from sql.snapshots import ProbesSnapshot
from tui import keys
from tui.messages import Copied
from tui.present.axes import ValueAxis, time_axis, value_axis
from tui.present.header import trail
from tui.present.latency import window
from tui.present.plot import Plotted, columns_of
from tui.present.probe_screen import ProbePicture, probe_lines, rows_for
from tui.present.signs import mark
from tui.present.text import clean, utc_now
from tui.present.view import Line, Tone, line
from tui.screens.help import open_help
from tui.watching import Readings
from tui.widgets.footer import Footer
from tui.widgets.lines import Lines
from tui.widgets.title import Title

DRAW_S = 2.0
"""At least so long between two pictures of the same probe: a slow line carries them, and eyes follow."""
TICK_S = 5.0


class LatencyScreen(Screen[None]):
    """Lies over the deck; shows what the deck knows."""

    CSS_PATH = "../styles/latency.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.LATENCY)]

    class Asked(Message):
        """A key was pressed whose action belongs to the app: `window` or `incidents`."""

        def __init__(self, screen: LatencyScreen, action: str) -> None:
            super().__init__()
            self.screen = screen
            self.action = action

    def __init__(
        self,
        profile: Profile,
        readings: Readings,
        history: History,
        probe: str = "",
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """
        Args:
            probe: the first to be shown; the manifest's first where it has no such probe.
        """
        super().__init__()
        self._profile = profile
        self._readings = readings
        self._history = history
        self._names = [entry.name for entry in readings.manifest.probes]
        self._at = self._names.index(probe) if probe in self._names else 0
        self._clock = clock
        self._drawn_at: datetime | None = None
        self._drawn: tuple[object, ...] = ()
        self._values: ValueAxis | None = None
        self._cursor: float | None = None
        """Where the column begins that is read out, seconds since 1970."""
        self._plotted: Plotted | None = None

    def compose(self) -> ComposeResult:
        """Title, figures with the plot, keys."""
        yield Title(id="latency-title")
        yield Lines(id="latency-body")
        yield Footer(keys.Scope.LATENCY, id="footer")

    def on_mount(self) -> None:
        """Time goes on also where nothing is measured."""
        self.set_interval(TICK_S, self.follow)

    @property
    def probe(self) -> str:
        """The name of the probe that is shown; empty where the manifest has none."""
        return self._names[self._at] if self._names else ""

    def on_resize(self) -> None:
        """Another size has other columns."""
        self._values = None
        self.call_after_refresh(self.draw)

    def follow(self) -> None:
        """Show what is known now, unless the picture is that young."""
        known = self._readings.known("probes")
        now = (known.unavailable, self._readings.paused, self._readings.lost)
        if self._drawn_at is not None and now == self._drawn:
            age = (self._clock() - self._drawn_at).total_seconds()
            if 0 <= age < DRAW_S * 0.9:
                return
        self.draw()

    def draw(self) -> None:
        """Show what is known now."""
        if not self.is_mounted or not self.is_attached or self._pruning:
            return
        body = self.query_one("#latency-body", Lines)
        if body.size.width == 0:
            return
        known = self._readings.known("probes")
        self._drawn_at = self._clock()
        self._drawn = (known.unavailable, self._readings.paused, self._readings.lost)
        reading = self._reading()
        self._draw_title(reading)
        if reading is None:
            body.show([line((f" {self._why_nothing()}", Tone.DIM))])
            return
        body.show(self._picture(reading, body.size.width, body.size.height))

    def _reading(self) -> ProbeReading | None:
        snapshot = self._snapshot
        probes = snapshot.probes if snapshot is not None else ()
        return next((each for each in probes if each.name == self.probe), None)

    @property
    def _snapshot(self) -> ProbesSnapshot | None:
        snapshot = self._readings.known("probes").snapshot
        return snapshot if isinstance(snapshot, ProbesSnapshot) else None

    def _picture(self, reading: ProbeReading, width: int, height: int) -> tuple[Line, ...]:
        snapshot = self._snapshot
        assert snapshot is not None
        history, now = self._history, self._clock().timestamp()
        series = history.series[reading.name]
        begun = snapshot.since.timestamp() if snapshot.since is not None else now
        window_s = snapshot.window_s if snapshot.window_s is not None else now - begun
        time = time_axis(window_s, now, columns_of(width))
        buckets = series.buckets(time.first, time.bucket_s, time.count, history.ahead)
        there = [bucket for bucket in buckets if bucket is not None]
        shown = [ms for each in there for ms in (each.median_ms, each.max_ms) if ms is not None]
        target = reading.target
        limits = [ms for ms in (target.p50_ms, target.p95_ms, target.p99_ms) if ms is not None]
        rows, _ = rows_for(height)
        self._values = value_axis(shown, limits, rows, self._values)
        marks = history.timeline.marks(datetime.fromtimestamp(time.begin, UTC), reading.name)
        picture = ProbePicture(
            reading=reading,
            floor=snapshot.floor,
            trouble=self._trouble(),
        )
        cursor = time.column(self._cursor) if self._cursor is not None else None
        self._plotted = Plotted(buckets, target, marks, time, self._values, cursor)
        return probe_lines(picture, self._plotted, width, height)

    def _trouble(self) -> str:
        readings = self._readings
        if readings.paused:
            return "paused: nothing is measured; space on the deck goes on"
        unavailable = readings.known("probes").unavailable
        if unavailable is not None:
            remedy = f"; {unavailable.remedy}" if unavailable.remedy else ""
            return f"these figures are old: {unavailable.reason}{remedy}"
        return f"the watch is out: {readings.lost.reason}" if readings.lost is not None else ""

    def _why_nothing(self) -> str:
        if not self._names:
            return "the manifest has no probe"
        return clean(self._trouble() or "waiting for the first samples")

    def _draw_title(self, reading: ProbeReading | None) -> None:
        title = trail(self._profile.environment, self._profile.name, self.probe)
        if reading is not None:
            kind = f" · {clean(reading.query_class)}" if reading.query_class else ""
            title = (*title, ("  ", Tone.PLAIN), mark(reading.finding), (kind, Tone.DIM))
        counted = window(self._snapshot) if self._snapshot is not None else ""
        place = f"{self._at + 1} of {len(self._names)} · {counted} " if self._names else ""
        self.query_one("#latency-title", Title).say(title, line((place, Tone.DIM)))

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in the footer for a while."""
        self.query_one("#footer", Footer).say(clean(text), tone)

    # -- keys -------------------------------------------------------------------------------------------

    def action_key(self, name: str) -> None:
        """Every key of the screen comes through here: it acts, or says why it does not."""
        facts = keys.Facts(row=bool(self.probe), sql=bool(self.probe))
        why_off = keys.key(f"latency.{name}").why_off(facts)
        last = max(len(self._names) - 1, 0)
        places = {"previous": self._at - 1, "next": self._at + 1, "first": 0, "last": last}
        if why_off:
            self.say(why_off, Tone.WARN)
        elif name in places:
            self._choose(min(max(places[name], 0), last))
        elif name in ("older", "newer"):
            self._read(-1 if name == "older" else 1)
        elif name == "copy":
            entry = self._readings.manifest.probes[self._at]
            self.post_message(Copied(entry.sql))
        elif name == "help":
            open_help(self.app)
        elif name == "close":
            self.dismiss(None)
        else:
            self.post_message(self.Asked(self, name))

    def _choose(self, at: int) -> None:
        if at != self._at:
            self._at, self._values, self._plotted = at, None, None
            self.draw()

    def _read(self, step: int) -> None:
        """Read out the next column with runs in it; beyond the newest none is."""
        plotted = self._plotted
        if plotted is None:
            return
        filled = [column for column, bucket in enumerate(plotted.buckets) if bucket is not None]
        here = plotted.cursor if plotted.cursor is not None else plotted.time.count
        there = [column for column in filled if (column - here) * step > 0]
        if there:
            self._cursor = plotted.time.begin_of(there[-1] if step < 0 else there[0])
        elif step > 0:
            self._cursor = None
        self.draw()
