"""The schemas of both shipped manifests, small, and psql to run scripts with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import asyncpg

from profiles import manifest_file
from profiles.manifest import Manifest
from profiles.model import EnvironmentClass, Profile
from sql.demo.cluster import embedded_binaries
from tests.servers import Database

SCHEMA = Path(__file__).parents[3] / "sql" / "demo" / "schema"


def tables(*files: str) -> str:
    """The CREATE TABLE parts of the demo's schema files."""
    parts = [(SCHEMA / file).read_text().split("--- table\n")[1].split("--- rows\n")[0] for file in files]
    return ";\n".join(part.rstrip("; \n") for part in parts)


ENTERPRISE = tables(
    *(
        f"enterprise/{name}.sql"
        for name in ("leads", "churn_predictions", "churn_events", "communication_logs")
    )
)
PERFORMANCE = (
    tables("performance/leads.sql", "cerebras_api_calls.sql")
    + """;
CREATE INDEX ix_leads_id ON leads (id);
CREATE INDEX ix_leads_company_name ON leads (company_name);
CREATE INDEX ix_leads_contact_email ON leads (contact_email);
CREATE INDEX ix_leads_qualification_score ON leads (qualification_score);
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('af36f48fb48c')"""
)


def profile(database: Database, manifest: str = "performance-indexes", user: str = "postgres") -> Profile:
    """A profile on a test database."""
    return Profile("here", EnvironmentClass.STAGING, manifest, connection=database.parameters(user))


def shipped(name: str) -> Manifest:
    """A shipped manifest."""
    return manifest_file.load(name)


def psql(
    database: Database, script: str, folder: Path, *more: str, dbname: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script as the README says: psql -X -f."""
    file = folder / "script.sql"
    file.write_text(script, encoding="utf-8")
    parameters = database.parameters()
    command = [
        str(embedded_binaries() / "psql"),
        *("-X", "-f", str(file), "-h", parameters["host"], "-p", parameters["port"]),
        *("-U", parameters["user"], "-d", dbname or parameters["dbname"], *more),
    ]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PGCLIENTENCODING": "UTF8"}
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environment, timeout=60
    )


async def catalog(connection: asyncpg.Connection) -> dict[str, str]:
    """Every index and CHECK constraint of the public schemas, as the server prints it."""
    rows = await connection.fetch(
        """
        WITH own AS (
          SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
        SELECT 'index ' || indexrelid::regclass AS name,
               pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END AS definition
          FROM pg_index WHERE indrelid IN (SELECT oid FROM own)
        UNION ALL
        SELECT 'constraint ' || conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
          FROM pg_constraint WHERE contype = 'c' AND conrelid IN (SELECT oid FROM own)
        """
    )
    return {row["name"]: row["definition"] for row in rows}
