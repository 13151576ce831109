"""What a plan proves of an index depends on what the index is: two readings joined, as with the pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from sql.findings import IndexFinding
from sql.snapshots import IndexesSnapshot, ProbesSnapshot, Unavailable

if TYPE_CHECKING:
    from sql.latency.readings import ProbePlan
    from sql.verdict import Parts

WITHOUT = "is there, and the planner does without it"
"""All that the planner alone can tell of an index that serves the query and is not chosen."""
AT_SCALE = "; the index serves at scale"
CHOSE: Mapping[IndexFinding, str] = {
    IndexFinding.PRESENT: "could serve, the planner chose otherwise",
    IndexFinding.DRIFTED: "is not as declared, and the planner does without it",
}
"""By what the index is found to be."""


def with_probes(parts: Parts, probes: ProbesSnapshot | Unavailable) -> Parts:
    """The parts, and what was measured beside them."""
    if isinstance(probes, ProbesSnapshot) and isinstance(parts.indexes, IndexesSnapshot):
        probes = with_findings(probes, parts.indexes)
    return replace(parts, probes=probes)


def with_findings(probes: ProbesSnapshot, indexes: IndexesSnapshot) -> ProbesSnapshot:
    """The probes; of an index only what is as declared and valid is said to serve."""
    found = {each.name: each.finding for each in indexes.indexes}
    readings = tuple(
        reading
        if reading.plan is None or reading.plan.expected_index not in found
        else replace(reading, plan=_noted(reading.plan, found[reading.plan.expected_index]))
        for reading in probes.probes
    )
    return replace(probes, probes=readings)


def _noted(plan: ProbePlan, finding: IndexFinding) -> ProbePlan:
    note = plan.note.replace(WITHOUT, CHOSE.get(finding, WITHOUT))
    if finding is not IndexFinding.PRESENT:
        note = note.replace(AT_SCALE, "")
    return plan if note == plan.note else replace(plan, note=note)
