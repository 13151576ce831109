"""Fix and rollback scripts, run by psql on real servers, the catalog compared before and after."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profiles.manifest import ConstraintEntry, IndexEntry, Manifest, Priority
from sql.check import verify
from sql.findings import ConstraintFinding, IndexFinding, Verdict
from sql.report import Report
from sql.steps.scripts import Origin, comment, script, statement
from sql.steps.step import Plan
from tests.servers import Database
from tests.sql.steps.schemas import ENTERPRISE, PERFORMANCE, catalog, profile, psql, shipped


async def check(database: Database, manifest: Manifest | None = None) -> Report:
    return await verify(profile(database), manifest=manifest, duration_s=0, with_rollback=True)


def fix(report: Report) -> str:
    return _script(report.plan, report)


def back(report: Report) -> str:
    return _script(report.rollback, report)


def _script(plan: Plan, report: Report) -> str:
    assert report.server is not None
    return script(plan, Origin(report.profile, report.manifest, report.server, report.taken_at))


async def stands(database: Database) -> dict[str, str]:
    connection = await database.connect()
    try:
        return await catalog(connection)
    finally:
        await connection.close()


async def run(database: Database, text: str, folder: Path, *more: str) -> str:
    done = psql(database, text, folder, *more)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def manifest(*definitions: str, checks: tuple[ConstraintEntry, ...] = (), path: str = "public") -> Manifest:
    entries = tuple(IndexEntry(definition) for definition in definitions)
    return Manifest("own", "Own", Path("own.toml"), search_path=path, indexes=entries, constraints=checks)


@pytest.mark.parametrize(
    ("name", "schema", "count"),
    [("enterprise-demo", ENTERPRISE, 5), ("performance-indexes", PERFORMANCE, 10)],
)
async def test_a_shipped_manifest_there_and_back(
    database: Database, tmp_path: Path, name: str, schema: str, count: int
) -> None:
    await database.execute(schema)
    before = await stands(database)
    found = await check(database, shipped(name))
    assert found.verdict is Verdict.NOT_READY

    await run(database, fix(found), tmp_path)
    fixed = await check(database, shipped(name))
    assert (fixed.verdict, fixed.reasons) == (Verdict.READY, ())
    after = await stands(database)
    assert len(after) == len(before) + count

    await run(database, back(fixed), tmp_path)
    assert await stands(database) == before
    again = await check(database, shipped(name))
    assert {each.finding for each in again.indexes} == {each.finding for each in found.indexes}
    assert again.migration == found.migration


async def test_a_script_that_is_run_twice_does_nothing_the_second_time(
    database: Database, tmp_path: Path
) -> None:
    await database.execute(PERFORMANCE)
    found = await check(database, shipped("performance-indexes"))
    await run(database, fix(found), tmp_path)
    after = await stands(database)
    second = await run(database, fix(found), tmp_path)
    assert second.count("nothing to do") == len(found.plan.steps)
    assert await stands(database) == after


@pytest.mark.hazard("IDX-05")
async def test_a_dead_leftover_is_dropped_and_built(database: Database, tmp_path: Path) -> None:
    await database.execute("CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (1, 2)")
    connection = await database.connect()
    with pytest.raises(Exception, match="could not create unique index"):
        await connection.execute("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)")
    await connection.close()
    found = await check(database, manifest("CREATE UNIQUE INDEX i ON t (a, b)"))
    (reading,) = found.indexes
    dead = manifest("CREATE UNIQUE INDEX i ON t (a)")
    (leftover,) = (await check(database, dead)).indexes
    assert leftover.finding is IndexFinding.INVALID
    assert leftover.step == "drop-index:i"

    # Duplicates are still there: the script stops, and says what stands instead.
    failed = psql(database, fix(await check(database, dead)), tmp_path)
    assert failed.returncode == 3
    assert "could not create unique index" in failed.stderr

    await database.execute("DELETE FROM t WHERE b = 2")
    await run(database, fix(await check(database, dead)), tmp_path)
    assert (await check(database, dead)).ready
    assert reading.finding in (IndexFinding.INVALID, IndexFinding.DRIFTED)


async def test_a_drifted_index_is_replaced_without_a_gap(database: Database, tmp_path: Path) -> None:
    await database.execute("CREATE TABLE t (a int, b int); CREATE INDEX i ON t (b)")
    wanted = manifest("CREATE INDEX i ON t (a DESC)")
    found = await check(database, wanted)
    assert [step.id for step in found.plan.steps] == [
        "create-index:i__pgdeck_new",
        "swap-index:i",
        "drop-index:i__pgdeck_old",
    ]
    await run(database, fix(found), tmp_path)
    assert await stands(database) == {"index i": "CREATE INDEX i ON public.t USING btree (a DESC)"}
    assert (await check(database, wanted)).ready
    second = await run(database, fix(found), tmp_path)
    assert second.count("nothing to do") == 3


async def test_a_replacement_that_stopped_half_way_goes_on(database: Database, tmp_path: Path) -> None:
    await database.execute("CREATE TABLE t (a int, b int); CREATE INDEX i ON t (b)")
    wanted = manifest("CREATE INDEX i ON t (a DESC)")
    await database.execute("CREATE INDEX i__pgdeck_new ON t (a DESC)")
    found = await check(database, wanted)
    output = await run(database, fix(found), tmp_path)
    assert output.count("nothing to do") == 1
    assert (await check(database, wanted)).ready
    assert len(await stands(database)) == 1


async def test_what_a_replacement_left_behind_is_offered_for_dropping(
    database: Database, tmp_path: Path
) -> None:
    await database.execute("CREATE TABLE t (a int); CREATE INDEX i ON t (a)")
    await database.execute("CREATE INDEX i__pgdeck_old ON t (a DESC)")
    found = await check(database, manifest("CREATE INDEX i ON t (a)"))
    assert (found.verdict, found.plan.steps) == (Verdict.READY, ())
    assert [step.id for step in found.plan.offered] == ["drop-index:i__pgdeck_old"]


POSITIVE = ConstraintEntry("t", "positive", "CHECK (a > 0)")


async def test_a_constraint_that_rows_break_is_added_and_its_validation_refused(
    database: Database, tmp_path: Path
) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 5), (2, -5)")
    wanted = manifest(checks=(POSITIVE,))
    found = await check(database, wanted)
    assert [step.id for step in found.plan.steps] == ["add-constraint:t.positive"]
    (refusal,) = found.plan.refused
    assert "1 row breaks it" in refusal.reason
    text = fix(found)
    assert "--   list them: SELECT * FROM public.t WHERE (a > 0) IS FALSE LIMIT 100;" in text
    await run(database, text, tmp_path)
    (reading,) = (await check(database, wanted)).constraints
    assert (reading.finding, reading.violations) == (ConstraintFinding.NOT_VALIDATED, 1)

    await database.execute("UPDATE t SET a = 5 WHERE id = 2")
    found = await check(database, wanted)
    assert [step.id for step in found.plan.steps] == ["validate-constraint:t.positive"]
    await run(database, fix(found), tmp_path)
    assert (await check(database, wanted)).ready


@pytest.mark.hazard("CON-07")
async def test_a_drifted_constraint_is_replaced(database: Database, tmp_path: Path) -> None:
    await database.execute("CREATE TABLE t (a int, CONSTRAINT positive CHECK (a > -1))")
    wanted = manifest(checks=(POSITIVE,))
    found = await check(database, wanted)
    assert [step.id for step in found.plan.steps] == [
        "add-constraint:t.positive__pgdeck_new",
        "validate-constraint:t.positive__pgdeck_new",
        "swap-constraint:t.positive",
    ]
    await run(database, fix(found), tmp_path)
    assert (await check(database, wanted)).ready
    assert await stands(database) == {"constraint t.positive": "CHECK ((a > 0))"}
    assert (await run(database, fix(found), tmp_path)).count("nothing to do") == 3


@pytest.mark.hazard("CON-08")
async def test_a_constraint_of_a_partitioned_table_reaches_its_partitions(
    database: Database, tmp_path: Path
) -> None:
    await database.execute(
        "CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
        " INSERT INTO t VALUES (1)"
    )
    wanted = manifest(checks=(POSITIVE,))
    found = await check(database, wanted)
    await run(database, fix(found), tmp_path)
    fixed = await check(database, wanted)
    assert fixed.ready
    assert (await stands(database)).keys() == {"constraint t.positive", "constraint t1.positive"}
    await run(database, back(fixed), tmp_path)
    assert await stands(database) == {}


@pytest.mark.hazard("CON-06")
async def test_a_constraint_that_is_not_enforced_is_replaced(newest: Database, tmp_path: Path) -> None:
    await newest.execute("CREATE TABLE t (a int, CONSTRAINT positive CHECK (a > 0) NOT ENFORCED)")
    wanted = manifest(checks=(POSITIVE,))
    found = await check(newest, wanted)
    assert found.constraints[0].finding is ConstraintFinding.NOT_ENFORCED
    await run(newest, fix(found), tmp_path)
    assert (await check(newest, wanted)).ready
    assert await stands(newest) == {"constraint t.positive": "CHECK ((a > 0))"}


@pytest.mark.hazard("CIC-14")
async def test_an_index_of_a_materialised_view_is_built(database: Database, tmp_path: Path) -> None:
    await database.execute("CREATE MATERIALIZED VIEW t AS SELECT 1 AS a")
    wanted = manifest("CREATE UNIQUE INDEX i ON t (a)")
    await run(database, fix(await check(database, wanted)), tmp_path)
    fixed = await check(database, wanted)
    assert fixed.ready
    await run(database, back(fixed), tmp_path)
    assert await stands(database) == {}


async def test_a_role_that_owns_only_its_tables_can_run_the_script(
    database: Database, tmp_path: Path
) -> None:
    role = f"r_{database.name}"
    await database.execute(
        f'CREATE ROLE "{role}" LOGIN; GRANT CREATE, USAGE ON SCHEMA public TO "{role}";'
        f' CREATE TABLE t (a int); ALTER TABLE t OWNER TO "{role}"'
    )
    try:
        wanted = manifest("CREATE INDEX i ON t (a)", checks=(POSITIVE,))
        await run(database, fix(await check(database, wanted)), tmp_path, "-U", role)
        assert (await check(database, wanted)).ready
    finally:
        await database.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


async def test_a_drifted_constraint_with_rows_in_the_way_is_left_alone(database: Database) -> None:
    await database.execute(
        "CREATE TABLE t (a int, CONSTRAINT positive CHECK (a > -1)); INSERT INTO t VALUES (0)"
    )
    found = await check(database, manifest(checks=(POSITIVE,)))
    assert found.plan.steps == ()
    assert [refusal.target for refusal in found.plan.refused] == ["t.positive"]


@pytest.mark.hazard("DIC-04")
async def test_a_drifted_index_that_a_constraint_hangs_on_is_refused(database: Database) -> None:
    await database.execute("CREATE TABLE t (a int, b int, CONSTRAINT i UNIQUE (b))")
    found = await check(database, manifest("CREATE UNIQUE INDEX i ON t (a)"))
    assert found.plan.steps == ()
    (refusal,) = found.plan.refused
    assert refusal.reason == "constraint i hangs on it"
    assert "-- Refused: i: constraint i hangs on it." in fix(found)


@pytest.mark.hazard("DEF-01", "CIC-14", "DIC-04")
@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("CREATE TABLE t (a int); CREATE VIEW i AS SELECT 1", "no index"),
        ("CREATE TABLE t (a int); CREATE TABLE u (a int); CREATE INDEX i ON u (a)", "on another table"),
        ("CREATE TABLE t (a int) PARTITION BY LIST (a)", "partitioned"),
        ("CREATE VIEW t AS SELECT 1 AS a", "no table"),
        ("SELECT 1", "its table is not there"),
        (
            "CREATE TABLE t (a int NOT NULL, b int NOT NULL); CREATE UNIQUE INDEX i ON t (b);"
            " ALTER TABLE t REPLICA IDENTITY USING INDEX i",
            "replica identity",
        ),
    ],
)
async def test_what_must_not_be_touched_is_refused(database: Database, made: str, reason: str) -> None:
    await database.execute(made)
    found = await check(database, manifest("CREATE INDEX i ON t (a)"))
    assert found.plan.steps == ()
    assert [reason in refusal.reason for refusal in found.plan.refused] == [True], found.plan.refused


async def test_rolling_back_leaves_what_is_not_the_manifests(database: Database) -> None:
    await database.execute("CREATE TABLE t (a int, b int); CREATE INDEX i ON t (b)")
    found = await check(database, manifest("CREATE INDEX i ON t (a)"))
    assert found.rollback.steps == ()
    assert "not ours to drop" in found.rollback.refused[0].reason


EVIL_TABLE = 'we"ird\n\\! echo pwned\n-- $pgdeck$ :USER t'
EVIL_INDEX = 'i\n; DROP TABLE "victim"; --'
EVIL_CHECK = "c*/ :'USER' \\gexec"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.mark.hazard("DEF-10")
async def test_hostile_names_and_texts_do_nothing_but_name(database: Database, tmp_path: Path) -> None:
    await database.execute(
        f"CREATE TABLE victim (a int); CREATE SCHEMA {quoted('S p')};"
        f"CREATE TABLE {quoted('S p')}.{quoted(EVIL_TABLE)} (a text, b int[], {quoted('c:USER')} int)"
    )
    table = f"{quoted('S p')}.{quoted(EVIL_TABLE)}"
    lo = "1"
    wanted = replace(
        manifest(
            f"CREATE INDEX {quoted(EVIL_INDEX)} ON {table} ((b[{lo}:3]), a) /* it's :USER */"
            f" WHERE a <> E'\\\\x; \\' :USER' AND a <> $q$ \\! x $q$ AND {quoted('c:USER')} > 0",
            checks=(ConstraintEntry(table, EVIL_CHECK, "CHECK (a <> ':USER' AND b[1:2] <> '{1,2}')"),),
        ),
        name="m\n\\! echo pwned",
    )
    entries = tuple(
        replace(entry, purpose="p\n\\! echo pwned\r\nDROP TABLE victim;", priority=Priority.HIGH)
        for entry in wanted.indexes
    )
    found = await check(database, replace(wanted, indexes=entries))
    assert len(found.plan.steps) == 3, found.reasons
    # These are psql's own variables: interpolated, they would change the expressions.
    output = await run(database, fix(found), tmp_path, "-v", "USER=1;DROP", "-v", "lo=2", "-v", "3=9")
    assert "\npwned" not in output
    assert "postgres" not in output, "psql put a variable in"
    fixed = await check(database, replace(wanted, indexes=entries))
    assert (fixed.verdict, fixed.reasons) == (Verdict.READY, ())
    await run(database, fix(found), tmp_path)
    await run(database, back(fixed), tmp_path)
    assert await stands(database) == {}
    connection = await database.connect()
    assert await connection.fetchval("SELECT to_regclass('victim') IS NOT NULL")
    await connection.close()


@pytest.mark.hazard("DEF-08")
async def test_the_search_path_of_the_manifest_holds_for_what_definitions_name(
    database: Database, tmp_path: Path
) -> None:
    await database.execute(
        "CREATE SCHEMA app; CREATE TABLE app.t (a text);"
        "CREATE FUNCTION app.norm(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)'"
    )
    wanted = manifest("CREATE INDEX i ON t (norm(a))", path="app, public")
    found = await check(database, wanted)
    await run(database, fix(found), tmp_path)
    assert (await check(database, wanted)).ready


async def test_another_database_is_refused(newest: Database, tmp_path: Path) -> None:
    await newest.execute("CREATE TABLE t (a int)")
    text = fix(await check(newest, manifest("CREATE INDEX i ON t (a)")))
    done = psql(newest, text, tmp_path, dbname="postgres")
    assert done.returncode == 3
    assert "this script was written for another database" in done.stderr


@pytest.mark.hazard("DEF-11")
async def test_another_server_is_refused(newest: Database, tmp_path: Path) -> None:
    await newest.execute("CREATE TABLE t (a int)")
    found = await check(newest, manifest("CREATE INDEX i ON t (a)"))
    assert found.server is not None
    elsewhere = replace(found, server=replace(found.server, system_identifier="7"))
    done = psql(newest, fix(elsewhere), tmp_path)
    assert done.returncode == 3
    assert "this script was written for another server" in done.stderr
    assert await stands(newest) == {}


@pytest.mark.hazard("CIC-01")
async def test_one_transaction_is_refused(newest: Database, tmp_path: Path) -> None:
    await newest.execute("CREATE TABLE t (a int)")
    text = fix(await check(newest, manifest("CREATE INDEX i ON t (a)")))
    done = psql(newest, text, tmp_path, "-1")
    assert done.returncode == 3
    assert "leave out -1" in done.stderr


@pytest.mark.hazard("DEF-01")
async def test_a_name_that_was_taken_meanwhile_stops_the_script(newest: Database, tmp_path: Path) -> None:
    await newest.execute("CREATE TABLE t (a int, b int)")
    text = fix(await check(newest, manifest("CREATE INDEX i ON t (a)")))
    await newest.execute("CREATE INDEX i ON t (b)")
    done = psql(newest, text, tmp_path)
    assert done.returncode == 3
    assert "the name i is taken: another definition" in done.stderr


@pytest.mark.hazard("ALB-02")
async def test_a_revision_that_moved_meanwhile_is_not_overwritten(newest: Database, tmp_path: Path) -> None:
    await newest.execute(PERFORMANCE)
    text = fix(await check(newest, shipped("performance-indexes")))
    await newest.execute("UPDATE alembic_version SET version_num = 'elsewhere'")
    done = psql(newest, text, tmp_path)
    assert done.returncode == 3
    assert "the migration table holds {elsewhere}" in done.stderr


@pytest.mark.hazard("CIC-06")
async def test_a_table_on_which_somebody_builds_stops_the_script(newest: Database, tmp_path: Path) -> None:
    await newest.execute("CREATE TABLE t (a int)")
    text = fix(await check(newest, manifest("CREATE INDEX i ON t (a)")))
    other = await newest.connect()
    await other.execute("BEGIN; LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE")
    done = psql(newest, text, tmp_path)
    await other.close()
    assert done.returncode == 3
    assert "changes this table or builds an index on it" in done.stderr


async def test_nothing_to_do_is_a_script_that_says_so(newest: Database, tmp_path: Path) -> None:
    await newest.execute("CREATE TABLE t (a int); CREATE INDEX i ON t (a)")
    output = await run(newest, fix(await check(newest, manifest("CREATE INDEX i ON t (a)"))), tmp_path)
    assert "there was nothing to do" in output


def test_comments_cannot_be_left() -> None:
    assert comment("a\nDROP TABLE t;\r\\! x\u2028y") == r"-- a\x0aDROP TABLE t;\x0d\! x\u2028y"
    assert all(line.startswith("--") for line in comment("word " * 100).splitlines())


def test_plain_statements_stay_readable_and_others_are_sent_untouched() -> None:
    assert statement("CREATE INDEX i ON t (a, ((b)::text)) WHERE c ~ '^a:b\\.'").endswith("';")
    assert statement("SELECT b[1:n]") == "SELECT 'SELECT b[1:n]' \\gexec"
    assert statement("SELECT 1 /* ' */ + :x /* ' */").endswith("\\gexec")
