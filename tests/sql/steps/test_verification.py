"""After a step: the end is proven from the catalog, and whether queries gain from it is measured."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from profiles.manifest import ConstraintEntry, IndexEntry, Manifest, ProbeEntry, Target
from sql.requirements import Requirements, read
from sql.steps import proof
from sql.steps.job import Job
from sql.steps.step import Step
from sql.steps.verification import Verification, look_before, verify_step
from tests.servers import Database
from tests.sql.steps.locking import add_check, create, drop, drop_check, migrate, validate
from tests.sql.steps.running import OPERATOR, profile

TABLE = "CREATE TABLE t (id int PRIMARY KEY, a int, b text)"
ROWS = "INSERT INTO t SELECT i, i, 'row ' || i FROM generate_series(1, 30000) i"
MISSING = "i is missing (No index of that name is on the table)"
LOOKUP = ProbeEntry(
    "lookup", "SELECT b FROM t WHERE a = $1", Target(p50_ms=5), arguments="SELECT 7 UNION SELECT 8", index="i"
)


def wanted(*probes: ProbeEntry) -> Requirements:
    """What the tests' manifest asks for."""
    return read(
        Manifest(
            "test",
            "Test",
            Path("test.toml"),
            indexes=(IndexEntry("CREATE INDEX i ON t (a)"),),
            constraints=(ConstraintEntry("t", "ck", "CHECK (a > 0)"),),
            probes=probes,
        )
    )


async def verified(database: Database, step: Step, *probes: ProbeEntry) -> Verification:
    """The verification of a step."""
    return await verify_step(profile(database), None, step, wanted(*probes))


async def test_a_probe_that_gains_from_the_index_is_shown_before_and_after(database: Database) -> None:
    await database.execute(f"{TABLE}; {ROWS}")
    await database.execute("ANALYZE t")
    here = profile(database)
    before = await look_before(here, None, create(), wanted(LOOKUP))
    assert before["catalog"] == MISSING
    assert before["latency"]["lookup"]["p50_ms"] > 0
    for statement in create().statements:
        await database.execute(statement)

    found = await verify_step(here, None, create(), wanted(LOOKUP), json.loads(json.dumps(before)))
    assert (found.reached, found.uses_index, found.why_not) == (True, True, None)
    assert found.needs_analyze is False
    assert (found.catalog_before, found.definition) == (
        MISSING,
        "CREATE INDEX i ON public.t USING btree (a)",
    )
    after, was = found.latency_after["lookup"]["p50_ms"], found.latency_before["lookup"]["p50_ms"]
    assert found.sentence == (
        "i is valid, its definition as wanted; probe lookup uses it, "
        f"p50 {after:.3g} ms (before: {was:.3g} ms)"
    )
    assert json.loads(json.dumps(asdict(found))) == asdict(found)


@pytest.mark.hazard("PLAN-01")
async def test_a_table_too_small_for_its_index_is_given_as_the_reason(database: Database) -> None:
    await database.execute(f"{TABLE}; INSERT INTO t VALUES (7, 7, 'x'), (8, 8, 'y'); CREATE INDEX i ON t (a)")
    await database.execute("ANALYZE t")
    found = await verified(database, create(), LOOKUP)
    assert (found.reached, found.uses_index) == (True, False)
    assert "right for so small a table" in (found.why_not or "")
    assert found.latency_after["lookup"]["runs"] > 0


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("", "i is missing"),
        ("CREATE INDEX i ON t (b)", "i is drifted"),
        ("CREATE UNIQUE INDEX i ON t (a)", "i is drifted"),
        (
            "CREATE INDEX i ON t (a);UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass",
            "i is invalid",
        ),
        ("CREATE INDEX j ON t (a)", "i is equivalent"),
        ("CREATE TABLE i (a int)", "i is drifted"),
    ],
)
async def test_what_is_not_the_wanted_index_is_not_the_end(newest: Database, made: str, said: str) -> None:
    await newest.execute(f"{TABLE}; {made}")
    found = await verified(newest, create(), LOOKUP)
    assert found.reached is False
    assert found.sentence.startswith(said)
    assert found.latency_after == {}


@pytest.mark.hazard("PLAN-02")
async def test_an_index_on_an_expression_needs_statistics(database: Database) -> None:
    step = create("i", "(lower(b))")
    await database.execute(f"{TABLE}; {ROWS}")
    await database.execute("ANALYZE t")
    await database.execute("CREATE INDEX i ON t (lower(b))")
    found = await verified(database, step)
    assert (found.reached, found.needs_analyze, found.analyze) == (True, True, "ANALYZE public.t")
    assert found.sentence.endswith("the planner lacks statistics: ANALYZE public.t")
    await database.execute("ANALYZE t")
    found = await verified(database, step)
    assert (found.needs_analyze, found.analyze) == (False, None)


async def test_a_table_that_was_never_analysed_needs_it_too(database: Database) -> None:
    await database.execute(f"{TABLE}; {ROWS}; CREATE INDEX i ON t (a)")
    assert (await verified(database, create())).needs_analyze is True
    await database.execute("ANALYZE t")
    assert (await verified(database, create())).needs_analyze is False


async def test_who_may_not_see_statistics_does_not_claim_to_know(newest: Database) -> None:
    user = f"u_{newest.name}"
    await newest.execute(f"{TABLE}; {ROWS}")
    await newest.execute("ANALYZE t")
    await newest.execute(
        f"CREATE INDEX i ON t (lower(b)); CREATE ROLE {user} LOGIN; GRANT SELECT ON t TO {user}"
    )
    try:
        found = await verify_step(profile(newest, user), None, create("i", "(lower(b))"), wanted())
        assert (found.reached, found.needs_analyze) == (True, None)
    finally:
        await newest.execute(f"DROP OWNED BY {user}; DROP ROLE {user}")


CONSTRAINTS = [
    (add_check(), "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0) NOT VALID", True, "it is not validated"),
    (add_check(), "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0)", True, "ck is validated"),
    (add_check(), "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 1) NOT VALID", False, "ck is drifted"),
    (add_check(), "SELECT 1", False, "ck is missing"),
    (validate(), "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0) NOT VALID", False, "it is not validated"),
    (validate(), "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0)", True, "ck is validated"),
    (validate("other"), "ALTER TABLE t ADD CONSTRAINT other CHECK (a > 1)", True, "other is validated"),
    (
        validate("other"),
        "ALTER TABLE t ADD CONSTRAINT other CHECK (a > 1) NOT VALID",
        False,
        "not yet validated",
    ),
    (drop_check(), "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0)", False, "ck is still there"),
    (drop_check(), "SELECT 1", True, "ck is gone"),
]


@pytest.mark.parametrize(("step", "made", "reached", "said"), CONSTRAINTS)
async def test_the_end_of_a_constraint_is_its_state_and_its_definition(
    database: Database, step: Step, made: str, reached: bool, said: str
) -> None:
    await database.execute(f"{TABLE}; {made}")
    found = await verified(database, step)
    assert found.reached is reached
    assert said in found.sentence


async def test_a_dropped_index_is_gone_and_a_half_dropped_one_is_not(database: Database) -> None:
    await database.execute(f"{TABLE}; CREATE INDEX i ON t (a)")
    assert (await verified(database, drop())).sentence == "i is still there"
    for flags, how in (
        ("indisvalid = false", "INVALID and of no use to queries"),
        ("indisready = false", "INVALID and of no use to queries"),
        ("indislive = false", "half dropped and of no use to queries"),
    ):
        await database.execute(f"UPDATE pg_index SET {flags} WHERE indexrelid = 'i'::regclass")
        assert (await verified(database, drop())).sentence == f"i is still there, {how}"
    await database.execute("DROP INDEX i")
    found = await verified(database, drop(), LOOKUP)
    assert (found.reached, found.uses_index) == (True, None)


@pytest.mark.parametrize(
    ("rows", "reached"), [("('two')", True), ("('one')", False), ("('one'), ('two')", False)]
)
async def test_a_revision_is_the_only_row_of_its_table(newest: Database, rows: str, reached: bool) -> None:
    await newest.execute(
        f"CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES {rows}"
    )
    found = await verified(newest, migrate("one", "two"))
    assert found.reached is reached


async def test_a_probe_that_fails_is_said_and_the_end_stands_all_the_same(newest: Database) -> None:
    await newest.execute(f"{TABLE}; {ROWS}; CREATE INDEX i ON t (a)")
    broken = replace(LOOKUP, sql="SELECT b FROM t WHERE a = $1 AND 1 / (a - a) = 1")
    empty = replace(LOOKUP, name="empty", arguments="SELECT a FROM t WHERE a < 0")
    found = await verified(newest, create(), broken, empty)
    assert found.reached is True
    assert "probe lookup 22012: division by zero" in (found.why_not or "")
    assert "probe empty its arguments gave no row" in (found.why_not or "")


async def test_without_a_manifest_the_catalog_alone_is_looked_at(newest: Database) -> None:
    await newest.execute(f"{TABLE}; CREATE INDEX i ON t (a)")
    found = await verify_step(profile(newest), None, create(), None)
    assert (found.reached, found.latency_after, found.uses_index) == (True, {}, None)


async def test_a_run_is_verified_against_the_manifest_of_its_profile(
    newest: Database, tmp_path: Path
) -> None:
    await newest.execute(f"{TABLE}; {ROWS}; CREATE INDEX i ON t (a)")
    manifest = tmp_path / "m.toml"
    manifest.write_text(
        'title = "m"\n[[index]]\ndefinition = "CREATE INDEX i ON t (a)"\n'
        '[[probe]]\nname = "lookup"\nsql = "SELECT b FROM t WHERE a = 7"\nindex = "i"\n'
        "target = { p50_ms = 5 }\n"
    )
    job = Job("r", replace(profile(newest), manifest=str(manifest)), create(), OPERATOR)
    before = {"catalog": "i is missing", "latency": {"lookup": {"p50_ms": 60.0, "runs": 15}}}
    found = await proof.verify(job, None, before)
    assert (found.reached, found.uses_index) == (True, True)
    assert found.latency_before == before["latency"]
    assert found.latency_after["lookup"]["runs"] > 0
    manifest.unlink()
    assert (await proof.verify(job, None, {})).latency_after == {}
