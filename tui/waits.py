"""What the watch waits for is said where it takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Waits:
    """One thing at a time: another one takes its place."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, what: str, unsaid_s: float = 0.0) -> None:
        """It is waited for from now on; what takes no longer than `unsaid_s` is not spoken of."""
        self.end()
        if unsaid_s > 0:
            self._timer = asyncio.get_running_loop().call_later(unsaid_s, self._say, what)
        else:
            self._say(what)

    def end(self) -> None:
        """It is there."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
