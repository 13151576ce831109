"""After a run: is the end in the catalog, does the planner know it, do queries use it, are they faster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sql.connect import connect
from sql.errors import ReadingError, SessionError
from sql.quoting import qualified
from sql.requirements import Requirements
from sql.session import Session
from sql.steps.proven_end import read_proven_end
from sql.steps.step import IndexStands, StatisticsStand, Step
from sql.steps.timing import ProbeTiming, probes_of, time_probes

if TYPE_CHECKING:
    from profiles.model import Profile
    from profiles.secret import Secret


@dataclass(frozen=True)
class Verification:
    """What a look at the server came to; plain values, as the journal keeps them."""

    reached: bool
    """The catalog shows the step's end."""
    sentence: str
    """All of it in one sentence."""
    catalog_before: str | None = None
    """What the catalog showed before the run; None where nobody looked."""
    catalog_after: str | None = None
    definition: str | None = None
    """As the server prints what stands now."""
    needs_analyze: bool | None = None
    """The planner lacks statistics that the index needs; None: not to be seen, or not about an index."""
    analyze: str | None = None
    """The statement that would give them; never while something is built on the table: it would kill it."""
    uses_index: bool | None = None
    """Whether the plans of all its probes use the index; None: no probe is meant to."""
    why_not: str | None = None
    latency_before: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By probe: `p50_ms`, the median service time of a few runs, and how many `runs`."""
    latency_after: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


async def look_before(
    profile: Profile, password: Secret | None, step: Step, requirements: Requirements
) -> dict[str, Any]:
    """What to remember before a run, as JSON: the `before` of `launch` and of `verify_step`.

    Raises:
        ConfigurationError, SessionError, LoginError: as `sql.connect.connect`.
        ReadingError: the catalog could not be read.
    """
    session = await connect(profile, password)
    try:
        end = await read_proven_end(session, step, requirements)
    finally:
        await session.close()
    timings = await _timings(profile, password, step, requirements)
    return {"catalog": end.sentence, "latency": {timing.probe: timing.figures for timing in timings}}


async def verify_step(
    profile: Profile,
    password: Secret | None,
    step: Step,
    requirements: Requirements | None,
    before: Mapping[str, Any] | None = None,
    *,
    search_path: str = "public",
) -> Verification:
    """Verify a step on read-only connections of its own.

    Args:
        requirements: the manifest's; None: the catalog alone is looked at.
        before: what `look_before` gave.
        search_path: of the plan, where there are no requirements to say it.

    Raises:
        ConfigurationError, SessionError, LoginError: as `sql.connect.connect`.
    """
    session = await connect(profile, password)
    try:
        end = await read_proven_end(session, step, requirements, search_path)
        needs = await _needs_analyze(session, step) if end.reached else None
    except ReadingError as error:
        return Verification(False, f"the end could not be read: {error.reason}")
    finally:
        await session.close()
    timings: Sequence[ProbeTiming] = ()
    if end.reached and requirements is not None:
        try:
            timings = await _timings(profile, password, step, requirements)
        except SessionError as error:
            timings = [ProbeTiming("probes", 0, None, None, str(error))]
    remembered = dict(before or {})
    earlier = remembered.get("latency") or {}
    analyze = _analyze(step) if needs else None
    return Verification(
        reached=end.reached,
        sentence=_sentence(end.sentence, analyze, timings, earlier),
        catalog_before=remembered.get("catalog"),
        catalog_after=end.sentence,
        definition=end.definition,
        needs_analyze=needs,
        analyze=analyze,
        uses_index=_uses(step, timings),
        why_not=_why_not(step, timings),
        latency_before=earlier,
        latency_after={timing.probe: timing.figures for timing in timings if timing.runs},
    )


async def _timings(
    profile: Profile, password: Secret | None, step: Step, requirements: Requirements
) -> tuple[ProbeTiming, ...]:
    budget = requirements.pool
    return await time_probes(
        profile,
        password,
        probes_of(step, requirements),
        requirements.search_path,
        query_timeout_s=budget.query_timeout_s if budget else None,
    )


async def _needs_analyze(session: Session, step: Step) -> bool | None:
    """Whether the planner lacks what it must know to choose the index (PLAN-02)."""
    if not isinstance(step.end, IndexStands):
        return None
    end = step.end
    (row,) = await session.fetch("step_statistics", [end.schema], [end.table], [end.name])
    known = [row["table_known"], *([row["expressions_known"]] if row["has_expressions"] else [])]
    if False in known:
        return True
    return None if None in known else False


def _analyze(step: Step) -> str | None:
    end = step.end
    return f"ANALYZE {qualified(end.schema, end.table)}" if isinstance(end, IndexStands) else None


def _planned(step: Step, timings: Sequence[ProbeTiming]) -> list[ProbeTiming]:
    if not isinstance(step.end, IndexStands | StatisticsStand):
        return []
    return [timing for timing in timings if timing.plan is not None and timing.plan.uses_index is not None]


def _uses(step: Step, timings: Sequence[ProbeTiming]) -> bool | None:
    planned = _planned(step, timings)
    return all(timing.plan and timing.plan.uses_index for timing in planned) if planned else None


def _why_not(step: Step, timings: Sequence[ProbeTiming]) -> str | None:
    notes = [
        timing.plan.note for timing in _planned(step, timings) if timing.plan and not timing.plan.uses_index
    ]
    problems = [f"probe {timing.probe} {timing.problem}" for timing in timings if timing.problem]
    return "; ".join(dict.fromkeys(filter(None, [*notes, *problems]))) or None


def _sentence(
    end: str, analyze: str | None, timings: Sequence[ProbeTiming], earlier: Mapping[str, Mapping[str, Any]]
) -> str:
    parts = [end]
    for timing in timings:
        use = timing.plan.uses_index if timing.plan else None
        said = {True: "uses it", False: "does not use it", None: "ran"}[use]
        was = (earlier.get(timing.probe) or {}).get("p50_ms")
        took = f", p50 {timing.p50_ms:.3g} ms" if timing.p50_ms is not None else ""
        took += f" (before: {was:.3g} ms)" if took and was is not None else ""
        note = f" ({timing.plan.note})" if timing.plan and timing.plan.note else ""
        parts.append(timing.problem if timing.plan is None else f"probe {timing.probe} {said}{note}{took}")
    if analyze:
        parts.append(f"the planner lacks statistics: {analyze}")
    return "; ".join(parts)
