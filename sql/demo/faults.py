"""What is wrong with the demo's databases, on purpose: the only place where faults are planted.

Every database is a copy of a template that has everything; a fault is what is then done to the copy, and
the finding that `verify` must come to. A test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from profiles.model import EnvironmentClass
from sql.demo.tables import ENTERPRISE, PERFORMANCE, Template
from sql.findings import ConstraintFinding, IndexFinding, MigrationFinding


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong."""

    part: str
    """`indexes`, `constraints` or `migration`: the part of the report that must say it."""
    name: str
    """The index or constraint; for the migration the revision found."""
    finding: StrEnum
    statements: tuple[str, ...] = ()
    """What plants it, as the owner, one after the other."""
    interrupted: bool = False
    """Planted by cancelling a CREATE INDEX CONCURRENTLY in its last wait, after dropping the good one."""
    violations: int = 0
    """Rows that break the constraint."""


@dataclass(frozen=True)
class DemoDatabase:
    """One of the demo's databases and the profile that leads to it."""

    profile: str
    template: Template
    environment: EnvironmentClass
    manifest: str
    faults: tuple[Fault, ...] = ()
    slow: frozenset[str] = frozenset()
    """Probes that have lost their index: they may miss their target, no other may."""
    too_slow: frozenset[str] = frozenset()
    """Of those, the ones that miss it on any machine, with the default number of rows."""

    @property
    def database(self) -> str:
        """Its name on the server."""
        return self.profile.replace("-", "_")


def _missing(index: str) -> Fault:
    return Fault("indexes", index, IndexFinding.MISSING, (f"DROP INDEX {index}",))


DEVELOPMENT = DemoDatabase(
    "demo-development", ENTERPRISE, EnvironmentClass.DEVELOPMENT, manifest="enterprise-demo"
)

STAGING = DemoDatabase(
    "demo-staging",
    ENTERPRISE,
    EnvironmentClass.STAGING,
    manifest="demo-staging",
    faults=(
        _missing("idx_churn_events_recovery_eligibility"),
        _missing("idx_comm_followup_history"),
        Fault("indexes", "idx_churn_predictions_lead_timestamp", IndexFinding.INVALID, interrupted=True),
        Fault(
            "indexes",
            "idx_leads_score_status_created",
            IndexFinding.DRIFTED,
            (
                "DROP INDEX idx_leads_score_status_created",
                "CREATE INDEX idx_leads_score_status_created ON leads (status, created_at DESC)",
            ),
        ),
        Fault(
            "constraints",
            "ck_cerebras_api_calls_total_tokens",
            ConstraintFinding.NOT_VALIDATED,
            (
                "ALTER TABLE cerebras_api_calls DROP CONSTRAINT ck_cerebras_api_calls_total_tokens",
                "UPDATE cerebras_api_calls SET total_tokens = total_tokens + 7 "
                "WHERE id <= 132 AND id % 11 = 0",
                "ALTER TABLE cerebras_api_calls ADD CONSTRAINT ck_cerebras_api_calls_total_tokens "
                "CHECK (total_tokens = prompt_tokens + completion_tokens) NOT VALID",
            ),
            violations=12,
        ),
    ),
    slow=frozenset(
        {
            "win_back_candidates",
            "churn_predictions",
            "lead_detail",
            "outbound_history",
            "lead_routing",
            "high_intent_report",
        }
    ),
    too_slow=frozenset({"churn_predictions"}),
)

PRODUCTION = DemoDatabase(
    "demo-production",
    ENTERPRISE,
    EnvironmentClass.PRODUCTION,
    manifest="enterprise-demo",
    faults=(
        _missing("idx_leads_status_score"),
        _missing("idx_churn_predictions_lead_timestamp"),
        _missing("idx_churn_events_recovery_eligibility"),
        # It would serve the lead dashboard in place of idx_leads_status_score, by an ordered scan.
        _missing("idx_leads_score_status_created"),
    ),
    slow=frozenset(
        {
            "lead_dashboard",
            "churn_predictions",
            "win_back_candidates",
            "lead_routing",
            "high_intent_report",
        }
    ),
    too_slow=frozenset({"lead_dashboard", "churn_predictions"}),
)

LEADS = DemoDatabase(
    "demo-leads",
    PERFORMANCE,
    EnvironmentClass.STAGING,
    manifest="performance-indexes",
    faults=(
        _missing("ix_leads_industry"),
        _missing("ix_leads_created_at"),
        Fault(
            "constraints",
            "ck_leads_contact_email_format",
            ConstraintFinding.NOT_VALIDATED,
            (
                "ALTER TABLE leads DROP CONSTRAINT ck_leads_contact_email_format",
                "UPDATE leads SET contact_email = replace(contact_email, '@', ' at ') "
                "WHERE id <= 200 AND id % 10 = 4 AND contact_email IS NOT NULL",
                "ALTER TABLE leads ADD CONSTRAINT ck_leads_contact_email_format CHECK (contact_email IS NULL "
                r"OR contact_email ~ '^[^@]+@[^@]+\.[^@]+$') NOT VALID",
            ),
            violations=19,
        ),
        Fault(
            "constraints",
            "ck_leads_company_website_format",
            ConstraintFinding.NOT_ENFORCED,
            (
                "ALTER TABLE leads DROP CONSTRAINT ck_leads_company_website_format",
                "UPDATE leads SET company_website = replace(company_website, 'https://', '') "
                "WHERE id <= 160 AND id % 20 = 7",
                "ALTER TABLE leads ADD CONSTRAINT ck_leads_company_website_format "
                "CHECK (company_website IS NULL OR company_website ~ '^https?://') NOT ENFORCED",
            ),
            violations=8,
        ),
        Fault(
            "constraints",
            "ck_cerebras_api_calls_cost_positive",
            ConstraintFinding.MISSING,
            ("ALTER TABLE cerebras_api_calls DROP CONSTRAINT ck_cerebras_api_calls_cost_positive",),
        ),
        Fault(
            "migration",
            "af36f48fb48c",
            MigrationFinding.BEHIND,
            ("UPDATE alembic_version SET version_num = 'af36f48fb48c'",),
        ),
    ),
    slow=frozenset({"industry_filter", "recent_leads"}),
    too_slow=frozenset({"recent_leads"}),
)

DATABASES: Mapping[str, DemoDatabase] = MappingProxyType(
    {database.profile: database for database in (DEVELOPMENT, STAGING, PRODUCTION, LEADS)}
)
"""By the profile's name."""
