"""From a profile to a session: tries its hosts as libpq does, with our settings from the first statement on.

asyncpg gets every argument explicitly, so that it reads no PG* variable and no file of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import asyncpg

from profiles.libpq import Host, Target, key_password, parameters_of, target_of
from profiles.model import CredentialSource, Profile
from profiles.secret import Secret
from sql.dial import Dialled, dial
from sql.errors import LoginError, PasswordNeeded, SessionError
from sql.identity import read_identity
from sql.loss import FULL_POOL, QUEUED
from sql.pooling import with_kind
from sql.session import ANSWER_S, DRIVER_TROUBLE, WATCH_SETTINGS, Session
from sql.snapshots import Pooler, ServerIdentity


class Purpose(StrEnum):
    """What a connection is for; the server shows it as application_name, or at its beginning."""

    WATCH = "pgdeck watch"
    PROBE = "pgdeck probe"
    RUN = "pgdeck run"


SETTINGS: Mapping[Purpose, Mapping[str, str]] = {
    Purpose.WATCH: WATCH_SETTINGS,
    Purpose.PROBE: {
        "default_transaction_read_only": "on",
        "statement_timeout": "10000",
        "lock_timeout": "1000",
        "idle_in_transaction_session_timeout": "20000",
        "TimeZone": "UTC",
    },
    Purpose.RUN: {"client_min_messages": "warning"},
}
"""Start-up parameters; times in ms."""


@dataclass(frozen=True)
class Link:
    """A connection, and what it is connected to."""

    connection: asyncpg.Connection
    identity: ServerIdentity
    host: Host


async def connect(profile: Profile, password: Secret | None, purpose: Purpose = Purpose.WATCH) -> Session:
    """A session that can only read.

    Args:
        password: what `vault.password_for` gave; with None, the passfile is asked for each host.

    Raises:
        ConfigurationError: the profile's parameters, a service or a PG* variable are wrong.
        SessionError: no server could be reached; `stage` says how far it came.
        LoginError: the server refused the login; PasswordNeeded where a password would help.
    """
    link = await open_link(profile, password, purpose)
    return Session(link.connection, link.identity)


async def raw_connect(
    profile: Profile,
    password: Secret | None,
    purpose: Purpose,
    settings: Mapping[str, str] | None = None,
) -> asyncpg.Connection:
    """A bare connection for the prober or the runner; the runner's goes to `[direct]`.

    Behind a transaction pooler the settings could not be given to the session: use `open_link` where
    that matters.

    Args:
        settings: start-up parameters besides those of the purpose.

    Raises:
        ConfigurationError, SessionError, LoginError: as `connect`.
    """
    return (await open_link(profile, password, purpose, settings)).connection


async def open_link(
    profile: Profile,
    password: Secret | None,
    purpose: Purpose = Purpose.WATCH,
    settings: Mapping[str, str] | None = None,
    *,
    application: str = "",
) -> Link:
    """A connection with its identity; through a pooler without settings and without named statements.

    Args:
        application: application_name, where the purpose's own would not tell it from others.

    Raises:
        ConfigurationError, SessionError, LoginError: as `connect`.
    """
    direct = purpose is Purpose.RUN
    target = target_of(profile, direct=direct)
    key = key_password(parameters_of(profile, direct=direct))
    opener = _Opener(target, profile, password, key, application or purpose.value)
    wanted = {**SETTINGS[purpose], **(settings or {})}
    dialled = await opener.dial(wanted)
    identity = await _identify(dialled, target, wanted)
    if identity.pooler is not None and dialled.pooler is None:
        # Found only now: start again without what a pooler would leak to other clients.
        dialled.connection.terminate()
        dialled = await opener.dial(wanted, identity.pooler)
        identity = await _identify(dialled, target, wanted)
    if identity.pooler is not None and purpose is not Purpose.PROBE:
        identity = replace(identity, pooler=await opener.kind_of(identity.pooler, dialled))
    return Link(dialled.connection, identity, dialled.host)


@dataclass(frozen=True)
class _Opener:
    """What every attempt of one profile shares."""

    target: Target
    profile: Profile
    password: Secret | None
    key_password: Secret | None
    application: str

    async def dial(self, settings: Mapping[str, str], pooler: Pooler | None = None) -> Dialled:
        try:
            return await dial(
                self.target,
                self._password_of,
                application_name=self.application,
                settings=settings,
                key_password=self.key_password,
                pooler=pooler,
            )
        except PasswordNeeded as error:
            raise self._with_hint(error) from None

    async def kind_of(self, pooler: Pooler, dialled: Dialled) -> Pooler:
        """The pooler with its kind; needs a second connection for a moment."""

        async def second() -> asyncpg.Connection:
            return (await self.dial({}, pooler)).connection

        try:
            return await with_kind(pooler, dialled.connection, second)
        except BaseException:
            dialled.connection.terminate()
            raise

    def _password_of(self, host: Host) -> Secret | None:
        """libpq asks the passfile for each host, where nothing else gave a password."""
        if self.password is not None or not self._may_use_passfile:
            return self.password
        return self.target.passfile_answer(host).password

    @property
    def _may_use_passfile(self) -> bool:
        credentials = self.profile.credentials
        return credentials is None or credentials.source is CredentialSource.PASSFILE

    def _with_hint(self, error: PasswordNeeded) -> LoginError:
        warnings = [self.target.passfile_answer(host).warning for host in self.target.hosts]
        warning = next(filter(None, warnings), "") if self._may_use_passfile else ""
        remedy = (
            warning or f"add a line to {self.target.passfile or '~/.pgpass'}, or [credentials] to the profile"
        )
        return PasswordNeeded(f"{error}; {remedy}", stage=error.stage, sqlstate=error.sqlstate)


async def _identify(dialled: Dialled, target: Target, wanted: Mapping[str, str]) -> ServerIdentity:
    connection = dialled.connection
    asked = dialled.pooler is None and wanted.get("default_transaction_read_only") == "on"
    label = dialled.host.label
    try:
        async with asyncio.timeout(ANSWER_S):
            if dialled.pooler is None:
                identity = await read_identity(connection, dialled=label, asked_read_only=asked)
            else:
                async with connection.transaction(readonly=True):
                    identity = await read_identity(connection, dialled=label, pooler=dialled.pooler)
    except DRIVER_TROUBLE as error:
        connection.terminate()
        if dialled.pooler is not None and (isinstance(error, TimeoutError) or QUEUED in str(error)):
            raise SessionError(f"{label}: {FULL_POOL}", stage="limit") from None
        name = getattr(error, "sqlstate", None) or type(error).__name__
        if dialled.pooler is not None and "statement pooling" in str(error):
            sentence = (
                f"{label} is a pooler that takes single statements only (pool_mode = statement), through"
            )
            sentence += " which nothing can be read read-only; name the server itself, or another pool"
            raise SessionError(sentence, stage="database") from None
        sentence = f"{label} let {target.user} in, and then answered nothing of use ({name})"
        raise SessionError(sentence, stage="database", sqlstate=getattr(error, "sqlstate", None)) from None
    except BaseException:
        connection.terminate()
        raise
    return identity
