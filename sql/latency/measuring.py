"""Measuring probes in this process, for a while: nothing is drawn meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter as now
from typing import TYPE_CHECKING

from profiles.manifest import ProbeEntry
from sql.latency.lane import Lane
from sql.latency.record import Records
from sql.latency.sampler import Sampler, probe_settings
from sql.latency.schedule import VERIFY
from sql.snapshots import ProbesSnapshot

if TYPE_CHECKING:
    from profiles.model import Profile
    from profiles.secret import Secret
    from sql.latency.messages import Message
    from sql.latency.onlooker import Onlooker

PROGRESS_S = 0.2


async def measure(
    profile: Profile,
    password: Secret | None,
    probes: Sequence[ProbeEntry],
    duration_s: float,
    on_progress: Callable[[float], None] | None = None,
    *,
    search_path: str = "public",
    query_timeout_s: float | None = None,
    onlooker: Onlooker | None = None,
) -> ProbesSnapshot:
    """Run the probes for `duration_s` seconds and judge them.

    A run that has begun is finished, so a stalled server may take up to the statement timeout longer.

    Args:
        on_progress: called about five times a second with the share that is done, 0 to 1.
        search_path: under which the probes' names are read.
        query_timeout_s: how long the applications wait for an answer; the time limit of a probe.
        onlooker: finds out why a run is slow; it has ended its work when this returns.

    Raises:
        ConfigurationError, SessionError, LoginError: as `sql.connect.connect`, or the connection was lost.
    """
    records = Records(probes)
    if not probes:
        return records.snapshot(now())
    lane = await Lane.open(profile, password, probe_settings(probes, search_path, query_timeout_s))
    try:
        sampler = Sampler(lane, probes, partial(_tell, records, onlooker), VERIFY)
        if onlooker is not None:
            onlooker.begin()
        await sampler.prepare()
        if onlooker is not None:
            await onlooker.ready()
        ticker = asyncio.create_task(_tell_progress(duration_s, on_progress)) if on_progress else None
        try:
            await sampler.run(duration_s)
        finally:
            if ticker is not None:
                ticker.cancel()
    finally:
        await lane.close()
        if onlooker is not None:
            await onlooker.end()
    if on_progress is not None:
        on_progress(1.0)
    return records.snapshot(now())


def _tell(records: Records, onlooker: Onlooker | None, message: Message) -> None:
    records.take(message, now())
    if onlooker is not None:
        onlooker.hear(message)


async def _tell_progress(duration_s: float, on_progress: Callable[[float], None]) -> None:
    began = now()
    while True:
        await asyncio.sleep(PROGRESS_S)
        on_progress(min((now() - began) / duration_s, 1.0))
