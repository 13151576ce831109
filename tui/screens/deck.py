"""The deck: header, four panes, footer. Gets readings as values; never speaks to a server itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import Input

from profiles.manifest import Manifest
from profiles.model import Profile
from sql.findings import Verdict
from sql.snapshots import Event, Unavailable
from sql.verdict import Judgement
from tui import keys
from tui.panes.announcing import Announcing
from tui.panes.pane import Pane
from tui.panes.views import JOINED, TITLES, Shown, banner_of, pane_view, staleness
from tui.present.header import Banner, banner_lines
from tui.present.text import age, clean, utc_now
from tui.present.view import BLANK, Line, Tone, dimmed, line, spread
from tui.watching import PARTS, Readings, part_of
from tui.widgets.filtering import Filtering
from tui.widgets.footer import Footer
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from sql.latency.evidence import IncidentsSnapshot

WIDE = 100
TICK_S = 5.0
REMEMBERED_EVERY = timedelta(minutes=1)
NEED_ROW = frozenset({"details", "build", "roll_back", "copy"})


class DeckScreen(Filtering[None]):
    """Everything about one profile's database on one screen."""

    AUTO_FOCUS = ""
    PANE: ClassVar[type[Pane]] = Pane
    KEYS: ClassVar[keys.Scope] = keys.Scope.DECK
    """Whose keys the footer shows."""
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.DECK)]

    class Asked(Message):
        """A key was pressed whose action belongs to the app."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    class Judged(Message):
        """The verdict turned, or has stood for a while."""

        def __init__(self, verdict: Verdict) -> None:
            super().__init__()
            self.verdict = verdict

    def __init__(self, profile: Profile, manifest: Manifest, clock: Callable[[], datetime] = utc_now) -> None:
        # A class that is there from the start costs nothing; one that is added styles everything anew.
        super().__init__(classes=f"-{profile.environment.value}")
        self.profile = profile
        self.readings = Readings(manifest)
        self.waiting_for = "connecting …"
        self._clock = clock
        self._shown: dict[str, Shown] = {}
        self._zoomed = False
        self._composed = False
        self._told: tuple[Verdict | None, datetime] = (None, clock())
        self._announcing = Announcing()
        self._early = ""
        """The last key that needs a row, of a pane that was not read yet."""

    def compose(self) -> ComposeResult:
        """Header, panes, summaries of the panes that are not shown, footer."""
        yield Lines(id="header")
        with Container(id="panes"):
            for number, title in enumerate(TITLES.values(), 1):
                yield self.PANE(
                    number, title, id=f"pane-{number}", classes="-active" if number == 1 else None
                )
        yield Lines(id="others")
        yield Lines(id="running")
        yield Input(id="filter", classes="filter", compact=True)
        yield Footer(self.KEYS, id="footer")

    def on_mount(self) -> None:
        """The first pane has the focus; ages move on in steps."""
        self._composed = True
        self.query_one("#filter", Input).cursor_blink = False
        self.activate(1)
        self.set_interval(TICK_S, self.tick)

    @property
    def is_up(self) -> bool:
        """Whether its panes are there: readings arrive before they are, and while they are taken down."""
        return self._composed and self.is_attached and not self._pruning

    # -- readings ---------------------------------------------------------------------------------------

    def take(self, event: Event) -> None:
        """Take in what the watch published, and show what changed."""
        part = part_of(event)
        if part not in ("pgbouncer", "incidents"):
            self.waiting_for = ""
        changed = self.readings.apply(event, self._clock())
        self._refresh(changed)
        if self._early and self._is_read:
            early, self._early = self._early, ""
            self.call_after_refresh(self.action_key, early)
        if part == "incidents" and not isinstance(event, Unavailable) and self.is_up:
            said = self._announcing.sentence(cast("IncidentsSnapshot", event), self._clock())
            if said:
                self.query_one("#footer", Footer).announce(f"i: {clean(said)}", Tone.WARN)

    def wait_for(self, what: str) -> None:
        """Say for what the watch waits before it can start."""
        self.waiting_for = what
        self._refresh(set())

    def pause(self, paused: bool) -> None:
        """Say that nothing is read, or that it goes on."""
        self.readings.paused = paused
        self.say("paused: the panes keep what they show" if paused else "reading goes on")
        self._refresh(set(PARTS.values()))

    def tick(self) -> None:
        """Ages and the countdown, in steps of five seconds."""
        self._refresh(set())

    def _refresh(self, changed: set[str]) -> None:
        if not self.is_up:
            return
        now = self._clock()
        for number, (part, title) in enumerate(TITLES.items(), 1):
            if part not in self._shown or changed & {part, JOINED.get(part, part)}:
                self._shown[part] = pane_view(part, title, self.readings)
            shown = self._shown[part]
            taken_at = self.readings.known(part).taken_at
            said = age(taken_at, now) if taken_at is not None else ""
            pane = self.pane(number)
            # A lost or changed server stands as a whole sentence in the active pane: the header may cut it.
            note = shown.note or (staleness(self.readings) if pane.has_class("-active") else BLANK)
            pane.show_view(shown.view, said, note)
        self._draw_header(now)
        self._draw_others()

    def _draw_header(self, now: datetime) -> None:
        readings = self.readings
        judgement = readings.judged()
        if judgement is not None and readings.lost is None and readings.is_complete and not readings.paused:
            self._tell(judgement.verdict, now)
        header = self.query_one("#header", Lines)
        header.show(banner_lines(self.banner(judgement, now), self.size.width))

    def banner(self, judgement: Judgement | None, now: datetime) -> Banner:
        """What the header says."""
        return banner_of(self.profile, self.readings, judgement, self.waiting_for, now)

    def _tell(self, verdict: Verdict, now: datetime) -> None:
        """Let the verdict be remembered: when it turns, and from time to time."""
        told, at = self._told
        if verdict is not told or now - at >= REMEMBERED_EVERY:
            self._told = (verdict, now)
            self.post_message(self.Judged(verdict))

    def _draw_others(self) -> None:
        width = self.size.width - 2
        lines = []
        for number in range(1, 5):
            pane = self.pane(number)
            if not pane.has_class("-active"):
                stale = "stale · " if pane.view.stale and pane.age else ""
                said = spread(pane.summary(), line((stale + pane.age, Tone.DIM)), width)
                lines.append(dimmed(said) if pane.view.stale else said)
        self.query_one("#others", Lines).show(lines)

    def show_runs(self, said: Line, trouble: str) -> None:
        """Show the run that goes on, in one line above the keys; nothing where there is none."""
        if not self.is_up:
            return
        shown = line((f" ! {clean(trouble)}", Tone.WARN)) if trouble else said
        self.set_class(bool(shown), "-has-runs")
        self.query_one("#running", Lines).show([shown] if shown else [])

    # -- panes ------------------------------------------------------------------------------------------

    def pane(self, number: int) -> Pane:
        """The pane with this number, from 1."""
        return self.query_one(f"#pane-{number}", Pane)

    @property
    def active(self) -> Pane:
        """The pane that keys go to."""
        return self.query_one("Pane.-active", Pane)

    @property
    def part(self) -> str:
        """Which part the active pane shows."""
        return list(TITLES)[self.active.number - 1]

    @property
    def filtered(self) -> Pane:
        """The filter narrows the active pane."""
        return self.active

    def activate(self, number: int) -> None:
        """Make a pane the active one; where only one is shown, it is this one."""
        for each in self.query(Pane):
            each.set_class(each.number == number, "-active")
        self.set_focus(self.pane(number))
        self._refresh(set())

    def on_resize(self, event: events.Resize) -> None:
        """Two by two, or one pane and a line for each other."""
        self._arrange(event.size.width)
        self._refresh(set())

    def _arrange(self, width: int) -> None:
        self.set_class(width < WIDE, "-narrow")
        self.set_class(self._zoomed or width < WIDE, "-single")

    @property
    def facts(self) -> keys.Facts:
        """What decides which keys are off."""
        from tui.mending import facts_of

        pane, row = self.active, self.active.row
        subject = (self.part, row.key) if row is not None else None
        return facts_of(self.readings, self.profile, pane.title, subject, sql=bool(row and row.sql))

    @property
    def _is_read(self) -> bool:
        """Whether the active pane was read, or will not be just now."""
        return self.readings.lost is not None or self.part in self.readings.parts

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in the footer for a while."""
        if self.is_up:
            self.query_one("#footer", Footer).say(text, tone)

    # -- keys -------------------------------------------------------------------------------------------

    def action_key(self, name: str) -> None:
        """Every key of the deck comes through here: it acts, or says why it does not."""
        self._early = ""
        if name in NEED_ROW and not self._is_read:
            self._early = name
            self.say("as soon as it is read …")
            return
        why_off = keys.key(f"deck.{name}").why_off(self.facts)
        if why_off:
            self.say(why_off, Tone.WARN)
            return
        if name.startswith("pane_"):
            self.activate(int(name[-1]))
            return
        own: dict[str, Callable[[], None]] = {
            "next_pane": lambda: self.activate(self.active.number % 4 + 1),
            "previous_pane": lambda: self.activate((self.active.number - 2) % 4 + 1),
            "filter": lambda: self.open_filter(f"show only the rows of {self.active.title} that hold …"),
            "zoom": self._zoom,
            "leave": self._leave,
        }
        if name in own:
            own[name]()
        else:
            self.post_message(self.Asked(name))

    def _zoom(self) -> None:
        if self.size.width < WIDE:
            self.say(f"below {WIDE} columns one pane has the whole screen already", Tone.WARN)
            return
        self._zoomed = not self._zoomed
        self._arrange(self.size.width)
        self._draw_others()

    def _leave(self) -> None:
        if self.active.needle:
            self.active.filter("")
            self.say(f"all rows of {self.active.title}")
        elif self._zoomed:
            self._zoom()

    def on_pane_opened(self) -> None:
        """A second click on a row opens it."""
        self.action_key("details")

    def on_pane_row_gone(self, message: Pane.RowGone) -> None:
        """Say that the selected row went away."""
        row = message.pane.row
        now = f"; now on {row.name}" if row is not None else ""
        self.say(f"{message.name} is no longer in {message.pane.title}{now}", Tone.WARN)

    def on_click(self, event: events.Click) -> None:
        """A click in a pane makes it the active one."""
        widget = event.widget
        if isinstance(widget, Pane) and not widget.has_class("-active"):
            self.activate(widget.number)
