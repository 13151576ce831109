"""Endless loops that live and die together; more may be added while they run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from sql.errors import SessionError


class Loops:
    """Belongs to the event loop that calls `run()`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: list[asyncio.Task[None]] = []
        self._failed = asyncio.Event()

    def add(self, loop: Coroutine[Any, Any, None]) -> None:
        """Start one more; it may end by itself."""
        task = asyncio.create_task(loop)
        self._tasks.add(task)
        task.add_done_callback(self._note)

    def _note(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._ended.append(task)
            self._failed.set()

    async def run(self) -> None:
        """Until the first of them fails, or this is cancelled; all have ended then.

        Raises:
            Exception: what the first of them raised.
        """
        try:
            await self._failed.wait()
        finally:
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        failures = [task.exception() for task in (*self._ended, *tasks) if not task.cancelled()]
        # A lost connection fails every reading in its own way: a bug among them must not hide behind it.
        raise min(filter(None, failures), key=lambda failure: isinstance(failure, SessionError))
