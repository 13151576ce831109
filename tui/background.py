"""Blocking work beside the event loop, in threads that cannot keep the program from ending."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeAlias, TypeVar

Result = TypeVar("Result")
Body: TypeAlias = Callable[[Callable[[], None]], None]
"""Calls what it is given as soon as its thread may take other work."""
Work: TypeAlias = "SimpleQueue[tuple[Body, str]]"

_idle: deque[Work] = deque()
"""Of threads that wait for work: starting one makes the loop wait until it runs."""


async def in_background(work: Callable[[], Result], name: str) -> Result:
    """Run `work` in a daemon thread and wait for it.

    `asyncio.to_thread` would not do: the event loop waits for its threads before it closes, and a keyring
    that asks on another screen may take for ever.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def body(free: Callable[[], None]) -> None:
        result: Result | None = None
        error: BaseException | None = None
        try:
            result = work()
        except BaseException as raised:
            error = raised if isinstance(raised, Exception) else RuntimeError(type(raised).__name__)
        free()
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # The loop is closed: nobody waits any more.

    _thread().put((body, name))
    return await done


def _thread() -> Work:
    try:
        return _idle.pop()
    except IndexError:
        queue: Work = SimpleQueue()
        threading.Thread(target=_serve, args=(queue,), daemon=True).start()
        return queue


def _serve(queue: Work) -> None:
    while True:
        body, threading.current_thread().name = queue.get()
        body(lambda: _idle.append(queue))
        del body
