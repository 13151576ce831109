"""The required indexes on real servers: names, tables, rights, sizes, locks, and no trace left behind."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from profiles.manifest import IndexEntry, Priority
from sql.findings import IndexFinding
from sql.indexes import read_indexes
from sql.quoting import identifier
from sql.session import Session
from tests.servers import Database
from tests.sql.holding import open_transaction, role
from tests.sql.requiring import index_reading, index_readings, requirements
from tests.sql.sessions import open_session, session

HOSTILE = [
    'quo"te',
    "brac[ket]s [/b] [@click=app.quit]x",
    "new\nline\ttab",
    "\u202eright to left\u200f",
    "semi; DROP TABLE t; --",
    "a.b",
    "Mixed Case",
    "select",
    "ü" * 31,
    "x" * 63,
    "per%cent $1 {brace}",
    "back\\slash 'quote'",
]


async def test_it_is_present_with_its_size_scans_and_definition(database: Database) -> None:
    await database.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE INDEX ix ON t (a)")
    await database.execute("SET enable_seqscan = off; SELECT * FROM t WHERE a = 1; SELECT pg_stat_reset()")
    entry = IndexEntry("CREATE INDEX ix ON t (a)", Priority.CRITICAL, "why", "what the customer sees")
    async with session(database) as watching:
        snapshot = await read_indexes(watching, requirements([entry]))
    [found] = snapshot.indexes
    assert found.finding is IndexFinding.PRESENT
    assert (found.name, found.table, found.detail) == ("ix", "public.t", "")
    assert found.actual == "CREATE INDEX ix ON public.t USING btree (a)"
    assert found.declared == entry.definition
    assert (found.priority, found.purpose, found.demo_query) == (entry.priority, "why", entry.demo_query)
    assert found.size_bytes == 16384
    assert found.scans is not None
    assert found.stats_since is not None and found.stats_since <= datetime.now(UTC)
    assert snapshot.taken_at.tzinfo is UTC


async def test_when_it_was_last_scanned_is_known_from_16_on(database: Database) -> None:
    await database.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE INDEX ix ON t (a)")
    await database.execute("SET enable_seqscan = off; SELECT * FROM t WHERE a = 1")
    found = await index_reading(database, "CREATE INDEX ix ON t (a)")
    assert found.scans == 1
    assert (found.last_scan is not None) == (database.major >= 16)


async def test_it_is_missing_and_says_what_lacks(database: Database) -> None:
    await database.execute("CREATE TABLE t (a int); CREATE VIEW v AS SELECT 1 AS a; CREATE SEQUENCE s")
    found = await index_readings(
        database,
        "CREATE INDEX i1 ON t (a)",
        "CREATE INDEX i2 ON nope (a)",
        "CREATE INDEX i3 ON nowhere.t (a)",
        "CREATE INDEX i4 ON v (a)",
        "CREATE INDEX i5 ON s (a)",
    )
    assert {each.finding for each in found} == {IndexFinding.MISSING}
    assert [each.detail for each in found] == [
        "No index of that name is on the table.",
        "The table public.nope does not exist.",
        "The schema nowhere does not exist.",
        "public.v is a view, not a table.",
        "public.s is a sequence, not a table.",
    ]
    assert [each.table for each in found[:3]] == ["public.t", "public.nope", "nowhere.t"]
    assert {each.actual for each in found} == {None}


@pytest.mark.hazard("DEF-01")
@pytest.mark.parametrize(
    ("made", "detail"),
    [
        ("CREATE TABLE ix (a int)", "The name belongs to a table, not to an index."),
        ("CREATE VIEW ix AS SELECT 1", "The name belongs to a view, not to an index."),
        ("CREATE SEQUENCE ix", "The name belongs to a sequence, not to an index."),
        ("CREATE TYPE ix AS (a int)", "The name belongs to a composite type, not to an index."),
        ("CREATE TABLE t2 (a int); CREATE INDEX ix ON t2 (a)", "It is an index on public.t2."),
        ("CREATE INDEX ix ON t (b)", "Column 1 is b, declared a DESC."),
        ("CREATE INDEX ix ON t (a)", "Column 1 is a ASC, declared a DESC."),
        ("CREATE INDEX ix ON t (a DESC) WHERE b > 0", "WHERE is (b > 0), declared absent."),
        (
            "CREATE UNIQUE INDEX ix ON t USING btree (a DESC, b) WITH (fillfactor = 50)",
            "It is UNIQUE, declared not so; the columns are (a DESC, b), declared (a DESC);"
            " WITH is (fillfactor=50), declared absent.",
        ),
    ],
)
async def test_the_name_is_there_and_is_something_else(newest: Database, made: str, detail: str) -> None:
    await newest.execute(f"CREATE TABLE t (a int, b int); {made}")
    found = await index_reading(newest, "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON t (a DESC)")
    assert found.finding is IndexFinding.DRIFTED
    assert found.detail == detail


async def test_a_drifted_index_names_the_right_one_beside_it(newest: Database) -> None:
    await newest.execute("CREATE TABLE t (a int, b int); CREATE INDEX ix ON t (b); CREATE INDEX iy ON t (a)")
    found = await index_reading(newest, "CREATE INDEX ix ON t (a)")
    assert (found.finding, found.equivalent) == (IndexFinding.DRIFTED, "iy")
    assert found.actual == "CREATE INDEX ix ON public.t USING btree (b)"


@pytest.mark.hazard("DEF-07")
async def test_the_same_index_under_another_name_is_equivalent(database: Database) -> None:
    await database.execute(
        "CREATE TABLE t (a int, b text); CREATE INDEX iy ON t (lower(b), a DESC) INCLUDE (b) WHERE a > 0"
    )
    found = await index_reading(database, "CREATE INDEX ix ON t (LOWER(b), a DESC) INCLUDE (b) WHERE (a > 0)")
    assert (found.finding, found.equivalent) == (IndexFinding.EQUIVALENT, "iy")
    assert "iy is the same index under another name" in found.detail
    assert found.actual is not None and found.actual.startswith("CREATE INDEX iy ON public.t")


async def test_the_index_of_a_constraint_is_equivalent_to_a_unique_one(newest: Database) -> None:
    await newest.execute("CREATE TABLE t (a int CONSTRAINT t_a UNIQUE)")
    unique = await index_reading(newest, "CREATE UNIQUE INDEX ux ON t (a)")
    plain = await index_reading(newest, "CREATE INDEX ix ON t (a)")
    assert (unique.finding, unique.equivalent) == (IndexFinding.EQUIVALENT, "t_a")
    assert (plain.finding, plain.equivalent) == (IndexFinding.MISSING, None)
    assert "t_a is UNIQUE on the same columns and serves the same lookups" in plain.detail


@pytest.mark.hazard("DEF-07")
async def test_columns_are_compared_by_name_not_by_number(newest: Database) -> None:
    await newest.execute(
        "CREATE TABLE t (gone int, a int, b int); ALTER TABLE t DROP COLUMN gone; CREATE INDEX ix ON t (b)"
    )
    assert (await index_reading(newest, "CREATE INDEX ix ON t (b)")).finding is IndexFinding.PRESENT
    assert (await index_reading(newest, "CREATE INDEX ix ON t (a)")).finding is IndexFinding.DRIFTED


@pytest.mark.hazard("DEF-08")
async def test_names_are_found_by_schema_or_by_the_search_path(database: Database) -> None:
    await database.execute(
        """
        CREATE SCHEMA app; CREATE TABLE app.t (a int, b int); CREATE TABLE public.t (a int, b int);
        CREATE INDEX ix ON app.t (a); CREATE INDEX ix ON public.t (b);
        """
    )
    [said] = await index_readings(database, "CREATE INDEX ix ON app.t (a)")
    [by_path] = await index_readings(database, "CREATE INDEX ix ON t (a)", search_path="nowhere, app, public")
    [public] = await index_readings(database, "CREATE INDEX ix ON t (b)")
    [wrong] = await index_readings(database, "CREATE INDEX ix ON t (b)", search_path="app, public")
    assert [each.finding for each in (said, by_path, public)] == [IndexFinding.PRESENT] * 3
    assert [each.table for each in (said, by_path, public)] == ["app.t", "app.t", "public.t"]
    assert (wrong.finding, wrong.table) == (IndexFinding.DRIFTED, "app.t")


@pytest.mark.hazard("DEF-08")
async def test_user_in_the_search_path_is_the_role_that_reads(newest: Database) -> None:
    await newest.execute(
        "CREATE SCHEMA postgres; CREATE TABLE postgres.t (a int); CREATE INDEX ix ON postgres.t (a)"
    )
    [found] = await index_readings(newest, "CREATE INDEX ix ON t (a)", search_path='"$user", public')
    assert (found.finding, found.table) == (IndexFinding.PRESENT, "postgres.t")


@pytest.mark.hazard("DEF-02")
async def test_another_tablespace_is_a_drift_only_where_one_is_declared(newest: Database) -> None:
    space = f"space_{uuid.uuid4().hex[:8]}"
    connection = await newest.connect()
    await connection.execute("SET allow_in_place_tablespaces = on")
    await connection.execute(f"CREATE TABLESPACE {space} LOCATION ''")
    await connection.execute(f"CREATE TABLE t (a int); CREATE INDEX ix ON t (a) TABLESPACE {space}")
    try:
        plain = await index_reading(newest, "CREATE INDEX ix ON t (a)")
        same = await index_reading(newest, f"CREATE INDEX ix ON t (a) TABLESPACE {space}")
        other = await index_reading(newest, "CREATE INDEX ix ON t (a) TABLESPACE pg_default")
    finally:
        await connection.execute("DROP TABLE t")
        await connection.execute(f"DROP TABLESPACE {space}")
        await connection.close()
    assert (plain.finding, same.finding) == (IndexFinding.PRESENT, IndexFinding.PRESENT)
    assert other.finding is IndexFinding.DRIFTED
    assert f"The tablespace is {space}, declared pg_default." in other.detail


@pytest.mark.hazard("PRV-02")
@pytest.mark.parametrize(
    ("grants", "plain", "needs"),
    [
        ((), IndexFinding.PRESENT, "GRANT USAGE ON SCHEMA hid TO watcher_"),
        (("GRANT USAGE ON SCHEMA hid TO {role}",), IndexFinding.PRESENT, "GRANT SELECT ON hid.t TO watcher_"),
        (
            ("GRANT USAGE ON SCHEMA hid TO {role}", "GRANT SELECT (b) ON hid.t TO {role}"),
            IndexFinding.PRESENT,
            "",
        ),
    ],
)
async def test_rights_decide_only_over_expressions(
    database: Database, grants: Sequence[str], plain: IndexFinding, needs: str
) -> None:
    await database.execute(
        "CREATE SCHEMA hid; CREATE TABLE hid.t (a int, b text);"
        "CREATE INDEX ix ON hid.t (a); CREATE INDEX iy ON hid.t (lower(b))"
    )
    async with role(database, *grants) as user:
        first, second = await index_readings(
            database, "CREATE INDEX ix ON hid.t (a)", "CREATE INDEX iy ON hid.t (lower(b))", user=user
        )
    assert first.finding is plain
    if needs:
        assert second.finding is IndexFinding.UNVERIFIED
        assert needs in second.detail
    else:
        assert second.finding is IndexFinding.PRESENT


async def test_one_column_that_may_not_be_read_leaves_the_others_compared(newest: Database) -> None:
    await newest.execute(
        "CREATE TABLE t (a text, b text); CREATE INDEX ia ON t (lower(a)); CREATE INDEX ib ON t (lower(b))"
    )
    async with role(newest, "GRANT SELECT (b) ON t TO {role}") as user:
        first, second = await index_readings(
            newest, "CREATE INDEX ia ON t (lower(a))", "CREATE INDEX ib ON t (lower(b))", user=user
        )
    assert (first.finding, second.finding) == (IndexFinding.UNVERIFIED, IndexFinding.PRESENT)
    assert "permission denied" in first.detail


async def test_an_exclusively_locked_table_delays_nobody(database: Database) -> None:
    await database.execute("CREATE TABLE t (a int, b text); CREATE INDEX ix ON t (a); CREATE TABLE u (a int)")
    await database.execute("CREATE INDEX iu ON u (a)")
    async with open_transaction(database, "LOCK TABLE t IN ACCESS EXCLUSIVE MODE"):
        locked, missing, free = await index_readings(
            database,
            "CREATE INDEX ix ON t (a)",
            "CREATE INDEX iy ON t (lower(b))",
            "CREATE INDEX iu ON u (a)",
        )
    assert locked.finding is IndexFinding.UNVERIFIED
    assert "somebody locks its table exclusively" in locked.detail
    assert missing.finding is IndexFinding.MISSING
    assert free.finding is IndexFinding.PRESENT


async def test_an_index_that_somebody_locks_is_read_without_its_size(database: Database) -> None:
    await database.execute(
        "CREATE TABLE t (a int, b int); CREATE INDEX ix ON t (a); CREATE INDEX iy ON t (b)"
    )
    async with open_transaction(database, "REINDEX INDEX ix"):
        locked, free = await index_readings(database, "CREATE INDEX ix ON t (a)", "CREATE INDEX iy ON t (b)")
    assert (locked.finding, locked.size_bytes) == (IndexFinding.PRESENT, None)
    assert (free.finding, free.size_bytes) == (IndexFinding.PRESENT, 8192)


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_change_nothing(newest: Database, name: str) -> None:
    quoted = identifier(name)
    definition = (
        f"CREATE INDEX {identifier('i' + name[1:])} ON {quoted}.{quoted} ({quoted}, lower({quoted}::text))"
    )
    if len(name.encode()) == 62:
        definition = f"CREATE INDEX i ON {quoted}.{quoted} ({quoted}, lower({quoted}::text))"
    await newest.execute(f"CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.{quoted} ({quoted} int)")
    missing = await index_reading(newest, definition)
    assert missing.finding is IndexFinding.MISSING
    await newest.execute(definition)
    found = await index_reading(newest, definition)
    assert (found.finding, found.detail) == (IndexFinding.PRESENT, "")
    assert found.table == f"{quoted}.{quoted}"


async def test_reading_leaves_no_trace(database: Database) -> None:
    await database.execute(
        """
        CREATE TABLE t (id serial, a int, b text); INSERT INTO t (a) VALUES (1), (2);
        CREATE INDEX ix ON t (a); CREATE INDEX iy ON t (lower(b)) WHERE a > 0;
        """
    )
    definitions = [
        "CREATE INDEX ix ON t (a)",
        "CREATE INDEX iy ON t (LOWER(b)) WHERE a > 0",
        "CREATE INDEX iz ON t (nope(b))",
        "CREATE INDEX iv ON t (b text_pattern_ops)",
    ]
    watching = await open_session(database)
    before = await trace(database)
    await read_indexes(watching, requirements(definitions))
    async with open_transaction(database):
        assert await locks_of(database, watching) == []
    assert await trace(database) == before
    await watching.close()


async def trace(database: Database) -> dict[str, object]:
    """What a writer would have moved: transaction ids, rows, sequences, relations, schemas."""
    connection = await database.connect()
    try:
        return {
            "next xid": await connection.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text"),
            "rows": await connection.fetch("SELECT xmin::text, xmax::text, t::text FROM t ORDER BY 3"),
            "sequences": await connection.fetch(
                "SELECT c.relname, pg_sequence_last_value(c.oid) FROM pg_class c WHERE c.relkind = 'S'"
            ),
            "relations": await connection.fetch("SELECT oid, relname FROM pg_class ORDER BY oid"),
            "schemas": await connection.fetch("SELECT oid, nspname FROM pg_namespace ORDER BY oid"),
        }
    finally:
        await connection.close()


async def locks_of(database: Database, watching: Session) -> list[str]:
    """Locks that a session holds now."""
    rows = await watching.fetch_composed("SELECT pg_backend_pid() AS pid")
    connection = await database.connect()
    try:
        found = await connection.fetch(
            "SELECT mode FROM pg_locks WHERE pid = $1 AND locktype <> 'virtualxid'", rows[0]["pid"]
        )
    finally:
        await connection.close()
    return [row["mode"] for row in found]


async def test_round_trips_do_not_grow_with_the_indexes(newest: Database) -> None:
    names = range(60)
    await newest.execute(
        "CREATE TABLE t (a int, b text);"
        + "".join(f"CREATE INDEX ix_{n} ON t (a, lower(b)) WHERE a > {n};" for n in names if n % 2)
    )
    counts = []
    for some in (names[:10], names):
        definitions = [f"CREATE INDEX ix_{n} ON t (a, lower(b)) WHERE a > {n}" for n in some]
        async with session(newest) as watching:
            said = 0

            def count(*_: object) -> None:
                nonlocal said
                said += 1

            watching._connection.add_query_logger(count)
            snapshot = await read_indexes(watching, requirements(definitions))
        present = [each for each in snapshot.indexes if each.finding is IndexFinding.PRESENT]
        assert len(present) == len(definitions) // 2
        counts.append(said)
    assert counts[0] == counts[1]


async def test_nothing_required_asks_nothing(newest: Database) -> None:
    async with session(newest) as watching:
        assert (await read_indexes(watching, requirements())).indexes == ()
