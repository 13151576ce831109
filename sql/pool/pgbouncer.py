"""PgBouncer's console: one small connection that is kept, read by name, and never waited for.

The only module that imports psycopg, an optional extra: the console speaks the simple protocol only, whose
rows asyncpg throws away (hazards.md, 13b).
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from profiles.conninfo import NotConninfo, parse
from profiles.errors import CredentialError
from profiles.model import Profile
from profiles.secret import Secret
from sql.pool.pgbouncer_crowd import LISTED, Crowd, Socket, Tally
from sql.pool.pgbouncer_reading import (
    CONSOLE,
    PgbouncerReading,
    Row,
    pools_of,
    traffic_of,
)

if TYPE_CHECKING:
    import psycopg

CONNECT_S = 5.0
ANSWER_S = 3.0
"""For all statements of one reading together."""
SETTLED_S = 30.0
"""How long sizes and limits are taken for what they were: they change with a RELOAD."""
NOT_INSTALLED = "psycopg, which reads PgBouncer's console, is not installed"
INSTALL = "install it with: pip install 'pgdeck[pgbouncer]'"
Answer = TypeVar("Answer")
Password = Callable[[], Secret | None]


class ConsoleError(Exception):
    """The console cannot be read; a clause without a full stop, and what mends it. Never holds a secret."""

    def __init__(self, reason: str, remedy: str = "", *, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.refused = refused
        """The login was refused: trying again soon would not help."""


def load() -> None:
    """Import the driver (a sixth of a second) now, where it is installed."""
    with suppress(ImportError):
        import psycopg  # noqa: F401


class Console:
    """The console of a profile's PgBouncer. Belongs to one event loop."""

    def __init__(self, profile: Profile, password: Password | None = None) -> None:
        """
        Args:
            profile: with `pool.pgbouncer`.
            password: in place of the profile's source; called in a thread, once for every connection.
        """
        self._profile = profile
        self._password = password or (lambda: _stored(profile))
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._databases: tuple[Row, ...] = ()
        self._config: Mapping[str, str] = {}
        self._settled_at = float("-inf")
        self._stats: tuple[tuple[Row, ...], float] = ((), 0.0)
        self._crowd = Crowd()
        self.refused = False
        """Whether the last reading failed at the login."""

    async def read(self) -> PgbouncerReading:
        """The pools now, or why they are not known; never raises, never takes longer than its limits."""
        self.refused = False
        try:
            if self._connection is None:
                self._connection = await _connect(self._profile, self._password)
                self._settled_at = float("-inf")
            return await self._in_time(self._read(self._connection), ANSWER_S)
        except ConsoleError as error:
            self.close()
            self.refused = error.refused
            return PgbouncerReading(unknown=error.reason, remedy=error.remedy)
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self) -> None:
        """Drop the connection at once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()

    async def _in_time(self, reading: Coroutine[Any, Any, Answer], limit_s: float) -> Answer:
        return await _bounded(reading, limit_s, "the console did not answer", self.close)

    async def _read(self, connection: psycopg.AsyncConnection[Any]) -> PgbouncerReading:
        import psycopg

        try:
            return await self._rows(connection)
        except psycopg.Error as error:
            raise _refusal(error, self._profile) from None
        except (KeyError, ValueError, TypeError) as error:
            # Something that speaks the protocol and is no console: a PostgreSQL with such a database.
            raise ConsoleError(
                f"what answers is not PgBouncer's console ({type(error).__name__})", _CHECK_PLACE
            ) from None

    async def _rows(self, connection: psycopg.AsyncConnection[Any]) -> PgbouncerReading:
        now = time.monotonic()
        if now - self._settled_at > SETTLED_S:
            self._databases = await _show(connection, "DATABASES")
            config = await _show(connection, "CONFIG")
            self._config = {str(row["key"]): str(row["value"] or "") for row in config}
            self._settled_at = now
        pools = pools_of(await _show(connection, "POOLS"), self._databases)
        stats = await _show(connection, "STATS")
        before, self._stats = self._stats, (stats, time.monotonic())
        names = await self._crowd.names(pools, lambda what: _tally(connection, what))
        limit = self._config.get("max_client_conn", "")
        return PgbouncerReading(
            version=_version(connection),
            pools=pools,
            max_clients=int(limit) if limit.isdigit() else None,
            waiting_by=names.waiting,
            held_by=names.holding,
            named_s_ago=names.age_s,
            traffic=traffic_of(before[0], stats, self._stats[1] - before[1]),
        )


async def read_once(profile: Profile, password: Password | None = None) -> PgbouncerReading:
    """One reading on a connection of its own, closed at the end."""
    console = Console(profile, password)
    try:
        return await console.read()
    finally:
        console.close()


async def _show(connection: psycopg.AsyncConnection[Any], what: str) -> tuple[Row, ...]:
    """The rows of a SHOW by column name; without parameters, so that it goes by the simple protocol."""
    cursor = await connection.execute(f"SHOW {what}")
    names = [column.name for column in cursor.description or ()]
    return tuple(dict(zip(names, row, strict=True)) for row in await cursor.fetchall())


async def _tally(connection: psycopg.AsyncConnection[Any], what: str) -> Tally:
    """How often a SHOW has each combination of its `LISTED` columns.

    Making values of thousands of rows would hold up the screen.
    """
    cursor = await connection.execute(f"SHOW {what}")
    result = cursor.pgresult
    if result is None:
        return {}
    names = [column.name for column in cursor.description or ()]
    places = [names.index(name) if name in names else None for name in LISTED]
    cell = result.get_value
    rows = Counter(
        tuple(None if place is None else cell(row, place) for place in places)
        for row in range(result.ntuples)
    )
    return {Socket(*((each or b"").decode(errors="replace") for each in row)): n for row, n in rows.items()}


def _version(connection: psycopg.AsyncConnection[Any]) -> str:
    said = connection.pgconn.parameter_status(b"server_version") or b""
    return said.decode(errors="replace").removesuffix("/bouncer")


async def _connect(profile: Profile, password: Password) -> psycopg.AsyncConnection[Any]:
    try:
        import psycopg
    except ImportError:
        raise ConsoleError(NOT_INSTALLED, INSTALL) from None
    # Without a handler of its own a warning of the driver would be written over the screen.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    try:
        said = parse(profile.pool.pgbouncer or "")
    except NotConninfo as error:
        raise ConsoleError(
            f"pool.pgbouncer is no connection string ({error})", 'write it as "host=… port=6432 user=…"'
        ) from None
    try:
        secret = await asyncio.to_thread(password)
    except CredentialError as error:
        reason, _, remedy = str(error).partition("; ")
        raise ConsoleError(reason, remedy or _store(profile), refused=True) from None
    try:
        passfile = profile.connection.get("passfile")
        return await _bounded(_open(said, secret, passfile), CONNECT_S, "the console did not let us in")
    except psycopg.Error as error:
        raise _refusal(error, profile) from None


async def _open(
    said: Mapping[str, str], secret: Secret | None, passfile: str | None
) -> psycopg.AsyncConnection[Any]:
    import psycopg

    defaults = {
        "dbname": CONSOLE,
        "application_name": "pgdeck console",
        "connect_timeout": str(int(CONNECT_S)),
        # PGOPTIONS is meant for servers; the console refuses what it does not know.
        "options": "",
        "gssencmode": "disable",
        "target_session_attrs": "any",
    }
    if passfile is not None:
        defaults["passfile"] = passfile
    return await psycopg.AsyncConnection.connect(
        autocommit=True,
        # None leaves it to the passfile.
        password=None if secret is None else secret.reveal(),
        **{**defaults, **said},  # type: ignore[arg-type]
    )


async def _bounded(
    work: Awaitable[Answer], limit_s: float, late: str, give_up: Callable[[], None] = lambda: None
) -> Answer:
    """The answer within a time limit; what is late is dropped with its connection, not cancelled politely.

    A polite end would open another connection to something that does not answer, and wait for it.

    Raises:
        ConsoleError: it is late.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=limit_s)
        if done:
            return task.result()
        raise ConsoleError(f"{late} within {limit_s:g} s", _CHECK_PLACE)
    finally:
        if not task.done():
            give_up()
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


_CHECK_PLACE = "check host and port in pool.pgbouncer of the profile"


def _refusal(error: psycopg.Error, profile: Profile) -> ConsoleError:
    """The server's or libpq's own sentence with the remedy; neither ever repeats a password."""
    said = " ".join(str(error).split()) or type(error).__name__
    said = said.removeprefix("connection failed: ")
    lowered = said.lower()
    if "not allowed" in lowered or "admin access" in lowered:
        return ConsoleError(said, "name the user in stats_users of pgbouncer.ini", refused=True)
    if any(word in lowered for word in ("authentication", "password", "no such user", "sasl")):
        return ConsoleError(said, _store(profile), refused=True)
    if "does not exist" in lowered or "unrecognized configuration parameter" in lowered:
        return ConsoleError(f"what answers is a PostgreSQL server, no console: {said}", _CHECK_PLACE)
    return ConsoleError(said, _CHECK_PLACE)


def _store(profile: Profile) -> str:
    place = os.environ.get("PGPASSFILE") or "~/.pgpass"
    return (
        f"store the console's password with: pgdeck profile set-password {profile.name} --pgbouncer"
        f" (credentials.source = keyring), or in {place}; the user must be in stats_users or admin_users"
    )


def _stored(profile: Profile) -> Secret | None:
    from profiles.vault import console_password

    return console_password(profile)
