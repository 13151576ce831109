"""Blocking work beside the event loop, in a thread that cannot keep the program from ending."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


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

    def body() -> None:
        result: Result | None = None
        error: BaseException | None = None
        try:
            result = work()
        except BaseException as raised:
            error = raised if isinstance(raised, Exception) else RuntimeError(type(raised).__name__)
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # The loop is closed: nobody waits any more.

    threading.Thread(target=body, name=name, daemon=True).start()
    return await done
