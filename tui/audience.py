"""Who hears what the watch hears and publishes, besides the screens; who comes late hears what was before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sql.latency.messages import Message
    from sql.snapshots import Event


class Audience:
    """Passes on in the order in which things happened; a callback must not block."""

    def __init__(self, *, keeps: bool = False) -> None:
        """
        Args:
            keeps: what is told is kept for who comes later, until `forget()`.
        """
        self._listeners: list[Callable[[Message, float], None]] = []
        self._overhearing: list[Callable[[Event], None]] = []
        self._early: list[Event | tuple[Message, float]] | None = [] if keeps else None

    def listen(self, heard: Callable[[Message, float], None]) -> None:
        """Let `heard` have every message of the prober, with the time by the samples' clock."""
        self._listeners.append(heard)
        for each in self._early or ():
            if isinstance(each, tuple):
                heard(*each)

    def overhear(self, heard: Callable[[Event], None]) -> None:
        """Let `heard` have everything that is published."""
        self._overhearing.append(heard)
        for each in self._early or ():
            if not isinstance(each, tuple):
                heard(each)

    def hear(self, message: Message, at: float) -> None:
        """The prober said something."""
        if self._early is not None:
            self._early.append((message, at))
        for heard in self._listeners:
            heard(message, at)

    def take(self, event: Event) -> None:
        """Something is published."""
        if self._early is not None:
            self._early.append(event)
        for heard in self._overhearing:
            heard(event)

    def forget(self) -> None:
        """Nobody comes late any more."""
        self._early = None
