"""Dialling: every host and address in libpq's order, with and without TLS, until one lets us in."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

import asyncpg

from profiles.libpq import Host, Target
from profiles.secret import Secret
from sql.dial_errors import dial_error
from sql.errors import SessionError
from sql.names import addresses
from sql.session import DRIVER_TROUBLE
from sql.snapshots import Pooler
from sql.tls import HostContext, attempts

CACHED_STATEMENTS = 100
READ_ONLY = "default_transaction_read_only"
KEEPALIVE_IDLE_S = 60
SERVER_KEEPALIVES: Mapping[str, str] = {
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "6",
    "tcp_user_timeout": "60000",
}
"""Without these a server keeps for hours a session whose network swallowed our goodbye; s and ms."""
NO_ENTRY = "28000"
"""invalid_authorization_specification: pg_hba.conf may admit the other transport."""

PasswordOf = Callable[[Host], Secret | None]


@dataclass(frozen=True)
class Dialled:
    """An open connection and how it came about."""

    connection: asyncpg.Connection
    host: Host
    pooler: Pooler | None


class AbstractSocket(str):
    """The path of a socket in Linux' abstract namespace, which asyncpg knows only as a path."""

    def startswith(self, prefix: str | tuple[str, ...], *limits: SupportsIndex | None) -> bool:
        """Whether asyncpg takes it for a path."""
        return prefix == "/" or super().startswith(prefix, *limits)


@dataclass(frozen=True)
class _Wish:
    target: Target
    password_of: PasswordOf
    application_name: str
    settings: Mapping[str, str]
    key_password: Secret | None
    pooler: Pooler | None


async def dial(
    target: Target,
    password_of: PasswordOf,
    *,
    application_name: str,
    settings: Mapping[str, str],
    key_password: Secret | None = None,
    pooler: Pooler | None = None,
) -> Dialled:
    """Open a connection to the first host that is there and fits target_session_attrs.

    A refused login ends the search, as in libpq; a host that is out of reach or starting up does not.

    Args:
        settings: start-up parameters; left out where `pooler` is known, or turns out, to stand in between.

    Raises:
        SessionError: with the sentence of the last host tried; LoginError where one refused the login.
    """
    wish = _Wish(target, password_of, application_name, settings, key_password, pooler)
    hosts = list(target.hosts)
    if target.load_balance:
        random.shuffle(hosts)
    failures: list[SessionError] = []
    spare: Dialled | None = None
    for host in hosts:
        try:
            addresses = await look_up(host, target)
        except SessionError as error:
            failures.append(error)
            continue
        for address in addresses:
            dialled = await _try(wish, host, address, failures)
            if dialled is None:
                continue
            if (wrong := await _does_not_fit(dialled, wish)) is None:
                if spare is not None:
                    spare.connection.terminate()
                return dialled
            failures.append(SessionError(wrong, stage="database"))
            if target.target_session_attrs == "prefer-standby" and spare is None:
                spare = dialled
            else:
                dialled.connection.terminate()
    if spare is not None:
        return spare
    raise _of_all(failures)


async def look_up(host: Host, target: Target) -> list[str]:
    """The numeric addresses of a host, in the resolver's order; the socket's path for a Unix socket.

    Raises:
        SessionError: the name is not known (stage `name`).
    """
    if host.is_socket:
        return [host.socket_path]
    if host.address:
        return [host.address]
    try:
        return await addresses(host.name, host.port, target.connect_timeout_s)
    except socket.gaierror as error:
        raise dial_error(error, target, host, had_password=False) from None
    except (OSError, UnicodeError):
        raise dial_error(socket.gaierror(), target, host, had_password=False) from None


async def _try(wish: _Wish, host: Host, address: str, failures: list[SessionError]) -> Dialled | None:
    """One address, in every way that sslmode allows; None where the next address is to be tried."""
    password = wish.password_of(host)
    first: SessionError | None = None
    for context in attempts(wish.target, host, wish.key_password):
        try:
            return await _try_once(wish, host, address, password, context)
        except (*DRIVER_TROUBLE, ValueError) as caught:
            error = dial_error(caught, wish.target, host, had_password=password is not None)
        first = first or error
        if error.stage == "address":
            break
        if error.stage != "tls" and error.sqlstate != NO_ENTRY:
            raise error
    assert first is not None
    if first.stage not in ("address", "tls"):
        raise first
    failures.append(first)
    return None


async def _try_once(
    wish: _Wish, host: Host, address: str, password: Secret | None, context: HostContext | None
) -> Dialled:
    if wish.pooler is not None:
        return Dialled(await _open(wish, host, address, password, context, {}), host, wish.pooler)
    try:
        return Dialled(await _open(wish, host, address, password, context, wish.settings), host, None)
    except asyncpg.ProtocolViolationError as error:
        said = str(error.args[0]) if error.args else ""
        if "startup parameter" not in said:
            raise
    pooler = Pooler("transaction", f"it refuses settings of the session ({said})")
    bare = replace(wish, pooler=pooler)
    return Dialled(await _open(bare, host, address, password, context, {}), host, pooler)


async def _open(
    wish: _Wish,
    host: Host,
    address: str,
    password: Secret | None,
    context: HostContext | None,
    settings: Mapping[str, str],
) -> asyncpg.Connection:
    target = wish.target
    start = {**settings, "application_name": wish.application_name}
    if settings and not host.is_socket:
        start = {**SERVER_KEEPALIVES, **start}
    if wish.pooler is None:
        if target.target_session_attrs in ("read-write", "read-only"):
            start.pop(READ_ONLY, None)
        if target.options:
            start["options"] = target.options
    connection = await asyncpg.connect(
        host=AbstractSocket("\0" + address[1:]) if address.startswith("@") else address,
        port=host.port,
        user=target.user,
        # A function: asyncpg keeps its arguments on the connection, where a crash would print them.
        password=password.reveal if password is not None else "",
        database=target.dbname,
        timeout=target.connect_timeout_s,
        ssl=context if context is not None else False,
        direct_tls=context is not None and target.sslnegotiation == "direct",
        server_settings=start,
        statement_cache_size=CACHED_STATEMENTS if wish.pooler is None else 0,
        target_session_attrs="any",
        krbsrvname=target.krbsrvname or "postgres",
        gsslib="gssapi",
    )
    if not host.is_socket:
        _keep_alive(connection, target)
    return connection


def _keep_alive(connection: asyncpg.Connection, target: Target) -> None:
    """Firewalls forget idle connections, and asyncpg sets nothing (DISC-08)."""
    found = connection._transport.get_extra_info("socket")
    if found is None or not target.keepalives:
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wanted = {
        "TCP_KEEPIDLE": target.keepalives_idle or KEEPALIVE_IDLE_S,
        "TCP_KEEPINTVL": target.keepalives_interval,
        "TCP_KEEPCNT": target.keepalives_count,
        "TCP_USER_TIMEOUT": target.tcp_user_timeout,
    }
    for name, value in wanted.items():
        if value is not None and hasattr(socket, name):
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def _does_not_fit(dialled: Dialled, wish: _Wish) -> str | None:
    """Why the server is not what target_session_attrs asks for; None where it is."""
    if wish.target.target_session_attrs == "any":
        return None
    try:
        if (wrong := await _wrong_kind(dialled, wish.target)) is None:
            await _make_read_only(dialled, wish)
    except DRIVER_TROUBLE as caught:
        dialled.connection.terminate()
        raise dial_error(caught, wish.target, dialled.host, had_password=True) from None
    return wrong


async def _wrong_kind(dialled: Dialled, target: Target) -> str | None:
    wanted = target.target_session_attrs
    connection = dialled.connection
    standby = await _value(connection, "SELECT pg_catalog.pg_is_in_recovery()")
    fits = {
        "primary": not standby,
        "standby": standby,
        "prefer-standby": standby,
    }
    if wanted in fits:
        fit = fits[wanted]
    else:
        read_only = standby or await _value(connection, f"SHOW {READ_ONLY}") == "on"
        fit = read_only if wanted == "read-only" else not read_only
    if fit:
        return None
    kind = "a standby" if standby else "a primary"
    return f"{dialled.host.label} is {kind}, and target_session_attrs={wanted} asks for another"


async def _value(connection: asyncpg.Connection, sql: str) -> Any:
    # Unnamed, as a named statement would stay on a server connection of a pooler.
    return await (await connection.prepare(sql, name="")).fetchval()


async def _make_read_only(dialled: Dialled, wish: _Wish) -> None:
    """Where the server's own default had to be seen first, ours follows now."""
    if dialled.pooler is None and wish.target.target_session_attrs in ("read-write", "read-only"):
        value = wish.settings.get(READ_ONLY)
        if value is not None:
            await dialled.connection.execute(f"SET {READ_ONLY} = {value}")


def _of_all(failures: list[SessionError]) -> SessionError:
    if len(failures) == 1:
        return failures[0]
    last = failures[-1]
    sentences = "; ".join(dict.fromkeys(str(failure) for failure in failures))
    return SessionError(sentences, stage=last.stage, sqlstate=last.sqlstate)
