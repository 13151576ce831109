"""What a plan must know beyond the findings: what bears a name, what hangs on it, what stands beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sql.quoting import TableName, table_name
from sql.snapshots import ConstraintReading, IndexReading
from sql.steps.ddl import NEW, OLD, beside
from sql.steps.step import IndexStands

if TYPE_CHECKING:  # the deck plans before it imports asyncpg
    from sql.session import Session
    from sql.steps.remembered import Remembered


@dataclass(frozen=True)
class Holder:
    """What bears an index's name in the table's schema."""

    table_kind: str | None = "r"
    """pg_class.relkind of the table; None: there is no such table."""
    kind: str | None = None
    """relkind of what bears the name; None: nothing does."""
    on_table: bool = False
    usable: bool = False
    """Valid, ready and live."""
    backs: str | None = None
    """A constraint that this index serves; such an index is never dropped or replaced."""
    replica_identity: bool = False
    attached: bool = False
    """It is a partition of a partitioned index."""


@dataclass(frozen=True)
class IndexFacts:
    """An index's name, and the two names that stand beside it while it is replaced."""

    itself: Holder = Holder()
    new: Holder = Holder()
    old: Holder = Holder()
    old_definition: str | None = None
    """Of the index that an earlier replacement put aside, as the server prints it; None: there is none."""
    replaced: IndexStands | None = None
    """What bore the name before pgdeck replaced it, by the journal's word."""
    pages: int | None = None
    """Of its table; None: not to be seen."""
    table_analysed: bool | None = None
    """Whether the planner has statistics of the table; None: not to be seen."""
    expressions_analysed: bool | None = None
    """The same of the index's expressions; None also where it has none, or is not there."""


@dataclass(frozen=True)
class ConstraintFacts:
    """What bears a constraint's name on its table, and what stands beside it."""

    table_kind: str | None = "r"
    kind: str | None = None
    """pg_constraint.contype; None: nothing bears the name."""
    inherited: bool = False
    new_kind: str | None = None
    new_validated: bool = False


@dataclass(frozen=True)
class Facts:
    """Facts of all required objects, by their reading's `table` and `name`."""

    indexes: Mapping[tuple[str, str], IndexFacts] = field(default_factory=dict)
    constraints: Mapping[tuple[str, str], ConstraintFacts] = field(default_factory=dict)

    def of_index(self, reading: IndexReading) -> IndexFacts:
        """The facts of one index; where they were not read, those of an ordinary table."""
        return self.indexes.get((reading.table, reading.name), IndexFacts())

    def of_constraint(self, reading: ConstraintReading) -> ConstraintFacts:
        """The facts of one constraint; where they were not read, those of an ordinary table."""
        return self.constraints.get((reading.table, reading.name), ConstraintFacts())


async def read_facts(
    session: Session,
    indexes: Sequence[IndexReading],
    constraints: Sequence[ConstraintReading],
    remembered: Remembered | None = None,
) -> Facts:
    """Read the facts of what the readings speak of: four catalog SELECTs at most.

    Args:
        remembered: what the journal knows; only rolling back needs it.

    Raises:
        ReadingError: the catalog could not be read.
        SessionError: the connection is lost.
    """
    return Facts(
        await _of_indexes(session, indexes, remembered.replaced if remembered else {}),
        await _of_constraints(session, constraints),
    )


async def _of_indexes(
    session: Session, readings: Sequence[IndexReading], replaced: Mapping[TableName, IndexStands]
) -> dict[tuple[str, str], IndexFacts]:
    wanted = [(reading, name) for reading in readings if (name := table_name(reading.table))]
    names = [
        (*table, name)
        for reading, table in wanted
        for name in (reading.name, beside(reading.name, NEW), beside(reading.name, OLD))
    ]
    rows = await session.fetch("step_index_facts", *_columns(names))
    holders = [
        Holder(
            row["table_kind"],
            row["holder_kind"],
            row["on_table"],
            row["usable"],
            row["backs"],
            row["replica_identity"],
            row["attached"],
        )
        for row in rows
    ]
    aside = await _definitions(
        session,
        [name for name, holder in zip(names, holders, strict=True) if holder.kind and name[2].endswith(OLD)],
    )
    own = [(*table, reading.name) for reading, table in wanted]
    known = await session.fetch("step_statistics", *_columns(own))
    return {
        (reading.table, reading.name): IndexFacts(
            holders[3 * place],
            holders[3 * place + 1],
            holders[3 * place + 2],
            aside.get((table[0], beside(reading.name, OLD))),
            replaced.get((table[0], reading.name)),
            row["pages"],
            row["table_known"],
            row["expressions_known"],
        )
        for place, ((reading, table), row) in enumerate(zip(wanted, known, strict=True))
    }


async def _definitions(
    session: Session, names: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str], str | None]:
    """How the server prints indexes, by schema and name."""
    if not names:
        return {}
    schemas, _, indexes = _columns(names)
    rows = await session.fetch("step_name_states", schemas, indexes)
    return {(schemas[row["position"] - 1], row["name"]): row["definition"] for row in rows}


async def _of_constraints(
    session: Session, readings: Sequence[ConstraintReading]
) -> dict[tuple[str, str], ConstraintFacts]:
    wanted = [(reading, name) for reading in readings if (name := table_name(reading.table))]
    names = [
        (*table, name) for reading, table in wanted for name in (reading.name, beside(reading.name, NEW))
    ]
    rows = await session.fetch("step_constraint_facts", *_columns(names))
    return {
        (reading.table, reading.name): ConstraintFacts(
            own["table_kind"], own["holder_kind"], own["inherited"], new["holder_kind"], new["validated"]
        )
        for (reading, _), own, new in zip(wanted, rows[::2], rows[1::2], strict=True)
    }


def _columns(names: Iterable[tuple[str, str, str]]) -> tuple[list[str], list[str], list[str]]:
    columns: tuple[list[str], list[str], list[str]] = ([], [], [])
    for name in names:
        for column, value in zip(columns, name, strict=True):
            column.append(value)
    return columns
