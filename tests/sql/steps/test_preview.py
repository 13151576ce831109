"""The preview of a step: what is in the way, what is lacking, what will happen; nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import asyncpg
import pytest

from profiles.manifest import ConstraintEntry, IndexEntry, Manifest, ProbeEntry, Target
from sql.requirements import Requirements, read
from sql.steps.fingerprint import plan_hash
from sql.steps.plan_json import as_json
from sql.steps.preview import Preview, preview
from sql.steps.step import Direction, Plan, Refusal, Step
from sql.steps.warnings import of_server
from sql.steps.whatif import NOT_INSTALLED
from tests.servers import Database
from tests.sql.sessions import session
from tests.sql.steps.holding import holding, observe
from tests.sql.steps.locking import add_check, create, drop, drop_check, migrate, validate

TABLE = "CREATE TABLE t (id int PRIMARY KEY, a int, b text)"
ROWS = "INSERT INTO t SELECT i, i, 'row ' || i FROM generate_series(1, 20000) i"
HYPOPG = "no hypopg for this server; get it with: apt-get install postgresql-15-hypopg"


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


async def taken(database: Database, step: Step, user: str = "postgres", *probes: ProbeEntry) -> Preview:
    """A preview on a session of its own."""
    async with session(database, user) as watching:
        return await preview(watching, step, wanted(*probes))


async def test_a_build_with_everything_in_order(database: Database) -> None:
    await database.execute(f"{TABLE}; {ROWS}")
    await database.execute("ANALYZE t")
    found = await taken(database, create())
    assert found.refused_reason is None
    assert found.rows == 20000
    assert found.table_bytes is not None and found.table_bytes > 500_000
    assert found.index_bytes.value is not None and found.wal_bytes.value == found.index_bytes.value
    assert found.temporary_bytes.value == 0
    assert (found.free_disk.value, "df -h /" in found.free_disk.basis) == (None, True)
    assert (found.violations, found.duplicates) == (None, None)
    assert found.missing_privileges == ()
    assert found.planner is not None
    assert (found.planner.would_use, found.planner.sentence) == (None, NOT_INSTALLED)
    assert found.forecast.blockers == ()
    assert found.undo == "nothing takes it back"


@pytest.mark.hazard("CIC-03")
@pytest.mark.parametrize(
    "step",
    [
        create(),
        create("u", unique=True),
        drop("t_pkey"),
        add_check(),
        validate(),
        drop_check(),
        migrate("x", "y"),
    ],
    ids=lambda step: step.id,
)
async def test_every_preview_is_read_only_and_leaves_nothing_open(database: Database, step: Step) -> None:
    await database.execute(
        f"{TABLE}; ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0) NOT VALID;"
        "CREATE TABLE alembic_version (version_num text)"
    )
    async with session(database) as watching:
        await preview(watching, step, wanted())
        assert (await watching.fetch_composed("SELECT pg_current_xact_id_if_assigned()::text"))[0][0] is None
        assert (await observe(database, create())).done


@pytest.mark.hazard("CON-03", "CON-04")
async def test_rows_that_break_a_constraint_forbid_validating_and_warn_before_adding(
    database: Database,
) -> None:
    await database.execute(f"{TABLE}; INSERT INTO t VALUES (1, -1), (2, NULL), (3, 1), (4, -4)")
    found = await taken(database, validate())
    assert found.violations is not None
    assert (found.violations.count, found.violations.keys) == (2, ("id=1", "id=4"))
    assert found.refused_reason == "2 rows break it (id=1, id=4): correct or delete them first"
    added = await taken(database, add_check())
    assert added.refused_reason is None
    assert "2 rows break it (id=1, id=4): from then on every change of such a row fails" in added.warnings[0]


DUPLICATES = [
    ("(a)", "INSERT INTO t VALUES (1, 1), (2, 1), (3, NULL), (4, NULL)", ("a=1 (2 rows)",)),
    ("(a) WHERE b = 'on'", "INSERT INTO t VALUES (1, 1, 'on'), (2, 1, 'off')", ()),
    (
        "(a, b)",
        "INSERT INTO t VALUES (1, 1, 'x'), (2, 1, 'x'), (3, 1, NULL), (4, 1, NULL)",
        ("a=1, b=x (2 rows)",),
    ),
    ("(lower(b))", "INSERT INTO t VALUES (1, 1, 'A'), (2, 2, 'a')", ("expression=a (2 rows)",)),
]


@pytest.mark.hazard("IDX-02")
@pytest.mark.parametrize(("tail", "rows", "keys"), DUPLICATES)
async def test_equal_keys_are_found_exactly_where_the_build_would_fail(
    database: Database, tail: str, rows: str, keys: tuple[str, ...]
) -> None:
    await database.execute(f"{TABLE}; {rows}")
    found = await taken(database, create("u", tail, unique=True))
    assert found.duplicates is not None
    assert found.duplicates.keys == keys
    assert (found.refused_reason is None) == (not keys)
    assert await _builds(database, f"CREATE UNIQUE INDEX u ON t {tail}") == (not keys)


@pytest.mark.hazard("IDX-02")
async def test_nulls_not_distinct_makes_nulls_equal(newest: Database) -> None:
    await newest.execute(f"{TABLE}; INSERT INTO t VALUES (1, NULL), (2, NULL)")
    found = await taken(newest, create("u", "(a) NULLS NOT DISTINCT", unique=True))
    assert found.duplicates is not None
    assert found.duplicates.keys == ("a=NULL (2 rows)",)


async def test_counting_stops_at_its_time_limit(newest: Database) -> None:
    await newest.execute(
        "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql"
        " AS 'BEGIN PERFORM pg_sleep(60); RETURN $1; END';"
        f"{TABLE}; INSERT INTO t VALUES (1, 1)"
    )
    async with session(newest) as watching:
        found = await preview(watching, create("u", "(slow(a))", unique=True), wanted(), limit_ms=50)
    assert found.duplicates is not None
    assert found.duplicates.count is None
    assert found.uncounted == ("Looking for equal keys took longer than 50 ms and was stopped.",)
    assert found.refused_reason is None


@pytest.mark.hazard("PRV-01")
async def test_each_missing_right_comes_with_the_grant_that_mends_it(database: Database) -> None:
    await database.execute(TABLE)
    user, owner = f"u_{database.name}", f"o_{database.name}"
    await database.execute(
        f"CREATE ROLE {owner}; CREATE ROLE {user} LOGIN; ALTER TABLE t OWNER TO {owner};"
        f"REVOKE CREATE ON SCHEMA public FROM public"
    )
    try:
        first = await taken(database, create(), user)
        assert f"GRANT {owner} TO {user} makes" in (first.refused_reason or "")
        assert len(first.missing_privileges) == 2
        await database.execute(f"GRANT {owner} TO {user}")
        (lacking,) = (await taken(database, create(), user)).missing_privileges
        assert (
            lacking
            == f"{user} lacks CREATE on schema public; GRANT CREATE ON SCHEMA public TO {user} mends it."
        )
        assert (await taken(database, drop("t_pkey"), user)).missing_privileges == ()
        await database.execute(f"GRANT CREATE ON SCHEMA public TO {user}")
        assert (await taken(database, create(), user)).missing_privileges == ()
        await database.execute(
            f"ALTER ROLE {user} NOINHERIT; REVOKE {owner} FROM {user}; GRANT {owner} TO {user}"
        )
        (lacking,) = (await taken(database, create(), user)).missing_privileges
        assert f"ALTER ROLE {user} SET role = {owner}" in lacking
    finally:
        await database.execute(
            f"ALTER TABLE t OWNER TO postgres; REVOKE CREATE ON SCHEMA public FROM {user};"
            f"DROP ROLE {user}; DROP ROLE {owner}"
        )


@pytest.mark.hazard("CIC-17")
async def test_what_surrounds_the_step_is_said(database: Database) -> None:
    await database.execute(
        f"{TABLE}; CREATE TABLE c () INHERITS (t); ALTER TABLE t SET UNLOGGED;"
        "CREATE FUNCTION frozen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        "CREATE EVENT TRIGGER frozen ON ddl_command_end EXECUTE FUNCTION frozen();"
        f"ALTER DATABASE {database.name} SET statement_timeout = '7s'"
    )
    told = " ".join((await taken(database, create())).warnings)
    assert "frozen (ddl_command_end); refused at its end, it leaves an invalid index" in told
    assert "This database sets statement_timeout=7s; the run sets its own value" in told
    assert "The table is unlogged" in told
    assert "Another table inherits from this one; the index does not cover its rows" in told


@pytest.mark.hazard("CIC-13")
async def test_a_function_that_a_build_may_not_find_its_way_in_is_named_from_17_on(
    database: Database,
) -> None:
    await database.execute(
        f"{TABLE};"
        "CREATE FUNCTION g(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN lower($1); END';"
        "CREATE FUNCTION h(text) RETURNS text IMMUTABLE LANGUAGE plpgsql SET search_path = public"
        " AS 'BEGIN RETURN lower($1); END'"
    )
    told = " ".join((await taken(database, create("i", "(g(b), h(b), lower(b))"))).warnings)
    assert ("ALTER FUNCTION public.g(text) SET search_path" in told) == (database.major >= 17)
    assert "h(text)" not in told


async def test_a_build_beside_another_and_a_missing_table_are_refused(newest: Database) -> None:
    await newest.execute(
        f"{TABLE}; INSERT INTO t VALUES (1, 1);"
        "CREATE FUNCTION held(int) RETURNS int IMMUTABLE LANGUAGE plpgsql"
        " AS 'BEGIN PERFORM pg_sleep(600); RETURN $1; END'"
    )
    async with holding(newest, forever="CREATE INDEX CONCURRENTLY o ON t (held(a))"):
        assert "builds an index on public.t" in ((await taken(newest, create())).refused_reason or "")
    await newest.execute("DROP TABLE t")
    assert (await taken(newest, create())).refused_reason == "public.t is not there"


async def test_the_planner_is_asked_where_hypopg_is_installed(database: Database) -> None:
    connection = await database.connect()
    available = await connection.fetchval(
        "SELECT count(*) FROM pg_available_extensions WHERE name = 'hypopg'"
    )
    await connection.close()
    if not available:
        pytest.skip(HYPOPG)
    await database.execute(f"CREATE SCHEMA tools; CREATE EXTENSION hypopg SCHEMA tools; {TABLE}; {ROWS}")
    await database.execute("ANALYZE t")
    served = ProbeEntry("by_a", "SELECT b FROM t WHERE a = $1", Target(), arguments="SELECT 7", index="i")
    not_served = ProbeEntry(
        "by_b", "SELECT b FROM t WHERE b = $1", Target(), arguments="SELECT 'x'", index="i"
    )
    async with session(database) as watching:
        before = await watching.fetch_composed("SELECT count(*) FROM pg_class")
        for probe, uses in ((served, True), (not_served, False)):
            planner = (await preview(watching, create(), wanted(probe))).planner
            assert planner is not None
            assert planner.would_use is uses, planner.sentence
            assert f"probe by_{'a' if uses else 'b'}" in planner.sentence
        left = await watching.fetch_composed("SELECT count(*) FROM tools.hypopg()")
        assert (left[0][0], await watching.fetch_composed("SELECT count(*) FROM pg_class")) == (0, before)


async def test_the_plans_json_has_the_fields_of_the_design(newest: Database) -> None:
    await newest.execute(TABLE)
    step = create()
    async with holding(newest, "BEGIN", "INSERT INTO t VALUES (1)") as writer, session(newest) as watching:
        made = await preview(watching, step, wanted())
        identity = watching.identity
    plan = Plan(Direction.FIX, (step,), (Refusal("idx", "because"),))
    document = as_json(plan, {step.id: made}, profile="p", environment="production", server=identity)
    assert json.loads(json.dumps(document)) == document
    assert (document["plan"], document["direction"], document["hash"]) == (1, "fix", plan_hash(plan))
    assert document["server"]["system_identifier"] == identity.system_identifier
    assert document["refused"] == [{"target": "idx", "reason": "because"}]
    (shape,) = document["steps"]
    named = {"id", "verb", "table", "sql", "undo", "lock", "blocks", "timeouts", "fingerprint", "preview"}
    assert named <= set(shape)
    seen = shape["preview"]
    named = {
        "table_bytes",
        "rows",
        "index_bytes_estimate",
        "seconds_estimate",
        "violations",
        "blockers",
        "cannot_see",
    }
    assert named <= set(seen)
    (blocker,) = seen["blockers"]
    assert {"pid", "rule", "phase", "age_s", "application", "state"} <= set(blocker)
    assert (blocker["pid"], blocker["phase"]) == (writer, "waiting for writers before build")


async def _builds(database: Database, sql: str) -> bool:
    try:
        await database.execute(sql)
    except asyncpg.UniqueViolationError:
        return False
    return True


SERVER = {
    "event_triggers": [],
    "overridden": [],
    "check_interval": None,
}


@pytest.mark.hazard("IDX-08")
@pytest.mark.parametrize(
    ("version_num", "facts", "step", "said"),
    [
        (140003, {}, create(), "can build an index concurrently that misses rows"),
        (140004, {}, create(), ""),
        (140003, {}, drop(), ""),
        (160000, {"check_interval": "300"}, create(), "client_connection_check_interval is 300 ms"),
        (160000, {"check_interval": "0"}, create(), ""),
    ],
)
def test_servers_with_something_to_say(
    version_num: int, facts: dict[str, object], step: Step, said: str
) -> None:
    told = " ".join(of_server(version_num, step, {**SERVER, **facts}))
    assert said in told
    assert bool(told) == bool(said)
