"""Sends the statements of one step, each by itself through the extended protocol, and watches them.

The extended protocol refuses a second statement in the same text. The task that awaits an answer is never
cancelled: asyncpg would turn that into a cancel request, and a build into an invalid index.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from sql.quoting import qualified
from sql.steps.failure import (
    DEADLOCK,
    LOCK_NOT_AVAILABLE,
    TRUTHS_IN_NOTICES,
    ConnectionLost,
    Misled,
    Refused,
    failure,
    is_lost,
)
from sql.steps.outcome import Ending, Outcome
from sql.steps.patience import Patience, Stop
from sql.steps.preflight import Stopped, wait_for_table
from sql.steps.scribe import Scribe
from sql.steps.settings import CONCURRENT_VERBS, SLOW_VERBS, in_ms
from sql.steps.step import MigrationAt, Step
from sql.steps.watching import FirstLockRule, NeverStop, Watching

REVISIONS = "SELECT version_num::text AS revision FROM {table} FOR UPDATE"
AGAIN = frozenset({LOCK_NOT_AVAILABLE, DEADLOCK})
"""After these a brief step has changed nothing and may be tried again."""


class Execution:
    """One step on one connection, watched from another."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        watching: Watching,
        step: Step,
        scribe: Scribe,
        stop: Stop,
        patience: Patience,
    ) -> None:
        self._connection = connection
        self._watching = watching
        self._step = step
        self._scribe = scribe
        self._stop = stop
        self._patience = patience
        self._notices: list[Any] = []
        connection.add_log_listener(lambda _, message: self._notices.append(message))

    async def run(self) -> Ending:
        """Run the step's statements; how that ended.

        Raises:
            ConnectionLost: nobody knows yet.
        """
        try:
            if self._step.verb in CONCURRENT_VERBS:
                return await self._build()
            return await self._brief()
        except Stopped:
            return Ending(Outcome.CANCELLED, f"stopped by {self._stop.why}; nothing was changed")

    async def _build(self) -> Ending:
        """CREATE and DROP INDEX CONCURRENTLY: no time limit but the one before anything is made."""
        rule = FirstLockRule(self._patience.first_lock_s, self._watching.index_before)
        error = await self._send(self._plain, rule)
        if error is None:
            return Ending(Outcome.DONE, f"{self._step.id}: the server says it is done")
        return self._stopped(rule) or failure(error, self._pid)

    async def _brief(self) -> Ending:
        """Steps that wait for a lock for a moment only, and try again later."""
        limit = in_ms(self._step.timeouts.get("lock_timeout", "0")) or self._patience.short_lock_ms
        short = min(limit, self._patience.short_lock_ms)
        lock_ms = short
        error: BaseException | None = None
        for _ in range(self._patience.attempts):
            await wait_for_table(
                self._watching.connection, self._step, self._scribe, self._stop, self._patience
            )
            await self._set_lock_timeout(lock_ms)
            error = await self._send(self._transaction, NeverStop())
            if error is None:
                return Ending(Outcome.DONE, f"{self._step.id}: the server says it is done")
            if self._stop.heard:
                raise Stopped
            if getattr(error, "sqlstate", None) not in AGAIN:
                return failure(error, self._pid)
            # Only a wait beyond deadlock_timeout makes autovacuum step aside (CIC-09).
            lock_ms = limit if self._watching.may_be_autovacuum else short
            if await self._stop.within(random.uniform(1.0, 2.0) * short / 1000):
                raise Stopped
        assert error is not None
        ending = failure(error, self._pid)
        tried = f"{ending.sentence}; tried {self._patience.attempts} times, nothing was changed"
        return Ending(Outcome.FAILED, tried + self._watching.in_the_way, ending.sqlstate)

    async def _send(self, send: Callable[[], Awaitable[None]], rule: Any) -> BaseException | None:
        """Send, and watch until the answer is there; the server's refusal, or None.

        Raises:
            ConnectionLost: the answer will never come.
        """
        self._notices.clear()
        error = await self._watching.until_done(asyncio.ensure_future(send()), rule)
        if error is not None and not isinstance(error, Refused | Misled):
            if is_lost(error, self._connection):
                raise ConnectionLost(type(error).__name__) from None
            if not isinstance(error, asyncpg.PostgresError):
                raise error
        return error

    async def _plain(self) -> None:
        for sql in self._step.statements:
            await self._one(sql)

    async def _transaction(self) -> None:
        end = self._step.end
        if self._step.verb in SLOW_VERBS:
            await self._plain()
            return
        await self._connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        try:
            if isinstance(end, MigrationAt):
                await self._set_migration(end)
            else:
                await self._plain()
            await self._connection.execute("COMMIT")
        except BaseException:
            if not self._connection.is_closed():
                await self._connection.execute("ROLLBACK")
            raise

    async def _set_migration(self, end: MigrationAt) -> None:
        """Compare and set: only the one row that was shown, and exactly one (ALB-02)."""
        table = qualified(end.schema, end.table)
        rows = await self._connection.fetch(REVISIONS.format(table=table))
        found = sorted(row["revision"] for row in rows)
        if found != [end.before]:
            raise Refused(
                f"{table} holds {', '.join(found) or 'no revision'}, not {end.before}; nothing was changed"
            )
        status = await self._one(self._step.statements[0])
        if status != "UPDATE 1":
            raise Refused(f"the server answered {status} where one row was to change; nothing was changed")

    async def _one(self, sql: str) -> str:
        """Send one statement; its status, such as `CREATE INDEX`."""
        prepared = await self._connection.prepare(sql)
        await prepared.fetch()
        told = [notice for notice in self._notices if notice.sqlstate in TRUTHS_IN_NOTICES]
        if told:
            raise Misled(f"the server did something else: {told[0].message} ({told[0].sqlstate})")
        return str(prepared.get_statusmsg())

    def _stopped(self, rule: FirstLockRule) -> Ending | None:
        if self._stop.heard:
            return Ending(Outcome.CANCELLED, f"stopped by {self._stop.why}")
        if rule.fired:
            return Ending(Outcome.CANCELLED, rule.fired)
        return None

    async def _set_lock_timeout(self, limit_ms: int) -> None:
        await self._connection.fetchval("SELECT set_config('lock_timeout', $1, false)", str(limit_ms))

    @property
    def _pid(self) -> int:
        return self._watching.pid
