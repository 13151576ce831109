"""The connection test: every stage of a connection on its own, what passed, what failed, and why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum

from profiles.errors import ConfigurationError
from profiles.libpq import Target, parameters_of, target_of
from profiles.libpq_parameters import WITHOUT_EFFECT
from profiles.model import Profile
from profiles.secret import Secret
from sql.connect import Link, Purpose, open_link
from sql.dial import look_up
from sql.errors import PasswordNeeded, ReadingError, SessionError
from sql.session import Session


class StageName(StrEnum):
    """The stages in their order."""

    PROFILE = "profile"
    NAME = "name"
    ADDRESS = "address"
    TLS = "tls"
    LOGIN = "login"
    DATABASE = "database"
    LIMIT = "limit"
    RIGHTS = "rights"
    CONSOLE = "console"
    REPLICA = "replica"


DIALLING = (StageName.ADDRESS, StageName.TLS, StageName.LOGIN, StageName.DATABASE, StageName.LIMIT)
"""Passed one after the other by one attempt to connect."""


@dataclass(frozen=True)
class Stage:
    """One stage of the connection test."""

    name: StageName
    passed: bool
    detail: str
    """What was found, or why it failed and what to do; one clause."""
    needs_password: bool = False
    """It failed because the server asks for a password and none was found."""


async def examine(profile: Profile, password: Secret | None) -> tuple[Stage, ...]:
    """All stages up to the one that failed, or all of them."""
    return tuple([stage async for stage in stages(profile, password)])


async def stages(profile: Profile, password: Secret | None) -> AsyncIterator[Stage]:
    """The stages as they pass; the last one is the one that failed, if any did. Raises nothing."""
    try:
        target = target_of(profile)
    except ConfigurationError as error:
        yield Stage(StageName.PROFILE, False, error.user_message())
        return
    idle = ", ".join(sorted(WITHOUT_EFFECT & parameters_of(profile).keys()))
    noted = f" ({idle} without effect here)" if idle else ""
    where = f"{target.user} on {_places(target)}, database {target.dbname}"
    yield Stage(StageName.PROFILE, True, f"{where}{noted}")
    found, failure = await _names(target)
    if not found:
        yield Stage(StageName.NAME, False, failure)
        return
    yield Stage(StageName.NAME, True, f"{found}{f' ({failure})' if failure else ''}")
    try:
        link = await open_link(profile, password, Purpose.WATCH)
    except SessionError as error:
        for stage in _until_failed(error):
            yield stage
        return
    except ConfigurationError as error:
        yield Stage(StageName.TLS, False, error.user_message())
        return
    try:
        for stage in _passed(link, target):
            yield stage
        async for stage in _around(profile, password, Session(link.connection, link.identity)):
            yield stage
    finally:
        link.connection.terminate()


def _places(target: Target) -> str:
    return ", ".join(host.label for host in target.hosts)


async def _names(target: Target) -> tuple[str, str]:
    """Which addresses the hosts have, and why one has none."""
    found, failure = [], ""
    for host in target.hosts:
        try:
            addresses = await look_up(host, target)
        except SessionError as error:
            failure = str(error)
            continue
        if host.is_socket:
            found.append(f"Unix socket {host.label}")
        elif host.name and addresses != [host.name]:
            found.append(f"{host.name} is {', '.join(addresses)}")
        else:
            found.append(addresses[0])
    return "; ".join(found), failure


def _until_failed(error: SessionError) -> list[Stage]:
    """The stages before the one that failed have passed."""
    at = next((name for name in DIALLING if name.value == error.stage), StageName.LOGIN)
    if error.stage == StageName.NAME.value:
        return [Stage(StageName.NAME, False, str(error))]
    before = DIALLING[: DIALLING.index(at)] if at is not StageName.LIMIT else DIALLING[:1]
    return [
        *(Stage(name, True, "") for name in before),
        Stage(at, False, str(error), isinstance(error, PasswordNeeded)),
    ]


def _passed(link: Link, target: Target) -> list[Stage]:
    identity = link.identity
    kind = "standby" if identity.in_recovery else "primary"
    server = f"{identity.database} on PostgreSQL {identity.version}, {kind}"
    pooler = identity.pooler
    through = f"; through a {pooler.kind} pooler: {pooler.evidence}" if pooler else ""
    rights = (
        "sees all sessions (pg_read_all_stats)"
        if identity.can_read_stats
        else f"what other users' sessions do stays hidden; GRANT pg_monitor TO {identity.user} shows it"
    )
    return [
        Stage(StageName.ADDRESS, True, f"{link.host.label} answers"),
        Stage(StageName.TLS, True, _tls(link, target)),
        Stage(StageName.LOGIN, True, f"as {identity.user}"),
        Stage(StageName.DATABASE, True, f"{server}{through}"),
        Stage(StageName.LIMIT, True, "a connection was free"),
        Stage(StageName.RIGHTS, True, rights),
    ]


async def _around(profile: Profile, password: Secret | None, session: Session) -> AsyncIterator[Stage]:
    """The pooler's console and the replicas, where the profile names them."""
    if profile.pool.pgbouncer is not None:
        from sql.pool.pgbouncer import read_once

        console = await read_once(profile)
        pools = "1 pool" if len(console.pools) == 1 else f"{len(console.pools)} pools"
        said = f"PgBouncer {console.version}, {pools}"
        failure = "; ".join(filter(None, (console.unknown, console.remedy)))
        yield Stage(StageName.CONSOLE, not failure, failure or said)
    if profile.replicas:
        from sql.replicas.looks import look_at_replicas

        try:
            looks = await look_at_replicas(profile, password, session)
        except (SessionError, ReadingError) as error:
            yield Stage(StageName.REPLICA, False, str(error))
            return
        for look in looks:
            yield Stage(StageName.REPLICA, not look.trouble, f"{look.name}: {look.trouble or 'a standby'}")


def _tls(link: Link, target: Target) -> str:
    tls = link.connection._transport.get_extra_info("ssl_object")
    if tls is None:
        why = "a Unix socket needs none" if link.host.is_socket else f"sslmode={target.sslmode}"
        return f"not encrypted ({why})"
    checked = {
        "verify-full": "certificate and host name verified",
        "verify-ca": "certificate verified",
    }.get(target.sslmode, "certificate verified" if target.sslrootcert else "certificate not verified")
    return f"{tls.version()}, {checked} (sslmode={target.sslmode})"
