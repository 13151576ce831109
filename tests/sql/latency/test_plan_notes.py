"""What is said of an index that the planner does without, by what the index is."""

from __future__ import annotations

from datetime import UTC, datetime

from profiles.manifest import Priority, Target
from sql.findings import IndexFinding, ProbeFinding
from sql.latency.plan_notes import with_probes
from sql.latency.readings import RIGHT_TO_SCAN, ProbePlan, ProbeReading
from sql.snapshots import IndexesSnapshot, IndexReading, ProbesSnapshot, Unavailable
from sql.verdict import Parts

NOW = datetime(2026, 1, 19, tzinfo=UTC)
LACKS = ProbePlan(
    "Seq Scan", False, "i", "index i is there, and the planner does without it (9 rows on 1 page)"
)
SMALL = ProbePlan("Seq Scan", False, "i", f"{RIGHT_TO_SCAN} (9 rows on 1 page); the index serves at scale")


def note(plan: ProbePlan | None, finding: IndexFinding, name: str = "i") -> str | None:
    """The note of a plan where the index is found to be so."""
    probe = ProbeReading("p", "Lists", ProbeFinding.MET, 200, 0, Target(), plan=plan)
    index = IndexReading(name, "public.t", Priority.NORMAL, finding, "CREATE INDEX i ON t (a)")
    parts = with_probes(Parts(indexes=IndexesSnapshot(NOW, (index,))), ProbesSnapshot(NOW, (probe,)))
    assert isinstance(parts.probes, ProbesSnapshot)
    found = parts.probes.probes[0].plan
    return None if found is None else found.note


def test_only_an_index_as_declared_and_valid_is_said_to_serve() -> None:
    said = {finding: note(LACKS, finding) for finding in IndexFinding}
    assert (
        said.pop(IndexFinding.PRESENT)
        == "index i could serve, the planner chose otherwise (9 rows on 1 page)"
    )
    assert said.pop(IndexFinding.DRIFTED) == (
        "index i is not as declared, and the planner does without it (9 rows on 1 page)"
    )
    assert set(said.values()) == {LACKS.note}
    assert note(LACKS, IndexFinding.PRESENT, "another") == LACKS.note


def test_only_of_such_a_one_it_is_said_that_it_serves_at_scale() -> None:
    assert note(SMALL, IndexFinding.PRESENT) == SMALL.note
    assert note(SMALL, IndexFinding.DRIFTED) == f"{RIGHT_TO_SCAN} (9 rows on 1 page)"


def test_what_was_not_read_is_left_as_it_is() -> None:
    assert note(None, IndexFinding.PRESENT) is None
    lacking = Unavailable("probes", "lost")
    assert with_probes(Parts(), lacking).probes is lacking
