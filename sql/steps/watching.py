"""Stands by while a statement runs: looks, journals what changes, and stops it by rule or by word."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import asyncpg

from sql.errors import SessionError
from sql.session import DRIVER_TROUBLE
from sql.steps import signals
from sql.steps.blockers import Blocker
from sql.steps.catalog import IndexState
from sql.steps.journal import Event
from sql.steps.monitor import Monitor, RunProgress
from sql.steps.patience import Patience, Stop
from sql.steps.preflight import tell_blocked
from sql.steps.scribe import Scribe
from sql.steps.signals import Signal, SignalResult, Target
from sql.steps.step import Step

FIRST_LOOK_S = 0.05
"""The first looks come soon, to see who is in the way of a step that waits for a moment only."""
LOOK_LIMIT_S = 10.0
"""For one look; a network that swallows packets answers never."""
GONE_LOOKS = 3
"""Looks that find no backend before an answer is no longer waited for."""
CANCEL_AGAIN_S = 2.0
TROUBLE = (*DRIVER_TROUBLE, SessionError)


class StopRule(Protocol):
    """Whether a statement is stopped without anybody asking for it."""

    def says(self, progress: RunProgress) -> str:
        """Why it must be stopped now; empty: it goes on."""


class NeverStop:
    """The server's own time limits do."""

    def says(self, progress: RunProgress) -> str:
        """Never."""
        del progress
        return ""


class FirstLockRule:
    """Stops a build that waits too long for its first lock: nothing is made yet, so it is free (CIC-04).

    Behind another build it does not wait at all: that one would be ended by a deadlock (CIC-06).
    """

    def __init__(self, limit_s: float, index_before: IndexState | None) -> None:
        self._limit_s = limit_s
        self._before = index_before
        self.fired = ""

    def says(self, progress: RunProgress) -> str:
        """After the limit, naming who is in the way."""
        if progress.waiting_lock != "relation" or progress.index != self._before:
            return ""
        builder = next((blocker for blocker in progress.waits_for if blocker.builds), None)
        if builder is None and progress.elapsed_s < self._limit_s:
            return ""
        if builder is not None:
            why = f"{builder.sentence} builds on the same table and would die of our waiting"
        else:
            who = progress.waits_for[0].sentence if progress.waits_for else "somebody"
            why = f"its first lock was not free within {self._limit_s:g} s: {who} is in the way"
        self.fired = f"{why}; nothing was made"
        return self.fired


class TimeRule:
    """Stops whatever takes longer than its limit."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self.fired = ""

    def says(self, progress: RunProgress) -> str:
        """After the limit, naming who is in the way."""
        if progress.elapsed_s < self._limit_s:
            return ""
        who = f": {progress.waits_for[0].sentence} is in the way" if progress.waits_for else ""
        self.fired = f"not done within {self._limit_s:g} s{who}"
        return self.fired


@dataclass(frozen=True)
class Backend:
    """The session that runs, or ran, a step."""

    pid: int
    backend_start: datetime
    index_before: IndexState | None = None
    """What bore the index's name before the step was sent."""


class Watching:
    """The monitor of one run, with its connection, which is opened again when it is lost."""

    def __init__(
        self,
        monitor: Monitor,
        open_again: Callable[[], Awaitable[asyncpg.Connection]],
        step: Step,
        scribe: Scribe,
        stop: Stop,
        patience: Patience,
        index_before: IndexState | None = None,
    ) -> None:
        """
        Args:
            open_again: gives a fresh monitoring connection, or raises one of `TROUBLE`.
            index_before: what bore the index's name before the run.
        """
        self._monitor = monitor
        self._open_again = open_again
        self._step = step
        self._scribe = scribe
        self.stop = stop
        self._patience = patience
        self.index_before = index_before
        self.last: RunProgress | None = None
        self.last_blockers: tuple[Blocker, ...] = ()
        self.index_seen: int | None = None
        """Oid of the index that was seen while it was being made."""
        self._noted: tuple[Any, ...] = ()
        self._noted_at = 0.0

    @property
    def pid(self) -> int:
        """Of the watched backend."""
        return self._monitor.pid

    @property
    def backend(self) -> Backend:
        """The watched backend."""
        return Backend(self.pid, self._monitor.backend_start, self.index_before)

    @property
    def connection(self) -> asyncpg.Connection:
        """The monitor's connection."""
        return self._monitor.connection

    @property
    def may_be_autovacuum(self) -> bool:
        """Whether the last ones in the way were autovacuum, or hide what they are."""
        return any(
            blocker.is_autovacuum or (blocker.state is None and blocker.backend_type is None)
            for blocker in self.last_blockers
        )

    @property
    def in_the_way(self) -> str:
        """`; in the way: …`, or nothing."""
        return f"; in the way: {self.last_blockers[0].sentence}" if self.last_blockers else ""

    async def until_done(self, answer: asyncio.Future[None], rule: StopRule) -> BaseException | None:
        """Watch until the answer is there; the error that it holds, or None.

        The answer is never cancelled. Where the backend is gone and no answer comes, the future is left with
        the error that the broken connection gives it.
        """
        loop = asyncio.get_running_loop()
        pause, gone, cancelled_at = FIRST_LOOK_S, 0, None
        while not await _settled(answer, self.stop, pause, heed=cancelled_at is None):
            pause = min(pause * 3, self._patience.look_s)
            progress = await self.look()
            gone = gone + 1 if progress is None and self.sees else 0
            if gone >= GONE_LOOKS:
                answer.add_done_callback(_forget)
                return ConnectionResetError("the backend is gone")
            why = self.stop.why if self.stop.asked else rule.says(progress) if progress else ""
            if why and self.sees and (cancelled_at is None or loop.time() > cancelled_at + CANCEL_AGAIN_S):
                await self.cancel(why, first=cancelled_at is None)
                cancelled_at = loop.time()
        return answer.exception()

    async def look(self) -> RunProgress | None:
        """One look, journalled where something changed; None: the backend is gone, or we are blind."""
        try:
            if self.connection.is_closed():
                self._monitor.connection = await self._open_again()
            async with asyncio.timeout(LOOK_LIMIT_S):
                progress = await self._monitor.look()
        except TROUBLE:
            self.connection.terminate()
            return None
        if progress is not None:
            self.last = progress
            self.last_blockers = progress.waits_for or self.last_blockers
            self._remember_index(progress.index)
            self._note(progress)
        return progress

    @property
    def sees(self) -> bool:
        """Whether the monitor's connection is up; without it a look tells nothing."""
        return not self.connection.is_closed()

    def _remember_index(self, index: IndexState | None) -> None:
        if index is not None and (self.index_before is None or index.oid != self.index_before.oid):
            self.index_seen = index.oid

    def _note(self, progress: RunProgress) -> None:
        """Journal a look that differs from the one before, or after a while."""
        pids = tuple(blocker.pid for blocker in progress.waits_for)
        behind = tuple(waiter.pid for waiter in progress.queued_behind)
        shape = (progress.phase, pids, behind, progress.index)
        now = asyncio.get_running_loop().time()
        if shape == self._noted and now < self._noted_at + self._patience.note_s:
            return
        if pids and pids != (self._noted[1] if self._noted else ()):
            sentence = f"waits for {progress.waits_for[0].sentence}"
            tell_blocked(self._scribe, self._step, sentence, progress.waits_for)
        self._noted, self._noted_at = shape, now
        self._scribe.note(Event.PROGRESS, self._step, progress_detail(progress))

    async def cancel(self, why: str, *, first: bool) -> SignalResult | None:
        """Cancel our own backend; journalled before."""
        if first:
            self._scribe.write(Event.CANCELLED, self._step, {"why": why, "pid": self.pid})
        target = Target(self.pid, self._monitor.backend_start)
        with suppress(*TROUBLE):
            async with asyncio.timeout(LOOK_LIMIT_S):
                return await signals.send(self.connection, Signal.CANCEL, target, wait_s=1.0)
        return None


def progress_detail(progress: RunProgress) -> dict[str, Any]:
    """A look as the journal keeps it."""
    return {
        "phase": progress.phase,
        "percent": progress.percent,
        "done": progress.done,
        "total": progress.total,
        "unit": progress.unit,
        "elapsed_s": progress.elapsed_s,
        "waits_for": [blocker.pid for blocker in progress.waits_for],
        "queued_behind": [waiter.pid for waiter in progress.queued_behind],
        "index": {"oid": progress.index.oid, "flags": progress.index.flags} if progress.index else None,
    }


def _forget(answer: asyncio.Future[None]) -> None:
    """An answer that comes after it was given up is not an unhandled error."""
    if not answer.cancelled():
        answer.exception()


async def _settled(answer: asyncio.Future[None], stop: Stop, seconds: float, *, heed: bool) -> bool:
    """Wait for the answer that long, or until the operator says stop; whether the answer is there."""
    word: asyncio.Future[Any] = asyncio.ensure_future(
        stop.within(seconds) if heed else asyncio.sleep(seconds)
    )
    waiting: set[asyncio.Future[Any]] = {answer, word}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        word.cancel()
    return answer.done()
