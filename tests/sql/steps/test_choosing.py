"""What ids mean: one direction a go, nothing twice, nothing out of turn."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from profiles.manifest import Priority
from sql.findings import ConstraintFinding, IndexFinding, MigrationFinding
from sql.snapshots import (
    ConstraintReading,
    ConstraintsSnapshot,
    IndexesSnapshot,
    IndexReading,
    MigrationReading,
    MigrationSnapshot,
)
from sql.steps.choosing import Choice, Readiness, UnknownStep, choose, predecessors
from sql.steps.constraint_steps import fix_constraint, roll_back_constraint
from sql.steps.facts import ConstraintFacts, IndexFacts
from sql.steps.index_steps import fix_index, roll_back_index
from sql.steps.step import Direction, Plan, Refusal
from sql.verdict import Parts

NOW = datetime(2026, 11, 22, tzinfo=UTC)
READY, THERE, REFUSED = Readiness.READY, Readiness.THERE, Readiness.REFUSED


def index(finding: IndexFinding, name: str = "i") -> IndexReading:
    declared = f"CREATE INDEX {name} ON t (a)"
    return IndexReading(name, "public.t", Priority.NORMAL, finding, declared, actual=declared)


def constraint(finding: ConstraintFinding, violations: int = 0) -> ConstraintReading:
    return ConstraintReading("ck", "public.t", finding, "CHECK (a > 0)", violations=violations)


def state(
    *readings: IndexReading | ConstraintReading, revision: str | None = None
) -> tuple[dict[Direction, Plan], Parts]:
    """The two plans of an ordinary table, and the readings that they come from."""
    indexes = tuple(each for each in readings if isinstance(each, IndexReading))
    checks = tuple(each for each in readings if isinstance(each, ConstraintReading))
    migration = None
    if revision is not None:
        found = MigrationReading(MigrationFinding.CURRENT, "005", (revision,), "public.v")
        migration = MigrationSnapshot(NOW, found)
    parts = Parts(IndexesSnapshot(NOW, indexes), ConstraintsSnapshot(NOW, checks), migration=migration)
    fix = [fix_index(each, IndexFacts()) for each in indexes]
    fix += [fix_constraint(each, ConstraintFacts()) for each in checks]
    back = [roll_back_index(each, IndexFacts()) for each in indexes]
    back += [roll_back_constraint(each, ConstraintFacts()) for each in checks]
    plans = {
        way: Plan(
            way,
            tuple(step for chain in chains for step in chain.steps),
            tuple(refusal for chain in chains for refusal in chain.refused),
            offered=tuple(step for chain in chains for step in chain.offered),
        )
        for way, chains in ((Direction.FIX, fix), (Direction.ROLLBACK, back))
    }
    return plans, parts


def meant(
    plans: dict[Direction, Plan], parts: Parts, *ids: str, direction: Direction | None = None
) -> tuple[Direction, list[Readiness]]:
    way, choices = choose(ids, plans, parts, direction)
    return way, [choice.readiness for choice in choices]


@pytest.mark.parametrize(
    ("finding", "ids", "way", "readiness"),
    [
        (IndexFinding.MISSING, ("create-index:i",), Direction.FIX, [READY]),
        (IndexFinding.PRESENT, ("create-index:i",), Direction.FIX, [THERE]),
        (IndexFinding.PRESENT, ("drop-index:i",), Direction.ROLLBACK, [READY]),
        (IndexFinding.MISSING, ("drop-index:i",), Direction.FIX, [THERE]),
        (IndexFinding.INVALID, ("drop-index:i", "create-index:i"), Direction.FIX, [READY, READY]),
        (IndexFinding.EQUIVALENT, ("create-index:i__pgdeck_new",), None, []),
        (IndexFinding.DRIFTED, ("swap-index:i",), Direction.FIX, [READY]),
        (IndexFinding.PRESENT, ("swap-index:i", "drop-index:i__pgdeck_old"), Direction.FIX, [THERE, THERE]),
        (IndexFinding.BUILDING, ("create-index:i",), Direction.FIX, [REFUSED]),
        (IndexFinding.UNVERIFIED, ("drop-index:i",), Direction.FIX, [REFUSED]),
    ],
)
def test_an_index(
    finding: IndexFinding, ids: tuple[str, ...], way: Direction | None, readiness: list[Readiness]
) -> None:
    plans, parts = state(index(finding))
    if way is None:
        with pytest.raises(UnknownStep):
            choose(ids, plans, parts)
    else:
        assert meant(plans, parts, *ids) == (way, readiness)


def test_a_leftover_that_somebody_mended_meanwhile_is_not_dropped_in_the_same_go() -> None:
    plans, parts = state(index(IndexFinding.PRESENT))
    assert meant(plans, parts, "drop-index:i", "create-index:i") == (Direction.FIX, [THERE, THERE])


def test_a_direction_that_is_given_is_kept_although_the_plan_changed() -> None:
    plans, parts = state(index(IndexFinding.PRESENT))
    with pytest.raises(UnknownStep):
        choose(["drop-index:i"], plans, parts, Direction.FIX)


@pytest.mark.parametrize(
    ("finding", "step", "way", "readiness"),
    [
        (ConstraintFinding.MISSING, "add-constraint:t.ck", Direction.FIX, READY),
        (ConstraintFinding.NOT_VALIDATED, "add-constraint:t.ck", Direction.FIX, THERE),
        (ConstraintFinding.NOT_VALIDATED, "validate-constraint:t.ck", Direction.FIX, READY),
        (ConstraintFinding.ENFORCED, "validate-constraint:t.ck", Direction.FIX, THERE),
        (ConstraintFinding.ENFORCED, "drop-constraint:t.ck", Direction.ROLLBACK, READY),
        (ConstraintFinding.MISSING, "drop-constraint:t.ck", Direction.ROLLBACK, THERE),
        (ConstraintFinding.DRIFTED, "swap-constraint:t.ck", Direction.FIX, READY),
    ],
)
def test_a_constraint(finding: ConstraintFinding, step: str, way: Direction, readiness: Readiness) -> None:
    plans, parts = state(constraint(finding))
    assert meant(plans, parts, step) == (way, [readiness])


def test_a_validation_that_rows_stand_in_the_way_of_is_refused_with_the_select() -> None:
    plans, parts = state(constraint(ConstraintFinding.NOT_VALIDATED, violations=3))
    _, (choice,) = choose(["validate-constraint:t.ck"], plans, parts)
    assert choice.readiness is REFUSED
    assert "3 rows break it" in choice.sentence
    assert choice.listing.startswith("SELECT * FROM public.t")


def test_the_revision() -> None:
    plans, parts = state(revision="005")
    assert meant(plans, parts, "set-migration:005") == (Direction.FIX, [THERE])
    refused = Plan(Direction.FIX, (), (Refusal("migration", "several heads"),))
    plans[Direction.FIX] = refused
    assert choose(["set-migration:006"], plans, parts)[1] == (
        Choice("set-migration:006", REFUSED, sentence="several heads"),
    )


def test_an_id_twice_is_one_step() -> None:
    plans, parts = state(index(IndexFinding.MISSING))
    assert meant(plans, parts, "create-index:i", "create-index:i")[1] == [READY]


def test_both_ways_at_once_is_refused_with_what_goes_where() -> None:
    plans, parts = state(index(IndexFinding.PRESENT), constraint(ConstraintFinding.MISSING))
    with pytest.raises(UnknownStep) as raised:
        choose(["drop-index:i", "add-constraint:t.ck"], plans, parts)
    assert "go both ways (fix: add-constraint:t.ck; rollback: drop-index:i" in str(raised.value)


@pytest.mark.parametrize(
    ("step", "remedy"),
    [
        ("create-index:ii", "did you mean create-index:i?"),
        ("add-index:i", "did you mean create-index:i?"),
        ("nonsense", "pgdeck plan -e PROFILE lists the steps"),
    ],
)
def test_a_step_that_is_none_says_which_may_be_meant(step: str, remedy: str) -> None:
    plans, parts = state(index(IndexFinding.MISSING))
    with pytest.raises(UnknownStep) as raised:
        choose([step], plans, parts)
    assert str(raised.value) == f"{step}: is no step of this database; {remedy}"


def test_what_comes_before_a_step_is_its_chain_and_before_nothing_else() -> None:
    plans, _ = state(index(IndexFinding.DRIFTED), index(IndexFinding.MISSING, "j"))
    fix = plans[Direction.FIX]
    before = {step.id: [each.id for each in predecessors(step, fix)] for step in fix.steps}
    assert before == {
        "create-index:i__pgdeck_new": [],
        "swap-index:i": ["create-index:i__pgdeck_new"],
        "drop-index:i__pgdeck_old": ["create-index:i__pgdeck_new", "swap-index:i"],
        "create-index:j": [],
    }
