"""Waiting for a condition, never for a time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(
    condition: Callable[[], T] | Callable[[], Awaitable[T]], timeout: float = 20.0, *, every: float = 0.01
) -> T:
    """What `condition` gives once that is true.

    Raises:
        AssertionError: it was not true within `timeout` seconds.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while True:
        answer = condition()
        found = await answer if inspect.isawaitable(answer) else answer
        if found:
            return found  # type: ignore[return-value]
        assert loop.time() < deadline, f"not true within {timeout} s: {inspect.getsource(condition).strip()}"
        await asyncio.sleep(every)
