"""The first frame of a deck waits a moment for the verdict: drawing it without makes the verdict later."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress

from textual.app import App

HELD_S = 0.3
"""A server that takes longer is waited for in view."""


class FirstFrame(App[int]):
    """An app that may hold what it draws first, once, while something else stands on the terminal."""

    has_picture = False
    """The curtain is down: there is something to look at."""

    def __init__(self) -> None:
        super().__init__()
        self._holding = ExitStack()
        self.holds = False
        """Whether nothing is drawn just now."""

    def hold_frame(self) -> None:
        """Draw nothing until `show_frame`, and not for long."""
        if self.has_picture:
            self.has_picture, self.holds = False, True
            self._holding.enter_context(self.batch_update())
            self.set_timer(HELD_S, self.show_frame)

    async def draw(self) -> None:
        """Draw what there is, and wait until it is on its way, but not for long."""
        drawn = asyncio.Event()
        self.show_frame()
        self.call_after_refresh(drawn.set)
        with suppress(TimeoutError):
            async with asyncio.timeout(HELD_S):
                await drawn.wait()

    def show_frame(self) -> None:
        """Draw what there is."""
        if self.holds:
            self.holds = False
            self._holding.close()
            self.screen.refresh(layout=True)
