"""What the catalog shows of a step's end: the only judge of how a run went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from sql.quoting import qualified
from sql.statements import OLDEST_SUPPORTED, statement
from sql.steps.step import (
    ConstraintGone,
    ConstraintStands,
    EndState,
    IndexGone,
    IndexStands,
    MigrationAt,
    StatisticsStand,
    Step,
)

MIGRATION = "SELECT version_num::text AS revision FROM {table} ORDER BY 1"


@dataclass(frozen=True)
class IndexState:
    """What bears an index's name."""

    oid: int
    kind: str
    """pg_class.relkind; `i` for an index."""
    valid: bool = False
    ready: bool = False
    live: bool = False
    unique: bool = False
    table: tuple[str, str] | None = None
    """Schema and table."""

    @property
    def usable(self) -> bool:
        """Valid, ready and live: all three, or queries do not use it."""
        return self.valid and self.ready and self.live

    @property
    def flags(self) -> str:
        """`valid`, or how it is not: such as `invalid (ready, live)`."""
        if self.usable:
            return "valid"
        set_ones = [word for word in ("valid", "ready", "live") if getattr(self, word)]
        return f"invalid ({', '.join(set_ones) or 'not ready, not live'})"


@dataclass(frozen=True)
class EndReading:
    """Whether a step's end is reached."""

    reached: bool
    sentence: str


async def read_index(connection: asyncpg.Connection, schema: str, name: str) -> IndexState | None:
    """What bears the name in the schema; None: nothing does."""
    row = await connection.fetchrow(statement("run_index", OLDEST_SUPPORTED), schema, name)
    if row is None:
        return None
    if row["valid"] is None:
        return IndexState(row["oid"], row["kind"])
    return IndexState(
        oid=row["oid"],
        kind=row["kind"],
        valid=row["valid"],
        ready=row["ready"],
        live=row["live"],
        unique=row["unique"],
        table=(row["table_schema"], row["table_name"]),
    )


async def read_end(connection: asyncpg.Connection, end: EndState) -> EndReading:
    """Whether the catalog shows an end state. Names and flags; `verification` compares definitions too.

    Raises:
        asyncpg.PostgresError, asyncpg.InterfaceError, OSError: it could not be read.
    """
    if isinstance(end, IndexStands):
        return _index_stands(end, await read_index(connection, end.schema, end.name))
    if isinstance(end, IndexGone):
        return _index_gone(end, await read_index(connection, end.schema, end.name))
    if isinstance(end, MigrationAt):
        return await _migration(connection, end)
    if isinstance(end, StatisticsStand):
        rows = await connection.fetch(statement("step_statistics", OLDEST_SUPPORTED), *statistics_of(end))
        return statistics_stand(end, rows)
    row = await connection.fetchrow(
        statement("run_constraint", OLDEST_SUPPORTED), end.schema, end.table, end.name
    )
    if isinstance(end, ConstraintGone):
        return EndReading(row is None, f"{end.name} is {'gone' if row is None else 'still there'}")
    return _constraint_stands(end, row["validated"] if row and row["kind"] == "c" else None)


def index_of(step: Step) -> tuple[str, str] | None:
    """Schema and name of the index that a step makes or drops; None: it is not about one."""
    return (step.end.schema, step.end.name) if isinstance(step.end, IndexStands | IndexGone) else None


async def read_table_bytes(connection: asyncpg.Connection, schema: str, table: str) -> int | None:
    """The size of a table; None: it is not there, or locked."""
    try:
        row = await connection.fetchrow(statement("preview_table", OLDEST_SUPPORTED), schema, table)
    except asyncpg.PostgresError:
        return None
    return row["bytes"] if row else None


def statistics_of(end: StatisticsStand) -> tuple[list[str], list[str], list[str]]:
    """The arguments of `step_statistics` for an end state."""
    names = list(end.indexes) or [""]
    return [end.schema] * len(names), [end.table] * len(names), names


def statistics_stand(end: StatisticsStand, rows: Sequence[Mapping[str, Any]]) -> EndReading:
    """What the rows of `step_statistics` say of an end state. What may not be seen counts as there."""
    unknown = [
        name for name, row in zip(end.indexes, rows, strict=False) if row["expressions_known"] is False
    ]
    if rows[0]["table_known"] is False:
        return EndReading(False, f"{end.table} was never analysed")
    if unknown:
        return EndReading(False, f"the planner knows nothing of the expressions of {', '.join(unknown)}")
    of = f" and of the expressions of {', '.join(end.indexes)}" if end.indexes else ""
    return EndReading(True, f"the planner has statistics of {end.table}{of}")


def _index_stands(end: IndexStands, found: IndexState | None) -> EndReading:
    if found is None:
        return EndReading(False, f"{end.name} is not there")
    if found.kind != "i" or found.table != (end.schema, end.table):
        return EndReading(False, f"the name {end.name} is borne by something else")
    return EndReading(found.usable, f"{end.name} is {found.flags}")


def _index_gone(end: IndexGone, found: IndexState | None) -> EndReading:
    if found is None:
        return EndReading(True, f"{end.name} is gone")
    return EndReading(False, f"{end.name} is still there, {found.flags}")


def _constraint_stands(end: ConstraintStands, validated: bool | None) -> EndReading:
    if validated is None:
        return EndReading(False, f"{end.name} is not there")
    if end.validated and not validated:
        return EndReading(False, f"{end.name} is there, not validated")
    return EndReading(True, f"{end.name} is there, {'validated' if validated else 'not validated'}")


async def _migration(connection: asyncpg.Connection, end: MigrationAt) -> EndReading:
    rows = await connection.fetch(MIGRATION.format(table=qualified(end.schema, end.table)))
    found = [row["revision"] for row in rows]
    return EndReading(found == [end.revision], f"the revision is {', '.join(found) or 'not set'}")
