"""Plans, case by case, without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from profiles.manifest import IndexEntry, Manifest, MigrationEntry, Priority
from sql.findings import ConstraintFinding, IndexFinding, MigrationFinding
from sql.quoting import table_name
from sql.snapshots import (
    ConstraintReading,
    ConstraintsSnapshot,
    IndexesSnapshot,
    IndexReading,
    MigrationReading,
    MigrationSnapshot,
    Unavailable,
)
from sql.steps.ddl import NEW, OLD, beside
from sql.steps.facts import Facts, Holder, IndexFacts
from sql.steps.plan import plan, rollback, with_steps
from sql.steps.step import Plan
from sql.verdict import Parts

NOW = datetime(2026, 1, 19, tzinfo=UTC)
I = "CREATE INDEX CONCURRENTLY i ON t (a, b DESC)"  # noqa: E741


def index(
    finding: IndexFinding, name: str = "i", priority: Priority = Priority.NORMAL, **more: str
) -> IndexReading:
    declared = I.replace(" i ", f" {name} ")
    return IndexReading(name, "public.t", priority, finding, declared, **more)


def check(
    finding: ConstraintFinding, name: str = "c", violations: int | None = None, actual: str | None = None
) -> ConstraintReading:
    return ConstraintReading(name, "public.t", finding, "CHECK (a > 0)", actual=actual, violations=violations)


def parts(*readings: IndexReading | ConstraintReading, migration: MigrationReading | None = None) -> Parts:
    return Parts(
        indexes=IndexesSnapshot(NOW, tuple(each for each in readings if isinstance(each, IndexReading))),
        constraints=ConstraintsSnapshot(
            NOW, tuple(each for each in readings if isinstance(each, ConstraintReading))
        ),
        migration=MigrationSnapshot(NOW, migration) if migration else None,
    )


def manifest(migration: MigrationEntry | None = None, **more: tuple[IndexEntry, ...]) -> Manifest:
    return Manifest("m", "M", Path("m.toml"), migration=migration, **more)  # type: ignore[arg-type]


def ids(made: Plan) -> list[str]:
    return [step.id for step in made.steps]


def test_what_is_as_it_must_be_needs_nothing() -> None:
    found = parts(index(IndexFinding.PRESENT), check(ConstraintFinding.ENFORCED))
    assert plan(manifest(), found) == Plan(plan(manifest(), found).direction, ())


def test_a_missing_index_is_built_concurrently_and_undone_concurrently() -> None:
    (step,) = plan(manifest(), parts(index(IndexFinding.MISSING))).steps
    assert step.sql == "CREATE INDEX CONCURRENTLY i ON public.t (a, b DESC)"
    assert step.undo_sql == "DROP INDEX CONCURRENTLY public.i"
    assert step.lock == "ShareUpdateExclusiveLock"
    assert step.timeouts == {"lock_timeout": "0", "statement_timeout": "0"}


@pytest.mark.parametrize("finding", [IndexFinding.INVALID, IndexFinding.DISABLED])
def test_a_dead_index_is_dropped_first(finding: IndexFinding) -> None:
    assert ids(plan(manifest(), parts(index(finding)))) == ["drop-index:i", "create-index:i"]


@pytest.mark.parametrize("finding", [IndexFinding.BUILDING, IndexFinding.UNVERIFIED])
def test_what_is_uncertain_is_refused(finding: IndexFinding) -> None:
    made = plan(manifest(), parts(index(finding, detail="pid 7 builds it.")))
    assert made.steps == ()
    assert "pid 7 builds it" in made.refused[0].reason


def test_an_equivalent_index_is_offered_a_new_name() -> None:
    made = plan(manifest(), parts(index(IndexFinding.EQUIVALENT, equivalent="Old")))
    assert made.steps == ()
    (offered,) = made.offered
    assert (offered.id, offered.sql) == ("rename-index:i", 'ALTER INDEX public."Old" RENAME TO i')


def test_a_drifted_index_is_replaced_in_three_steps_that_know_their_undo() -> None:
    reading = index(IndexFinding.DRIFTED, actual="CREATE INDEX i ON public.t USING hash (a)")
    create, swap, drop = plan(manifest(), parts(reading)).steps
    assert create.sql == "CREATE INDEX CONCURRENTLY i__pgdeck_new ON public.t (a, b DESC)"
    assert swap.sql == (
        "BEGIN;\nALTER INDEX public.i RENAME TO i__pgdeck_old;\n"
        "ALTER INDEX public.i__pgdeck_new RENAME TO i;\nCOMMIT"
    )
    assert swap.undo == (
        "ALTER INDEX public.i RENAME TO i__pgdeck_new",
        "ALTER INDEX public.i__pgdeck_old RENAME TO i",
    )
    assert drop.undo_sql == "CREATE INDEX CONCURRENTLY i__pgdeck_old ON public.t USING hash (a)"


def test_a_dead_copy_of_an_earlier_replacement_is_dropped_first() -> None:
    table = ("public.t", "i")
    facts = Facts({table: IndexFacts(Holder(kind="i", on_table=True), Holder(kind="i", on_table=True))})
    made = plan(manifest(), parts(index(IndexFinding.DRIFTED)), facts)
    assert ids(made)[0] == "drop-index:i__pgdeck_new"


def test_an_old_copy_of_an_earlier_replacement_must_go_before_the_next() -> None:
    holder = Holder(kind="i", on_table=True, usable=True)
    facts = Facts({("public.t", "i"): IndexFacts(holder, Holder(), holder)})
    made = plan(manifest(), parts(index(IndexFinding.DRIFTED)), facts)
    assert ids(made) == ["drop-index:i__pgdeck_old"]
    assert "plan again" in made.refused[0].reason


def test_a_missing_constraint_is_added_unchecked_and_validated_separately() -> None:
    add, validate = plan(manifest(), parts(check(ConstraintFinding.MISSING))).steps
    assert add.sql == "ALTER TABLE public.t ADD CONSTRAINT c CHECK (a > 0) NOT VALID"
    assert add.lock == "AccessExclusiveLock"
    assert validate.sql == "ALTER TABLE public.t VALIDATE CONSTRAINT c"
    assert validate.lock == "ShareUpdateExclusiveLock"
    assert (add.id, validate.id) == ("add-constraint:t.c", "validate-constraint:t.c")


def test_a_constraint_that_rows_break_is_not_validated() -> None:
    made = plan(manifest(), parts(check(ConstraintFinding.NOT_VALIDATED, violations=3)))
    assert made.steps == ()
    (refusal,) = made.refused
    assert refusal.reason.startswith("3 rows break it")
    assert refusal.listing == "SELECT * FROM public.t WHERE (a > 0) IS FALSE LIMIT 100"


@pytest.mark.parametrize("finding", [ConstraintFinding.DRIFTED, ConstraintFinding.NOT_ENFORCED])
def test_a_constraint_of_another_kind_is_replaced(finding: ConstraintFinding) -> None:
    made = plan(manifest(), parts(check(finding, actual="CHECK ((a > 1)) NOT VALID")))
    swap = made.steps[-1]
    assert swap.statements == (
        "ALTER TABLE public.t DROP CONSTRAINT c",
        "ALTER TABLE public.t RENAME CONSTRAINT c__pgdeck_new TO c",
    )
    assert swap.undo[-1] == "ALTER TABLE public.t ADD CONSTRAINT c CHECK ((a > 1)) NOT VALID"


def test_priority_orders_the_plan_and_the_revision_comes_last() -> None:
    behind = MigrationReading(MigrationFinding.BEHIND, "2", ("1",), "public.alembic_version")
    found = parts(
        index(IndexFinding.MISSING, "i1"),
        index(IndexFinding.MISSING, "i2", Priority.CRITICAL),
        check(ConstraintFinding.NOT_VALIDATED),
        migration=behind,
    )
    made = plan(manifest(MigrationEntry("2")), found)
    assert ids(made) == ["create-index:i2", "create-index:i1", "validate-constraint:t.c", "set-migration:2"]
    assert made.steps[-1].sql == (
        "UPDATE public.alembic_version SET version_num = '2' WHERE version_num = '1'"
    )


@pytest.mark.hazard("ALB-06")
@pytest.mark.parametrize(
    "obstacle", [parts(index(IndexFinding.BUILDING)), Parts(indexes=Unavailable("indexes", "x"))]
)
def test_the_revision_is_not_set_while_something_is_open(obstacle: Parts) -> None:
    behind = MigrationReading(MigrationFinding.BEHIND, "2", ("1",), "public.alembic_version")
    found = Parts(obstacle.indexes, obstacle.constraints, migration=MigrationSnapshot(NOW, behind))
    asked = manifest(MigrationEntry("2"), indexes=(IndexEntry(I),))
    made = plan(asked, found)
    assert made.steps == ()
    assert made.refused[-1].target == "migration"


@pytest.mark.parametrize(
    "finding",
    [
        MigrationFinding.SEVERAL_HEADS,
        MigrationFinding.EMPTY,
        MigrationFinding.NO_TABLE,
        MigrationFinding.UNREADABLE,
    ],
)
def test_a_revision_that_is_not_one_is_left_to_the_migration_tool(finding: MigrationFinding) -> None:
    reading = MigrationReading(finding, "2", ("0", "1"), "public.alembic_version")
    made = plan(manifest(MigrationEntry("2")), parts(migration=reading))
    assert made.steps == ()
    assert len(made.refused) == 1


def test_rolling_back_goes_in_reverse_and_spares_what_was_there_before() -> None:
    current = MigrationReading(MigrationFinding.CURRENT, "2", ("2",), "public.alembic_version")
    found = parts(
        index(IndexFinding.PRESENT, "kept"),
        index(IndexFinding.PRESENT, "i1"),
        index(IndexFinding.INVALID, "i2"),
        check(ConstraintFinding.ENFORCED, "c1"),
        check(ConstraintFinding.NOT_VALIDATED, "c2"),
        migration=current,
    )
    before = IndexEntry(I.replace(" i ", " kept "), keep=True)
    made = rollback(manifest(MigrationEntry("2", rollback_to="1"), indexes=(before,)), found)
    assert ids(made) == [
        "drop-constraint:t.c2",
        "drop-constraint:t.c1",
        "drop-index:i2",
        "drop-index:i1",
        "set-migration:1",
    ]
    assert made.refused == ()


@pytest.mark.parametrize(
    "reading",
    [
        index(IndexFinding.DRIFTED),
        index(IndexFinding.UNVERIFIED),
        index(IndexFinding.BUILDING),
        check(ConstraintFinding.DRIFTED),
        check(ConstraintFinding.UNVERIFIED),
    ],
)
def test_rolling_back_refuses_what_is_not_ours(reading: IndexReading | ConstraintReading) -> None:
    made = rollback(manifest(), parts(reading))
    assert (made.steps, len(made.refused)) == ((), 1)


def test_rolling_back_refuses_an_index_on_which_a_constraint_hangs() -> None:
    holder = Holder(kind="i", on_table=True, usable=True, backs="t_a_key")
    facts = Facts({("public.t", "i"): IndexFacts(holder)})
    made = rollback(manifest(), parts(index(IndexFinding.PRESENT)), facts)
    assert made.steps == ()
    assert made.refused[0].reason == "constraint t_a_key hangs on it"


def test_readings_get_the_first_step_that_mends_them() -> None:
    found = parts(index(IndexFinding.INVALID), check(ConstraintFinding.MISSING))
    shown = with_steps(found, plan(manifest(), found))
    assert isinstance(shown.indexes, IndexesSnapshot) and isinstance(shown.constraints, ConstraintsSnapshot)
    assert shown.indexes.indexes[0].step == "drop-index:i"
    assert shown.constraints.constraints[0].step == "add-constraint:t.c"


@pytest.mark.parametrize("suffix", [NEW, OLD])
def test_names_beside_fit_and_tell_long_names_apart(suffix: str) -> None:
    assert beside("i", suffix) == f"i{suffix}"
    first, second = (beside("ü" * 31 + last, suffix) for last in "ab")
    assert first != second
    assert len(first.encode()) <= 63 and first.endswith(suffix)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("public.t", ("public", "t")),
        ('"S p"."a.""b"', ("S p", 'a."b')),
        ("t", None),
        ('public."new\nline"', ("public", "new\nline")),
    ],
)
def test_table_names_are_taken_apart(text: str, expected: tuple[str, str] | None) -> None:
    assert table_name(text) == expected
