"""Whether a step's end is in the catalog: name, state and definition, compared as the readings compare."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from profiles.errors import ConfigurationError
from profiles.manifest import ConstraintEntry, IndexEntry, Manifest
from sql.constraints import read_constraints
from sql.findings import ConstraintFinding, IndexFinding
from sql.indexes import read_indexes
from sql.quoting import qualified
from sql.requirements import Requirements, read
from sql.session import Session
from sql.steps import ddl
from sql.steps.catalog import statistics_of, statistics_stand
from sql.steps.step import (
    ConstraintGone,
    ConstraintStands,
    IndexGone,
    IndexStands,
    MigrationAt,
    StatisticsStand,
    Step,
)

REVISIONS = "SELECT version_num::pg_catalog.text AS revision FROM {table} ORDER BY 1"


@dataclass(frozen=True)
class End:
    """What the catalog shows of a step's end."""

    reached: bool
    sentence: str
    """Without a full stop."""
    definition: str | None = None
    """As the server prints it; None where there is nothing."""


async def read_proven_end(
    session: Session, step: Step, requirements: Requirements | None, search_path: str = "public"
) -> End:
    """Read the end state of a step again, definition and all.

    Args:
        requirements: for a step that does not carry the definition itself; None: its name and state count.
        search_path: of the plan, where there are no requirements to say it.

    Raises:
        ReadingError: the catalog could not be read.
        SessionError: the connection is lost.
    """
    end = step.end
    search_path = requirements.search_path if requirements else search_path
    if isinstance(end, IndexStands):
        return await _index(session, end, search_path)
    if isinstance(end, ConstraintStands):
        return await _constraint(session, end, requirements, search_path)
    if isinstance(end, IndexGone):
        return await _index_gone(session, end)
    if isinstance(end, ConstraintGone):
        rows = await session.fetch("run_constraint", end.schema, end.table, end.name)
        return End(not rows, f"{end.name} is {'still there' if rows else 'gone'}")
    if isinstance(end, StatisticsStand):
        known = statistics_stand(end, await session.fetch("step_statistics", *statistics_of(end)))
        return End(known.reached, known.sentence)
    return await _migration(session, end)


async def _index(session: Session, end: IndexStands, search_path: str) -> End:
    text = ddl.create_index(end)
    try:
        wanted = read(_manifest(search_path, indexes=(IndexEntry(text),)))
    except ConfigurationError as error:
        return End(False, f"{end.name} could not be compared ({error.user_message()})")
    found = (await read_indexes(session, wanted)).indexes[0]
    if found.finding is IndexFinding.PRESENT:
        return End(True, f"{end.name} is valid, its definition as wanted", found.actual)
    actual = found.actual if found.oid is not None else None
    detail = _clause(found.detail)
    return End(False, f"{end.name} is {found.finding.value.replace('_', ' ')}{detail}", actual)


async def _constraint(
    session: Session, end: ConstraintStands, requirements: Requirements | None, search_path: str
) -> End:
    definition = end.definition or next(
        (
            each.entry.definition
            for each in (requirements.constraints if requirements else ())
            if (each.name, each.table) == (end.name, end.table)
        ),
        "",
    )
    if not definition:
        rows = await session.fetch("run_constraint", end.schema, end.table, end.name)
        if not rows or rows[0]["kind"] != "c":
            return End(False, f"{end.name} is not there")
        validated = bool(rows[0]["validated"])
        return End(
            validated or not end.validated, f"{end.name} is {'' if validated else 'not yet '}validated"
        )
    entry = ConstraintEntry(qualified(end.schema, end.table), end.name, definition)
    wanted = read(_manifest(search_path, constraints=(entry,)))
    found = (await read_constraints(session, wanted, count_violations=False)).constraints[0]
    if found.finding is ConstraintFinding.ENFORCED:
        return End(True, f"{end.name} is validated, its definition as wanted", found.actual)
    if found.finding is ConstraintFinding.NOT_VALIDATED:
        sentence = f"{end.name} holds for new rows, its definition as wanted; it is not validated"
        return End(not end.validated, sentence, found.actual)
    detail = _clause(found.detail)
    return End(False, f"{end.name} is {found.finding.value.replace('_', ' ')}{detail}", found.actual)


async def _index_gone(session: Session, end: IndexGone) -> End:
    rows = await session.fetch("run_index", end.schema, end.name)
    if not rows:
        return End(True, f"{end.name} is gone")
    row = rows[0]
    how = ""
    if not row["live"]:
        how = ", half dropped and of no use to queries"
    elif not (row["valid"] and row["ready"]):
        # A build that died and a drop in its first phase look alike.
        how = ", INVALID and of no use to queries"
    return End(False, f"{end.name} is still there{how}")


async def _migration(session: Session, end: MigrationAt) -> End:
    table = qualified(end.schema, end.table)
    rows = await session.fetch_composed(REVISIONS.format(table=table))
    found = [row["revision"] for row in rows]
    reached = found == [end.revision]
    says = ", ".join(found) or "no revision"
    return End(reached, f"{table} holds {says}", says)


def _manifest(
    search_path: str,
    indexes: tuple[IndexEntry, ...] = (),
    constraints: tuple[ConstraintEntry, ...] = (),
) -> Manifest:
    return Manifest(
        "step", "Step", Path("step"), search_path=search_path, indexes=indexes, constraints=constraints
    )


def _clause(detail: str) -> str:
    return f" ({detail.rstrip('.')})" if detail else ""
