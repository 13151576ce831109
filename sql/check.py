"""Check everything once: what `pgdeck verify` and a monitoring service call.

from sql.check import verify

report = await verify("production")
if not report.ready:
    alert("\\n".join(report.reasons))
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from profiles.manifest import Manifest
from profiles.model import Profile
from profiles.secret import Secret
from sql.errors import ReadingError, SessionError
from sql.findings import ProbeFinding, Scope, Verdict
from sql.latency.plan_notes import with_probes
from sql.latency.readings import ProbeReading
from sql.report import Report
from sql.snapshots import (
    ConstraintsSnapshot,
    IndexesSnapshot,
    MigrationSnapshot,
    PoolSnapshot,
    ProbesSnapshot,
    ServerIdentity,
    Unavailable,
)
from sql.surroundings import console_of, unread, with_console, with_replicas
from sql.verdict import Parts, judge

if TYPE_CHECKING:
    from sql.latency.evidence import Incident
    from sql.requirements import Requirements
    from sql.session import Session

VIOLATIONS_LIMIT_MS = 10_000
"""Counting rows that break a constraint reads the table; an operator who verifies can wait for that."""

Progress = Callable[[str], None]
"""Called with what is being done, for narration: `connecting`, `indexes`, `measuring for 10 s`."""
Reading = TypeVar("Reading")


@dataclass(frozen=True)
class Case:
    """One profile with what it must meet, read and found sound."""

    profile: Profile
    requirements: Requirements

    @property
    def manifest(self) -> Manifest:
        """What it must have."""
        return self.requirements.manifest


def case_of(profile: str | Profile, manifest: Manifest | None = None) -> Case:
    """Load a profile and its manifest; no server is asked.

    Raises:
        ConfigurationError: either is missing or wrong, with every problem.
    """
    from profiles import manifest_file, store
    from sql import requirements

    found = store.load(profile) if isinstance(profile, str) else profile
    if manifest is None:
        manifest = manifest_file.load(found.manifest, beside=found.path.parent if found.path else None)
    return Case(found, requirements.read(manifest, found.pool))


async def verify(
    profile: str | Profile,
    *,
    manifest: Manifest | None = None,
    password: Secret | None = None,
    duration_s: float = 10.0,
    with_rollback: bool = False,
    on_progress: Progress | None = None,
) -> Report:
    """Check a database against its manifest, on two connections at most, without writing anything.

    Args:
        profile: a saved profile's name, or a profile.
        manifest: in place of the one that the profile names.
        password: in place of the one from the profile's source of passwords.
        duration_s: for how many seconds the probes are sampled; 0 checks the objects alone.
        with_rollback: also plan the way back.
        on_progress: called with what is being done.

    Returns:
        The report. A server out of reach gives one too: UNKNOWN, with the reason.

    Raises:
        ConfigurationError: the profile or the manifest is missing or wrong.
        CredentialError: the profile's source gave no password.
    """
    case = await asyncio.to_thread(case_of, profile, manifest)
    if password is None:
        from profiles import vault

        password = await asyncio.to_thread(vault.password_for, case.profile)
    try:
        return await examine(
            case, password, duration_s=duration_s, with_rollback=with_rollback, on_progress=on_progress
        )
    except SessionError as error:
        return out_of_reach(case, str(error), duration_s)


async def examine(
    case: Case,
    password: Secret | None,
    *,
    duration_s: float,
    with_rollback: bool = False,
    on_progress: Progress | None = None,
) -> Report:
    """Connect, read, measure, judge.

    Raises:
        SessionError: the server is out of reach, or was lost.
    """
    from sql.connect import connect

    tell = on_progress or (lambda _: None)
    tell("connecting")
    async with console_of(case.profile) as console:
        session = await connect(case.profile, password)
        try:
            parts = await read_parts(session, case.requirements, tell)
            tell("reading replicas")
            parts = await with_replicas(session, case.profile, password, parts)
            report = await _planned(session, case, parts, with_rollback)
        finally:
            await session.close()
        parts = with_console(parts, await console)
    if duration_s > 0 and case.requirements.probes:
        tell(f"measuring for {duration_s:g} s")
        probes, incidents = await _measured(case, password, duration_s)
        parts, report = with_probes(parts, probes), replace(report, incidents=incidents)
    else:
        parts = replace(parts, probes=_unmeasured(case.requirements))
    return _judged(report, case, parts, session.identity, duration_s)


def out_of_reach(case: Case, sentence: str, duration_s: float) -> Report:
    """The report on a server that could not be asked: UNKNOWN, and why."""
    reason = sentence.rstrip(". ")
    return replace(
        _empty(case, duration_s),
        verdict=Verdict.UNKNOWN,
        reasons=(f"the server is out of reach: {reason}",),
        unavailable=(Unavailable("server", reason),),
    )


async def read_parts(session: Session, requirements: Requirements, tell: Progress) -> Parts:
    """Everything but latency, as it is now; a part that cannot be read stands there with the reason.

    Raises:
        SessionError: the connection is lost.
    """
    from sql.constraints import read_constraints
    from sql.indexes import read_indexes
    from sql.migration import read_migration
    from sql.pool.reading import read_pool
    from sql.steps.remembered import remember

    tell("reading indexes")
    was_valid = (await remember(session.identity)).was_valid
    indexes = await _or_why("indexes", read_indexes(session, requirements, was_valid=was_valid))
    tell("reading constraints")
    counted = read_constraints(session, requirements, count_violations=True, limit_ms=VIOLATIONS_LIMIT_MS)
    constraints = await _or_why("constraints", counted)
    tell("reading pool and migration")
    pool = await _or_why("pool", read_pool(session, requirements.pool))
    migration: MigrationSnapshot | Unavailable | None = None
    if requirements.migration is not None:
        reading = read_migration(session, requirements.migration, requirements.search_path)
        migration = await _or_why("migration", reading)
    return Parts(indexes=indexes, constraints=constraints, pool=pool, migration=migration)


async def _or_why(part: str, reading: Awaitable[Reading]) -> Reading | Unavailable:
    """The reading, or that it could not be had, and what would mend it."""
    try:
        return await reading
    except ReadingError as error:
        return Unavailable(part, error.reason, error.remedy, datetime.now(UTC))


async def _measured(
    case: Case, password: Secret | None, duration_s: float
) -> tuple[ProbesSnapshot | Unavailable, tuple[Incident, ...]]:
    """What the probes measure, and why runs among them were slow."""
    from sql.latency.measuring import measure
    from sql.latency.onlooker import Onlooker

    onlooker = Onlooker(case.profile, password, case.requirements.probes)
    try:
        snapshot = await measure(
            case.profile,
            password,
            case.requirements.probes,
            duration_s,
            search_path=case.requirements.search_path,
            query_timeout_s=case.requirements.pool.query_timeout_s if case.requirements.pool else None,
            onlooker=onlooker,
        )
    except ReadingError as error:
        lacking = Unavailable("probes", error.reason, error.remedy, datetime.now(UTC))
        return lacking, onlooker.incidents
    except SessionError as error:
        lost = Unavailable("probes", str(error).rstrip(". "), taken_at=datetime.now(UTC))
        return lost, onlooker.incidents
    return snapshot, onlooker.incidents


def _unmeasured(requirements: Requirements) -> ProbesSnapshot:
    readings = (
        ProbeReading(probe.name, probe.query_class, ProbeFinding.NOT_MEASURED, 0, 0, probe.target)
        for probe in requirements.probes
    )
    return ProbesSnapshot(datetime.now(UTC), tuple(readings))


async def _planned(session: Session, case: Case, parts: Parts, with_rollback: bool) -> Report:
    """The report with its plans; without the facts that they need, with none."""
    from sql.steps.facts import read_facts
    from sql.steps.plan import plan, rollback
    from sql.steps.remembered import remember

    report = _empty(case, 0.0)
    indexes = parts.indexes.indexes if isinstance(parts.indexes, IndexesSnapshot) else ()
    checks = parts.constraints.constraints if isinstance(parts.constraints, ConstraintsSnapshot) else ()
    known = await remember(session.identity) if with_rollback else None
    facts = await _or_why("steps", read_facts(session, indexes, checks, known))
    if isinstance(facts, Unavailable):
        return replace(report, unavailable=(facts,))
    report = replace(report, plan=plan(case.manifest, parts, facts))
    return replace(report, rollback=rollback(case.manifest, parts, facts)) if with_rollback else report


def _empty(case: Case, duration_s: float) -> Report:
    return Report(
        taken_at=datetime.now(UTC),
        profile=case.profile.name,
        environment=case.profile.environment,
        manifest=case.manifest.name,
        title=case.manifest.title,
        scope=Scope.ALL if duration_s > 0 else Scope.OBJECTS,
        verdict=Verdict.UNKNOWN,
        duration_s=duration_s,
    )


def _judged(report: Report, case: Case, parts: Parts, server: ServerIdentity, duration_s: float) -> Report:
    from sql.steps.plan import with_steps

    scope = Scope.ALL if duration_s > 0 else Scope.OBJECTS
    judgement = judge(case.manifest, parts, scope)
    shown = with_steps(parts, report.plan)
    every = (shown.indexes, shown.constraints, shown.probes, shown.pool, shown.migration)
    return replace(
        report,
        taken_at=datetime.now(UTC),
        scope=scope,
        verdict=judgement.verdict,
        reasons=judgement.reasons,
        warnings=judgement.warnings,
        server=server,
        indexes=shown.indexes.indexes if isinstance(shown.indexes, IndexesSnapshot) else (),
        constraints=(
            shown.constraints.constraints if isinstance(shown.constraints, ConstraintsSnapshot) else ()
        ),
        probes=shown.probes.probes if isinstance(shown.probes, ProbesSnapshot) else (),
        pool=shown.pool.pool if isinstance(shown.pool, PoolSnapshot) else None,
        replicas=None if isinstance(shown.replicas, Unavailable | None) else shown.replicas.replicas,
        migration=shown.migration.migration if isinstance(shown.migration, MigrationSnapshot) else None,
        unavailable=(
            *(part for part in every if isinstance(part, Unavailable)),
            *unread(shown),
            *report.unavailable,
        ),
        duration_s=duration_s,
    )
