"""The report as JSON, version 1: fields are added freely, never renamed or removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sql.latency.readings import ProbeReading
from sql.pool.pgbouncer_reading import PgbouncerReading
from sql.replicas.values import Replica, Slot
from sql.report import Report
from sql.snapshots import (
    ConstraintReading,
    IndexReading,
    MigrationReading,
    PoolReading,
    ServerIdentity,
    Unavailable,
)
from sql.steps.step import Refusal, Step
from tui.reports.json_text import written
from tui.version import version

if TYPE_CHECKING:
    from sql.latency.evidence import Incident

FORMAT_VERSION = 1


def render(reports: Sequence[Report]) -> str:
    """One report as an object, several as a list."""
    values = [as_json(report) for report in reports]
    return written(values[0] if len(values) == 1 else values)


def as_json(report: Report) -> dict[str, Any]:
    """The report in JSON's own types."""
    return {
        "report": FORMAT_VERSION,
        "pgdeck": version(),
        "taken_at": moment(report.taken_at),
        "profile": report.profile,
        "environment": report.environment.value,
        "manifest": report.manifest,
        "server": None if report.server is None else server(report.server),
        "scope": report.scope.value,
        "duration_s": report.duration_s,
        "verdict": report.verdict.value,
        "reasons": list(report.reasons),
        "warnings": list(report.warnings),
        "indexes": [_index(index) for index in report.indexes],
        "constraints": [_constraint(constraint) for constraint in report.constraints],
        "probes": [_probe(probe) for probe in report.probes],
        "pool": None if report.pool is None else _pool(report.pool),
        "migration": None if report.migration is None else _migration(report.migration),
        "incidents": [_incident(incident) for incident in report.incidents],
        "replicas": [] if report.replicas is None else [_replica(each) for each in report.replicas.replicas],
        "slots": [] if report.replicas is None else [_slot(each) for each in report.replicas.slots],
        "steps": [_step(step) for step in report.plan.steps],
        "refused": [_refusal(refusal) for refusal in report.plan.refused],
        "unavailable": [_unavailable(part) for part in report.unavailable],
    }


def moment(time: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    return None if time is None else f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def server(identity: ServerIdentity) -> dict[str, Any]:
    """Which server it was."""
    pooler = identity.pooler
    return {
        "version": identity.version,
        "version_num": identity.version_num,
        "database": identity.database,
        "user": identity.user,
        "address": identity.address,
        "system_identifier": identity.system_identifier,
        "in_recovery": identity.in_recovery,
        "pooler": None if pooler is None else {"kind": pooler.kind, "evidence": pooler.evidence},
    }


def _index(index: IndexReading) -> dict[str, Any]:
    return {
        "name": index.name,
        "table": index.table,
        "priority": index.priority.value,
        "purpose": index.purpose,
        "finding": index.finding.value,
        "declared": index.declared,
        "actual": index.actual,
        "equivalent": index.equivalent,
        "size_bytes": index.size_bytes,
        "scans": index.scans,
        "scans_on_replicas": index.scans_on_replicas,
        "replica_scans": dict(index.replica_scans),
        "last_scan": moment(index.last_scan),
        "stats_since": moment(index.stats_since),
        "detail": index.detail,
        "step": index.step,
    }


def _constraint(constraint: ConstraintReading) -> dict[str, Any]:
    return {
        "name": constraint.name,
        "table": constraint.table,
        "priority": constraint.priority.value,
        "purpose": constraint.purpose,
        "finding": constraint.finding.value,
        "declared": constraint.declared,
        "actual": constraint.actual,
        "violations": constraint.violations,
        "violations_capped": constraint.violations_capped,
        "violating_keys": list(constraint.violating_keys),
        "rejects": constraint.rejects.value,
        "accepts": constraint.accepts.value,
        "detail": constraint.detail,
        "step": constraint.step,
    }


def _probe(probe: ProbeReading) -> dict[str, Any]:
    return {
        "name": probe.name,
        "class": probe.query_class,
        "finding": probe.finding.value,
        "samples": probe.samples,
        "errors": probe.errors,
        "p50_ms": _ms(probe.p50_ms),
        "p95_ms": _ms(probe.p95_ms),
        "p99_ms": _ms(probe.p99_ms),
        "max_ms": _ms(probe.max_ms),
        "service_p50_ms": _ms(probe.service_p50_ms),
        "service_p95_ms": _ms(probe.service_p95_ms),
        "service_p99_ms": _ms(probe.service_p99_ms),
        "server_mean_ms": _ms(probe.server_mean_ms),
        "kept": probe.kept,
        "target": asdict(probe.target),
        "plan": None if probe.plan is None else asdict(probe.plan),
        "detail": probe.detail,
    }


POOL_SCOPES = {
    "server": ["limit", "reserved", "used", "own", "by_state", "by_application"],
    "database": ["oldest_transaction_s", "waiting_on_locks", "root_blocker"],
}
"""Which figures of `pool` are of all databases, and which of this one."""


def _pool(pool: PoolReading) -> dict[str, Any]:
    return {
        "finding": pool.finding.value,
        "limit": pool.limit,
        "reserved": pool.reserved,
        "used": pool.used,
        "own": pool.own,
        "by_state": dict(pool.by_state),
        "by_application": [asdict(use) for use in pool.by_application],
        "limits": [asdict(limit) for limit in pool.limits],
        "oldest_transaction_s": pool.oldest_transaction_s,
        "waiting_on_locks": pool.waiting_on_locks,
        "root_blocker": pool.root_blocker or None,
        "counted_in": POOL_SCOPES,
        "states_hidden": pool.states_hidden,
        "detail": pool.detail,
        "pgbouncer": _pgbouncer(pool.pgbouncer),
    }


def _pgbouncer(reading: PgbouncerReading | None) -> dict[str, Any] | None:
    """The pools by `database/user`; null where no console is named, or it is in `unavailable`."""
    if reading is None or reading.unknown:
        return None
    return {
        pool.name: {**asdict(pool), "maxwait_s": round(pool.maxwait_s, 3), "finding": pool.finding.value}
        for pool in reading.pools
    }


def _replica(replica: Replica) -> dict[str, Any]:
    lags = {
        f"{part}_lag_{unit}": getattr(replica, f"{part}_lag_{unit}")
        for part in ("replay", "flush", "write")
        for unit in ("s", "bytes")
    }
    return {
        "name": replica.name,
        "state": replica.state,
        **lags,
        "sync_state": replica.sync_state,
        "kind": replica.kind,
        "application": replica.application,
        "address": replica.address,
        "slot": replica.slot,
        "streams": replica.streams,
        "named": replica.named,
        "apply_delay": replica.apply_delay,
        "trouble": replica.trouble,
    }


def _slot(slot: Slot) -> dict[str, Any]:
    return {**asdict(slot), "inactive_since": moment(slot.inactive_since)}


def _migration(migration: MigrationReading) -> dict[str, Any]:
    return {
        "finding": migration.finding.value,
        "expected": migration.expected,
        "actual": list(migration.actual),
        "table": migration.table,
        "detail": migration.detail,
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "verb": step.verb.value,
        "table": step.table,
        "sql": step.sql,
        "undo": step.undo_sql,
        "lock": step.lock,
        "blocks": step.blocks,
    }


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {"target": refusal.target, "reason": refusal.reason}


def _unavailable(part: Unavailable) -> dict[str, Any]:
    return {"part": part.part, "reason": part.reason, "remedy": part.remedy}


def _incident(incident: Incident) -> dict[str, Any]:
    seen = asdict(incident.evidence)
    lock = incident.evidence.lock
    if lock is not None:
        seen["lock"]["blockers"] = [blocker.as_json() for blocker in lock.blockers]
    return {
        "probe": incident.probe,
        "at": _instant(incident.at),
        "until": _instant(incident.until),
        "ms": _ms(incident.ms),
        "count": incident.count,
        "looked_into": incident.looked_into,
        "cause": incident.cause.value,
        "sentence": incident.sentence,
        "reason": incident.reason,
        "evidence": seen,
    }


def _instant(time: datetime) -> str:
    """To the millisecond, as in the server's log."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
