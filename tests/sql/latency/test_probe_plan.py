from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from sql.latency.lane import Lane
from sql.latency.probe_plan import explain
from sql.latency.readings import ProbePlan
from sql.latency.sampler import probe_settings
from tests.servers import Database
from tests.sql.latency.targets import DASHBOARD, SCHEMA, probe, profile
from tests.waiting import until

LARGE = """
CREATE TABLE big (a int, b int);
INSERT INTO big SELECT i, i % 10 FROM generate_series(1, 100000) i;
CREATE INDEX big_a ON big (a);
CREATE INDEX big_b ON big (b);
"""


async def plan(database: Database, sql: str, index: str | None, *arguments: object) -> ProbePlan:
    entry = probe(sql, index=index)
    lane = await Lane.open(profile(database), None, probe_settings([entry], "public", None))
    try:
        return (await explain(lane, entry, arguments)).plan
    finally:
        await lane.close()


async def test_the_expected_index_is_used_with_the_actual_arguments(database: Database) -> None:
    await database.execute(SCHEMA)
    found = await plan(database, DASHBOARD.sql, DASHBOARD.index, "s1")
    assert found.uses_index is True
    assert "Index" in found.node or "Bitmap" in found.node
    assert found.note == ""


async def test_a_missing_index_is_named_with_what_is_used_instead(database: Database) -> None:
    await database.execute(LARGE + "ANALYZE big;")
    found = await plan(database, "SELECT * FROM big WHERE a = $1", "big_gone", 7)
    assert found.uses_index is False
    assert found.note == "index big_gone is missing; index big_a is used instead"


@pytest.mark.hazard("PLAN-01")
async def test_a_sequential_scan_of_a_small_table_is_right(database: Database) -> None:
    await database.execute(
        "CREATE TABLE small (a int); INSERT INTO small SELECT generate_series(1, 50);"
        "CREATE INDEX small_a ON small (a); ANALYZE small"
    )
    found = await plan(database, "SELECT * FROM small WHERE a = 5", "small_a")
    assert (found.node, found.uses_index) == ("Seq Scan", False)
    assert found.note == (
        "a sequential scan is right for so small a table (50 rows on 1 page); the index serves at scale"
    )


@pytest.mark.hazard("PLAN-04")
async def test_an_index_that_is_not_valid_cannot_be_used(database: Database) -> None:
    await database.execute(LARGE + "ANALYZE big;")
    await database.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'big_a'::regclass")
    found = await plan(database, "SELECT * FROM big WHERE a = 5", "big_a")
    assert found.note == "index big_a is not valid, so the planner cannot use it"


@pytest.mark.hazard("PLAN-04")
async def test_an_index_that_does_not_serve_the_query_is_said(database: Database) -> None:
    await database.execute(LARGE + "ANALYZE big;")
    found = await plan(database, "SELECT * FROM big WHERE a + 1 = 5", "big_a")
    assert found.note == "index big_a is there, but does not serve this query"


async def test_an_index_that_could_serve_but_is_not_chosen_shows_the_size(database: Database) -> None:
    await database.execute(LARGE + "ANALYZE big;")
    found = await plan(database, "SELECT * FROM big WHERE b >= 0", "big_b")
    assert found.node == "Seq Scan"
    assert found.note.startswith("index big_b is there, and the planner does without it (100,000 rows on 44")


async def test_the_index_of_a_partition_is_the_index(database: Database) -> None:
    await database.execute(
        "CREATE TABLE parts (a int, b int) PARTITION BY RANGE (a);"
        "CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (50000);"
        "CREATE TABLE part_2 PARTITION OF parts FOR VALUES FROM (50000) TO (200000);"
        "INSERT INTO parts SELECT i, i FROM generate_series(1, 100000) i;"
        "CREATE INDEX parts_b ON parts (b); ANALYZE parts"
    )
    found = await plan(database, "SELECT * FROM parts WHERE b = $1", "parts_b", 60000)
    assert found.uses_index is True


async def test_a_probe_without_an_expected_index_has_a_plan_too(newest: Database) -> None:
    assert await plan(newest, "SELECT 1", None) == ProbePlan("Result", None, None, shape="Result")


@pytest.mark.parametrize("name", ['x"; DROP TABLE big; --', "[/b]", "ü" * 40])
async def test_hostile_index_names_are_data(newest: Database, name: str) -> None:
    await newest.execute(LARGE)
    found = await plan(newest, "SELECT * FROM big WHERE a = 1", name)
    assert found.note.startswith(f"index {name} is missing")


SKEWED = """
CREATE TABLE jobs (state text, tenant int, n int);
INSERT INTO jobs SELECT CASE WHEN i % 1000 = 0 THEN 'open' ELSE 'done' END, i % 5, i
FROM generate_series(1, 100000) i;
CREATE INDEX jobs_state ON jobs (state);
ANALYZE jobs;
"""
BY_STATE = "SELECT * FROM jobs WHERE state = $1"


@pytest.mark.hazard("LAT-03")
async def test_a_generic_plan_that_leaves_the_index_is_said(database: Database) -> None:
    # Whichever state it is, the planner expects most of the table.
    skewed = SKEWED.replace("ANALYZE", "ALTER TABLE jobs ALTER state SET (n_distinct = 1); ANALYZE")
    await database.execute(skewed)
    rare = await plan(database, BY_STATE, "jobs_state", "open")
    assert rare.uses_index is True
    assert rare.note == "the generic plan of a prepared statement does not use jobs_state: Seq Scan instead"


@pytest.mark.hazard("LAT-03")
async def test_a_generic_plan_that_does_use_the_index_is_said(database: Database) -> None:
    # Of many values one is most of the table: for it a scan is right, for any value the index is.
    await database.execute(
        SKEWED + "INSERT INTO jobs SELECT 's' || i, 0, i FROM generate_series(1, 20000) i; ANALYZE jobs"
    )
    hot = await plan(database, BY_STATE, "jobs_state", "done")
    assert hot.uses_index is False
    assert hot.note.endswith("; the generic plan of a prepared statement does use it")


@pytest.mark.hazard("LAT-03")
async def test_where_both_plans_use_the_index_nothing_is_said(database: Database) -> None:
    await database.execute(SCHEMA)
    assert (await plan(database, DASHBOARD.sql, DASHBOARD.index, "s1")).note == ""


async def test_arguments_of_any_type_make_a_generic_plan(database: Database) -> None:
    await database.execute(
        "CREATE TYPE mood AS ENUM ('good', 'bad ''n'' sad');"
        "CREATE TABLE t (a mood, b text[], c timestamptz, d numeric, e jsonb, f bytea);"
        "INSERT INTO t SELECT 'good', ARRAY['x'], now(), i, '{}', '' FROM generate_series(1, 20000) i;"
        "CREATE INDEX t_d ON t (d); ANALYZE t"
    )
    sql = "SELECT * FROM t WHERE (a, b, d, e, f) = ($1, $2, $4, $5, $6) AND c < $3 AND $7::int IS NULL"
    when = datetime(2026, 1, 1, tzinfo=UTC)
    arguments = ("bad 'n' sad", ["a'b", "{}", None], when, Decimal("1.5"), '{"a": "\'"}', b"\x00'", None)
    lane = await Lane.open(profile(database), None, probe_settings([probe(sql)], "public", None))
    try:
        assert "t_d" in (await lane.explain_generic(sql, arguments) or "")
    finally:
        await lane.close()


async def test_a_generic_plan_of_a_partitioned_table_leaves_partitions_out_by_the_arguments(
    database: Database,
) -> None:
    await database.execute(
        "CREATE TABLE parts (a int, b int) PARTITION BY RANGE (a);"
        "CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (50000);"
        "CREATE TABLE part_2 PARTITION OF parts FOR VALUES FROM (50000) TO (200000);"
        "INSERT INTO parts SELECT i, i FROM generate_series(1, 100000) i;"
        "CREATE INDEX parts_a ON parts (a); ANALYZE parts"
    )
    found = await plan(database, "SELECT * FROM parts WHERE a = $1", "parts_a", 60000)
    assert (found.uses_index, found.note) == (True, "")


async def test_looking_at_generic_plans_leaves_no_statement_prepared(newest: Database) -> None:
    await newest.execute(SCHEMA)
    lane = await Lane.open(profile(newest), None, probe_settings([DASHBOARD], "public", None))
    try:
        for _ in range(3):
            await lane.explain_generic(DASHBOARD.sql, ("s1",))
        prepared = await lane.aside("SELECT statement FROM pg_prepared_statements")
        assert [row for row in prepared if row["statement"] == DASHBOARD.sql] == []
        (mode,) = await lane.aside("SELECT current_setting('plan_cache_mode') AS mode")
        assert mode["mode"] == "auto"
    finally:
        await lane.close()


@pytest.mark.hazard("PLAN-03")
async def test_an_index_only_scan_of_a_table_that_was_never_vacuumed_is_said(database: Database) -> None:
    await database.execute(LARGE + "ANALYZE big")
    sql = "SELECT count(*) FROM big WHERE a BETWEEN $1 AND 20"
    before = await plan(database, sql, "big_a", 1)
    assert (before.node, before.uses_index) == ("Index Only Scan", True)
    assert "index-only, but 0 of " in before.note and "VACUUM big" in before.note

    async def vacuumed() -> bool:
        await database.execute("VACUUM big")
        return (await plan(database, sql, "big_a", 1)).note == ""

    # These servers commit asynchronously, and a page counts only once its rows' commits are on disk.
    await until(vacuumed)
