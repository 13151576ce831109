"""The tables of the demo's two template databases, read from `schema/`.

A file is one table: a `--- table` part, run as one script, and where rows are drawn a `--- rows` part, one
INSERT with $1 first id, $2 last id, $3 number of leads.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import profiles

SCHEMA = Path(__file__).parent / "schema"
STAGING_MANIFEST = Path(__file__).parent / "demo-staging.toml"
"""That of demo-staging: enterprise-demo and the API calls' constraints."""
MANIFESTS = Path(profiles.__file__).parent / "manifests"
"""The shipped ones."""


@dataclass(frozen=True)
class Table:
    """One table and how many rows it gets."""

    name: str
    file: Path
    per_lead: float = 0.0
    """Rows for each lead; 0: only what the script itself puts in."""

    def rows(self, leads: int) -> int:
        """How many rows are drawn when there are so many leads."""
        return max(1, round(leads * self.per_lead)) if self.per_lead else 0

    @property
    def create(self) -> str:
        """The script that makes it."""
        return self._parts()[0]

    @property
    def insert(self) -> str:
        """The INSERT of a range of rows."""
        return self._parts()[1]

    def _parts(self) -> tuple[str, str]:
        _, _, body = self.file.read_text().partition("--- table\n")
        create, _, insert = body.partition("--- rows\n")
        return create, insert


@dataclass(frozen=True)
class Template:
    """A database that is kept to be copied: one seed's tables, with everything that its manifest requires."""

    database: str
    manifest: Path
    """Whose indexes and constraints are built."""
    tables: tuple[Table, ...]

    def indexes(self, table: str) -> tuple[str, ...]:
        """The statements that make the required indexes of a table."""
        return tuple(made for made in self._definitions() if f" ON {table} " in made)

    def constraints(self, table: str) -> tuple[str, ...]:
        """The statements that add the required constraints of a table."""
        return tuple(
            f"ALTER TABLE {table} ADD CONSTRAINT {entry['name']} {entry['definition']}"
            for entry in self._required().get("constraint", [])
            if entry["table"] == table
        )

    def _definitions(self) -> list[str]:
        return [entry["definition"] for entry in self._required().get("index", [])]

    def _required(self) -> dict[str, Any]:
        return tomllib.loads(self.manifest.read_text())


API_CALLS = Table("cerebras_api_calls", SCHEMA / "cerebras_api_calls.sql", 0.1)
JOB_QUEUE = Table("job_queue", SCHEMA / "job_queue.sql")

ENTERPRISE = Template(
    "demo_template_enterprise",
    STAGING_MANIFEST,
    (
        Table("leads", SCHEMA / "enterprise" / "leads.sql", 1.0),
        Table("communication_logs", SCHEMA / "enterprise" / "communication_logs.sql", 1.0),
        Table("churn_predictions", SCHEMA / "enterprise" / "churn_predictions.sql", 2.0),
        Table("churn_events", SCHEMA / "enterprise" / "churn_events.sql", 1.0),
        API_CALLS,
        JOB_QUEUE,
    ),
)
PERFORMANCE = Template(
    "demo_template_performance",
    MANIFESTS / "performance-indexes.toml",
    (
        Table("leads", SCHEMA / "performance" / "leads.sql", 0.4),
        API_CALLS,
        Table("alembic_version", SCHEMA / "performance" / "alembic_version.sql"),
        JOB_QUEUE,
    ),
)
"""Its application is the smaller one: two fifths of the leads."""
TEMPLATES = (ENTERPRISE, PERFORMANCE)
