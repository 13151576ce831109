"""When there is time for what the verdict does not need: once all was read and drawn, or takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sql.snapshots import Lost
from tui.watching import part_of

if TYPE_CHECKING:
    from sql.snapshots import Event

SETTLE_S = 1.5
"""So long, at most, everything waits that the verdict does not need."""
DRAWN_S = 0.1
"""So long it waits once every part was read, or the server is lost: two frames."""


class Settling:
    """Waits for the first reading of every part."""

    def __init__(self, settled: Callable[[], None], complete: Callable[[], None]) -> None:
        """
        Args:
            settled: called once, when there is time.
            complete: called once, after it, when every part was read too.
        """
        self.settled = asyncio.Event()
        self._settled = settled
        self._complete = complete
        self._unread: set[str] | None = None
        """None: it is not known yet which parts there are."""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """From now on it takes long."""
        self._in(SETTLE_S)

    def expect(self, parts: Iterable[str]) -> None:
        """These parts are read from now on."""
        self._unread = set(parts)

    def take(self, event: Event) -> None:
        """A part was read, or the server is lost."""
        if isinstance(event, Lost) and not self.settled.is_set():
            self._in(DRAWN_S)
        elif self._unread:
            self._unread.discard(part_of(event))
            if not self._unread:
                self._in(DRAWN_S)

    def end(self) -> None:
        """Call nobody any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _in(self, seconds: float) -> None:
        self.end()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._settle)

    def _settle(self) -> None:
        if not self.settled.is_set():
            self.settled.set()
            self._settled()
        if self._unread is not None and not self._unread:
            self._complete()
