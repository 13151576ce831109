"""The report as OpenMetrics 1.0 text, for a scraper or a textfile collector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sql.findings import ConstraintFinding, IndexFinding, MigrationFinding, PoolFinding, ProbeFinding, Verdict
from sql.latency.readings import ProbeReading
from sql.pool.pgbouncer_reading import PgbouncerReading
from sql.printable import one_line
from sql.replicas.values import ReplicasReading
from sql.report import Report
from tui.version import version

GOOD_INDEX = frozenset({IndexFinding.PRESENT, IndexFinding.EQUIVALENT})
GOOD_POOL = frozenset({PoolFinding.OK, PoolFinding.TIGHT})
MS_IN_A_SECOND = 1000.0


@dataclass
class Family:
    """A metric family: its samples stand together, under one TYPE."""

    name: str
    kind: str
    help: str
    unit: str = ""
    samples: list[str] = field(default_factory=list)

    def add(self, labels: Mapping[str, str], value: float, suffix: str = "") -> None:
        """One sample."""
        pairs = ",".join(f'{key}="{_label(text)}"' for key, text in labels.items())
        self.samples.append(f"{self.name}{suffix}{{{pairs}}} {_number(value)}")

    def lines(self) -> Iterator[str]:
        """As it is exposed."""
        yield f"# TYPE {self.name} {self.kind}"
        if self.unit:
            yield f"# UNIT {self.name} {self.unit}"
        yield f"# HELP {self.name} {self.help}"
        yield from self.samples


def render(reports: Sequence[Report]) -> str:
    """One exposition of all reports, told apart by the label `profile`."""
    exposition = _Exposition()
    for report in reports:
        exposition.add(report)
    lines = [line for family in exposition.families if family.samples for line in family.lines()]
    return "\n".join([*lines, "# EOF"]) + "\n"


class _Exposition:
    def __init__(self) -> None:
        self.ready = Family("pgdeck_ready", "gauge", "1: ENTERPRISE READY; 0: NOT READY or UNKNOWN.")
        self.verdict = Family("pgdeck_verdict", "stateset", "The verdict.")
        self.taken = Family(
            "pgdeck_taken_timestamp_seconds", "gauge", "When this was measured.", unit="seconds"
        )
        self.server = Family("pgdeck_server", "info", "Which server this was.")
        self.unread = Family("pgdeck_part_unavailable", "gauge", "1 for each part that could not be read.")
        self.index = Family("pgdeck_index_ok", "gauge", "Whether a required index is as it must be.")
        self.index_size = Family(
            "pgdeck_index_size_bytes", "gauge", "Size of a required index.", unit="bytes"
        )
        self.constraint = Family(
            "pgdeck_constraint_ok", "gauge", "Whether a required constraint is as it must be."
        )
        self.violations = Family("pgdeck_constraint_violations", "gauge", "Rows that break a constraint.")
        self.probe = Family("pgdeck_probe_ok", "gauge", "Whether a probe met its target.")
        self.latency = Family(
            "pgdeck_probe_latency_seconds", "gauge", "Latency of a probe, from its due time.", unit="seconds"
        )
        self.target = Family(
            "pgdeck_probe_target_seconds", "gauge", "Target of a probe's latency.", unit="seconds"
        )
        self.samples = Family("pgdeck_probe_samples", "gauge", "Measured runs of a probe.")
        self.errors = Family("pgdeck_probe_errors", "gauge", "Runs of a probe that failed.")
        self.pool = Family("pgdeck_pool_ok", "gauge", "Whether there is room for connections.")
        self.used = Family("pgdeck_pool_used", "gauge", "Connections in use, by their limit.")
        self.limit = Family("pgdeck_pool_limit", "gauge", "Limits on connections.")
        self.waiting = Family(
            "pgdeck_pgbouncer_waiting", "gauge", "Clients that wait in a pool of PgBouncer."
        )
        self.longest = Family(
            "pgdeck_pgbouncer_wait_seconds", "gauge", "How long the first of them has waited.", unit="seconds"
        )
        self.servers = Family(
            "pgdeck_pgbouncer_servers", "gauge", "Server connections of a pool that clients hold."
        )
        self.pool_size = Family("pgdeck_pgbouncer_pool_size", "gauge", "Server connections it may open.")
        self.lag = Family(
            "pgdeck_replica_lag_seconds", "gauge", "How far a replica's replay is behind.", unit="seconds"
        )
        self.lag_bytes = Family(
            "pgdeck_replica_lag_bytes", "gauge", "WAL that a replica has not replayed.", unit="bytes"
        )
        self.retained = Family(
            "pgdeck_slot_retained_bytes", "gauge", "WAL that is kept for a replication slot.", unit="bytes"
        )
        self.migration = Family("pgdeck_migration_ok", "gauge", "Whether the schema is at its revision.")

    @property
    def families(self) -> tuple[Family, ...]:
        """In the order in which they are exposed."""
        return tuple(value for value in vars(self).values() if isinstance(value, Family))

    def add(self, report: Report) -> None:
        """The samples of one report."""
        profile = {"profile": report.profile, "environment": report.environment.value}
        self.ready.add(profile, report.ready)
        for verdict in Verdict:
            self.verdict.add({**profile, "pgdeck_verdict": verdict.value}, report.verdict is verdict)
        self.taken.add(profile, report.taken_at.timestamp())
        if report.server is not None:
            about = {
                "version": report.server.version,
                "database": report.server.database,
                "manifest": report.manifest,
                "pgdeck": version(),
            }
            self.server.add({**profile, **about}, 1, "_info")
        for part in report.unavailable:
            self.unread.add({**profile, "part": part.part}, 1)
        self._objects(profile, report)
        for probe in report.probes:
            self._probe(profile, probe)
        if report.pool is not None:
            self.pool.add({**profile, "finding": report.pool.finding.value}, report.pool.finding in GOOD_POOL)
            for limit in report.pool.limits:
                self.used.add({**profile, "limit": limit.name}, limit.used)
                self.limit.add({**profile, "limit": limit.name}, limit.limit)
            self._pgbouncer(profile, report.pool.pgbouncer)
        self._replicas(profile, report.replicas)
        if report.migration is not None:
            finding = report.migration.finding
            about = {"finding": finding.value, "expected": report.migration.expected}
            self.migration.add({**profile, **about}, finding is MigrationFinding.CURRENT)

    def _pgbouncer(self, profile: Mapping[str, str], reading: PgbouncerReading | None) -> None:
        for pool in reading.pools if reading is not None else ():
            labels = {**profile, "database": pool.database, "user": pool.user}
            self.waiting.add(labels, pool.cl_waiting)
            self.longest.add(labels, pool.maxwait_s)
            self.servers.add(labels, pool.sv_active)
            if pool.pool_size is not None:
                self.pool_size.add(labels, pool.pool_size)

    def _replicas(self, profile: Mapping[str, str], reading: ReplicasReading | None) -> None:
        if reading is None:
            return
        for replica in reading.replicas:
            labels = {**profile, "replica": replica.name, "state": replica.state}
            if replica.replay_lag_s is not None:
                self.lag.add(labels, replica.replay_lag_s)
            if replica.replay_lag_bytes is not None:
                self.lag_bytes.add(labels, replica.replay_lag_bytes)
        for slot in reading.slots:
            if slot.retained_bytes is not None:
                self.retained.add({**profile, "slot": slot.name}, slot.retained_bytes)

    def _objects(self, profile: Mapping[str, str], report: Report) -> None:
        for index in report.indexes:
            labels = {**profile, "table": index.table, "index": index.name}
            about = {"priority": index.priority.value, "finding": index.finding.value}
            self.index.add({**labels, **about}, index.finding in GOOD_INDEX)
            if index.size_bytes is not None:
                self.index_size.add(labels, index.size_bytes)
        for constraint in report.constraints:
            labels = {**profile, "table": constraint.table, "constraint": constraint.name}
            good = constraint.finding is ConstraintFinding.ENFORCED
            self.constraint.add({**labels, "finding": constraint.finding.value}, good)
            if constraint.violations is not None:
                self.violations.add(labels, constraint.violations)

    def _probe(self, profile: Mapping[str, str], probe: ProbeReading) -> None:
        labels = {**profile, "probe": probe.name, "class": probe.query_class}
        if probe.finding is not ProbeFinding.NOT_MEASURED:
            about = {"finding": probe.finding.value}
            self.probe.add({**labels, **about}, probe.finding is ProbeFinding.MET)
            self.samples.add(labels, probe.samples)
            self.errors.add(labels, probe.errors)
        for quantile, measured, target in (
            ("0.5", probe.p50_ms, probe.target.p50_ms),
            ("0.95", probe.p95_ms, probe.target.p95_ms),
            ("0.99", probe.p99_ms, probe.target.p99_ms),
        ):
            if measured is not None:
                self.latency.add({**labels, "quantile": quantile}, measured / MS_IN_A_SECOND)
            if target is not None:
                self.target.add({**labels, "quantile": quantile}, target / MS_IN_A_SECOND)


def _label(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    return f"{value:g}" if value == int(value) and abs(value) < 1e6 else repr(float(value))
