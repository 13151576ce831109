from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import asyncpg
import pytest

from profiles.manifest import ProbeEntry, Target
from profiles.model import Profile
from sql.demo.cluster import Cluster
from sql.errors import SessionError
from sql.findings import ProbeFinding
from sql.latency.measuring import measure
from sql.latency.readings import ProbeReading
from sql.latency.sampler import probe_settings
from tests import servers
from tests.servers import Database
from tests.sql.latency.targets import DASHBOARD, SCHEMA, TARGET, probe, profile
from tests.sql.test_pooler import PGBOUNCER, bouncer, listens
from tests.waiting import until

PROBING = "application_name LIKE 'pgdeck probe%' AND datname = current_database()"


@pytest.fixture
async def leads(database: Database) -> Database:
    await database.execute(SCHEMA)
    return database


@pytest.fixture
async def newest_leads(newest: Database) -> Database:
    await newest.execute(SCHEMA)
    return newest


@pytest.fixture
async def control(newest: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await newest.connect()
    yield connection
    connection.terminate()


async def run(
    database: Database, *probes: ProbeEntry, seconds: float = 0.5, **more: object
) -> list[ProbeReading]:
    snapshot = await measure(profile(database), None, probes, seconds, **more)  # type: ignore[arg-type]
    return list(snapshot.probes)


async def stalled(database: Database, control: asyncpg.Connection, *probes: ProbeEntry) -> list[ProbeReading]:
    """Two seconds of measuring, for half a second of which another session locks the table."""
    measuring = asyncio.Event()
    task = asyncio.create_task(run(database, *probes, seconds=2, on_progress=lambda share: measuring.set()))
    await measuring.wait()
    holder = await database.connect()
    await holder.execute("BEGIN; LOCK TABLE leads")
    # Held until the server itself says that the probe has waited for so long. The holder cannot look: in a
    # transaction pg_stat_activity stands still.
    waited = (
        f"SELECT true FROM pg_stat_activity WHERE {PROBING} AND wait_event_type = 'Lock'"
        " AND clock_timestamp() - state_change > interval '0.5 s'"
    )
    await until(lambda: control.fetchval(waited))
    await holder.execute("ROLLBACK")
    await holder.close()
    return await task


async def test_a_probe_is_measured_and_explained(leads: Database) -> None:
    progress: list[float] = []
    (reading,) = await run(leads, DASHBOARD, on_progress=progress.append)
    assert reading.finding is ProbeFinding.MET
    assert reading.samples >= 5
    assert reading.errors == 0
    assert reading.query_class == "Lead Dashboard"
    assert reading.p50_ms is not None and reading.service_p50_ms is not None
    assert reading.p50_ms >= reading.service_p50_ms * 0.99
    assert reading.plan is not None and reading.plan.uses_index is True
    assert progress[-1] == 1.0


async def test_cheap_probes_get_samples_that_carry_a_p99(newest_leads: Database) -> None:
    readings = await run(newest_leads, DASHBOARD, probe("SELECT 1", name="floor"), seconds=5)
    assert all(reading.samples >= 100 for reading in readings)
    assert all(reading.p99_ms is not None for reading in readings)


async def test_a_slow_probe_gets_the_samples_of_a_median(newest_leads: Database) -> None:
    slow = ProbeEntry("slow", "SELECT pg_sleep(0.25)", Target(p50_ms=25))
    [reading] = await run(newest_leads, slow, seconds=2)
    assert reading.finding is ProbeFinding.MISSED
    assert reading.samples >= 5


@pytest.mark.hazard("LAT-06")
async def test_a_lock_that_makes_a_probe_wait_counts_in_full(
    newest_leads: Database, control: asyncpg.Connection
) -> None:
    (reading,) = await stalled(newest_leads, control, DASHBOARD)
    assert reading.max_ms is not None and reading.max_ms >= 500
    # The ticks that came due meanwhile waited too: they are not lost, and the tail shows them.
    assert reading.kept is not None and reading.kept < 1
    assert reading.p95_ms is not None and reading.p95_ms > 250
    assert reading.service_p50_ms is not None and reading.service_p50_ms < 250


async def test_a_lock_on_one_table_is_not_charged_to_a_probe_of_another(
    newest_leads: Database, control: asyncpg.Connection
) -> None:
    locked, floor = await stalled(newest_leads, control, DASHBOARD, probe("SELECT 1", name="floor"))
    assert locked.max_ms is not None and floor.max_ms is not None
    assert locked.max_ms >= 500 > floor.max_ms
    assert floor.kept is not None and floor.kept < 1


async def test_a_timeout_counts_as_an_error_and_as_slow(
    newest_leads: Database, control: asyncpg.Connection
) -> None:
    quick = replace(DASHBOARD, target=Target(p50_ms=1, p95_ms=5, p99_ms=10))
    await control.execute("BEGIN; LOCK TABLE leads")
    (reading,) = await run(
        newest_leads,
        replace(quick, arguments="VALUES ('s1')"),
        seconds=0.5,
        query_timeout_s=0.2,
    )
    assert reading.finding is ProbeFinding.FAILING
    assert "57014" in reading.detail
    assert reading.errors >= 1
    assert reading.max_ms is not None and reading.max_ms >= 190


@pytest.mark.parametrize(
    ("sql", "arguments", "said"),
    [
        ("SELECT * FROM missing", None, "42P01"),
        ("SELECT 1 / ($1::int - $1::int)", "SELECT 1", "22012"),
        ("SELECT $1::int", None, "expects 1 argument"),
        ("SELECT $1::int", "SELECT 'text'", "invalid input for query argument $1"),
        ("SELECT 1; SELECT 2", None, "42601"),
        ("DELETE FROM leads RETURNING id", None, "25006"),
    ],
)
async def test_what_fails_says_what_the_server_said(
    leads: Database, sql: str, arguments: str | None, said: str
) -> None:
    (reading,) = await run(leads, probe(sql, arguments))
    assert reading.finding is ProbeFinding.FAILING
    assert said in reading.detail
    assert reading.p50_ms is None


async def test_without_arguments_nothing_is_measured_and_it_is_said(leads: Database) -> None:
    empty, broken = await run(
        leads,
        probe("SELECT $1::text", "SELECT status FROM leads WHERE false"),
        probe("SELECT $1::text", "SELECT nothing FROM leads"),
    )
    assert (empty.finding, empty.samples) == (ProbeFinding.NOT_MEASURED, 0)
    assert "no rows" in empty.detail
    assert broken.finding is ProbeFinding.NOT_MEASURED
    assert "42703" in broken.detail


async def test_native_types_pass_from_the_arguments_to_the_probe(leads: Database) -> None:
    sql = "SELECT count(*) FROM leads WHERE score = $1 AND seen = $2 AND tags = $3 AND token = $4 AND id = $5"
    arguments = "SELECT score, seen, tags, token, id FROM leads LIMIT 3"
    (reading,) = await run(leads, probe(sql, arguments))
    assert reading.finding is ProbeFinding.MET


async def test_every_set_of_arguments_has_its_turn(newest_leads: Database) -> None:
    # One set of three divides by zero: a third of the runs fails, not all and not none.
    (reading,) = await run(newest_leads, probe("SELECT 1 / $1::int", "VALUES (1), (2), (0)"), seconds=1.5)
    assert reading.finding is ProbeFinding.FAILING
    assert 0 < reading.errors < reading.samples


async def test_names_are_read_under_the_manifests_search_path(newest: Database) -> None:
    await newest.execute("CREATE SCHEMA app; CREATE TABLE app.t (a int)")
    (found,) = await run(newest, probe("SELECT a FROM t"), search_path="app, public")
    (lost,) = await run(newest, probe("SELECT a FROM t"))
    assert (found.finding, lost.finding) == (ProbeFinding.MET, ProbeFinding.FAILING)


async def test_a_changed_table_is_no_error(newest_leads: Database, control: asyncpg.Connection) -> None:
    task = asyncio.create_task(run(newest_leads, replace(DASHBOARD, arguments="VALUES ('s1')"), seconds=1.5))
    await until(
        lambda: control.fetchval(
            f"SELECT true FROM pg_stat_activity WHERE {PROBING} AND query LIKE '%LIMIT 50'"
        )
    )
    await control.execute("ALTER TABLE leads ADD COLUMN more int DEFAULT 1")
    (reading,) = await task
    assert reading.errors == 0


async def test_a_terminated_session_is_a_session_error(
    newest_leads: Database, control: asyncpg.Connection
) -> None:
    task = asyncio.create_task(run(newest_leads, DASHBOARD, seconds=30))
    killing = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {PROBING}"
    await until(lambda: control.fetchval(killing))
    with pytest.raises(SessionError):
        await task


async def test_the_connection_is_gone_afterwards(newest_leads: Database, control: asyncpg.Connection) -> None:
    await run(newest_leads, DASHBOARD)
    assert await until(lambda: _gone(control))


async def _gone(control: asyncpg.Connection) -> bool:
    return await control.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {PROBING}") == 0


def test_the_time_limit_is_the_applications_or_ten_targets() -> None:
    slow = replace(DASHBOARD, target=Target(p99_ms=3000))
    assert probe_settings([DASHBOARD], "public", None)["statement_timeout"] == "10000"
    assert probe_settings([DASHBOARD], "public", 20)["statement_timeout"] == "20000"
    assert probe_settings([DASHBOARD, slow], "public", 1)["statement_timeout"] == "30000"
    assert TARGET.p99_ms == 500


@pytest.fixture(params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
def counted(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    if servers.binaries(request.param) is None:
        pytest.skip(servers.how_to_get(request.param))
    cluster = servers.start(request.param, shared_preload_libraries="pg_stat_statements")
    yield cluster
    cluster.remove()
    cluster.folder.parent.rmdir()


@pytest.mark.hazard("LAT-07")
async def test_the_servers_own_mean_is_shown_where_it_can_be_had(counted: Cluster) -> None:
    major = int((counted.data / "PG_VERSION").read_text())
    database = await servers.new_database(counted, major)
    await database.execute(SCHEMA)
    (without,) = await run(database, DASHBOARD)
    assert without.server_mean_ms is None
    await database.execute('CREATE SCHEMA "Ext"; CREATE EXTENSION pg_stat_statements SCHEMA "Ext"')
    (reading,) = await run(database, DASHBOARD)
    assert reading.finding is ProbeFinding.MET
    if major < 14:
        assert reading.server_mean_ms is None
    else:
        assert reading.server_mean_ms is not None and reading.service_p50_ms is not None
        assert reading.server_mean_ms > 0


@pytest.mark.hazard("LAT-07")
async def test_an_extension_that_is_not_loaded_breaks_nothing(newest_leads: Database) -> None:
    await newest_leads.execute("CREATE EXTENSION pg_stat_statements")
    (reading,) = await run(newest_leads, DASHBOARD)
    assert (reading.finding, reading.server_mean_ms) == (ProbeFinding.MET, None)


@pytest.mark.skipif(PGBOUNCER is None, reason="no pgbouncer here; get it with: apt-get install pgbouncer")
async def test_a_transaction_pooler_is_measured_through_without_leaving_a_trace(newest: Database) -> None:
    await newest.execute(SCHEMA + "CREATE SCHEMA app; CREATE TABLE app.only_here (a int);")
    with bouncer(newest) as parameters:
        await until(lambda: listens(parameters["port"]))
        through = replace(profile(newest), connection=parameters)
        probes = (DASHBOARD, probe("SELECT count(*) FROM only_here"), probe("SELECT * FROM missing"))
        snapshot = await measure(through, None, probes, 1.0, search_path="public, app")
        dashboard, local, broken = snapshot.probes
        assert (dashboard.finding, local.finding) == (ProbeFinding.MET, ProbeFinding.MET)
        assert dashboard.plan is not None and dashboard.plan.uses_index
        assert "42P01" in broken.detail
        other = await asyncpg.connect(
            host="127.0.0.1",
            port=int(parameters["port"]),
            user="postgres",
            database=newest.name,
            statement_cache_size=0,
        )
        left = await other.fetchrow(
            "SELECT current_setting('search_path'), current_setting('default_transaction_read_only'),"
            " current_setting('statement_timeout'), (SELECT count(*) FROM pg_prepared_statements)"
        )
        await other.close()
    assert tuple(left) == ('"$user", public', "off", "0", 0)


@pytest.fixture
async def low(newest_leads: Database) -> AsyncIterator[Profile]:
    """A profile of a role that may do nothing."""
    role = f"low_{newest_leads.name}"
    await newest_leads.execute(f"CREATE ROLE {role} LOGIN")
    yield replace(profile(newest_leads), connection=newest_leads.parameters(role))
    await newest_leads.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_role_that_may_not_run_a_probe_has_not_measured_it(
    newest_leads: Database, low: Profile
) -> None:
    (reading,) = (await measure(low, None, (probe("SELECT * FROM leads"),), 0.3)).probes
    role = low.connection["user"]
    assert reading.finding is ProbeFinding.NOT_MEASURED
    assert reading.detail == (
        f"permission denied for table leads; what mends it: GRANT SELECT ON public.leads TO {role}"
    )


async def test_a_schema_without_usage_is_named_with_every_grant_and_they_mend_it(
    newest_leads: Database, low: Profile
) -> None:
    role = low.connection["user"]
    await newest_leads.execute("CREATE SCHEMA crm; ALTER TABLE leads SET SCHEMA crm")
    probes = (
        probe("WITH own AS (SELECT * FROM leads LIMIT 1) SELECT * FROM own", name="tables"),
        probe("SELECT * FROM crm.leads WHERE id = $1", "SELECT id FROM leads", name="arguments"),
        probe("SELECT * FROM nowhere", name="absent"),
    )
    tables, arguments, absent = (await measure(low, None, probes, 0.3, search_path="crm")).probes
    grants = [f"GRANT USAGE ON SCHEMA crm TO {role}", f"GRANT SELECT ON crm.leads TO {role}"]
    assert (tables.finding, absent.finding) == (ProbeFinding.NOT_MEASURED, ProbeFinding.FAILING)
    assert tables.detail.endswith("; what mends it: " + "; ".join(grants))
    assert arguments.finding is ProbeFinding.NOT_MEASURED
    assert arguments.detail.endswith("; what mends it: " + "; ".join(grants))
    for grant in grants:
        await newest_leads.execute(grant)
    tables, arguments, _ = (await measure(low, None, probes, 1, search_path="crm")).probes
    assert (tables.errors, arguments.errors) == (0, 0)
    assert (tables.samples > 0, arguments.samples > 0) == (True, True)
