"""Sample rows tried on a live constraint: what is verified, what failed, what could not be tried, and why."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from profiles.manifest import ConstraintEntry, SampleRow
from sql.findings import ConstraintFinding, SampleFinding
from tests.servers import Database
from tests.sql.requiring import constraint_reading
from tests.sql.spellings import TABLE

VERIFIED, FAILED, UNVERIFIED = SampleFinding.VERIFIED, SampleFinding.FAILED, SampleFinding.UNVERIFIED


def entry(check: str, rejects: list[SampleRow], accepts: list[SampleRow]) -> ConstraintEntry:
    return ConstraintEntry("t", "ck", f"CHECK ({check})", rejects=tuple(rejects), accepts=tuple(accepts))


@pytest.mark.parametrize(
    ("check", "rejects", "accepts"),
    [
        ("a >= 0 AND a <= 100", [{"a": -1}, {"a": 101}], [{"a": 0}, {"a": 100}, {"a": None}, {}]),
        ("status IN ('open', 'new')", [{"status": "OPEN"}], [{"status": "new"}]),
        ("qty > 0.5", [{"qty": 0.5}], [{"qty": 0.51}]),
        ("price < 'Infinity'", [{"price": math.inf}], [{"price": 1e300}, {"price": -math.inf}]),
        ("active", [{"active": False}], [{"active": True}]),
        (
            "created > '2020-01-01 00:00:00+00'",
            [{"created": "2020-01-01T00:00:00Z"}],
            [{"created": "2020-01-02"}],
        ),
        ("title ~* '^[^@]+@[^@]+$'", [{"title": "no at"}, {"title": "quo'te\"\\"}], [{"title": "ü@x"}]),
        ("mood <> 'sad'", [{"mood": "sad"}], [{"mood": "ok"}]),
        ('"Mixed Case" < "order"', [{"Mixed Case": 2, "order": 1}], [{"Mixed Case": 1, "order": 2}]),
        ("t.a > 0 AND loud(t.title) = t.title", [{"a": 1, "title": "x"}], [{"a": 1, "title": "X"}]),
        ("NOT (t IS NULL)", [{}], [{"a": 1}]),
        ("data ? 'x'", [{"data": "{}"}], [{"data": '{"x": null}'}]),
        ("data ->> 'n' = '1'", [{"data": '{"n": 2}'}, {"data": '{"n": "ü"}'}], [{"data": '{"n": 1}'}]),
        ("tags <@ ARRAY['a', 'b']", [{"tags": "{a,c}"}], [{"tags": "{}"}]),
    ],
)
async def test_rows_are_refused_and_let_in_as_they_must_be(
    newest: Database, check: str, rejects: list[SampleRow], accepts: list[SampleRow]
) -> None:
    await newest.execute(TABLE + f"ALTER TABLE t ADD CONSTRAINT ck CHECK ({check})")
    found = await constraint_reading(newest, entry(check, rejects, accepts))
    assert found.finding is ConstraintFinding.ENFORCED
    assert (found.detail, found.rejects, found.accepts) == ("", VERIFIED, VERIFIED)


async def test_they_are_tried_on_every_version(database: Database) -> None:
    await database.execute(TABLE + "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0)")
    found = await constraint_reading(database, entry("a > 0", [{"a": 0}], [{"a": 1}]))
    assert (found.rejects, found.accepts) == (VERIFIED, VERIFIED)


async def test_the_row_that_is_not_treated_as_it_must_be_is_named(newest: Database) -> None:
    await newest.execute(TABLE + "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0)")
    found = await constraint_reading(
        newest, entry("a > 0", [{"a": 0}, {"a": 5, "title": "x"}], [{"a": 1}, {"a": -2}])
    )
    assert (found.rejects, found.accepts) == (FAILED, FAILED)
    assert found.detail == 'rejects[2] (a=5, title="x") is let in. accepts[2] (a=-2) is refused.'


async def test_a_drifted_constraint_is_tried_as_it_is(newest: Database) -> None:
    await newest.execute(TABLE + "ALTER TABLE t ADD CONSTRAINT ck CHECK (a >= 0)")
    found = await constraint_reading(newest, entry("a > 0", [{"a": 0}], [{"a": 1}]))
    assert found.finding is ConstraintFinding.DRIFTED
    assert (found.rejects, found.accepts) == (FAILED, VERIFIED)
    assert "rejects[1] (a=0) is let in" in found.detail


async def test_a_missing_constraint_verifies_nothing(newest: Database) -> None:
    await newest.execute(TABLE)
    found = await constraint_reading(newest, entry("a > 0", [{"a": 0}], [{"a": 1}]))
    assert (found.rejects, found.accepts) == (UNVERIFIED, UNVERIFIED)


async def test_a_column_that_is_not_there_is_never_taken_for_null(newest: Database) -> None:
    await newest.execute(TABLE + "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0)")
    found = await constraint_reading(newest, entry("a > 0", [{"a": 0}], [{"A": 1}, {"a": 1}]))
    assert (found.rejects, found.accepts) == (VERIFIED, UNVERIFIED)
    assert 'accepts[1] (A=1) could not be tried: public.t has no column "A".' in found.detail


async def test_a_value_of_the_wrong_type_spoils_its_own_row_only(newest: Database) -> None:
    await newest.execute(TABLE + "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0)")
    found = await constraint_reading(newest, entry("a > 0", [{"a": 0}, {"a": "zero"}], [{"a": 1}]))
    assert (found.rejects, found.accepts) == (UNVERIFIED, VERIFIED)
    assert 'rejects[2] (a="zero") could not be tried' in found.detail


async def test_text_that_is_not_json_spoils_its_own_row_only(newest: Database) -> None:
    await newest.execute(TABLE + "ALTER TABLE t ADD CONSTRAINT ck CHECK (data ? 'x')")
    found = await constraint_reading(newest, entry("data ? 'x'", [{"data": "{}"}], [{"data": "{x"}]))
    assert (found.rejects, found.accepts) == (VERIFIED, UNVERIFIED)
    assert "accepts[1]" in found.detail and "is not JSON" in found.detail


async def test_an_expression_that_breaks_on_a_row_is_not_called_a_refusal(newest: Database) -> None:
    await newest.execute(TABLE + "ALTER TABLE t ADD CONSTRAINT ck CHECK (1 / a > 0)")
    found = await constraint_reading(newest, entry("1 / a > 0", [{"a": 0}, {"a": -1}], [{"a": 1}]))
    assert (found.rejects, found.accepts) == (UNVERIFIED, VERIFIED)
    assert "rejects[1] (a=0) could not be tried: division by zero." in found.detail


@pytest.mark.hazard("CON-10")
async def test_a_function_that_writes_is_not_let_write(newest: Database) -> None:
    await newest.execute(
        TABLE
        + """CREATE FUNCTION writes(int) RETURNS boolean LANGUAGE plpgsql
             AS 'BEGIN DELETE FROM t; RETURN true; END';
        ALTER TABLE t ADD CONSTRAINT ck CHECK (writes(a))"""
    )
    found = await constraint_reading(newest, entry("writes(a)", [], [{"a": 1}]))
    assert found.accepts is UNVERIFIED
    assert "read-only transaction" in found.detail


async def test_a_domain_in_the_table_may_make_rows_untriable(newest: Database) -> None:
    await newest.execute(TABLE + "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0)")
    found = await constraint_reading(newest, entry("a > 0", [{"a": 0, "mail": "nobody"}], [{"a": 1}]))
    assert (found.rejects, found.accepts) == (UNVERIFIED, VERIFIED)


async def test_a_table_called_like_our_own_aliases_is_tried_too(newest: Database) -> None:
    await newest.execute(
        "CREATE TABLE sample (fields int, place int);"
        "ALTER TABLE sample ADD CONSTRAINT ck CHECK (sample.fields > place)"
    )
    wanted = replace(
        entry("sample.fields > place", [{"fields": 1, "place": 1}], [{"fields": 2, "place": 1}]),
        table="sample",
    )
    found = await constraint_reading(newest, wanted)
    assert (found.finding, found.rejects, found.accepts) == (ConstraintFinding.ENFORCED, VERIFIED, VERIFIED)


async def test_a_generated_column_is_not_taken_for_null(database: Database) -> None:
    await database.execute(
        "CREATE TABLE t (a int, g int GENERATED ALWAYS AS (a * 2) STORED, CONSTRAINT ck CHECK (g > 10))"
    )
    found = await constraint_reading(database, entry("g > 10", [{"a": 1}], [{"a": 6, "g": 12}]))
    assert (found.rejects, found.accepts) == (UNVERIFIED, VERIFIED)
    assert "nothing generates g for a sample" in found.detail


async def test_a_long_row_is_cut_in_the_sentence(newest: Database) -> None:
    await newest.execute(TABLE + "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0)")
    found = await constraint_reading(newest, entry("a > 0", [{"title": "x" * 500}], []))
    assert found.rejects is FAILED
    assert len(found.detail) < 140
