"""What the plan says of one reading; made when somebody asks, and kept while the readings stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from sql.snapshots import ConstraintReading, IndexReading, MigrationReading
from tui.present.details import NOTHING_TO_DO, Remedy

if TYPE_CHECKING:
    from profiles.manifest import Manifest
    from sql.steps.step import Plan
    from sql.verdict import Parts

Mendable: TypeAlias = IndexReading | ConstraintReading | MigrationReading


class Remedies:
    """The plan of the newest readings, by reading."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._planned: tuple[Parts, Plan] | None = None

    def of(self, reading: Mendable, parts: Parts) -> Remedy:
        """The steps that mend what was read, or why there are none."""
        from sql.steps.chain import constraint_key, index_key

        plan = self._plan(parts)
        targets: tuple[str, ...]
        if isinstance(reading, IndexReading):
            key, targets = index_key(reading), (reading.name,)
        elif isinstance(reading, ConstraintReading):
            key, targets = constraint_key(reading), (f".{reading.name}", f'."{reading.name}"')
        else:
            key, targets = "migration", ("migration",)
        steps = tuple(step for step in (*plan.steps, *plan.offered) if step.mends == key)
        refusal = next((each for each in plan.refused if each.target.endswith(targets)), None)
        return Remedy(steps, refusal) if steps or refusal else NOTHING_TO_DO

    def _plan(self, parts: Parts) -> Plan:
        from sql.steps.plan import plan

        if self._planned is None or self._planned[0] != parts:
            self._planned = (parts, plan(self._manifest, parts))
        return self._planned[1]
