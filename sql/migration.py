"""Which revision the schema is at, by Alembic's version table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from sql.errors import ReadingError
from sql.findings import MigrationFinding
from sql.quoting import identifier, qualified
from sql.snapshots import MigrationReading, MigrationSnapshot

if TYPE_CHECKING:
    from profiles.manifest import MigrationEntry
    from sql.session import Session

VERSION_COLUMN = "version_num"
MOST_HEADS = 20
"""More rows than that are no list of heads: the table is another one."""
INSUFFICIENT_PRIVILEGE = "42501"
_PATH_ENTRY = re.compile(r'"((?:[^"]|"")+)"|([^\s,"]+)')

Row: TypeAlias = Mapping[str, Any]


def schemas(search_path: str, user: str) -> list[str]:
    """The schemas of a search path, in order; `$user` is the role itself."""
    found = []
    for quoted, plain in _PATH_ENTRY.findall(search_path):
        name = quoted.replace('""', '"') or plain.lower()
        found.append(user if name == "$user" else name)
    return found


async def read_migration(session: Session, entry: MigrationEntry, search_path: str) -> MigrationSnapshot:
    """The revisions in the version table against the expected one.

    Raises:
        ReadingError: `entry.table` is no SQL name, or the table was locked.
        SessionError: the connection is lost.
    """
    path = schemas(search_path, session.identity.user)
    tables: list[Row] = await session.fetch("migration_tables", entry.table, path)
    reachable = [table for table in tables if table["place"] is not None]
    if reachable:
        reading = await _read(session, entry, reachable[0], tables)
    else:
        reading = _absent(entry, tables, search_path)
    return MigrationSnapshot(datetime.now(UTC), reading)


def _absent(entry: MigrationEntry, tables: Sequence[Row], search_path: str) -> MigrationReading:
    detail = f"there is no table {entry.table}"
    if tables:
        elsewhere = ", ".join(_name(table) for table in tables)
        detail += f" in the search path {search_path}, but {elsewhere}: name its schema in the manifest"
    return MigrationReading(MigrationFinding.NO_TABLE, entry.expected, (), entry.table, detail)


async def _read(
    session: Session, entry: MigrationEntry, table: Row, tables: Sequence[Row]
) -> MigrationReading:
    others = [_name(other) for other in tables if other["oid"] != table["oid"]]
    # A name that has its schema is not ambiguous, whatever else is there.
    ambiguous = bool(others) and table["place"] > 0
    also = f"; there is also {', '.join(others)}: name the schema in the manifest" if ambiguous else ""

    def reading(finding: MigrationFinding, detail: str, actual: tuple[str, ...] = ()) -> MigrationReading:
        return MigrationReading(
            finding, entry.expected, actual, _name(table), (detail + also).removeprefix("; ")
        )

    obstacle = _obstacle(table, session.identity.user)
    if obstacle:
        return reading(MigrationFinding.UNREADABLE, obstacle)
    try:
        rows = await session.fetch_composed(
            f"SELECT DISTINCT {VERSION_COLUMN}::text AS revision FROM {_name(table)} "  # noqa: S608
            f"WHERE {VERSION_COLUMN} IS NOT NULL ORDER BY 1 LIMIT {MOST_HEADS + 1}"
        )
    except ReadingError as error:
        if error.sqlstate != INSUFFICIENT_PRIVILEGE:
            raise
        return reading(MigrationFinding.UNREADABLE, error.reason)
    actual = tuple(row["revision"] for row in rows)
    return reading(*_judge(entry, actual), actual)


def _obstacle(table: Row, user: str) -> str:
    """What keeps this role from reading the revision, with its remedy; empty where nothing does."""
    if not table["has_version"]:
        return f"{_name(table)} has no column {VERSION_COLUMN}: it is not Alembic's version table"
    grants = []
    if not table["may_enter"]:
        grants.append(f"GRANT USAGE ON SCHEMA {identifier(table['schema'])} TO {identifier(user)}")
    if not table["may_read"]:
        grants.append(f"GRANT SELECT ON {_name(table)} TO {identifier(user)}")
    if grants:
        return f"permission denied for {_name(table)}: {'; '.join(grants)}"
    if table["rows_hidden"]:
        return f"row security hides rows of {_name(table)}: read it as a role with BYPASSRLS"
    return ""


def _judge(entry: MigrationEntry, actual: tuple[str, ...]) -> tuple[MigrationFinding, str]:
    if not actual:
        return MigrationFinding.EMPTY, "the table is empty: no revision has been applied"
    if len(actual) > 1:
        return MigrationFinding.SEVERAL_HEADS, f"the database is at several revisions: {', '.join(actual)}"
    revision = actual[0]
    if revision == entry.expected:
        return MigrationFinding.CURRENT, ""
    if revision == entry.rollback_to:
        return (
            MigrationFinding.BEHIND,
            f"revision {revision} is what the manifest rolls back to, not the expected {entry.expected}",
        )
    return (
        MigrationFinding.BEHIND,
        f"ahead or elsewhere: revision {revision} is not the expected {entry.expected};"
        " which of the two is newer only the migration scripts can tell",
    )


def _name(table: Row) -> str:
    return qualified(table["schema"], table["name"])
