"""What we say the server prints, held against what servers of every version print."""

from __future__ import annotations

import pytest

from sql.parsing import parse_index
from sql.printed import as_printed
from tests.servers import Database
from tests.sql.spellings import TABLE

PLAIN = """
(a)
(a ASC NULLS LAST)
(a DESC)
(a DESC NULLS LAST)
(a NULLS FIRST)
(status, a DESC)
USING hash (title)
USING brin (created)
USING gin (tags, nums)
USING gist (place)
(a) INCLUDE (b, qty)
("Mixed Case", "order" DESC)
((a), (t.b))
"""
ONLY_THE_SERVER_KNOWS = """
(a int4_ops)
(title COLLATE "C")
(a) WITH (fillfactor = 70)
(a) WHERE b > 0
(lower(title))
(a) TABLESPACE pg_default
USING gist (word tsvector_ops (siglen = 100))
"""


async def test_plain_columns_are_printed_as_the_server_does(database: Database) -> None:
    await database.execute(TABLE)
    connection = await database.connect(search_path="pg_catalog")
    for number, tail in enumerate(PLAIN.strip().splitlines()):
        unique = "UNIQUE " if tail == "(a)" else ""
        declared = parse_index(f'CREATE {unique}INDEX "Ix {number}" ON public.t {tail}')
        await connection.execute(declared.source)
        printed = await connection.fetchval("SELECT pg_get_indexdef($1::regclass)", f'public."Ix {number}"')
        assert as_printed(declared, "public", "t") == printed
    await connection.close()


async def test_nulls_not_distinct_is_printed_as_the_server_does(newest: Database) -> None:
    await newest.execute(TABLE)
    declared = parse_index("CREATE UNIQUE INDEX i ON public.t (a) INCLUDE (b) NULLS NOT DISTINCT")
    await newest.execute(declared.source)
    connection = await newest.connect(search_path="pg_catalog")
    printed = await connection.fetchval("SELECT pg_get_indexdef('public.i'::regclass)")
    await connection.close()
    assert as_printed(declared, "public", "t") == printed


@pytest.mark.parametrize("tail", ONLY_THE_SERVER_KNOWS.strip().splitlines())
def test_what_only_the_server_knows_is_left_to_it(tail: str) -> None:
    assert as_printed(parse_index(f"CREATE INDEX i ON t {tail}"), "public", "t") is None
