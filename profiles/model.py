"""A saved environment: where the database is, how to log in, which class it is, what it must meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})
LONGEST_QUERY_S = 2_000_000
"""What a statement_timeout can say, which is an int of ms: 23 days."""


class EnvironmentClass(StrEnum):
    """A safety type: sets colour, badge, guard and confirmation."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class Guard(StrEnum):
    """What it takes to run a step on this profile."""

    CONFIRM = "confirm"
    CONFIRM_NAME = "confirm-name"
    FORBIDDEN = "forbidden"


DEFAULT_GUARD: Mapping[EnvironmentClass, Guard] = MappingProxyType(
    {
        EnvironmentClass.DEVELOPMENT: Guard.CONFIRM,
        EnvironmentClass.STAGING: Guard.CONFIRM,
        EnvironmentClass.PRODUCTION: Guard.CONFIRM_NAME,
    }
)


class CredentialSource(StrEnum):
    """Where the password comes from. A profile without one does what libpq would do."""

    KEYRING = "keyring"
    PASSFILE = "passfile"
    ENVIRONMENT = "environment"
    COMMAND = "command"
    PROMPT = "prompt"


@dataclass(frozen=True)
class Credentials:
    """How to get the password; never the password."""

    source: CredentialSource
    variable: str | None = None
    """The environment variable, for source `environment`."""
    command: tuple[str, ...] = ()
    """The command whose first line of output is the password, for source `command`."""


@dataclass(frozen=True)
class PoolOverride:
    """What a profile says about the pool in place of the manifest; None leaves the manifest's word."""

    size: int | None = None
    max_overflow: int | None = None
    timeout_s: float | None = None
    recycle_s: float | None = None
    query_timeout_s: float | None = None
    applications: tuple[str, ...] | None = None
    pgbouncer: str | None = None
    """libpq connection string of PgBouncer's console, without a password."""


@dataclass(frozen=True)
class Profile:
    """A saved environment."""

    name: str
    environment: EnvironmentClass
    manifest: str
    """A shipped manifest's name, one in `manifests/`, or a path relative to the profile's file."""
    connection: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """libpq parameters by their libpq keyword (`dbname`, never `database`), values as text."""
    direct: Mapping[str, str] | None = None
    """What differs where DDL must go, when `connection` is a transaction pooler."""
    credentials: Credentials | None = None
    guard: Guard = Guard.CONFIRM
    """Taken from the class where the file is silent."""
    guard_is_said: bool = field(default=False, compare=False)
    """Whether the file says the guard itself, so that saving keeps the key."""
    pool: PoolOverride = field(default_factory=PoolOverride)
    replicas: tuple[Mapping[str, str], ...] = ()
    path: Path | None = None
    """The file it was read from; None for one that is not saved yet."""
