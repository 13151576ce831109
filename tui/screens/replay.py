"""The deck of a recording: the same panes, a badge that nobody can miss, and keys to move in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from profiles.manifest import Manifest
from profiles.model import Profile
from sql.verdict import Judgement
from tui import keys
from tui.panes.pane import Pane
from tui.present.header import Banner
from tui.present.text import duration
from tui.present.view import Tone
from tui.screens.deck import DeckScreen
from tui.watching import PARTS
from tui.widgets.footer import Footer

WORKS = frozenset(
    (
        "next_pane",
        "previous_pane",
        "details",
        "filter",
        "runs",
        "zoom",
        "copy",
        "latency",
        "incidents",
        "window",
        "help",
        "palette",
        "leave",
        "quit",
    )
)
"""Keys of the deck, besides those of the panes, that need no server."""
OFF = "is off: this is a recording"
OFF_S = 2.5
"""For so short a sentence; the keys that do work matter more."""
PANE_KEYS = frozenset({"home", "end"})
"""Of a pane, they go to the ends of the recording here."""


@dataclass(frozen=True)
class Place:
    """Where a replay stands."""

    moment: datetime
    position_s: float
    duration_s: float
    speed: float
    paused: bool = False
    seeking: bool = False
    was_paused: bool = False
    """The watch that was recorded was paused here."""
    ending: str = ""
    """Why there is nothing more; empty: there is."""
    part: int = 1
    """Of the session, with which it begins: what was before made room."""

    @property
    def badge(self) -> str:
        """What stands beside the environment's."""
        return f" REPLAY {self.moment:%Y-%m-%d %H:%M:%S} UTC "

    @property
    def title_badge(self) -> str:
        """What stands beside it on the screens over the deck."""
        return f" REPLAY {self.moment:%H:%M:%S} UTC "

    @property
    def progress(self) -> str:
        """How far it is, and how fast it goes."""
        pace = "held" if self.paused else f"{self.speed:g}x"
        if self.seeking or self.ending:
            pace = "seeking …" if self.seeking else self.ending
        was = ", was paused here" if self.was_paused else ""
        begins = f" from part {self.part}" if self.part > 1 and not self.ending else ""
        return f"{duration(self.position_s)} of {duration(self.duration_s)}{begins}, {pace}{was}"


class ReplayPane(Pane, inherit_bindings=False):
    """A pane that leaves the ends of the list to the ends of the recording."""

    BINDINGS: ClassVar[list[BindingType]] = [
        each for each in keys.bindings(keys.Scope.PANE) if not PANE_KEYS & set(each.key.split(","))
    ]


class ReplayScreen(DeckScreen):
    """The deck, fed by a recording."""

    PANE = ReplayPane
    KEYS = keys.Scope.REPLAY
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.REPLAY, "replay")]

    class Turned(Message):
        """A key moves the replay."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, profile: Profile, manifest: Manifest, place: Callable[[], Place]) -> None:
        self._at: datetime | None = None
        super().__init__(profile, manifest, lambda: self._at or place().moment)
        self.readings.recorded = True
        self.readings.clock = lambda: place().position_s
        self.waiting_for = "waiting for the first reading of the recording"
        self._place = place
        self._drawn = ""

    def action_replay(self, name: str) -> None:
        """A key of the replay; help and quit are the deck's."""
        if name in ("help", "quit"):
            self.action_key(name)
        else:
            self.post_message(self.Turned(name))

    def action_key(self, name: str) -> None:
        """What needs a server says why it is off."""
        if name in WORKS or name.startswith("pane_"):
            super().action_key(name)
            return
        why_off = keys.key(f"deck.{name}").why_off(self.facts)
        sentence = why_off or f"{keys.key(f'deck.{name}').label} {OFF}"
        self.query_one("#footer", Footer).say(sentence, Tone.WARN, OFF_S)

    def forget(self) -> None:
        """Know nothing: what is known at another place comes now."""
        self.readings.forget()
        self._refresh(set(PARTS.values()))

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """What is taken meanwhile is taken at this moment."""
        self._at = moment
        try:
            yield
        finally:
            self._at = None

    def moved(self) -> None:
        """Show the place; what did not change is not drawn."""
        place = self._place()
        said = place.badge + place.progress
        if said != self._drawn:
            self._drawn = said
            self.tick()

    def banner(self, judgement: Judgement | None, now: datetime) -> Banner:
        """The header, with the place."""
        place = self._place()
        return replace(super().banner(judgement, now), replay=place.badge, progress=place.progress)
