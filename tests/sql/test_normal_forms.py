"""CHECK expressions in many spellings: what means the same is the same, what nearly does is not."""

from __future__ import annotations

import pytest

from profiles.manifest import ConstraintEntry
from sql.findings import ConstraintFinding, IndexFinding
from sql.normal_forms import BATCH
from sql.quoting import identifier
from tests.servers import Database
from tests.sql.requiring import constraint_reading, constraint_readings, index_reading
from tests.sql.spellings import TABLE

CHECKS = """
a > 0
(a > 0)
a>0 AND b>0
NOT a < 0
a BETWEEN 0 AND 100
a NOT BETWEEN 0 AND 100
a BETWEEN SYMMETRIC 100 AND 0
a IS NULL OR (a >= 0 AND a <= 100)
a IS NOT NULL
b IS NOT NULL
a = b
a <> b
a != b
a IS DISTINCT FROM b
a + b * 2 - -3 > 0
a % 2 = 0
a::bigint * b > 0
CAST(a AS numeric) / 3 < 10
qty >= 0
qty = 10.50
price > 1e3
price >= 0::double precision
active
NOT active
active = true
active IS NOT FALSE
active IS UNKNOWN
status IN ('open', 'new')
status NOT IN ('open', 'new')
status = ANY (ARRAY['open', 'new'])
status = ANY ('{open,new}')
status <> ALL (ARRAY['open', 'new'])
status::text IN ('open', 'new')
status = 'open'
title IN ('a', 'b')
code IN ('a', 'b')
body = 'x' COLLATE "C"
title COLLATE "C" < 'x'
a IN (1, 2, 3)
qty IN (1, 2.5)
mood IN ('sad', 'ok')
mood = 'happy'
mood <> 'sad'::mood
title LIKE '%@%.%'
title NOT LIKE '%@%'
title ILIKE 'http%'
title LIKE 'x!%' ESCAPE '!'
title ~ '^https?://'
title ~* '^[A-Z0-9._%+-]+@[A-Z0-9.-]+\\.[A-Z]{2,}$'
title !~ '\\s'
title SIMILAR TO '(a|b)%'
title IS NULL OR title ~* '^[a-z]+$'
length(title) > 0
char_length(trim(title)) > 0
trim(both ' ' from title) <> ''
btrim(title) <> ''
lower(title) = title
upper(substring(title from 1 for 1)) = substring(title, 1, 1)
position('@' in title) > 1
title || status <> ''
concat(title, status) <> ''
coalesce(a, 0) >= 0
nullif(a, 0) IS NOT NULL
greatest(a, b) < 100
CASE WHEN a > 0 THEN b > 0 ELSE true END
CASE status WHEN 'x' THEN 1 ELSE 2 END = 1
created > '2020-01-01 00:00:00+00'
created < TIMESTAMP WITH TIME ZONE '2100-01-01 00:00:00+02'
seen > '2020-01-01'
day >= DATE '2020-02-29'
extract(year FROM seen) > 2000
date_part('year', seen) > 2000
date_trunc('day', seen) = seen
seen AT TIME ZONE 'UTC' > created
gap > INTERVAL '1 day 2 hours'
seen + INTERVAL '1 month' > seen
(day, day + 1) OVERLAPS (day, day + 2)
data ? 'name'
data @> '{"a": [1, 2]}'
jsonb_typeof(data) = 'object'
data ->> 'kind' IN ('x', 'y')
(data -> 'n')::int > 0
tags <@ ARRAY['a', 'b']
array_length(tags, 1) > 0
tags[1] <> ''
nums[1] = ANY (nums)
'{}'::int[] <> nums
period <@ int4range(0, 100)
address << inet '10.0.0.0/8'
place <@ box '((0,0),(1,1))'
(a, b) < (10, 20)
ROW(a, b) IS NOT NULL
num_nonnulls(a, title) = 1
plus(a) > 1
public.plus(a) > 1
loud(title) = title
t.a > 0
public.t.a > 0
"Mixed Case" > 0 AND "order" < 5
title <> 'it''s' AND title <> E'a\\nb' AND title <> $$x ) y$$
a > 0 /* ) */ -- trailing ( words
t.* IS NOT NULL
mail LIKE '%@example.com'
key <> '00000000-0000-0000-0000-000000000000'
true
""".strip().splitlines()

NEAR_MISSES = [
    ("a > 0", "a >= 0"),
    ("a > 0", "b > 0"),
    ("a > 0", "a > 1"),
    ("a > 0", "NOT a > 0"),
    ("a > 0", "a > 0 OR a IS NULL"),
    ("a > 0 AND b > 0", "a > 0 OR b > 0"),
    ("a BETWEEN 0 AND 100", "a BETWEEN 0 AND 99"),
    ("a BETWEEN 0 AND 100", "a > 0 AND a < 100"),
    ("status IN ('a', 'b')", "status IN ('a')"),
    ("status IN ('a', 'b')", "status IN ('a', 'b', 'c')"),
    ("status IN ('a', 'b')", "status NOT IN ('a', 'b')"),
    ("status IN ('a', 'b')", "status IN ('A', 'B')"),
    ("title LIKE 'a%'", "title ILIKE 'a%'"),
    ("title LIKE 'a%'", "title LIKE 'a_'"),
    ("title ~ 'x'", "title ~* 'x'"),
    ("title = 'x'", "title = 'x '"),
    ("title = 'x'", "status = 'x'"),
    ("title < 'x'", "title COLLATE \"C\" < 'x'"),
    ("length(title) > 3", "octet_length(title) > 3"),
    ("lower(title) = title", "upper(title) = title"),
    ("a IS NULL", "a IS NOT NULL"),
    ("active", "NOT active"),
    ("active IS TRUE", "active IS NOT FALSE"),
    ("created > '2020-01-01 00:00+00'", "created > '2020-01-01 01:00+00'"),
    ("seen > '2020-01-01'", "created > '2020-01-01 00:00+00'"),
    ("data ->> 'a' = 'x'", "data ->> 'b' = 'x'"),
    ("a % 2 = 0", "a % 2 = 1"),
    ("a + b > 0", "a - b > 0"),
    ("coalesce(a, 0) > 0", "coalesce(a, 1) > 0"),
    ("a <> b", "a IS DISTINCT FROM b"),
    ("qty > 1", "price > 1"),
    ("a > 0", "true"),
    ("nope > 0", "a > 0"),
    ("no_such_function(a)", "a > 0"),
    ("title > 5", "a > 5"),
    ("a > 0", "a IS NOT NULL"),
]


def _entries(bodies: list[str]) -> list[ConstraintEntry]:
    return [ConstraintEntry("t", f"ck_{n}", f"CHECK ({body}\n)") for n, body in enumerate(bodies)]


def _made(entries: list[ConstraintEntry]) -> str:
    return "".join(f"ALTER TABLE t ADD CONSTRAINT {each.name} {each.definition};\n" for each in entries)


@pytest.mark.hazard("DEF-04", "DEF-05", "DEF-06")
async def test_a_check_is_enforced_as_declared_and_as_restored_from_a_dump(database: Database) -> None:
    declared = _entries(CHECKS)
    assert len(declared) >= 60
    await database.execute(TABLE + _made(declared))
    first = await constraint_readings(database, *declared)
    assert [(r.declared, r.detail) for r in first if r.finding is not ConstraintFinding.ENFORCED] == []

    for _ in range(2):  # pg_get_constraintdef is not idempotent: the second pass may print another text
        connection = await database.connect(search_path="")
        rows = await connection.fetch(
            "SELECT conname, pg_get_constraintdef(oid) AS text FROM pg_constraint"
            " WHERE conrelid = 'public.t'::regclass AND contype = 'c'"
        )
        for row in rows:
            name = identifier(row["conname"])
            await connection.execute(
                f"ALTER TABLE public.t DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {row['text']}"
            )
        await connection.close()
        again = await constraint_readings(database, *declared)
        assert [(r.declared, r.detail) for r in again if r.finding is not ConstraintFinding.ENFORCED] == []


async def test_a_check_that_nearly_matches_has_drifted(database: Database) -> None:
    await database.execute(TABLE + _made(_entries([live for _, live in NEAR_MISSES])))
    found = await constraint_readings(database, *_entries([said for said, _ in NEAR_MISSES]))
    assert [
        (each.declared, each.actual, each.finding.value, each.detail)
        for each in found
        if each.finding is not ConstraintFinding.DRIFTED or not each.detail
    ] == []


async def test_more_expressions_than_one_explain_takes(newest: Database) -> None:
    entries = _entries([f"a <> {number}" for number in range(BATCH + 5)])
    await newest.execute(TABLE + _made(entries))
    found = await constraint_readings(newest, *entries)
    assert {each.finding for each in found} == {ConstraintFinding.ENFORCED}


async def test_what_the_server_reduces_to_a_constant_is_not_called_the_same(newest: Database) -> None:
    await newest.execute(TABLE + "ALTER TABLE t ADD CONSTRAINT ck CHECK (2 > 1)")
    found = await constraint_reading(newest, ConstraintEntry("t", "ck", "CHECK (3 > 1)"))
    assert found.finding is ConstraintFinding.UNVERIFIED
    assert "reduces both to true" in found.detail


async def test_names_are_found_by_the_search_path_of_the_manifest(newest: Database) -> None:
    await newest.execute(
        TABLE
        + """
        CREATE SCHEMA app;
        CREATE TABLE app.t (a int);
        CREATE FUNCTION app.plus(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
        ALTER TABLE app.t ADD CONSTRAINT ck CHECK (app.plus(a) > 1);
        ALTER TABLE public.t ADD CONSTRAINT ck CHECK (public.plus(a) > 1);
        """
    )
    declared = ConstraintEntry("t", "ck", "CHECK (plus(a) > 1)")
    for path in ("app, public", "public", '"public"', "nowhere, PUBLIC"):
        found = await constraint_reading(newest, declared, search_path=path)
        assert found.finding is ConstraintFinding.ENFORCED, path
        assert found.table == ("app.t" if path.startswith("app") else "public.t")
    crossed = ConstraintEntry("app.t", "ck", "CHECK (public.plus(a) > 1)")
    found = await constraint_reading(newest, crossed, search_path="app")
    assert found.finding is ConstraintFinding.DRIFTED


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE r (a int, b text)",
        "CREATE UNLOGGED TABLE r (a int, b text)",
        "CREATE TABLE r (a int, b text) PARTITION BY RANGE (a)",
        "CREATE TABLE r (a int, b text) PARTITION BY RANGE (a);"
        "CREATE TABLE r_1 PARTITION OF r FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE parent (a int); CREATE TABLE r (b text) INHERITS (parent)",
        "CREATE TABLE r (a int, b text); CREATE TABLE kid () INHERITS (r)",
        "CREATE TABLE r (a int, b text);"
        "INSERT INTO r SELECT i, i FROM generate_series(1, 50000) i; ANALYZE r",
        "CREATE TABLE r (a int, b text); ALTER TABLE r ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
        "CREATE POLICY none ON r USING (false)",
        "CREATE TABLE r (a int, c int, b text GENERATED ALWAYS AS (c::text) STORED)",
    ],
)
async def test_every_kind_of_table_has_its_expressions_compared(database: Database, made: str) -> None:
    await database.execute(
        f"{made}; CREATE INDEX ix ON r (lower(b), a) WHERE a > 5;"
        "ALTER TABLE r ADD CONSTRAINT ck CHECK (b IN ('x', 'y')) NOT VALID"
    )
    same = await index_reading(database, "CREATE INDEX ix ON r (LOWER(b), a) WHERE (a > 5)")
    other = await index_reading(database, "CREATE INDEX ix ON r (LOWER(b), a) WHERE (a > 6)")
    assert (same.finding, same.detail) == (IndexFinding.PRESENT, "")
    assert other.finding is IndexFinding.DRIFTED
    check = await constraint_reading(database, ConstraintEntry("r", "ck", "CHECK (b = 'x' OR b = 'y')"))
    assert check.finding is ConstraintFinding.DRIFTED
    check = await constraint_reading(database, ConstraintEntry("r", "ck", "CHECK (b = ANY ('{x,y}'))"))
    assert check.finding is ConstraintFinding.NOT_VALIDATED


async def test_a_materialized_view_has_indexes_too(database: Database) -> None:
    await database.execute(
        "CREATE MATERIALIZED VIEW r AS SELECT 1 AS a, 'x'::text AS b;"
        "CREATE INDEX ix ON r (lower(b)) WHERE a > 5"
    )
    found = await index_reading(database, "CREATE INDEX ix ON r (lower(b)) WHERE a > 5")
    assert (found.finding, found.detail) == (IndexFinding.PRESENT, "")


async def test_virtual_columns_are_compared_by_what_they_are_made_of(newest: Database) -> None:
    await newest.execute(
        "CREATE TABLE r (a int, v int GENERATED ALWAYS AS (a * 2) VIRTUAL, CONSTRAINT ck CHECK (v > 10))"
    )
    same = await constraint_reading(newest, ConstraintEntry("r", "ck", "CHECK (v > 10)"))
    other = await constraint_reading(newest, ConstraintEntry("r", "ck", "CHECK (v > 11)"))
    assert (same.finding, other.finding) == (ConstraintFinding.ENFORCED, ConstraintFinding.DRIFTED)
