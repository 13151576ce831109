"""Counts the rows that break a CHECK, up to a cap and under a time limit, and names the first of them.

A row breaks a CHECK where the expression is false; NULL passes. Row-level security would hide rows without a
word, so it is switched off: where it applies to us, that is an error instead of a wrong count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sql.errors import ReadingError
from sql.quoting import identifier, qualified
from sql.relations import Relation
from sql.session import Session

CAP = 1000
"""Counting stops one above it."""
KEYS_SHOWN = 5
MAX_KEY_LENGTH = 60


@dataclass(frozen=True)
class Violations:
    """How many rows break a constraint."""

    count: int | None
    """None: it was not counted; the reason says why."""
    capped: bool = False
    """There are more than `count`."""
    keys: tuple[str, ...] = ()
    """Primary keys of the first, such as `id=17`."""
    reason: str = ""
    """A sentence."""


async def count_rows(
    session: Session,
    search_path: str,
    relation: Relation,
    expression: str,
    *,
    no_inherit: bool,
    primary_key: Sequence[str],
    limit_ms: int,
) -> Violations:
    """Count the rows of a table, and of what inherits from it, for which an expression is false.

    Args:
        search_path: under which the expression is read.
        expression: the body of a CHECK.
        no_inherit: the constraint covers this table alone.
        primary_key: the columns to name rows by; none: their place in the file (ctid).
        limit_ms: how long the server may take.
    """
    grant = relation.missing_grant(session.identity.user)
    if grant:
        return Violations(None, reason=f"Rows that break it cannot be counted without {grant}.")
    assert relation.schema is not None
    columns = [identifier(column) for column in primary_key] or ["ctid"]
    outputs = ", ".join(f"{identifier(relation.name)}.{column}::pg_catalog.text" for column in columns)
    only = "ONLY " if no_inherit else ""
    table = qualified(relation.schema, relation.name)
    sql = f"SELECT {outputs} FROM {only}{table} WHERE ({expression}) IS FALSE LIMIT {CAP + 1}"  # noqa: S608
    try:
        rows = await session.fetch_composed(sql, settings=limits(search_path, limit_ms))
    except ReadingError as error:
        return Violations(None, reason=_why_not(error, relation, session.identity.user, limit_ms))
    keys = [key_text(columns, row) for row in rows[:KEYS_SHOWN]]
    return Violations(min(len(rows), CAP), len(rows) > CAP, tuple(keys))


def limits(search_path: str, limit_ms: int) -> Mapping[str, str]:
    """Settings of a statement that reads a whole table: row-level security is an error, no extra workers."""
    return {
        "search_path": search_path,
        "statement_timeout": str(limit_ms),
        "lock_timeout": str(min(limit_ms, 1000)),
        "row_security": "off",
        "max_parallel_workers_per_gather": "0",
    }


def key_text(columns: Sequence[str], values: Sequence[str | None]) -> str:
    """A row's key for people, `id=17, day=2026-01-19`; long values are cut."""
    parts = []
    for column, value in zip(columns, values, strict=True):
        text = "NULL" if value is None else value
        parts.append(f"{column}={text if len(text) <= MAX_KEY_LENGTH else text[:MAX_KEY_LENGTH] + '…'}")
    return ", ".join(parts)


def _why_not(error: ReadingError, relation: Relation, user: str, limit_ms: int) -> str:
    if error.sqlstate == "57014":
        return f"Counting the rows that break it took longer than {limit_ms} ms and was stopped."
    if error.sqlstate == "55P03":
        return "The table is locked: the rows that break it were not counted."
    if error.sqlstate == "42501" and "row-level security" in error.reason:
        return (
            "Row-level security hides rows from this role, so those that break it were not counted;"
            f" ALTER ROLE {identifier(user)} BYPASSRLS would let it see them."
        )
    if error.sqlstate == "42501":
        grant = f"GRANT SELECT ON {relation.label} TO {identifier(user)}"
        return f"Rows that break it cannot be counted without {grant}."
    return f"Rows that break it could not be counted: {error.reason}."
