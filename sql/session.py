"""One connection to PostgreSQL that can only read: a lock around asyncpg, and errors in our words.

A direct session got its settings at start-up (`sql.connect`). Behind a transaction pooler settings would
leak to other clients of the same server connection, so there every reading runs in a transaction of its
own with settings local to it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg

from sql.errors import ReadingError, SessionError
from sql.farewell import overhear
from sql.loss import lost
from sql.quoting import literal
from sql.snapshots import ServerIdentity
from sql.statements import statement

DEPARSE_SETTINGS: Mapping[str, str] = {
    "search_path": "pg_catalog",
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "quote_all_identifiers": "off",
    "extra_float_digits": "1",
}
"""What pg_get_indexdef and its like print depends on these (ruleutils.c and the types' output functions)."""

WATCH_SETTINGS: Mapping[str, str] = {
    **DEPARSE_SETTINGS,
    "default_transaction_read_only": "on",
    "statement_timeout": "5000",
    "lock_timeout": "1000",
    "idle_in_transaction_session_timeout": "10000",
    # Compiling a catalog reading takes longer than the reading.
    "jit": "off",
}
"""A monitor must not be able to hurt; times in ms."""

CANNOT_READ: Mapping[str, str] = {
    "42501": "permission denied",
    "57014": "the time limit ran out",
    "55P03": "a lock was not free within the time limit",
    "25006": "the server is read-only",
}
"""SQLSTATEs that end one reading and leave the session usable."""

SESSION_ENDS = ("08", "57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04")
"""SQLSTATEs, or classes of them, with which the server says goodbye: failure, shutdown, time limits."""

ANSWER_S = 15.0
"""Seconds after which a server that says nothing is given up: its own time limits have long run out."""


DRIVER_TROUBLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What asyncpg raises where the server refuses, ends or loses a connection. The last: a backend that goes
away between two messages leaves the driver in a state that it calls its own mistake."""


class Session:
    """A read-only connection; one operation at a time, further ones wait for their turn."""

    def __init__(
        self, connection: asyncpg.Connection, identity: ServerIdentity, *, answer_s: float = ANSWER_S
    ) -> None:
        self._connection = connection
        self._answer_s = answer_s
        self._turn = asyncio.Lock()
        self.statements = 0
        """Sent so far, with those that begin and end a transaction around another."""
        self.answered_s = 0.0
        """Seconds that the answers to them took, the line included: the server was busy for less."""
        self.refused: set[str] = set()
        """Statements that a reading goes without for want of a privilege: each refusal is a line in a log."""
        self._loss: SessionError | None = None
        self._farewell = overhear(connection)
        self.identity = identity

    @property
    def version_num(self) -> int:
        """server_version_num, such as 180006."""
        return self.identity.version_num

    @property
    def busy(self) -> bool:
        """Whether the next statement must wait for one that was sent before it."""
        return self._turn.locked()

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return bool(self._connection.is_closed())

    async def fetch(self, name: str, *arguments: object) -> list[asyncpg.Record]:
        """The rows of one file of `statements/`, in the variant for this server.

        Raises:
            ReadingError: no privilege, or a time limit ran out.
            SessionError: the connection is lost.
        """
        text = statement(name, self.version_num)
        async with self._turn, self._translated():
            rows: list[asyncpg.Record]
            if self.identity.pooler is None:
                rows = await self._connection.fetch(text, *arguments)
            else:
                async with self._transaction(WATCH_SETTINGS):
                    rows = await self._connection.fetch(text, *arguments)
            return rows

    async def fetch_composed(
        self, sql: str, *arguments: object, settings: Mapping[str, str] | None = None
    ) -> list[asyncpg.Record]:
        """The rows of one composed SELECT or EXPLAIN, in a READ ONLY transaction that is rolled back.

        Goes through the extended protocol, which refuses a second statement in the same text (42601).

        Args:
            sql: one statement, from quoted identifiers.
            settings: local to this transaction, such as `search_path` or `statement_timeout` (ms).

        Raises:
            ReadingError: the server refused it, or a time limit ran out.
            SessionError: the connection is lost.
        """
        base = WATCH_SETTINGS if self.identity.pooler is not None else {}
        all_settings = {**base, **(settings or {})}
        longest_s = int(all_settings.get("statement_timeout", "0")) / 1000
        async with self._turn, self._translated(longest_s), self._transaction(all_settings):
            rows: list[asyncpg.Record] = await self._connection.fetch(sql, *arguments)
            return rows

    async def close(self) -> None:
        """Say goodbye, for at most two seconds."""
        try:
            await self._connection.close(timeout=2)
        except DRIVER_TROUBLE:
            self._connection.terminate()

    @asynccontextmanager
    async def _transaction(self, settings: Mapping[str, str]) -> AsyncIterator[None]:
        calls = [f"set_config({literal(name)}, {literal(value)}, true)" for name, value in settings.items()]
        begin = "BEGIN TRANSACTION READ ONLY" + (f"; SELECT {', '.join(calls)}" if calls else "")
        self.statements += 2
        await self._connection.execute(begin)
        try:
            yield
        finally:
            if not self._connection.is_closed():
                await self._connection.execute("ROLLBACK")

    def _gone(self, error: BaseException, gave_up: list[float]) -> SessionError:
        """Why the session is lost: only who spoke at that moment has heard it, and all tell the same."""
        if self._loss is None:
            limit_s = gave_up[0] if gave_up else None
            pooled = self.identity.pooler is not None
            self._loss = lost(error, gave_up_after_s=limit_s, pooled=pooled, farewell=self._farewell)
        return SessionError(str(self._loss), sqlstate=self._loss.sqlstate)

    @asynccontextmanager
    async def _translated(self, longest_s: float = 0.0) -> AsyncIterator[None]:
        # A frozen server or a cut line answers nothing, not even an error; a cancel request would hang too.
        patience_s = self._answer_s + longest_s
        gave_up: list[float] = []

        def give_up() -> None:
            gave_up.append(patience_s)
            self._connection.terminate()

        giving_up = asyncio.get_running_loop().call_later(patience_s, give_up)
        self.statements += 1
        sent_at = time.perf_counter()
        try:
            yield
        except asyncpg.PostgresError as error:
            if self._connection.is_closed() or (error.sqlstate or "").startswith(SESSION_ENDS):
                raise self._gone(error, gave_up) from None
            reason = CANNOT_READ.get(error.sqlstate or "", "")
            said = str(error.args[0]) if error.args else type(error).__name__
            raise ReadingError(f"{reason}: {said}" if reason else said, sqlstate=error.sqlstate) from None
        except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError) as error:
            raise self._gone(error, gave_up) from None
        finally:
            self.answered_s += time.perf_counter() - sent_at
            giving_up.cancel()
