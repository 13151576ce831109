"""A profile's TOML, read with every problem named, and written so that it reads back the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from profiles import toml_file
from profiles.conninfo import password_keys
from profiles.errors import ConfigurationError, Problem
from profiles.libpq_parameters import SECRETS, VARIABLES, wrong_value
from profiles.model import (
    DEFAULT_GUARD,
    LONGEST_QUERY_S,
    Credentials,
    CredentialSource,
    EnvironmentClass,
    Guard,
    PoolOverride,
    Profile,
)

LineOf: TypeAlias = Callable[..., int | None]
TABLES = ("connection", "direct", "credentials", "guard", "pool")
POOL_NUMBERS = ("size", "max_overflow", "timeout_s", "recycle_s", "query_timeout_s")
WHERE_PASSWORDS_BELONG = (
    "remove it, and store it with: pgdeck profile set-password NAME (or in a passfile, see [credentials])"
)


def read(path: Path, name: str) -> Profile:
    """The profile in a file.

    Raises:
        ConfigurationError: with every problem of the file.
    """
    file = toml_file.read(path)
    return parse(file.data, name, path, file.line_of)


def parse(data: Mapping[str, Any], name: str, path: Path | str, line_of: LineOf | None = None) -> Profile:
    """The profile that parsed TOML says; `path` is what problems name as the file.

    Raises:
        ConfigurationError: with every problem.
    """
    reader = _Reader(path, line_of or (lambda *_keys: None))
    profile = reader.profile(data, name)
    if reader.problems:
        raise ConfigurationError(reader.problems)
    assert profile is not None
    return profile


def write(path: Path, profile: Profile) -> None:
    """Write it, whole or not at all, mode 0600.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    toml_file.write(path, as_toml(profile))


def as_toml(profile: Profile) -> dict[str, Any]:
    """The tables of the file; what is at its default is left out."""
    made: dict[str, Any] = {"environment": profile.environment.value, "manifest": profile.manifest}
    made["connection"] = _table_of(profile.connection)
    if profile.direct is not None:
        made["direct"] = _table_of(profile.direct)
    if (credentials := profile.credentials) is not None:
        made["credentials"] = {"source": credentials.source.value}
        if credentials.variable is not None:
            made["credentials"]["variable"] = credentials.variable
        if credentials.command:
            made["credentials"]["command"] = list(credentials.command)
    if profile.guard_is_said or profile.guard is not DEFAULT_GUARD[profile.environment]:
        made["guard"] = {"steps": profile.guard.value}
    if pool := _pool_table(profile.pool):
        made["pool"] = pool
    if profile.replicas:
        made["replica"] = [_table_of(replica) for replica in profile.replicas]
    return made


def _table_of(parameters: Mapping[str, str]) -> dict[str, str | int]:
    """libpq's keywords as the file spells them: `database`, and a single port as a number."""
    made: dict[str, str | int] = {}
    for keyword, value in parameters.items():
        key = "database" if keyword == "dbname" else keyword
        made[key] = int(value) if keyword == "port" and value.isascii() and value.isdigit() else value
    return made


def _pool_table(pool: PoolOverride) -> dict[str, Any]:
    made: dict[str, Any] = {key: getattr(pool, key) for key in POOL_NUMBERS if getattr(pool, key) is not None}
    if pool.applications is not None:
        made["applications"] = list(pool.applications)
    if pool.pgbouncer is not None:
        made["pgbouncer"] = pool.pgbouncer
    return made


class _Reader:
    """Collects the problems of one file while it builds the profile."""

    def __init__(self, path: Path | str, line_of: LineOf) -> None:
        self._path = path
        self._line_of = line_of
        self.problems: list[Problem] = []

    def profile(self, data: Mapping[str, Any], name: str) -> Profile | None:
        known = {"environment", "manifest", "replica", *TABLES}
        self._unknown(data, known, ())
        tables = {key: self._table(data, key) for key in TABLES}
        environment = self._choice(data, EnvironmentClass, "environment", required=True)
        manifest = self._text(data, "manifest", required=True)
        connection = self._connection(tables["connection"], "connection")
        direct = self._connection(tables["direct"], "direct") if "direct" in data else None
        credentials = self._credentials(tables["credentials"]) if "credentials" in data else None
        self._unknown(tables["guard"], {"steps"}, ("guard",))
        said = self._choice(tables["guard"], Guard, "guard", "steps")
        pool = self._pool(tables["pool"])
        replicas = self._replicas(data)
        if environment is None or manifest is None or self.problems:
            return None
        made = Profile(
            name, environment, manifest, connection, direct, credentials, pool=pool, replicas=replicas
        )
        path = self._path if isinstance(self._path, Path) else None
        guard = said or DEFAULT_GUARD[environment]
        return replace(made, guard=guard, guard_is_said=said is not None, path=path)

    def _problem(self, keys: tuple[str | int, ...], what: str, remedy: str) -> None:
        self.problems.append(Problem(self._path, _dotted(keys), what, remedy, self._line_of(*keys)))

    def _unknown(self, table: Mapping[str, Any], known: set[str], at: tuple[str | int, ...]) -> None:
        for key in table:
            if key in known:
                continue
            if key in SECRETS:
                self._problem((*at, key), "a profile holds no password", WHERE_PASSWORDS_BELONG)
            else:
                self._problem((*at, key), "this key is not known", f"use one of {', '.join(sorted(known))}")

    def _table(self, data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        value = data.get(key, {})
        if isinstance(value, Mapping):
            return value
        self._problem((key,), "must be a table", f"write [{key}] and its keys below it")
        return {}

    def _text(self, table: Mapping[str, Any], *keys: str | int, required: bool = False) -> str | None:
        value = table.get(str(keys[-1]))
        if value is None:
            if required:
                self._problem(keys, "is missing", f'write {keys[-1]} = "…"')
            return None
        if not isinstance(value, str) or not value.strip():
            self._problem(keys, "must be a text that is not empty", f'write {keys[-1]} = "…"')
            return None
        return value

    def _choice(self, table: Mapping[str, Any], kind: Any, *keys: str | int, required: bool = False) -> Any:
        value = table.get(str(keys[-1]))
        words = ", ".join(member.value for member in kind)
        if value is None:
            if required:
                self._problem(keys, "is missing", f"choose one of {words}")
            return None
        if value in list(kind):
            return kind(value)
        shown = f'"{value}" is not known' if isinstance(value, str) else "must be a text"
        self._problem(keys, shown, f"choose one of {words}")
        return None

    def _connection(self, table: Mapping[str, Any], *at: str | int) -> dict[str, str]:
        made: dict[str, str] = {}
        for key, value in table.items():
            keyword = "dbname" if key == "database" else key
            if keyword in SECRETS:
                self._problem((*at, key), "a profile holds no password", WHERE_PASSWORDS_BELONG)
            elif keyword not in VARIABLES:
                self._problem((*at, key), "is no libpq parameter", "correct the spelling, or remove it")
            elif keyword in made:
                self._problem((*at, key), "database and dbname are the same", "keep one of them")
            elif (text := self._parameter(keyword, value, (*at, key))) is not None:
                made[keyword] = text
        return made

    def _parameter(self, keyword: str, value: Any, keys: tuple[str | int, ...]) -> str | None:
        if isinstance(value, bool):
            value = "1" if value else "0"
        elif isinstance(value, int):
            value = str(value)
        if not isinstance(value, str):
            self._problem(keys, "must be a text or a whole number", f'write {keys[-1]} = "…"')
            return None
        if secret := password_keys(value):
            what = f"holds a password ({secret[0]}=…)"
            self._problem(keys, what, WHERE_PASSWORDS_BELONG)
            return None
        if keyword == "dbname" and value.startswith(("postgresql://", "postgres://")):
            self._problem(keys, "is a connection string", "write its parts as keys of their own")
            return None
        if (wrong := wrong_value(keyword, value)) is not None:
            self._problem(keys, *wrong)
            return None
        return value

    def _credentials(self, table: Mapping[str, Any]) -> Credentials | None:
        self._unknown(table, {"source", "variable", "command"}, ("credentials",))
        source = self._choice(table, CredentialSource, "credentials", "source", required=True)
        variable = self._text(table, "credentials", "variable")
        command = self._words(table, "credentials", "command")
        if source is None:
            return None
        if source is CredentialSource.ENVIRONMENT and "variable" not in table:
            self._problem(("credentials",), "source environment needs variable", 'write variable = "NAME"')
        if source is CredentialSource.COMMAND and not command and "command" not in table:
            self._problem(
                ("credentials",), "source command needs command", 'write command = ["PROGRAM", "ARGUMENT"]'
            )
        return Credentials(source, variable, command or ())

    def _words(self, table: Mapping[str, Any], *keys: str) -> tuple[str, ...] | None:
        value = table.get(keys[-1])
        if value is None:
            return None
        if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
            self._problem(keys, "must be a list of texts", f'write {keys[-1]} = ["…", "…"]')
            return None
        return tuple(value)

    def _pool(self, table: Mapping[str, Any]) -> PoolOverride:
        self._unknown(table, {*POOL_NUMBERS, "applications", "pgbouncer"}, ("pool",))
        numbers = {key: self._number(table, key) for key in POOL_NUMBERS if key in table}
        console = self._text(table, "pool", "pgbouncer")
        if console is not None and password_keys(console):
            what = "holds a password"
            remedy = "remove it, and store it with: pgdeck profile set-password NAME --pgbouncer"
            self._problem(("pool", "pgbouncer"), what, remedy)
        return PoolOverride(
            **numbers, applications=self._words(table, "pool", "applications"), pgbouncer=console
        )

    def _number(self, table: Mapping[str, Any], key: str) -> Any:
        value = table[key]
        whole = key in ("size", "max_overflow")
        kinds = int if whole else (int, float)
        most = LONGEST_QUERY_S if key == "query_timeout_s" else math.inf
        fits = (
            isinstance(value, kinds)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and 0 <= value <= most
        )
        if fits and (key != "size" or value > 0):
            return value
        least = "greater than 0" if key == "size" else "0 or more"
        least += f", at most {most}" if math.isfinite(most) else ""
        kind = "a whole number" if whole else "a number of seconds"
        self._problem(("pool", key), f"must be {kind}, {least}", f"write {key} = 20")
        return None

    def _replicas(self, data: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
        value = data.get("replica", [])
        if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
            self._problem(("replica",), "must be tables", "write [[replica]] and its keys below it")
            return ()
        return tuple(self._connection(entry, "replica", position) for position, entry in enumerate(value))


def _dotted(keys: tuple[str | int, ...]) -> str:
    """`replica[2].port`: positions count from 1, as people do."""
    made = ""
    for key in keys:
        made += f"[{key + 1}]" if isinstance(key, int) else f".{key}" if made else key
    return made
