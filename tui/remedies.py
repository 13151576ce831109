"""What the plan says of one reading; made when somebody asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from sql.snapshots import (
    ConstraintReading,
    ConstraintsSnapshot,
    IndexesSnapshot,
    IndexReading,
    MigrationReading,
)

if TYPE_CHECKING:
    from profiles.manifest import Manifest
    from sql.steps.facts import Facts
    from sql.steps.step import Direction
    from sql.verdict import Parts
    from tui.present.details import Remedy

Mendable: TypeAlias = IndexReading | ConstraintReading | MigrationReading
MIGRATION = "migration"
"""How a plan's steps and refusals name the migration version."""


def remedy_of(
    reading: Mendable,
    manifest: Manifest,
    parts: Parts,
    direction: Direction | None = None,
    facts: Facts | None = None,
) -> Remedy:
    """The steps that mend what was read, or take it away again, or why there are none.

    Planned from this one reading alone: a plan of five thousand indexes takes longer than a key may.

    Args:
        direction: None fixes.
        facts: as `sql.steps.plan.plan` wants them.
    """
    from sql.steps import plan as planning
    from sql.steps.step import Direction
    from tui.present.details import Remedy

    make = planning.rollback if direction is Direction.ROLLBACK else planning.plan
    known = facts if facts is not None else planning.NO_FACTS
    if isinstance(reading, MigrationReading):
        whole = make(manifest, parts, known)
        steps = tuple(step for step in whole.steps if step.mends == MIGRATION)
        refusal = next((each for each in whole.refused if each.target == MIGRATION), None)
        return Remedy(steps, refusal)
    narrow = replace(parts, indexes=None, constraints=None, migration=None, probes=None, pool=None)
    if isinstance(reading, IndexReading) and isinstance(parts.indexes, IndexesSnapshot):
        narrow = replace(narrow, indexes=replace(parts.indexes, indexes=(reading,)))
    elif isinstance(reading, ConstraintReading) and isinstance(parts.constraints, ConstraintsSnapshot):
        narrow = replace(narrow, constraints=replace(parts.constraints, constraints=(reading,)))
    made = make(manifest, narrow, known)
    return Remedy((*made.steps, *made.offered), next(iter(made.refused), None))
