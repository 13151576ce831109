"""The deck's prober: a process of its own, so that drawing cannot disturb a measurement.

`Prober` is the deck's side; `python -m sql.latency.prober` is the process. It gets everything, the password
too, by its stdin, speaks JSON lines, and ends when its stdin ends, however the deck died.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter as now
from types import TracebackType
from typing import TYPE_CHECKING

from sql.latency.child import end_child, ending, start_child
from sql.latency.messages import Message, Samples, Stopped, decode
from sql.latency.orders import Order, encode_order
from sql.latency.record import Records
from sql.poller import wait_before
from sql.snapshots import ProbesSnapshot, Unavailable

if TYPE_CHECKING:
    from profiles.manifest import ProbeEntry
    from profiles.model import Profile
    from profiles.secret import Secret
    from sql.snapshots import ServerIdentity

WINDOW_S = 300.0
PUBLISH_S = 1.25
"""The longest time between two snapshots; what is measured comes once a second, and is published then."""
AFTER_THE_WATCH = "it goes on as soon as the watch is in"


class Prober:
    """Starts the process, starts it again when it dies, publishes what it measures about once a second."""

    def __init__(self, child: Process | None = None, *, chance: Callable[[], float] = random.random) -> None:
        """
        Args:
            child: as `start_child` gives one, to be the first process; ended by us.
        """
        self._child = child
        self._chance = chance
        self._task: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self._paused = False
        self._paused_at: float | None = None
        self._failures = 0
        self._window_s: float | None = WINDOW_S
        self._news = asyncio.Event()
        """There is something to publish before its time."""
        self._password: Secret | None = None
        self._server: ServerIdentity | None = None
        self._welcome = asyncio.Event()
        self._welcome.set()
        self._admitted = asyncio.Event()
        self._moves = False
        self._listeners: list[Callable[[Message, float], None]] = []

    async def __aenter__(self) -> Prober:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if self._child is not None:
            await end_child(self._child)

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None else self._process.pid

    def listen(self, heard: Callable[[Message, float], None]) -> None:
        """Let `heard` have every message as it comes, with the time by the samples' clock."""
        self._listeners.append(heard)

    def window(self, seconds: float | None) -> None:
        """Count another window from now on, of samples that are there already; None is since the start."""
        self._window_s = seconds
        self._news.set()

    def hold(self) -> None:
        """Connect no more until `admit()`: the watch has lost the server, or found another one.

        Two that knock would be twice the refused logins; one that measures goes on.
        """
        self._welcome.clear()

    def admit(self, password: Secret | None, server: ServerIdentity) -> None:
        """The watch is in: measure there, with this password; where it is another place, start anew."""
        before, self._server, self._password = self._server, server, password
        self._failures = 0
        self._welcome.set()
        self._admitted.set()
        stdin = self._process.stdin if self._process is not None else None
        if before is not None and stdin is not None and _place(before) != _place(server):
            self._moves = True
            stdin.close()

    async def start(
        self,
        profile: Profile,
        password: Secret | None,
        probes: Sequence[ProbeEntry],
        publish: Callable[[ProbesSnapshot | Unavailable], None],
        *,
        search_path: str = "public",
        query_timeout_s: float | None = None,
    ) -> None:
        """Begin to measure; `publish` is called in this loop until `stop()`."""
        await self.stop()
        self._password = password
        if not probes:
            publish(Records(probes).snapshot(now()))
            return
        order = Order(profile, password, tuple(probes), search_path, query_timeout_s)
        self._task = asyncio.create_task(self._keep_running(order, publish), name="prober")

    async def wait(self) -> None:
        """Until `stop()`.

        Raises:
            Exception: a bug in the watching of the process, or what `publish` raised.
        """
        if self._task is not None:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    def pause(self) -> None:
        """Send no further statement, and publish nothing."""
        self._paused = True
        self._paused_at = now()
        self._tell("pause")

    def resume(self) -> None:
        """Go on with the schedule."""
        self._paused = False
        self._paused_at = None
        self._tell("resume")

    async def stop(self) -> None:
        """End the process and wait until it is gone.

        Raises:
            Exception: as `wait()`.
        """
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _tell(self, word: str) -> None:
        stdin = self._process.stdin if self._process is not None else None
        if stdin is not None and not stdin.is_closing():
            stdin.write(json.dumps(word).encode() + b"\n")

    async def _keep_running(
        self, order: Order, publish: Callable[[ProbesSnapshot | Unavailable], None]
    ) -> None:
        records, measured_on = Records(order.probes, WINDOW_S), self._identifier
        while True:
            await self._welcome.wait()
            if measured_on not in (None, self._identifier):
                records = Records(order.probes, WINDOW_S)
            measured_on = self._identifier
            self._moves = False
            self._admitted.clear()
            stopped = await self._run_process(self._renewed(order), records, publish)
            if self._moves:
                continue
            self._failures += 1
            if stopped.refused and self._server is not None:
                # The watch's next login shows whether another one may help.
                self.hold()
            wait = wait_before(self._failures, refused=stopped.refused, chance=self._chance())
            goes_on = self._welcome.is_set()
            remedy = f"it is started again in {wait:.0f} s" if goes_on else AFTER_THE_WATCH
            publish(Unavailable("probes", stopped.reason, remedy, datetime.now(UTC)))
            if goes_on:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._admitted.wait()

    @property
    def _identifier(self) -> str | None:
        return None if self._server is None else self._server.system_identifier

    def _renewed(self, order: Order) -> Order:
        return replace(order, password=self._password, system_identifier=self._identifier)

    async def _run_process(
        self, order: Order, records: Records, publish: Callable[[ProbesSnapshot | Unavailable], None]
    ) -> Stopped:
        """Run one process until it ends; says why it did."""
        process, self._child = self._child or await start_child("sql.latency.prober", order.profile), None
        self._process = process
        ticker: asyncio.Task[None] | None = None
        try:
            assert process.stdin is not None
            process.stdin.write(encode_order(order))
            if self._paused:
                self._tell("pause")
            measured = asyncio.Event()
            ticker = asyncio.create_task(self._publish(records, publish, measured))
            listener = asyncio.create_task(self._listen(process, records, measured))
            try:
                await asyncio.wait([ticker, listener], return_when=asyncio.FIRST_COMPLETED)
            finally:
                listener.cancel()
            if ticker.done():
                ticker.result()
            return await listener
        finally:
            if ticker is not None:
                ticker.cancel()
            self._process = None
            await end_child(process)

    async def _listen(self, process: Process, records: Records, measured: asyncio.Event) -> Stopped:
        assert process.stdout is not None
        async for line in process.stdout:
            message, arrived = decode(line), now()
            for heard in self._listeners:
                heard(message, arrived)
            records.take(message, arrived)
            if isinstance(message, Stopped):
                return message
            if isinstance(message, Samples):
                self._failures = 0
                measured.set()
                self._news.set()
        stopped = Stopped(f"the prober {ending(await process.wait())}", refused=False)
        records.take(stopped, now())
        return stopped

    async def _publish(
        self,
        records: Records,
        publish: Callable[[ProbesSnapshot | Unavailable], None],
        measured: asyncio.Event,
    ) -> None:
        await measured.wait()
        while True:
            self._news.clear()
            # While nothing is measured nothing gets older either: another window is as of then.
            moment = now() if self._paused_at is None else self._paused_at
            looks = records.window_s != self._window_s
            if looks:
                records.look(self._window_s, moment)
            if looks or not self._paused:
                publish(records.snapshot(moment))
            with suppress(TimeoutError):
                async with asyncio.timeout(PUBLISH_S):
                    await self._news.wait()


def _place(server: ServerIdentity) -> tuple[str | None, str, str]:
    return server.system_identifier, server.database, server.address


if __name__ == "__main__":
    from sql.latency.probing import main

    sys.exit(main())
