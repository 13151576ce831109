"""Many spellings of many definitions: what means the same is the same, what nearly does is not.

Each one is made on the server from its declared text, and then again from what the server prints of it, as a
restored dump would: both must compare equal (13 to 18 print differently, and not idempotently).
"""

from __future__ import annotations

import pytest

from sql.findings import IndexFinding
from tests.servers import Database
from tests.sql.requiring import index_readings
from tests.sql.spellings import TABLE

INDEXES = """
(a)
(a ASC)
(a ASC NULLS LAST)
(a DESC)
(a DESC NULLS FIRST)
(a DESC NULLS LAST)
(a NULLS FIRST)
(status, a DESC)
USING btree (a, b, qty)
USING hash (title)
USING HASH (status)
USING brin (created)
USING brin (created) WITH (pages_per_range = 32)
USING brin (created, a) WITH (autosummarize)
USING brin (created) WITH (autosummarize = on)
USING brin (qty numeric_minmax_ops)
USING gin (data)
USING gin (data jsonb_path_ops)
USING gin (data) WITH (fastupdate = off)
USING gin (tags, nums)
USING gin (to_tsvector('english', title))
USING gin (to_tsvector('simple'::regconfig, coalesce(title, '')))
USING gin (word)
USING gist (place)
USING gist (area, period)
USING gist (address inet_ops)
USING gist (word tsvector_ops (siglen = 100))
USING spgist (place)
USING spgist (title)
(a int4_ops)
(status varchar_pattern_ops)
(title text_pattern_ops DESC)
(title pg_catalog.text_pattern_ops)
(status text_ops)
(title COLLATE "C")
(body COLLATE "C")
(body COLLATE pg_catalog."C")
(title COLLATE "POSIX" text_pattern_ops DESC NULLS LAST)
(title COLLATE "default")
(a) INCLUDE (b, qty)
(a) INCLUDE (qty, b)
(a) WITH (fillfactor = 70)
(a) WITH (fillfactor='70', deduplicate_items=off)
("Mixed Case", "order" DESC)
(A, STATUS)
((a))
((t.a) DESC)
(lower(title))
((lower(title)))
(LOWER(status))
(lower(title) COLLATE "C" text_pattern_ops)
((lower(title) COLLATE "C"))
((title COLLATE "C"))
((a + b))
((a+b) DESC, lower(title) , a)
((a / NULLIF(b, 0)))
((data ->> 'name'))
((data -> 'x' ->> 'y') , a)
((data #>> '{a,b}'))
((data['x']))
(date_trunc('day', seen))
((created AT TIME ZONE 'UTC'))
((extract(year FROM seen)))
((CAST(seen AS date)))
((seen::date))
(trim(title))
(trim(leading 'x' from title))
((substring(title from 1 for 3)))
((substring(title, 1, 3)))
((position('x' in title)))
(overlay(title placing 'x' from 1))
(coalesce(title, status, ''))
(greatest(a, b))
(plus(a))
(public.plus(a))
(loud(title))
((a IS NULL))
((a IS NOT NULL AND b > 0))
((CASE WHEN a > 0 THEN 1 ELSE 0 END))
((status = ANY (ARRAY['a', 'b'])))
((tags[1]))
((nums[1:2]))
(md5(title || status))
((status || '-' || title))
(a) WHERE false
(abs(price), round(qty, 1))
(mood)
(gap)
(key, mail)
(a) WHERE active
(a) WHERE active = true
(a) WHERE NOT active
(a) WHERE active IS TRUE
(a) WHERE status = 'open'
(a) WHERE status IN ('open', 'new')
(a) WHERE status NOT IN ('open', 'new')
(a) WHERE (status = 'open' OR status = 'new')
(a) WHERE status <> 'closed' AND a > 10
(a) WHERE status != 'closed'
(a) WHERE a BETWEEN 1 AND 10
(a) WHERE title LIKE 'x%'
(a) WHERE title ILIKE '%y%'
(a) WHERE title NOT LIKE '%y%'
(a) WHERE title ~ '^[a-z]+$'
(a) WHERE title IS NOT NULL
(a) WHERE created > '2020-01-01 00:00:00+00'
(a) WHERE created >= TIMESTAMPTZ '2020-01-01 02:00:00+02'
(a) WHERE seen > '2020-01-01'
(a) WHERE day >= DATE '2024-02-29'
(a) WHERE gap > INTERVAL '1 day'
(a) WHERE qty > 10.50
(a) WHERE price > 1e3
(a) WHERE mood = 'happy'
(a) WHERE mood IN ('sad', 'ok')
(a) WHERE data @> '{"a": 1}'
(a) WHERE data ? 'x'
(a) WHERE tags && ARRAY['x', 'y']
(a) WHERE tags @> '{x}'
(a) WHERE a IS DISTINCT FROM b
(a) WHERE (a, b) > (1, 2)
(a) WHERE length(title) > 3 AND lower(status) = 'x'
(a) WHERE seen + INTERVAL '1 day' > '2021-01-01'
(a) WHERE "Mixed Case" > 0
(a) WHERE t.a > 0
(a) WHERE title = 'it''s' OR title = E'tab\\t' OR title = $$dollar ) , ( $$
(a) WHERE title SIMILAR TO 'x%y'
(a) WHERE key = '00000000-0000-0000-0000-000000000000'
(a) WHERE a = 1 /* a comment ) here */ OR a = 2 -- and ( here
""".strip().splitlines()

UNIQUE = ["(a)", "(lower(title))", "(a, b) WHERE active", "(a) INCLUDE (title)"]

NEAR_MISSES = [
    ("(a)", "(b)"),
    ("(a)", "(a DESC)"),
    ("(a DESC)", "(a DESC NULLS LAST)"),
    ("(a)", "(a NULLS FIRST)"),
    ("(a, b)", "(b, a)"),
    ("(a, b)", "(a)"),
    ("(a) INCLUDE (b)", "(a, b)"),
    ("(a) INCLUDE (b)", "(a)"),
    ("(a) INCLUDE (b)", "(a) INCLUDE (qty)"),
    ("(a)", "USING hash (a)"),
    ("(title)", "(title text_pattern_ops)"),
    ("(title text_pattern_ops)", "(title)"),
    ("(title text_pattern_ops)", "(title varchar_pattern_ops)"),
    ("(title bpchar_pattern_ops)", "(title)"),
    ("(title)", '(title COLLATE "C")'),
    ('(title COLLATE "C")', "(title)"),
    ('(title COLLATE "C")', '(title COLLATE "POSIX")'),
    ("(body)", '(body COLLATE "POSIX")'),
    ("USING gin (data)", "USING gin (data jsonb_path_ops)"),
    ("USING gist (word tsvector_ops (siglen = 100))", "USING gist (word)"),
    ("USING gist (word tsvector_ops (siglen = 100))", "USING gist (word tsvector_ops (siglen = 200))"),
    ("(a) WITH (fillfactor = 70)", "(a)"),
    ("(a) WITH (fillfactor = 70)", "(a) WITH (fillfactor = 80)"),
    ("(lower(title))", "(upper(title))"),
    ("(lower(title))", "(title)"),
    ("(lower(title))", "(lower(body))"),
    ("(lower(title))", '(lower(title) COLLATE "C")'),
    ("((a + b))", "((a - b))"),
    ("((data ->> 'name'))", "((data ->> 'Name'))"),
    ("((data ->> 'name'))", "((data -> 'name'))"),
    ("(coalesce(title, ''))", "(coalesce(title, ' '))"),
    ("(a)", "(a) WHERE active"),
    ("(a) WHERE active", "(a)"),
    ("(a) WHERE active", "(a) WHERE NOT active"),
    ("(a) WHERE status = 'open'", "(a) WHERE status = 'Open'"),
    ("(a) WHERE status IN ('a', 'b')", "(a) WHERE status IN ('a', 'b', 'c')"),
    ("(a) WHERE a > 10", "(a) WHERE a >= 10"),
    ("(a) WHERE a > 10", "(a) WHERE b > 10"),
    ("(a) WHERE created > '2020-01-01 00:00+00'", "(a) WHERE created > '2020-01-01 00:00+01'"),
    ("(a) WHERE title LIKE 'x%'", "(a) WHERE title ILIKE 'x%'"),
    ("(a) WHERE title = ''", "(a) WHERE title = ' '"),
    ("(a) WHERE qty > 1.5", "(a) WHERE price > 1.5"),
    ("(a) WHERE title IS NULL", "(a) WHERE title IS NOT NULL"),
    ("(nope)", "(a)"),
    ("(lower(nope))", "(lower(title))"),
    ("(a) WHERE nope > 1", "(a) WHERE a > 1"),
    ("(a) WHERE title > 1", "(a) WHERE a > 1"),
    ("(no_such_function(title))", "(lower(title))"),
]


def _named(bodies: list[str], unique: list[str]) -> list[str]:
    plain = [f"CREATE INDEX ix_{number} ON t {body}" for number, body in enumerate(bodies)]
    return plain + [f"CREATE UNIQUE INDEX ux_{number} ON t {body}" for number, body in enumerate(unique)]


async def _made(database: Database, statements: list[str]) -> list[str]:
    """Make each one for itself; gives those that this version knows."""
    connection = await database.connect()
    made = []
    try:
        for text in statements:
            try:
                await connection.execute(text)
            except Exception as error:
                assert "cannot subscript type jsonb" in str(error), text
            else:
                made.append(text)
    finally:
        await connection.close()
    return made


@pytest.mark.hazard("DEF-02", "DEF-04", "DEF-05", "DEF-06")
async def test_an_index_is_present_as_declared_and_as_restored_from_a_dump(database: Database) -> None:
    await database.execute(TABLE)
    declared = await _made(database, _named(INDEXES, UNIQUE))
    assert len(declared) >= 60

    first = await index_readings(database, *declared)
    assert [(each.declared, each.detail) for each in first if each.finding is not IndexFinding.PRESENT] == []

    connection = await database.connect(search_path="")
    rows = await connection.fetch(
        "SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS text"
        " FROM pg_index WHERE indrelid = 'public.t'::regclass AND NOT indisprimary"
    )
    for row in rows:
        await connection.execute(f"DROP INDEX {row['name']}; {row['text']}")
    await connection.close()
    again = await index_readings(database, *declared)
    assert [(each.declared, each.detail) for each in again if each.finding is not IndexFinding.PRESENT] == []


@pytest.mark.hazard("DEF-02")
async def test_an_index_that_nearly_matches_has_drifted(database: Database) -> None:
    await database.execute(TABLE)
    await _made(database, [f"CREATE INDEX ix_{n} ON t {live}" for n, (_, live) in enumerate(NEAR_MISSES)])
    declared = [f"CREATE INDEX ix_{n} ON t {said}" for n, (said, _) in enumerate(NEAR_MISSES)]
    found = await index_readings(database, *declared)
    assert [
        (each.declared, each.actual, each.finding.value, each.detail)
        for each in found
        if each.finding is not IndexFinding.DRIFTED or not each.detail
    ] == []


@pytest.mark.parametrize(("declared", "live"), [("UNIQUE INDEX", "INDEX"), ("INDEX", "UNIQUE INDEX")])
async def test_unique_makes_another_index(newest: Database, declared: str, live: str) -> None:
    await newest.execute(TABLE + f"CREATE {live} ix ON t (a)")
    [found] = await index_readings(newest, f"CREATE {declared} ix ON t (a)")
    assert found.finding is IndexFinding.DRIFTED
    assert "UNIQUE" in found.detail


@pytest.mark.hazard("DEF-02")
async def test_nulls_not_distinct_makes_another_index(newest: Database) -> None:
    await newest.execute(TABLE + "CREATE UNIQUE INDEX ix ON t (a) NULLS NOT DISTINCT")
    [same] = await index_readings(newest, "CREATE UNIQUE INDEX ix ON t (a) NULLS NOT DISTINCT")
    [other] = await index_readings(newest, "CREATE UNIQUE INDEX ix ON t (a)")
    assert same.finding is IndexFinding.PRESENT
    assert other.finding is IndexFinding.DRIFTED
    assert "NULLS NOT DISTINCT" in other.detail
