"""Finds out how a run went whose connection broke: the server may go on without us (DISC-01)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sql.connect import Link
from sql.errors import LoginError
from sql.steps import signals
from sql.steps.patience import Patience
from sql.steps.signals import Signal, Target
from sql.steps.watching import TROUBLE, Watching

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 30.0
IDLE_LOOKS = 3
"""Looks that find our backend idle before it is ended: nobody will ever speak to it again."""


class Unreachable(Exception):
    """The server was out of reach for too long: a sentence."""


async def reconnect(open_link: Callable[[], Awaitable[Link]], patience: Patience) -> Link:
    """A connection to the server, as soon as there is one that takes writes.

    Raises:
        Unreachable: not within `patience.unreachable_s`.
    """
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + patience.unreachable_s, FIRST_PAUSE_S
    while True:
        try:
            link = await open_link()
        except LoginError as error:
            raise Unreachable(f"{error}; how the run went is not known") from None
        except TROUBLE as error:
            why = str(error) or type(error).__name__
        else:
            if not link.identity.in_recovery:
                return link
            link.connection.terminate()
            why = "it is a standby now"
        if loop.time() + pause > deadline:
            raise Unreachable(f"the server was out of reach for {patience.unreachable_s:g} s ({why})")
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)


async def outlive(watching: Watching, patience: Patience) -> None:
    """Watch our lost backend until it is gone; cancel it on the operator's word, end it once it is idle."""
    idle, stopped = 0, False
    target = Target(watching.pid, watching.backend.backend_start)
    while True:
        progress = await watching.look()
        if progress is None and watching.sees:
            return
        idle = idle + 1 if progress is not None and progress.state == "idle" else 0
        if idle >= IDLE_LOOKS:
            await signals.send(watching.connection, Signal.TERMINATE, target)
        if watching.stop.asked and watching.sees:
            await watching.cancel(watching.stop.why, first=not stopped)
            stopped = True
        await asyncio.sleep(patience.look_s)
