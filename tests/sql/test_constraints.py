"""The required CHECK constraints on real servers: states, the rows that break them, rights, and no trace."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.manifest import ConstraintEntry, Priority
from sql.constraints import read_constraints
from sql.findings import ConstraintFinding, SampleFinding
from sql.quoting import identifier
from tests.servers import Database
from tests.sql.holding import open_transaction, role, running, until_true
from tests.sql.requiring import constraint_reading, constraint_readings, requirements
from tests.sql.sessions import open_session, session
from tests.sql.test_indexes import HOSTILE, locks_of, trace

TABLE = """
CREATE TABLE t (id serial PRIMARY KEY, a int, b text);
INSERT INTO t (a, b) SELECT i, 'x' FROM generate_series(1, 20) i;
"""
POSITIVE = ConstraintEntry("t", "ck", "CHECK (a > 0)")


def added(body: str, *, table: str = "t", name: str = "ck") -> str:
    return f"ALTER TABLE {table} ADD CONSTRAINT {identifier(name)} {body};"


async def test_it_is_enforced_and_nothing_is_counted(database: Database) -> None:
    await database.execute(TABLE + added("CHECK (a > 0)"))
    entry = replace(POSITIVE, priority=Priority.HIGH, purpose="why")
    found = await constraint_reading(database, entry)
    assert found.finding is ConstraintFinding.ENFORCED
    assert (found.name, found.table, found.actual) == ("ck", "public.t", "CHECK ((a > 0))")
    assert (found.violations, found.detail) == (None, "")
    assert (found.priority, found.purpose) == (Priority.HIGH, "why")


async def test_it_is_missing_and_the_rows_that_would_break_it_are_counted(database: Database) -> None:
    await database.execute(TABLE)
    found = await constraint_reading(database, ConstraintEntry("t", "ck", "CHECK (a <> 7 AND a <> 9)"))
    assert found.finding is ConstraintFinding.MISSING
    assert (found.violations, found.violations_capped) == (2, False)
    assert found.violating_keys == ("id=7", "id=9")


@pytest.mark.hazard("CON-04")
async def test_null_breaks_no_check(newest: Database) -> None:
    await newest.execute(TABLE + "INSERT INTO t (a) VALUES (NULL), (-1)")
    found = await constraint_reading(newest, POSITIVE)
    assert (found.violations, found.violating_keys) == (1, ("id=22",))


async def test_a_missing_table_is_said_and_not_counted(newest: Database) -> None:
    await newest.execute("CREATE VIEW v AS SELECT 1 AS a")
    table, schema, view = await constraint_readings(
        newest,
        ConstraintEntry("nope", "ck", "CHECK (a > 0)"),
        ConstraintEntry("nowhere.t", "ck", "CHECK (a > 0)"),
        ConstraintEntry("v", "ck", "CHECK (a > 0)"),
    )
    assert {each.finding for each in (table, schema, view)} == {ConstraintFinding.MISSING}
    assert table.detail == "The table public.nope does not exist."
    assert schema.detail == "The schema nowhere does not exist."
    assert view.detail == "public.v is a view, not a table."
    assert {each.violations for each in (table, schema, view)} == {None}


async def test_it_is_not_validated_and_old_rows_are_counted(database: Database) -> None:
    await database.execute(TABLE + "INSERT INTO t (a) VALUES (-5);" + added("CHECK (a > 0) NOT VALID"))
    found = await constraint_reading(database, POSITIVE)
    assert found.finding is ConstraintFinding.NOT_VALIDATED
    assert (found.violations, found.violating_keys) == (1, ("id=21",))
    assert found.actual == "CHECK ((a > 0)) NOT VALID"
    await database.execute("DELETE FROM t WHERE a < 0; ALTER TABLE t VALIDATE CONSTRAINT ck")
    after = await constraint_reading(database, POSITIVE)
    assert after.finding is ConstraintFinding.ENFORCED


@pytest.mark.hazard("CON-06")
async def test_not_enforced_is_not_mistaken_for_not_validated(newest: Database) -> None:
    await newest.execute(TABLE + added("CHECK (a > 0) NOT ENFORCED") + "INSERT INTO t (a) VALUES (-5)")
    entry = replace(POSITIVE, rejects=({"a": -1},), accepts=({"a": 1},))
    found = await constraint_reading(newest, entry)
    assert found.finding is ConstraintFinding.NOT_ENFORCED
    assert "checks nothing" in found.detail
    assert (found.violations, found.violating_keys) == (1, ("id=21",))
    assert (found.rejects, found.accepts) == (SampleFinding.FAILED, SampleFinding.VERIFIED)


@pytest.mark.hazard("CON-07")
@pytest.mark.parametrize(
    ("live", "detail"),
    [
        ("CHECK (a >= 0)", "It checks (a >= 0), declared a > 0."),
        ("UNIQUE (a)", "The name belongs to a UNIQUE constraint, not to a CHECK."),
        ("FOREIGN KEY (a) REFERENCES t", "The name belongs to a foreign key, not to a CHECK."),
        ("EXCLUDE USING btree (a WITH =)", "The name belongs to an exclusion constraint, not to a CHECK."),
        ("CHECK (a > 0) NO INHERIT", "It is NO INHERIT, declared for the tables that inherit too."),
        (
            "CHECK (a > 1) NOT VALID",
            "It checks (a > 1), declared a > 0. It is NOT VALID: new and changed rows are checked,"
            " those that were there before are not proven.",
        ),
    ],
)
async def test_the_name_is_there_and_checks_something_else(newest: Database, live: str, detail: str) -> None:
    await newest.execute(TABLE + added(live))
    found = await constraint_reading(newest, POSITIVE)
    assert (found.finding, found.detail) == (ConstraintFinding.DRIFTED, detail)
    assert found.violations == 0


async def test_no_inherit_where_declared_is_the_same_and_covers_the_table_alone(database: Database) -> None:
    await database.execute(
        TABLE
        + "CREATE TABLE kid () INHERITS (t); INSERT INTO kid (a) VALUES (-1);"
        + added("CHECK (a > 0) NO INHERIT")
    )
    declared = ConstraintEntry("t", "ck", "CHECK (a > 0) NO INHERIT")
    assert (await constraint_reading(database, declared)).finding is ConstraintFinding.ENFORCED
    await database.execute("ALTER TABLE t DROP CONSTRAINT ck")
    alone = await constraint_reading(database, declared)
    family = await constraint_reading(database, POSITIVE)
    assert (alone.violations, family.violations) == (0, 1)


@pytest.mark.hazard("CON-09", "DEF-12")
async def test_names_belong_to_the_table_not_to_the_schema_nor_to_a_domain(database: Database) -> None:
    await database.execute(
        TABLE
        + """
        CREATE TABLE u (a int CONSTRAINT ck CHECK (a > 0));
        CREATE DOMAIN positive AS int CONSTRAINT ck CHECK (VALUE > 0);
        ALTER TABLE t ADD COLUMN c positive;
        """
    )
    missing, present = await constraint_readings(database, POSITIVE, replace(POSITIVE, table="u"))
    assert (missing.finding, present.finding) == (ConstraintFinding.MISSING, ConstraintFinding.ENFORCED)


@pytest.mark.hazard("CON-08")
async def test_partitions_are_counted_with_their_parent(database: Database) -> None:
    await database.execute(
        """
        CREATE TABLE p (id int, a int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
        CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10);
        CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (10) TO (20);
        INSERT INTO p VALUES (1, 1), (11, -1);
        """
    )
    entry = ConstraintEntry("p", "ck", "CHECK (a > 0)", rejects=({"a": -1},))
    missing = await constraint_reading(database, entry)
    assert (missing.violations, missing.violating_keys) == (1, ("id=11",))
    await database.execute(added("CHECK (a > 0) NOT VALID", table="p"))
    found = await constraint_reading(database, entry)
    assert (found.finding, found.rejects) == (ConstraintFinding.NOT_VALIDATED, SampleFinding.VERIFIED)


async def test_the_count_stops_at_its_cap_and_names_the_first_few(newest: Database) -> None:
    await newest.execute(TABLE + "INSERT INTO t (a) SELECT -i FROM generate_series(1, 1500) i")
    found = await constraint_reading(newest, POSITIVE)
    assert (found.violations, found.violations_capped) == (1000, True)
    assert len(found.violating_keys) == 5
    assert found.violating_keys[0] == "id=21"


async def test_rows_without_a_primary_key_are_named_by_their_place(newest: Database) -> None:
    await newest.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (-1)")
    found = await constraint_reading(newest, POSITIVE)
    assert found.violating_keys == ("ctid=(0,2)",)


async def test_a_key_of_several_columns_is_shown_whole_and_a_long_one_is_cut(newest: Database) -> None:
    await newest.execute(
        """CREATE TABLE t ("Big Id" int, k text, a int, PRIMARY KEY ("Big Id", k));
        INSERT INTO t VALUES (1, repeat('x', 500), -1)"""
    )
    found = await constraint_reading(newest, POSITIVE)
    assert found.violating_keys == (f'"Big Id"=1, k={"x" * 60}…',)


async def test_a_count_that_takes_too_long_is_stopped_and_says_so(database: Database) -> None:
    await database.execute(
        TABLE
        + """CREATE FUNCTION crawl(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql
             AS 'BEGIN PERFORM pg_sleep(60); RETURN true; END';"""
    )
    entry = ConstraintEntry("t", "ck", "CHECK (crawl(a))")
    found = await constraint_reading(database, entry, limit_ms=50)
    assert found.finding is ConstraintFinding.MISSING
    assert found.violations is None
    assert "longer than 50 ms" in found.detail


async def test_counting_can_be_left_out(newest: Database) -> None:
    await newest.execute(TABLE + "INSERT INTO t (a) VALUES (-1)")
    async with session(newest) as watching:
        wanted = requirements(constraints=[POSITIVE])
        [found] = (await read_constraints(watching, wanted, count_violations=False)).constraints
    assert (found.finding, found.violations) == (ConstraintFinding.MISSING, None)


@pytest.mark.hazard("CON-04")
async def test_row_security_makes_no_wrong_count(database: Database) -> None:
    await database.execute(
        TABLE
        + """INSERT INTO t (a) VALUES (-1);
        ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY good ON t USING (a > 0);"""
    )
    async with role(database, "GRANT SELECT ON t TO {role}") as user:
        hidden = await constraint_reading(database, POSITIVE, user=user)
    seen = await constraint_reading(database, POSITIVE)
    assert hidden.violations is None
    assert "BYPASSRLS" in hidden.detail
    assert seen.violations == 1


@pytest.mark.parametrize(
    ("grants", "needs"),
    [
        ((), "GRANT USAGE ON SCHEMA hid TO"),
        (("GRANT USAGE ON SCHEMA hid TO {role}",), "GRANT SELECT ON hid.t TO"),
    ],
)
async def test_without_rights_it_is_unverified_and_names_the_grant(
    database: Database, grants: tuple[str, ...], needs: str
) -> None:
    await database.execute(
        "CREATE SCHEMA hid; CREATE TABLE hid.t (id int PRIMARY KEY, a int);"
        + added("CHECK (a > 0)", table="hid.t")
    )
    entry = replace(POSITIVE, table="hid.t", rejects=({"a": -1},))
    async with role(database, *grants) as user:
        found = await constraint_reading(database, entry, user=user)
        other = await constraint_reading(database, replace(entry, name="nope"), user=user)
    assert found.finding is ConstraintFinding.UNVERIFIED
    assert needs in found.detail
    assert (other.finding, other.violations) == (ConstraintFinding.MISSING, None)
    assert needs in other.detail


async def test_an_exclusively_locked_table_delays_nobody(database: Database) -> None:
    await database.execute(
        TABLE + added("CHECK (a > 0)") + "CREATE TABLE u (a int CONSTRAINT ck CHECK (a > 0))"
    )
    async with open_transaction(database, "LOCK TABLE t IN ACCESS EXCLUSIVE MODE"):
        locked, missing, free = await constraint_readings(
            database, POSITIVE, replace(POSITIVE, name="nope"), replace(POSITIVE, table="u")
        )
    assert locked.finding is ConstraintFinding.UNVERIFIED
    assert "somebody locks the table exclusively" in locked.detail
    assert missing.finding is ConstraintFinding.MISSING
    assert "The table is locked" in missing.detail
    assert free.finding is ConstraintFinding.ENFORCED


@pytest.mark.hazard("CON-05")
async def test_a_validation_under_way_is_still_not_validated(database: Database) -> None:
    await database.execute(
        TABLE
        + """CREATE FUNCTION slow(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql
             AS 'BEGIN PERFORM pg_sleep(0.5); RETURN true; END';"""
        + added("CHECK (slow(a)) NOT VALID")
    )
    entry = ConstraintEntry("t", "ck", "CHECK (slow(a))")
    async with running(database, "ALTER TABLE t VALIDATE CONSTRAINT ck") as pid:
        await until_true(
            database,
            "SELECT EXISTS (SELECT FROM pg_locks"
            f" WHERE pid = {pid} AND mode = 'ShareUpdateExclusiveLock' AND granted)",
        )
        found = await constraint_reading(database, entry, limit_ms=10)
    assert found.finding is ConstraintFinding.NOT_VALIDATED


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_change_nothing(newest: Database, name: str) -> None:
    quoted = identifier(name)
    entry = ConstraintEntry(
        f"{quoted}.{quoted}", name, f"CHECK ({quoted} > 0)", rejects=({name: -1},), accepts=({name: 1},)
    )
    await newest.execute(
        f"CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.{quoted} ({quoted} int PRIMARY KEY);"
        f"INSERT INTO {quoted}.{quoted} VALUES (-4)"
    )
    missing = await constraint_reading(newest, entry)
    assert (missing.finding, missing.violations) == (ConstraintFinding.MISSING, 1)
    assert missing.violating_keys == (f"{quoted}=-4",)
    await newest.execute(added(f"CHECK ({quoted} > 0) NOT VALID", table=f"{quoted}.{quoted}", name=name))
    found = await constraint_reading(newest, entry)
    assert (found.finding, found.table) == (ConstraintFinding.NOT_VALIDATED, f"{quoted}.{quoted}")
    assert (found.rejects, found.accepts) == (SampleFinding.VERIFIED, SampleFinding.VERIFIED)


@pytest.mark.hazard("CON-10")
async def test_counts_and_samples_leave_no_trace(database: Database) -> None:
    await database.execute(
        """
        CREATE TABLE t (id serial PRIMARY KEY, a int DEFAULT 5, b text);
        CREATE TABLE log (said text);
        CREATE FUNCTION said() RETURNS trigger LANGUAGE plpgsql
            AS 'BEGIN INSERT INTO log VALUES (TG_OP); RETURN NEW; END';
        CREATE TRIGGER said BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION said();
        INSERT INTO t (a) VALUES (1), (-1);
        ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0) NOT VALID, ADD CONSTRAINT other CHECK (length(b) < 5);
        """
    )
    entries = [
        replace(POSITIVE, rejects=({"a": -1}, {"a": 0}), accepts=({"a": 1}, {})),
        ConstraintEntry(
            "t",
            "other",
            "CHECK (length(b) < 5)",
            rejects=({"b": "too long"},),
            accepts=({"id": 1, "b": "x"},),
        ),
        ConstraintEntry("t", "nope", "CHECK (a < 100)"),
        ConstraintEntry("t", "ck2", "CHECK (nope < 100)"),
    ]
    watching = await open_session(database)
    before = await trace(database)
    first, second, *_ = (await read_constraints(watching, requirements(constraints=entries))).constraints
    assert await locks_of(database, watching) == []
    assert await trace(database) == before
    await watching.close()
    assert (first.rejects, first.accepts) == (SampleFinding.VERIFIED, SampleFinding.VERIFIED)
    assert (second.rejects, second.accepts) == (SampleFinding.VERIFIED, SampleFinding.VERIFIED)
    assert first.violations == 1


async def test_nothing_required_asks_nothing(newest: Database) -> None:
    async with session(newest) as watching:
        assert (await read_constraints(watching, requirements())).constraints == ()
