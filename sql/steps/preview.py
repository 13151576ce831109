"""A step and this moment: how big, how long, who blocks, what is in the way, what takes it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sql.declared import SqlName
from sql.parsing import DefinitionError, parse_check
from sql.quoting import table_name
from sql.relations import effective_path, resolve
from sql.replicas.reading import read_replicas
from sql.replicas.values import ReplicasReading
from sql.requirements import Requirements
from sql.session import Session
from sql.steps import estimate
from sql.steps.duplicates import Duplicates, find_duplicates
from sql.steps.estimate import EarlierRun, Estimated, TableSize
from sql.steps.forecast import Forecast, forecast
from sql.steps.privileges import missing_privileges
from sql.steps.replica_warnings import of_replicas
from sql.steps.step import ConstraintStands, IndexStands, Step, Verb
from sql.steps.warnings import read_warnings
from sql.steps.whatif import WhatIf, what_if
from sql.violations import Violations, count_rows

COUNTED = frozenset({Verb.ADD_CONSTRAINT, Verb.VALIDATE_CONSTRAINT, Verb.SWAP_CONSTRAINT})
"""Steps that old rows may stand in the way of."""
NO_UNDO = "nothing takes it back"
UNKNOWN = Estimated(None, "not for this step")


@dataclass(frozen=True)
class Preview:
    """What is true of a step right now."""

    step: str
    """Its id."""
    taken_at: datetime = field(compare=False)
    table_bytes: int | None
    rows: int | None
    """None: the table was never analysed."""
    index_bytes: Estimated
    seconds: Estimated
    temporary_bytes: Estimated
    wal_bytes: Estimated
    free_disk: Estimated
    forecast: Forecast
    violations: Violations | None
    """None: the step is not about a constraint."""
    duplicates: Duplicates | None
    """None: the step builds no unique index."""
    missing_privileges: tuple[str, ...]
    warnings: tuple[str, ...]
    planner: WhatIf | None
    """None: the step builds no index."""
    undo: str
    refused_reason: str | None
    """Why the step must not run as things are; None: it may."""

    def as_json(self) -> dict[str, Any]:
        """For the plan's JSON and the journal: the design's fields, and the words that they rest on."""
        forecast, violations, duplicates = self.forecast, self.violations, self.duplicates
        return {
            "table_bytes": self.table_bytes,
            "rows": self.rows,
            "index_bytes_estimate": self.index_bytes.value,
            "index_bytes_basis": self.index_bytes.basis,
            "seconds_estimate": self.seconds.value,
            "seconds_basis": self.seconds.basis,
            "temporary_bytes_estimate": self.temporary_bytes.value,
            "wal_bytes_estimate": self.wal_bytes.value,
            "free_disk_bytes": self.free_disk.value,
            "free_disk_basis": self.free_disk.basis,
            "violations": violations.count if violations else None,
            "violations_capped": bool(violations and violations.capped),
            "violating_keys": list(violations.keys) if violations else [],
            "duplicates": duplicates.count if duplicates else None,
            "duplicate_keys": list(duplicates.keys) if duplicates else [],
            "blockers": [blocker.as_json() for blocker in forecast.blockers],
            "would_block": list(forecast.would_block),
            "cannot_see": [*forecast.cannot_see, *self.uncounted],
            "missing_privileges": list(self.missing_privileges),
            "warnings": list(self.warnings),
            "planner": self.planner.sentence if self.planner else None,
            "undo": self.undo,
            "refused_reason": self.refused_reason,
        }

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Why rows could not be counted, sentences."""
        counts = (self.violations, self.duplicates)
        return tuple(each.reason for each in counts if each is not None and each.reason)


async def preview(
    session: Session,
    step: Step,
    requirements: Requirements,
    *,
    limit_ms: int = 2000,
    earlier: Sequence[EarlierRun] = (),
    replicas: ReplicasReading | None = None,
) -> Preview:
    """Look at everything that a step depends on; read-only, and no transaction stays open.

    Args:
        limit_ms: for counting rows in the way.
        earlier: steps of the same kind that ran here before, see `estimate.earlier_runs`.
        replicas: as they were read for all steps together; None: they are read now.

    Raises:
        ReadingError: the catalog could not be read.
        SessionError: the connection is lost.
    """
    taken_at = datetime.now(UTC)
    path = requirements.search_path
    schema, table = table_name(step.table) or ("", step.table)
    size = await estimate.table_size(session, schema, table)
    definition = estimate.index_of_step(step)
    looked = await forecast(session, step)
    server = (await session.fetch("preview_server"))[0]
    index, temporary, wal, free = UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN
    if definition is not None and size is not None:
        index = await estimate.index_bytes(session, step, size, definition, path)
        temporary = estimate.temporary_bytes(index, server["work_memory"])
        wal = estimate.wal_bytes(index, size)
        free = _free_disk(server["data_directory"])
    duplicates = None
    if definition is not None and definition.unique and size is not None:
        duplicates = await find_duplicates(session, schema, table, definition, path, limit_ms)
    violations = await _violations(session, step, requirements, schema, table, limit_ms)
    planner = None
    if step.verb is Verb.CREATE_INDEX and isinstance(step.end, IndexStands):
        planner = await what_if(session, step.end, requirements.probes, path)
    lacking = await missing_privileges(session, step, size.oid) if size else ()
    if replicas is None:
        replicas = (await read_replicas(session)).replicas
    return Preview(
        step=step.id,
        taken_at=taken_at,
        table_bytes=size.bytes_with_children
        if size and step.verb in COUNTED
        else size.bytes
        if size
        else None,
        rows=size.rows if size else None,
        index_bytes=index,
        seconds=estimate.seconds(step, size, earlier),
        temporary_bytes=temporary,
        wal_bytes=wal,
        free_disk=free,
        forecast=looked,
        violations=violations,
        duplicates=duplicates,
        missing_privileges=lacking,
        warnings=(
            *_of_rows(step, violations),
            *await read_warnings(session, step, size, definition, server),
            *of_replicas(step, replicas, wal),
        ),
        planner=planner,
        undo=step.undo_sql or NO_UNDO,
        refused_reason=_refusal(session, step, size, looked, violations, duplicates, lacking),
    )


async def _violations(
    session: Session, step: Step, requirements: Requirements, schema: str, table: str, limit_ms: int
) -> Violations | None:
    """The rows that break the constraint which the step is for."""
    if step.verb not in COUNTED or not isinstance(step.end, ConstraintStands):
        return None
    text = step.end.definition or next(
        (
            each.entry.definition
            for each in requirements.constraints
            if (each.name, each.table) == (step.end.name, table) and each.schema in (None, schema)
        ),
        "",
    )
    try:
        check = parse_check(text)
    except DefinitionError:
        return Violations(
            None, reason="Rows that break it were not counted: its definition is not known here."
        )
    name = SqlName(schema, table)
    path = effective_path(requirements.schemas, session.identity.user)
    relation = (await resolve(session, [name], path))[name]
    if not relation.is_table:
        return None
    columns = await session.fetch("table_columns", [relation.oid])
    return await count_rows(
        session,
        requirements.search_path,
        relation,
        check.expression,
        no_inherit=check.no_inherit,
        primary_key=columns[0]["primary_key"] if columns else (),
        limit_ms=limit_ms,
    )


def _whole(step: Step, alone: int | None, with_children: int | None) -> int | None:
    """A constraint covers what inherits from its table, an index does not."""
    return with_children if step.verb in COUNTED else alone


def _of_rows(step: Step, violations: Violations | None) -> tuple[str, ...]:
    if step.verb is Verb.VALIDATE_CONSTRAINT or not violations or not violations.count:
        return ()
    what = f"{_rows(violations)}: from then on every change of such a row fails, whatever it changes"
    return (f"{what[0].upper()}{what[1:]}.",)


def _free_disk(data_directory: str | None) -> Estimated:
    where = data_directory or "the server's data_directory, which pg_read_all_settings would show"
    return Estimated(None, f"SQL cannot see free disk; on the server: df -h {where}")


def _refusal(
    session: Session,
    step: Step,
    size: TableSize | None,
    looked: Forecast,
    violations: Violations | None,
    duplicates: Duplicates | None,
    lacking: tuple[str, ...],
) -> str | None:
    """The first reason that is certain; doubts are warnings."""
    if session.identity.in_recovery:
        return f"{session.identity.address} is a standby, which takes no writes; connect to its primary"
    if size is None:
        return f"{step.table} is not there"
    if lacking:
        return lacking[0].rstrip(".")
    if looked.refused_reason:
        return looked.refused_reason
    if step.verb is Verb.VALIDATE_CONSTRAINT and violations and violations.count:
        return f"{_rows(violations)}: correct or delete them first"
    if duplicates and duplicates.count:
        least = "at least " if duplicates.capped else ""
        keys = "key occurs" if duplicates.count == 1 else "keys occur"
        return (
            f"{least}{duplicates.count} {keys} more than once ({', '.join(duplicates.keys)}), so no "
            "unique index can be built: remove them first"
        )
    return None


def _rows(violations: Violations) -> str:
    least = "at least " if violations.capped else ""
    rows = "1 row breaks it" if violations.count == 1 else f"{violations.count:,} rows break it"
    return f"{least}{rows} ({', '.join(violations.keys)})"
