"""Signals of the operator and of a dying terminal, as words that an event loop can wait for."""

from __future__ import annotations

import asyncio
import signal
import threading
from enum import StrEnum
from types import TracebackType


class Word(StrEnum):
    """What a signal says."""

    INTERRUPT = "interrupt"
    """SIGINT: Ctrl-C."""
    LEAVE = "leave"
    """SIGTERM and SIGHUP: we must go; a run need not."""


MEANINGS = {signal.SIGINT: Word.INTERRUPT, signal.SIGTERM: Word.LEAVE, signal.SIGHUP: Word.LEAVE}


class Interrupts:
    """While it is entered, signals end nothing by themselves; `next` gives them one by one."""

    def __init__(self) -> None:
        self._words: asyncio.Queue[Word] = asyncio.Queue()

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            for number, word in MEANINGS.items():
                loop.add_signal_handler(number, self._words.put_nowait, word)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            for number in MEANINGS:
                loop.remove_signal_handler(number)

    async def next(self) -> Word:
        """The next one."""
        return await self._words.get()
