"""A manifest as PostgreSQL would read it: every definition taken apart, every mistake in it found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from profiles.errors import ConfigurationError, Problem
from profiles.manifest import ConstraintEntry, IndexEntry, Manifest, MigrationEntry, PoolBudget, ProbeEntry
from profiles.model import PoolOverride
from sql.declared import CheckDefinition, IndexDefinition
from sql.lints import Lint, check_lints, index_lints
from sql.parse_store import kept
from sql.parsing import DefinitionError, parse_check, parse_index, parse_name, statements, walk
from sql.queries import parameters_of
from sql.quoting import MAX_NAME_BYTES

_T = TypeVar("_T")
_PATH_ELEMENT = re.compile(r'\s*("(?:[^"]|"")+"|[^\s",]+)\s*(?:,|$)')


@dataclass(frozen=True)
class RequiredIndex:
    """An index that the manifest names."""

    name: str
    schema: str | None
    """As the definition says it; None: found by the search path."""
    table: str
    entry: IndexEntry
    definition: IndexDefinition


@dataclass(frozen=True)
class RequiredConstraint:
    """A CHECK constraint that the manifest names."""

    name: str
    schema: str | None
    table: str
    entry: ConstraintEntry
    expression: str
    """What stands in the parentheses of CHECK, as written."""
    no_inherit: bool = False


@dataclass(frozen=True)
class Requirements:
    """What a database must have, ready to be compared."""

    manifest: Manifest
    search_path: str
    """As the setting is written."""
    indexes: tuple[RequiredIndex, ...]
    constraints: tuple[RequiredConstraint, ...]
    probes: tuple[ProbeEntry, ...]
    pool: PoolBudget | None
    migration: MigrationEntry | None
    lints: tuple[Problem, ...] = ()
    """Doubts that forbid nothing: what means different things in different sessions."""

    @property
    def schemas(self) -> tuple[str, ...]:
        """The schemas of the search path in order; `$user` as written."""
        return schemas_of(self.search_path)


def read(manifest: Manifest, pool: PoolOverride | None = None) -> Requirements:
    """Read every definition of a manifest.

    Args:
        manifest: as `profiles.manifest_file` loads it.
        pool: what the profile says about the pool in place of the manifest.

    Raises:
        ConfigurationError: with every problem, each with its key and line.
    """
    reader = _Reader(manifest)
    requirements = Requirements(
        manifest=manifest,
        search_path=manifest.search_path,
        indexes=tuple(reader.indexes()),
        constraints=tuple(reader.constraints()),
        probes=tuple(reader.probes()),
        pool=_pool(manifest.pool, pool),
        migration=reader.migration(),
        lints=(),
    )
    if reader.problems:
        raise ConfigurationError(reader.problems)
    return replace(requirements, lints=tuple(reader.lints))


def schemas_of(search_path: str) -> tuple[str, ...]:
    """The schemas of a `search_path` setting, in order.

    Raises:
        DefinitionError: it is not a list of names.
    """
    names: list[str] = []
    rest = search_path
    while rest.strip():
        match = _PATH_ELEMENT.match(rest)
        if match is None:
            raise DefinitionError(
                f"{search_path!r} is not a search path", 'write it as in SQL: app, "My Schema"'
            )
        word = match[1]
        names.append(word[1:-1].replace('""', '"') if word.startswith('"') else word.lower())
        rest = rest[match.end() :]
    return tuple(names)


class _Reader:
    """Goes through a manifest and keeps what is wrong."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self.problems: list[Problem] = []
        self.lints: list[Problem] = []
        path = self._tried("search_path", None, partial(schemas_of, manifest.search_path)) or ()
        self._first_schema = next((name for name in path if name != "$user"), None)

    def indexes(self) -> Iterator[RequiredIndex]:
        seen: dict[tuple[str | None, str], str] = {}
        for number, entry in enumerate(self._manifest.indexes, 1):
            key = f"index[{entry.position or number}].definition"
            definition = self._tried(key, entry.line, partial(parse_index, entry.definition))
            if definition is None:
                continue
            self._once(seen, (definition.schema or self._first_schema, definition.name), key, entry.line)
            if definition.has_expressions:
                self._doubt(index_lints(entry.definition), key, entry.line)
            yield RequiredIndex(definition.name, definition.schema, definition.table, entry, definition)

    def constraints(self) -> Iterator[RequiredConstraint]:
        seen: dict[tuple[str | None, str, str], str] = {}
        for number, entry in enumerate(self._manifest.constraints, 1):
            key = f"constraint[{entry.position or number}]"
            table = self._tried(f"{key}.table", entry.line, partial(parse_name, entry.table))
            name = self._tried(f"{key}.name", entry.line, partial(_constraint_name, entry))
            check = self._tried(f"{key}.definition", entry.line, partial(parse_check, entry.definition))
            if check is not None:
                self._tried(f"{key}.definition", entry.line, partial(_refuse_useless, check))
                self._doubt(check_lints(check.expression), f"{key}.definition", entry.line)
            if table is None or name is None or check is None:
                continue
            self._once(
                seen, (table.schema or self._first_schema, table.name, name), f"{key}.name", entry.line
            )
            yield RequiredConstraint(
                name, table.schema, table.name, entry, check.expression, check.no_inherit
            )

    def probes(self) -> Iterator[ProbeEntry]:
        for number, entry in enumerate(self._manifest.probes, 1):
            key = f"probe[{entry.position or number}]"
            wanted = self._tried(f"{key}.sql", entry.line, partial(parameters_of, entry.sql))
            self._tried(f"{key}.arguments", entry.line, partial(_arguments, entry, wanted))
            yield entry

    def migration(self) -> MigrationEntry | None:
        entry = self._manifest.migration
        if entry is not None:
            self._tried("migration.table", entry.line, partial(parse_name, entry.table))
        return entry

    def _tried(self, key: str, line: int | None, action: Callable[[], _T]) -> _T | None:
        try:
            return action()
        except DefinitionError as error:
            self._problem(key, line, error.what, error.remedy)
            return None

    def _once(self, seen: dict[_T, str], identity: _T, key: str, line: int) -> None:
        first = seen.setdefault(identity, key)
        if first != key:
            self._problem(key, line, f"{first} names the same object", "remove one of them or rename it")

    def _doubt(self, found: Iterable[Lint], key: str, line: int) -> None:
        self.lints += [
            Problem(self._manifest.origin, key, each.what, each.remedy, self._line(key, line))
            for each in found
        ]

    def _problem(self, key: str, line: int | None, what: str, remedy: str) -> None:
        place = self._line(key, line)
        self.problems.append(Problem(self._manifest.origin, key, what, remedy, place))

    def _line(self, key: str, line: int | None) -> int | None:
        """The key's own line where the file has it, else that of its entry."""
        return self._manifest.lines.get(key, line) or None


def _constraint_name(entry: ConstraintEntry) -> str:
    size = len(entry.name.encode())
    if not entry.name or "\0" in entry.name:
        raise DefinitionError(f"{entry.name!r} is no name", "write the constraint's name, without quotes")
    if size > MAX_NAME_BYTES:
        raise DefinitionError(
            f"the name has {size} bytes, and the server cuts names after {MAX_NAME_BYTES}",
            "choose a shorter name",
        )
    return entry.name


def _refuse_useless(check: CheckDefinition) -> None:
    if not check.enforced:
        raise DefinitionError("NOT ENFORCED asks for a constraint that does nothing", "remove NOT ENFORCED")
    if _holds_subquery(check.expression):
        raise DefinitionError("a CHECK cannot hold a subquery", "compare with columns of the row only")


@kept
def _holds_subquery(expression: str) -> bool:
    tree = statements(f"SELECT ({expression}\n)")[0][1]
    return any(type(node).__name__ == "SubLink" for node in walk(tree))


def _arguments(entry: ProbeEntry, wanted: int | None) -> None:
    if entry.arguments is None:
        if wanted:
            raise DefinitionError(
                f"the probe has {wanted} parameter{'s' * (wanted > 1)} and no arguments",
                "write a query whose rows are the arguments",
            )
        return
    if parameters_of(entry.arguments):
        raise DefinitionError("the arguments have parameters themselves", "write the values into the query")
    if wanted == 0:
        raise DefinitionError("the probe has no parameters", "remove the arguments, or use $1 in the probe")


def _pool(budget: PoolBudget | None, override: PoolOverride | None) -> PoolBudget | None:
    """The manifest's budget with the profile's word in front."""
    said = {
        name: value
        for name in ("size", "max_overflow", "timeout_s", "recycle_s", "query_timeout_s", "applications")
        if override is not None and (value := getattr(override, name)) is not None
    }
    if not said:
        return budget
    return replace(budget or PoolBudget(), **said)
