"""What is true of the required CHECK constraints on this server, and of the rows that they are about.

Watching only: catalog reads, EXPLAIN, a capped count under a time limit, and sample rows that are evaluated
and never stored. A constraint is known by its table and name: names are unique per table, not per schema.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sql.constraint_findings import LiveConstraint, judge
from sql.declared import CheckDefinition, SqlName
from sql.findings import ConstraintFinding, SampleFinding
from sql.normal_forms import Sameness, compare, normal_forms
from sql.parsing import DefinitionError, parse_check
from sql.relations import Columns, Relation, effective_path, read_columns, resolve
from sql.requirements import RequiredConstraint, Requirements
from sql.samples import SampleOutcome, try_samples
from sql.session import DEPARSE_SETTINGS, Session
from sql.snapshots import ConstraintReading, ConstraintsSnapshot
from sql.statements import statement
from sql.violations import Violations, count_rows

LOCKED = "somebody locks the table exclusively, so its definition cannot be read"
UNREADABLE = "its definition as the server prints it could not be read"
_NOT_COUNTED = Violations(None)


@dataclass
class _Case:
    """One required constraint and what was found about it."""

    required: RequiredConstraint
    relation: Relation
    live: LiveConstraint | None = None
    sameness: Sameness = field(default_factory=lambda: Sameness(True))
    columns: Columns = field(default_factory=Columns)


async def read_constraints(
    session: Session,
    requirements: Requirements,
    *,
    count_violations: bool = True,
    limit_ms: int = 2000,
) -> ConstraintsSnapshot:
    """Compare the required constraints with the server.

    Args:
        session: a watching session.
        requirements: what must be there.
        count_violations: also count the rows that break those constraints which do not prove there are none.
        limit_ms: for each such count.

    Raises:
        ReadingError: the catalog could not be read within the time limits.
        SessionError: the connection is lost.
    """
    taken_at = datetime.now(UTC)
    search_path = requirements.search_path
    cases = await _cases(session, requirements)
    await _compare(session, search_path, cases)
    columns = await read_columns(
        session, {c.relation.oid for c in cases if c.relation.oid and c.relation.is_table}
    )
    for case in cases:
        case.columns = columns.get(case.relation.oid or 0, Columns())
    readings = []
    for case in cases:
        finding, sentences = judge(case.required, case.relation, case.live, case.sameness)
        counted = _NOT_COUNTED
        if count_violations and finding is not ConstraintFinding.ENFORCED and case.relation.is_table:
            counted = await _count(session, search_path, case, limit_ms)
        samples = await _try(session, search_path, case, finding)
        readings.append(_reading(case, finding, sentences, counted, samples))
    return ConstraintsSnapshot(taken_at, tuple(readings))


async def _cases(session: Session, requirements: Requirements) -> list[_Case]:
    path = effective_path(requirements.schemas, session.identity.user)
    names = [SqlName(required.schema, required.table) for required in requirements.constraints]
    relations = await resolve(session, names, path) if names else {}
    cases = [_Case(r, relations[name]) for r, name in zip(requirements.constraints, names, strict=True)]
    placed = [case for case in cases if case.relation.oid is not None]
    if not placed:
        return cases
    tables = [case.relation.oid for case in placed]
    for row in await session.fetch("constraints", tables, [case.required.name for case in placed]):
        facts = dict(row)
        case = placed[facts.pop("position") - 1]
        case.live = LiveConstraint(**facts)
    return cases


async def _compare(session: Session, search_path: str, cases: list[_Case]) -> None:
    """Compare the expressions: all that are there with what is declared, one EXPLAIN a table."""
    oids = [case.live.oid for case in cases if case.live is not None and case.live.definition is not None]
    text = statement("constraint_definitions", session.version_num)
    settings = {**DEPARSE_SETTINGS, "search_path": search_path}
    rows = await session.fetch_composed(text, oids, settings=settings) if oids else []
    printed = {row["oid"]: row["definition"] for row in rows}
    wanted: dict[Relation, list[str]] = {}
    for case in cases:
        if case.live is None or case.live.kind != "c":
            continue
        check = _parsed(printed.get(case.live.oid))
        case.live = replace(case.live, check=check)
        if check is None:
            case.sameness = Sameness(None, LOCKED if case.live.locked else UNREADABLE)
        else:
            wanted.setdefault(case.relation, []).extend((case.required.expression, check.expression))
    forms = await normal_forms(session, search_path, wanted)
    for case in cases:
        if case.live is not None and case.live.check is not None:
            theirs = case.live.check.expression
            case.sameness = compare(forms, case.relation, case.required.expression, theirs)


def _parsed(printed: str | None) -> CheckDefinition | None:
    try:
        return parse_check(printed or "")
    except DefinitionError:
        return None


async def _count(session: Session, search_path: str, case: _Case, limit_ms: int) -> Violations:
    return await count_rows(
        session,
        search_path,
        case.relation,
        case.required.expression,
        no_inherit=case.required.no_inherit,
        primary_key=case.columns.primary_key,
        limit_ms=limit_ms,
    )


async def _try(session: Session, search_path: str, case: _Case, finding: ConstraintFinding) -> SampleOutcome:
    """Try the sample rows on what the constraint checks today, which a drifted one does differently."""
    entry = case.required.entry
    if case.live is None or case.live.check is None:
        return SampleOutcome()
    outcome = await try_samples(
        session,
        search_path,
        case.relation,
        case.columns,
        case.live.check.expression,
        entry.rejects,
        entry.accepts,
    )
    if finding is ConstraintFinding.NOT_ENFORCED and entry.rejects:
        return replace(outcome, rejects=SampleFinding.FAILED)
    return outcome


def _reading(
    case: _Case,
    finding: ConstraintFinding,
    sentences: list[str],
    counted: Violations,
    samples: SampleOutcome,
) -> ConstraintReading:
    entry = case.required.entry
    said = [*sentences, *([counted.reason] if counted.reason else []), *samples.sentences]
    return ConstraintReading(
        name=case.required.name,
        table=case.relation.label,
        finding=finding,
        declared=entry.definition,
        actual=case.live.definition if case.live else None,
        violations=counted.count,
        violations_capped=counted.capped,
        violating_keys=counted.keys,
        rejects=samples.rejects,
        accepts=samples.accepts,
        detail=" ".join(said),
        priority=entry.priority,
        purpose=entry.purpose,
    )
