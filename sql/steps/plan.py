"""From findings to ordered steps: the plan that takes a database to its manifest, and the way back.

Pure: nothing is asked of the server here. What is uncertain is refused with the reason, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from profiles.manifest import Manifest, Priority
from sql.findings import MigrationFinding
from sql.quoting import table_name
from sql.snapshots import (
    ConstraintReading,
    ConstraintsSnapshot,
    IndexesSnapshot,
    IndexReading,
    MigrationReading,
    MigrationSnapshot,
)
from sql.steps import ddl
from sql.steps.chain import Chain, constraint_key, index_key
from sql.steps.constraint_steps import fix_constraint, roll_back_constraint
from sql.steps.facts import Facts
from sql.steps.index_steps import fix_index, roll_back_index
from sql.steps.statistics_steps import analyze_steps
from sql.steps.step import Direction, MigrationAt, Plan, Refusal, Step, Verb
from sql.verdict import Parts

RANK = {priority: rank for rank, priority in enumerate(Priority)}
NO_FACTS = Facts()


def plan(manifest: Manifest, parts: Parts, facts: Facts = NO_FACTS) -> Plan:
    """The steps that take the database to its manifest, by priority; then ANALYZE; the revision last.

    Args:
        manifest: what it must have.
        parts: the readings; of a part that was not read, nothing is planned.
        facts: see `sql.steps.facts`; without them every table is taken for an ordinary one.
    """
    indexes = [(each, facts.of_index(each)) for each in _indexes(parts)]
    cases = [(reading, known, fix_index(reading, known)) for reading, known in indexes]
    chains = [chain for _, _, chain in cases]
    chains += [fix_constraint(reading, facts.of_constraint(reading)) for reading in _constraints(parts)]
    chains.sort(key=lambda chain: RANK[chain.priority])
    chains += [Chain((step,), priority=step.priority) for step in analyze_steps(cases)]
    return _assembled(Direction.FIX, manifest, chains, _fix_migration(manifest, parts, chains))


def rollback(manifest: Manifest, parts: Parts, facts: Facts = NO_FACTS) -> Plan:
    """The steps that take the manifest's objects away, in reverse: constraints, indexes, then the revision.

    What is not as the manifest has it is not ours to drop, and refused; what it says to keep stays.
    """
    kept = {entry.definition for entry in manifest.indexes if entry.keep}
    chains = [
        roll_back_constraint(reading, facts.of_constraint(reading))
        for reading in reversed(_constraints(parts))
    ]
    chains += [
        roll_back_index(reading, facts.of_index(reading))
        for reading in reversed(_indexes(parts))
        if reading.declared not in kept
    ]
    return _assembled(Direction.ROLLBACK, manifest, chains, _roll_back_migration(manifest, parts, chains))


def with_steps(parts: Parts, fix: Plan) -> Parts:
    """The readings, each with the id of the first step that mends it (or tidies it up)."""
    first: dict[str, str] = {}
    for step in (*fix.steps, *fix.offered):
        first.setdefault(step.mends, step.id)
    indexes, constraints = parts.indexes, parts.constraints
    if isinstance(indexes, IndexesSnapshot):
        readings = tuple(replace(each, step=first.get(index_key(each))) for each in indexes.indexes)
        indexes = replace(indexes, indexes=readings)
    if isinstance(constraints, ConstraintsSnapshot):
        checks = tuple(
            replace(each, step=first.get(constraint_key(each))) for each in constraints.constraints
        )
        constraints = replace(constraints, constraints=checks)
    return replace(parts, indexes=indexes, constraints=constraints)


def _indexes(parts: Parts) -> tuple[IndexReading, ...]:
    return parts.indexes.indexes if isinstance(parts.indexes, IndexesSnapshot) else ()


def _constraints(parts: Parts) -> tuple[ConstraintReading, ...]:
    return parts.constraints.constraints if isinstance(parts.constraints, ConstraintsSnapshot) else ()


def _assembled(direction: Direction, manifest: Manifest, chains: Iterable[Chain], last: Chain) -> Plan:
    every = [*chains, last]
    return Plan(
        direction,
        tuple(step for chain in every for step in chain.steps),
        tuple(refusal for chain in every for refusal in chain.refused),
        manifest.search_path,
        tuple(step for chain in every for step in chain.offered),
    )


def _fix_migration(manifest: Manifest, parts: Parts, chains: Iterable[Chain]) -> Chain:
    if manifest.migration is None or not isinstance(parts.migration, MigrationSnapshot):
        return Chain()
    reading = parts.migration.migration
    if reading.finding is MigrationFinding.CURRENT:
        return Chain()
    unread = (manifest.indexes and not isinstance(parts.indexes, IndexesSnapshot)) or (
        manifest.constraints and not isinstance(parts.constraints, ConstraintsSnapshot)
    )
    if unread or any(chain.refused for chain in chains):
        reason = "the revision is only a mark: it is set when nothing above is refused or unread any more"
        return Chain(refused=(Refusal("migration", reason),))
    return _set_migration(reading, reading.expected)


def _roll_back_migration(manifest: Manifest, parts: Parts, chains: Iterable[Chain]) -> Chain:
    if manifest.migration is None or not isinstance(parts.migration, MigrationSnapshot):
        return Chain()
    reading = parts.migration.migration
    target = manifest.migration.rollback_to
    if target is None:
        reason = "the manifest does not say where to: set rollback_to in [migration]"
        return Chain(refused=(Refusal("migration", reason),))
    if reading.actual == (target,):
        return Chain()
    if any(chain.refused for chain in chains):
        reason = "the revision is only a mark: it is set back when nothing above is refused any more"
        return Chain(refused=(Refusal("migration", reason),))
    if reading.finding is not MigrationFinding.CURRENT:
        reason = f"the revision is not {reading.expected}, so it is not ours to set back"
        return Chain(refused=(Refusal("migration", reason),))
    return _set_migration(reading, target)


def _set_migration(reading: MigrationReading, revision: str) -> Chain:
    refusals = {
        MigrationFinding.SEVERAL_HEADS: "the table has several heads: merge them with your migration tool",
        MigrationFinding.EMPTY: "the table is empty: stamp it with your migration tool",
        MigrationFinding.NO_TABLE: "there is no such table: stamp the database with your migration tool",
        MigrationFinding.UNREADABLE: "the revision could not be read",
    }
    name = table_name(reading.table)
    if reading.finding in refusals or name is None or len(reading.actual) != 1:
        reason = refusals.get(reading.finding, "the table that holds the revision is not known")
        return Chain(refused=(Refusal("migration", reason),))
    (actual,) = reading.actual
    end = MigrationAt(*name, revision, actual)
    step = Step(
        verb=Verb.SET_MIGRATION,
        target=revision,
        table=reading.table,
        statements=(ddl.set_migration(*name, actual, revision),),
        end=end,
        undo=(ddl.set_migration(*name, revision, actual),),
        lock="RowExclusiveLock",
        blocks="only another change of the same row",
        timeouts={"lock_timeout": "3s", "statement_timeout": "10s"},
        note="This sets the mark alone; your migration tool will take the revision for applied.",
        mends="migration",
    )
    return Chain(steps=(step,))
