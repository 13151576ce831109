"""Rows that a unique index would refuse: found before the build, not by its failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sql.declared import IndexDefinition, IndexKey
from sql.errors import ReadingError
from sql.printable import one_line
from sql.quoting import identifier, qualified
from sql.session import Session
from sql.steps.estimate import key_sql
from sql.violations import key_text, limits

CAP = 20
"""Keys looked for; where there are so many, there may be more."""
SHOWN = 5


@dataclass(frozen=True)
class Duplicates:
    """Keys that several rows share."""

    count: int | None
    """Keys, not rows; None: not counted, the reason says why."""
    capped: bool = False
    """There are at least that many."""
    keys: tuple[str, ...] = ()
    """The first, with how many rows share each: `email=a@example.com (3 rows)`."""
    reason: str = ""
    """A sentence."""


async def find_duplicates(
    session: Session, schema: str, table: str, definition: IndexDefinition, search_path: str, limit_ms: int
) -> Duplicates:
    """The keys that occur more than once among the rows that the index would hold.

    Row-level security would hide rows without a word, so it is switched off: where it applies to us, that is
    an error instead of a wrong count.

    Args:
        limit_ms: how long the server may take.
    """
    sql = grouped(schema, table, definition)
    try:
        rows = await session.fetch_composed(sql, settings=limits(search_path, limit_ms))
    except ReadingError as error:
        if error.sqlstate == "57014":
            return Duplicates(
                None, reason=f"Looking for equal keys took longer than {limit_ms} ms and was stopped."
            )
        return Duplicates(None, reason=f"Equal keys could not be looked for: {error.reason}.")
    names = [key.column or "expression" for key in definition.keys]
    keys = tuple(_shown(names, list(row)) for row in rows[:SHOWN])
    return Duplicates(len(rows), len(rows) == CAP, keys)


def grouped(schema: str, table: str, definition: IndexDefinition) -> str:
    """The SELECT that finds them: the index's own keys and predicate, NULLs as the index takes them."""
    keys = [_compared(key) for key in definition.keys]
    outputs = ", ".join(f"({key})::pg_catalog.text" for key in keys)
    conditions = [] if definition.nulls_not_distinct else [f"({key}) IS NOT NULL" for key in keys]
    conditions += [f"({definition.predicate})"] if definition.predicate else []
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    groups = ", ".join(f"({key})" for key in keys)
    rows = f"FROM ONLY {qualified(schema, table)}{where} GROUP BY {groups}"
    return f"SELECT {outputs}, pg_catalog.count(*) {rows} HAVING pg_catalog.count(*) > 1 LIMIT {CAP}"


def _compared(key: IndexKey) -> str:
    if key.collation is None:
        return key_sql(key)
    schema, name = key.collation.schema, key.collation.name
    return f"{key_sql(key)} COLLATE {qualified(schema, name) if schema else identifier(name)}"


def _shown(names: list[str], row: list[Any]) -> str:
    *values, count = row
    texts = [None if value is None else one_line(value) for value in values]
    return f"{key_text(names, texts)} ({count} rows)"
