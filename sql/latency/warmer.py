"""Warming up in a process of its own, so that what is timed is not disturbed by drawing.

`warm_in_child` is the deck's side; `python -m sql.latency.warmer` is the process. It gets everything, the
password too, by its stdin, speaks JSON lines, and ends when its stdin ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sql.errors import SessionError
from sql.latency.child import end_child, ending, inbox, start_child
from sql.latency.orders import Order, decode_order, encode_order
from sql.latency.warming import WarmedProbe, WarmedRelation, WarmStep, WarmUp, warm_up

if TYPE_CHECKING:
    from profiles.manifest import ProbeEntry
    from profiles.model import Profile
    from profiles.secret import Secret


async def warm_in_child(
    profile: Profile,
    password: Secret | None,
    probes: Sequence[ProbeEntry],
    tell: Callable[[WarmStep], None],
    *,
    search_path: str = "public",
    query_timeout_s: float | None = None,
    system_identifier: str | None = None,
) -> WarmUp:
    """Warm up; cancelling this ends the process and what it runs.

    Args:
        tell: called with every step as it begins.
        system_identifier: of the server that is meant; None: any.

    Raises:
        SessionError: no connection, it was lost, or the process died.
    """
    process = await start_child("sql.latency.warmer", profile)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        order = Order(profile, password, tuple(probes), search_path, query_timeout_s, system_identifier)
        process.stdin.write(encode_order(order))
        async for line in process.stdout:
            fields = json.loads(line)
            kind = fields.pop("kind")
            if kind == "stopped":
                raise SessionError(fields["reason"])
            if kind == "done":
                return _warm_up(fields)
            tell(WarmStep(**fields))
        raise SessionError(f"what warms up {ending(await process.wait())}")
    finally:
        await end_child(process)


def _warm_up(fields: dict[str, Any]) -> WarmUp:
    return WarmUp(
        tuple(WarmedProbe(**each) for each in fields["probes"]),
        tuple(WarmedRelation(**each) for each in fields["relations"]),
        fields["prewarm"],
    )


def _say(kind: str, **fields: object) -> None:
    print(json.dumps({"kind": kind, **fields}), flush=True)  # noqa: T201


async def _work(order: Order) -> None:
    from profiles.errors import ConfigurationError
    from sql.latency.lane import Lane
    from sql.latency.sampler import probe_settings

    settings = probe_settings(order.probes, order.search_path, order.query_timeout_s)
    try:
        lane = await Lane.open(
            order.profile, order.password, settings, system_identifier=order.system_identifier
        )
        warm = await warm_up(lane, order.probes, lambda step: _say("step", **asdict(step)))
    except ConfigurationError as error:
        _say("stopped", reason=error.user_message())
    except SessionError as error:
        _say("stopped", reason=error.user_message())
    else:
        _say("done", **asdict(warm))


async def _main() -> int:
    orders = await inbox()
    line = await orders.readline()
    if not line:
        return 0
    work = asyncio.create_task(_work(decode_order(line)))
    deck_is_gone = asyncio.create_task(orders.read())
    await asyncio.wait([work, deck_is_gone], return_when=asyncio.FIRST_COMPLETED)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    deck_is_gone.cancel()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
