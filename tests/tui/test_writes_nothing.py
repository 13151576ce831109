"""Watching and `verify`, by the server's own log and state: plain SELECTs, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import pytest

from profiles import store
from profiles.model import EnvironmentClass, Profile
from tests import servers, statement_log
from tests.servers import Database
from tests.sql.steps.schemas import PERFORMANCE
from tests.tui.terminal import Terminal
from tests.waiting import until
from tui import cli

ROWS = """;
INSERT INTO leads (company_name, contact_email, company_website, qualification_score, industry, created_at)
SELECT 'Company ' || n, 'no address', 'https://example.com', n, 'SaaS', now() FROM generate_series(1, 90) n;
ALTER TABLE leads ADD CONSTRAINT ck_leads_contact_email_format
  CHECK (contact_email IS NULL OR contact_email ~ '^[^@]+@[^@]+\\.[^@]+$') NOT VALID;
CREATE INDEX ix_leads_industry ON leads (industry DESC);
CREATE SEQUENCE invoices;
SELECT nextval('invoices');
"""

STATE = """
SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next_transaction,
       (SELECT md5(string_agg(l::text, '' ORDER BY id)) FROM leads l) AS leads,
       (SELECT last_value::text || is_called FROM invoices) AS invoices,
       (SELECT json_agg((schemaname, sequencename, last_value) ORDER BY 1, 2)::text
          FROM pg_sequences) AS sequences,
       (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pg\\_t%temp%') AS temporary_schemas,
       (SELECT count(*) FROM pg_class) AS relations, (SELECT count(*) FROM pg_proc) AS functions,
       (SELECT json_agg((setdatabase, setrole, setconfig))::text FROM pg_db_role_setting) AS settings,
       (SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid() AND locktype <> 'virtualxid') AS locks,
       (SELECT count(*) FROM pg_prepared_xacts) AS prepared,
       (SELECT sum(temp_files) FROM pg_stat_database) AS temporary_files
"""
GONE = "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'pgdeck%'"


@pytest.fixture(scope="module", params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
def telling(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A server that logs every statement, with a database that breaks its manifest in several ways."""
    if servers.binaries(request.param) is None:
        pytest.skip(servers.how_to_get(request.param))
    cluster = servers.start(request.param, **statement_log.SETTINGS)
    database = Database(cluster, request.param, "postgres")
    asyncio.run(database.execute(PERFORMANCE + ROWS))
    yield database
    cluster.remove()
    cluster.folder.parent.rmdir()


@pytest.fixture
async def watched(telling: Database) -> AsyncIterator[Database]:
    """The server with a profile `here`; the test's end compares its state with that at the beginning."""
    parameters = telling.parameters()
    store.save(Profile("here", EnvironmentClass.STAGING, "performance-indexes", connection=parameters))
    logged = len(statement_log.sent(telling.cluster))
    before = await state(telling)
    yield telling
    assert await state(telling) == before
    ours = [sql for name, sql in statement_log.sent(telling.cluster)[logged:] if name.startswith("pgdeck")]
    assert len(ours) > 10
    assert {sql: found for sql in ours if (found := statement_log.harm(sql))} == {}


async def state(database: Database) -> dict[str, object]:
    """Everything that a statement could have changed, once nobody of ours is connected."""
    connection = await database.connect()
    try:
        await until(lambda: connection.fetchval(GONE))
        row = await connection.fetchrow(STATE)
        assert row is not None
        return dict(row)
    finally:
        await connection.close()


async def test_a_session_in_the_deck(watched: Database) -> None:
    await asyncio.to_thread(use_everything)


def use_everything() -> None:
    """All panes, details, filter, zoom, pause, reading again, the connection test, another profile."""
    with Terminal(["-m", "tui.cli", "here"]) as terminal:
        terminal.wait_for("NOT READY")
        terminal.wait_for("of 2 met")
        for pane, shown in (
            ("1", "needed for"),
            ("2", "Constraints ›"),
            ("3", "Pool ›"),
            ("4", "percentiles count"),
        ):
            terminal.type(pane + "\r")
            terminal.wait_for(shown)
            terminal.type("q")
            terminal.wait_for("oldest reading")
        terminal.type("1/industry\r")
        terminal.wait_for("1 of 6")
        terminal.type("g")
        terminal.wait_for("reading everything again")
        terminal.type(" ")
        terminal.wait_for("paused")
        terminal.type(" e")
        terminal.wait_for("1 profile")
        terminal.type("t")
        terminal.wait_for("here can be reached")
        terminal.type("\r")
        terminal.wait_for("of 2 met")
        terminal.type("q")
        assert terminal.end() == 0


async def test_verify_with_latency(watched: Database, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["verify", "-e", "here", "--duration", "1", "--report-format", "json"]
    assert await asyncio.to_thread(cli.main, words) == 1
    report = json.loads(capsys.readouterr().out)
    emails = next(each for each in report["constraints"] if each["name"].endswith("email_format"))
    assert (emails["violations"], emails["rejects"], emails["accepts"]) == (90, "verified", "verified")
    assert all(probe["samples"] for probe in report["probes"])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM t FOR UPDATE",
        "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
        "SELECT * INTO copy FROM t",
        "SELECT pg_catalog.nextval('s')",
        "SELECT pg_advisory_lock(1)",
        "EXPLAIN ANALYZE SELECT 1",
        "SET search_path = ''",
        "CREATE TEMP TABLE t ()",
        "LOCK TABLE t",
    ],
)
def test_what_would_be_found(sql: str) -> None:
    assert statement_log.harm(sql)
