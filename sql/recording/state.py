"""What is known at a place of a recording, and how to come back to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from sql.recording.entries import Decoder, Heard, Paused, Ran
from sql.snapshots import Event

if TYPE_CHECKING:
    from sql.recording.tape import Tape
    from sql.steps.runs import RunState


@dataclass(frozen=True)
class Shown:
    """Something that the deck saw, and when."""

    at: float
    """Seconds since the beginning."""
    moment: datetime
    event: Event


Happened: TypeAlias = Shown | Heard | Ran | Paused
"""What a player says; a `Heard` is what the figures are made of."""


@dataclass
class State:
    """What is known at a place of the recording."""

    events: dict[str, Shown] = field(default_factory=dict)
    """The latest of each kind, in the order in which they came."""
    runs: dict[str, RunState] = field(default_factory=dict)
    paused: bool = False
    wall: tuple[float, datetime] | None = None
    """A moment of the samples' clock, and the same moment on the wall."""

    def copy(self) -> State:
        """Another one that knows the same."""
        return State(dict(self.events), dict(self.runs), self.paused, self.wall)


@dataclass(frozen=True)
class Noted:
    """A place to come back to."""

    at: float
    tape: Tape
    decoder: Decoder
    records: bytes
    state: State
    looked: float
    recorded_window_s: float
