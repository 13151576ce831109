"""The prober's process: reads its order from stdin, measures, writes JSON lines, ends when stdin ends."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from profiles.errors import ConfigurationError
from sql.errors import LoginError, SessionError
from sql.latency.child import inbox
from sql.latency.lane import Lane
from sql.latency.messages import Message, Stopped, encode
from sql.latency.orders import Order, decode_order
from sql.latency.sampler import Sampler, probe_settings
from sql.latency.schedule import DECK, DECK_FIRST

LAST_WORDS_S = 2.0
"""How long the server gets to cancel what runs."""


def main() -> int:
    """Measure until stdin ends."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_main())


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed (the extra `fast`): it wakes up with less delay."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = new_event_loop
    return made


async def _main() -> int:
    orders = await inbox()
    line = await orders.readline()
    if not line:
        return 0
    order = decode_order(line)
    going = asyncio.Event()
    going.set()
    work = asyncio.create_task(_measure(order, going))
    deck = asyncio.create_task(_obey(orders, going))
    await asyncio.wait([work, deck], return_when=asyncio.FIRST_COMPLETED)
    deck.cancel()
    work.cancel()
    with suppress(asyncio.CancelledError, TimeoutError):
        async with asyncio.timeout(LAST_WORDS_S):
            await work
    _send()
    return 0


async def _obey(orders: asyncio.StreamReader, going: asyncio.Event) -> None:
    """Follow the deck's words until it is gone."""
    async for line in orders:
        if json.loads(line) == "pause":
            going.clear()
        else:
            going.set()


async def _measure(order: Order, going: asyncio.Event) -> None:
    settings = probe_settings(order.probes, order.search_path, order.query_timeout_s)
    try:
        await going.wait()
        open_lane = partial(
            Lane.open, order.profile, order.password, settings, system_identifier=order.system_identifier
        )
        lane = await open_lane()
        try:
            open_second = partial(open_lane, number=1)
            sampler = Sampler(
                lane, order.probes, tell, DECK, going=going, open_lane=open_second, first=DECK_FIRST
            )
            await sampler.prepare()
            # What is there now stays: a look through it would be a pause in the middle of a measurement.
            gc.collect()
            gc.freeze()
            await sampler.run()
        finally:
            await lane.close()
    except ConfigurationError as error:
        tell(Stopped(error.user_message(), refused=True))
    except SessionError as error:
        tell(
            Stopped(error.user_message(), refused=isinstance(error, LoginError) and error.credentials_refused)
        )
    except Exception as error:  # a bug: the deck says so, without values that could hold a secret
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        tell(Stopped(f"the prober failed ({type(error).__name__} at {where})", refused=False))


_unsent: list[bytes] = []


def tell(message: Message) -> None:
    """Write one line; what is told at once goes in one piece, which wakes the deck once."""
    if not _unsent:
        asyncio.get_running_loop().call_soon(_send)
    _unsent.append(encode(message))


def _send() -> None:
    """The deck that no longer reads is gone, and so are we."""
    lines = b"".join(_unsent)
    _unsent.clear()
    try:
        while lines:
            lines = lines[os.write(sys.stdout.fileno(), lines) :]
    except BrokenPipeError:
        os._exit(0)
