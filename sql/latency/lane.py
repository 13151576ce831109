"""A connection that probes share, direct or through a transaction pooler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from os import urandom
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from sql.errors import SessionError
from sql.farewell import Farewell, overhear
from sql.latency.messages import Attached
from sql.loss import lost
from sql.quoting import identifier, literal
from sql.session import SESSION_ENDS
from sql.statements import statement

if TYPE_CHECKING:
    from profiles.model import Profile
    from profiles.secret import Secret

T = TypeVar("T")

ASIDE_SETTINGS: Mapping[str, str] = {"lock_timeout": "500", "statement_timeout": "5000"}
"""For what is not a probe; ms."""
CLIENT_GRACE_S = 5.0
"""How much later than the server's time limit the client gives the connection up."""
LONGEST_ERROR = 300
OWN = urandom(3).hex()
"""Tells the probes of this process from those of another deck; a pooler hides the rest."""


class RefusedError(Exception):
    """The server, or the driver, refused a statement; the connection is still good."""

    def __init__(self, sentence: str, sqlstate: str | None) -> None:
        super().__init__(sentence)
        self.sqlstate = sqlstate


class StaleStatementError(Exception):
    """A prepared statement outlived a change of its table; prepare it again."""


class Lane:
    """A read-only connection for probes."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        *,
        version_num: int,
        settings: Mapping[str, str],
        pooled: bool,
        number: int = 0,
        application: str = "",
    ) -> None:
        self._connection = connection
        self._farewell = overhear(connection)
        self._settings = settings
        self._pooled = pooled
        self._number = number
        self.pid: int = 0 if pooled else connection.get_server_pid()
        """The backend; 0 behind a pooler, which lends any."""
        self.application = application
        """Its application_name, which no other connection has."""
        self.version_num = version_num
        self.search_path = settings["search_path"]
        self._patience_s = int(settings["statement_timeout"]) / 1000 + CLIENT_GRACE_S

    @classmethod
    async def open(
        cls,
        profile: Profile,
        password: Secret | None,
        settings: Mapping[str, str],
        number: int = 0,
        system_identifier: str | None = None,
    ) -> Lane:
        """Connect.

        Args:
            settings: of every probe, such as `search_path` and `statement_timeout` (ms).
            number: which of the lanes this is, as it is said.
            system_identifier: of the server that is meant; None: any.

        Raises:
            ConfigurationError, SessionError, LoginError: as `sql.connect.connect`.
        """
        from sql.connect import Purpose, open_link

        application = f"{Purpose.PROBE} {OWN}" + (f"/{number + 1}" if number else "")
        link = await open_link(profile, password, Purpose.PROBE, settings, application=application)
        identity = link.identity
        if (
            None not in (system_identifier, found := identity.system_identifier)
            and found != system_identifier
        ):
            link.connection.terminate()
            raise SessionError(f"ANOTHER SERVER answers at {identity.address}: nothing is measured on it")
        return cls(
            link.connection,
            version_num=identity.version_num,
            settings=settings,
            pooled=identity.pooler is not None,
            number=number,
            application=application,
        )

    async def attached(self) -> Attached | None:
        """Which backend this is; None behind a pooler.

        Raises:
            RefusedError, SessionError: see there.
        """
        if self._pooled:
            return None
        (row,) = await self.aside(statement("probe_backend", self.version_num))
        return Attached(row["pid"], row["backend_start"].isoformat(), self._number)

    async def close(self) -> None:
        """Say goodbye, for at most two seconds; a statement that runs is cancelled."""
        try:
            await self._connection.close(timeout=2)
        except Exception:  # whatever asyncpg says, the connection is given up
            self._connection.terminate()

    async def prepare(self, sql: str) -> Statement:
        """A statement that can be sent again and again.

        Raises:
            RefusedError, SessionError: see there.
        """
        if self._pooled:
            # A pooler gives every transaction another backend: nothing can stay prepared there.
            return Statement(sql, None)
        with self._translated():
            return Statement(sql, await self._connection.prepare(sql))

    async def prepare_ahead(self, sql: str) -> Statement:
        """As `prepare`, for a statement that is not sent at once.

        Raises:
            RefusedError, SessionError: see there.
        """
        statement = await self.prepare(sql)
        if not self._pooled:
            with self._translated():
                # asyncpg ends a Parse with Flush: its transaction locks the table until the next message.
                await self._connection.execute("SELECT 1")
        return statement

    async def aside(self, sql: str, *arguments: object, **settings: str) -> list[Any]:
        """The rows of a statement that is no probe, in a transaction that is rolled back.

        Raises:
            RefusedError, SessionError: see there.
        """
        base = self._settings if self._pooled else {}

        async def fetch() -> list[Any]:
            rows: list[Any] = await self._connection.fetch(sql, *arguments, timeout=self._patience_s)
            return rows

        return await self._in_transaction({**base, **ASIDE_SETTINGS, **settings}, fetch)

    async def explain_generic(self, sql: str, arguments: tuple[object, ...]) -> str | None:
        """The plan, as JSON, that the server keeps for a prepared statement whatever its arguments.

        Nothing is executed. The arguments matter only where partitions are left out by them. None behind a
        pooler, where nothing can stay prepared.

        Raises:
            RefusedError, SessionError: see there.
        """
        if self._pooled:
            return None
        prepared = (await self.prepare_ahead(sql)).prepared
        types = [kind.oid for kind in prepared.get_parameters()]
        written = [row["name"] for row in await self.aside(statement("probe_types", self.version_num), types)]
        values = [f"quote_nullable((${place}::{name})::text)" for place, name in enumerate(written, 1)]
        (row,) = await self.aside(f"SELECT ARRAY[{', '.join(values)}]::text[] AS literals", *arguments)
        execute = f"EXECUTE {identifier(prepared.get_name())} ({', '.join(row['literals'])})"
        explained = await self.aside(
            f"EXPLAIN (VERBOSE, FORMAT JSON) {execute}", plan_cache_mode="force_generic_plan"
        )
        return str(explained[0][0])

    async def first_rows(self, sql: str, count: int) -> list[tuple[object, ...]]:
        """The first rows of a query, whatever it would give, under the time limit of a probe.

        Raises:
            RefusedError, SessionError: see there.
        """

        async def fetch() -> list[tuple[object, ...]]:
            cursor = await self._connection.cursor(sql)
            return [tuple(row) for row in await cursor.fetch(count, timeout=self._patience_s)]

        return await self._in_transaction(self._settings, fetch)

    async def send(self, statement: Statement, arguments: tuple[object, ...]) -> None:
        """Run a probe once; only the answer's time matters.

        Raises:
            RefusedError, SessionError, StaleStatementError: see there.
        """
        with self._translated():
            if statement.prepared is None:
                await self._connection.fetch(statement.sql, *arguments, timeout=self._patience_s)
            else:
                await statement.prepared.fetch(*arguments, timeout=self._patience_s)

    async def begin_probe(self) -> None:
        """What a run behind a pooler needs first; direct, the session has it already."""
        if self._pooled:
            with self._translated():
                await self._begin(self._settings)

    async def end_probe(self) -> None:
        """End what `begin_probe` began."""
        if self._pooled:
            with self._translated():
                await self._rollback()

    def _translated(self) -> _Translated:
        return _Translated(self._connection, self._farewell, pooled=self._pooled)

    async def _in_transaction(self, settings: Mapping[str, str], doing: Callable[[], Awaitable[T]]) -> T:
        """What `doing` gives; twice where a table changes under a statement that the driver had prepared."""
        for _ in range(2):
            with suppress(StaleStatementError), self._translated():
                await self._begin(settings)
                try:
                    return await doing()
                finally:
                    await self._rollback()
        raise RefusedError("a table changed under the statement again and again", None)

    async def _begin(self, settings: Mapping[str, str]) -> None:
        calls = [f"set_config({literal(name)}, {literal(value)}, true)" for name, value in settings.items()]
        await self._connection.execute(f"BEGIN TRANSACTION READ ONLY; SELECT {', '.join(calls)}")

    async def _rollback(self) -> None:
        if not self._connection.is_closed():
            await self._connection.execute("ROLLBACK")


class Statement:
    """A probe's text, prepared where that is possible."""

    def __init__(self, sql: str, prepared: Any) -> None:
        self.sql = sql
        self.prepared = prepared


class _Translated:
    """Errors of the driver as ours; none of them holds a secret or a row longer than a line."""

    def __init__(self, connection: asyncpg.Connection, farewell: Farewell, *, pooled: bool) -> None:
        self._connection = connection
        self._farewell = farewell
        self._pooled = pooled

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, asyncpg.InvalidCachedStatementError):
            raise StaleStatementError from None
        if isinstance(error, asyncpg.PostgresError):
            sqlstate = error.sqlstate or ""
            if self._connection.is_closed() or sqlstate.startswith(SESSION_ENDS):
                raise self._lost(error) from None
            raise RefusedError(f"{sqlstate}: {_line(error)}", sqlstate) from None
        if isinstance(error, asyncpg.InterfaceError) and not self._connection.is_closed():
            raise RefusedError(_line(error), None) from None
        if isinstance(error, OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError):
            raise self._lost(error) from None

    def _lost(self, error: BaseException) -> SessionError:
        return lost(error, pooled=self._pooled, farewell=self._farewell)


def _line(error: BaseException) -> str:
    said = str(error.args[0]) if error.args else type(error).__name__
    return " ".join(said.split())[:LONGEST_ERROR]
