"""Requirements from a few definitions, without a manifest file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from profiles.manifest import ConstraintEntry, IndexEntry, Manifest
from sql.constraints import read_constraints
from sql.indexes import read_indexes
from sql.requirements import Requirements, read
from sql.snapshots import ConstraintReading, IndexReading
from tests.servers import Database
from tests.sql.sessions import session


def requirements(
    indexes: Iterable[str | IndexEntry] = (),
    constraints: Iterable[ConstraintEntry] = (),
    *,
    search_path: str = "public",
) -> Requirements:
    """What a manifest with these entries requires."""
    entries = tuple(each if isinstance(each, IndexEntry) else IndexEntry(each) for each in indexes)
    return read(
        Manifest(
            "test",
            "Test",
            Path("test.toml"),
            search_path=search_path,
            indexes=entries,
            constraints=tuple(constraints),
        )
    )


async def index_readings(
    database: Database,
    *definitions: str,
    user: str = "postgres",
    search_path: str = "public",
    was_valid: frozenset[int] = frozenset(),
) -> list[IndexReading]:
    """How each definition reads on a database."""
    async with session(database, user) as watching:
        wanted = requirements(definitions, search_path=search_path)
        return list((await read_indexes(watching, wanted, was_valid=was_valid)).indexes)


async def index_reading(database: Database, definition: str, **options: object) -> IndexReading:
    """How one definition reads on a database."""
    return (await index_readings(database, definition, **options))[0]  # type: ignore[arg-type]


async def constraint_readings(
    database: Database,
    *entries: ConstraintEntry,
    user: str = "postgres",
    search_path: str = "public",
    limit_ms: int = 2000,
) -> list[ConstraintReading]:
    """How each constraint reads on a database."""
    async with session(database, user) as watching:
        wanted = requirements(constraints=entries, search_path=search_path)
        return list((await read_constraints(watching, wanted, limit_ms=limit_ms)).constraints)


async def constraint_reading(
    database: Database, entry: ConstraintEntry, **options: object
) -> ConstraintReading:
    """How one constraint reads on a database."""
    return (await constraint_readings(database, entry, **options))[0]  # type: ignore[arg-type]
