"""From the ids that an operator names to the steps that they mean. Pure.

`drop-index:i` is a step of both plans: forward where `i` is a dead leftover, backward where it stands. All
ids of one go are of one direction, so that a plan that changed meanwhile does not turn one into the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum

from profiles.errors import ConfigurationError, Problem
from sql.findings import ConstraintFinding, IndexFinding
from sql.quoting import table_name
from sql.snapshots import (
    ConstraintReading,
    ConstraintsSnapshot,
    IndexesSnapshot,
    IndexReading,
    MigrationReading,
    MigrationSnapshot,
)
from sql.steps.constraint_steps import constraint_target
from sql.steps.ddl import NEW, OLD, beside
from sql.steps.statistics_steps import analyze_target
from sql.steps.step import Direction, IndexStands, Plan, Refusal, Step, Verb
from sql.verdict import Parts

VALIDATED = frozenset({ConstraintFinding.ENFORCED})
ADDED = frozenset({ConstraintFinding.ENFORCED, ConstraintFinding.NOT_VALIDATED})


class Readiness(StrEnum):
    """What can be done about a step now."""

    READY = "ready"
    THERE = "there"
    """Its end is reached already."""
    REFUSED = "refused"


@dataclass(frozen=True)
class Choice:
    """One id, and what it means now."""

    id: str
    readiness: Readiness
    step: Step | None = None
    sentence: str = ""
    """What is there already, or why it is refused."""
    listing: str = ""
    """A SELECT that shows the rows in the way."""


class UnknownStep(ConfigurationError):
    """An id that no plan of this database knows."""


def choose(
    ids: Sequence[str], plans: Mapping[Direction, Plan], parts: Parts, direction: Direction | None = None
) -> tuple[Direction, tuple[Choice, ...]]:
    """What each id means, all in one direction: forward where that can be, unless one is given.

    Raises:
        UnknownStep: one of them is no step, or they go both ways.
    """
    ids = tuple(dict.fromkeys(ids))
    found = {
        way: tuple(_choice(each, ids, plan, parts) for each in ids)
        for way, plan in plans.items()
        if direction in (None, way)
    }
    for wanted in (
        lambda choice: choice is not None and choice.readiness is not Readiness.REFUSED,
        lambda choice: choice is not None,
    ):
        for way in found:
            if all(map(wanted, found[way])):
                return way, tuple(choice for choice in found[way] if choice)
    raise _unknown(ids, found, plans)


def after(choice: Choice, first: str) -> Choice:
    """The choice, refused because another step comes first."""
    return replace(choice, readiness=Readiness.REFUSED, sentence=f"{first} comes first")


def predecessors(step: Step, plan: Plan) -> tuple[Step, ...]:
    """The steps of a plan that must be done before this one: those of its chain; before the revision, all
    that change the schema; before ANALYZE, the indexes of its table."""
    if step not in plan.steps:
        return ()
    before = plan.steps[: plan.steps.index(step)]
    if step.verb is Verb.SET_MIGRATION:
        return tuple(each for each in before if each.verb is not Verb.ANALYZE)
    if step.verb is Verb.ANALYZE:
        return tuple(
            each for each in before if each.table == step.table and isinstance(each.end, IndexStands)
        )
    return tuple(each for each in before if each.mends == step.mends)


def _choice(step_id: str, ids: Collection[str], plan: Plan, parts: Parts) -> Choice | None:
    """What an id means in one plan; None: nothing."""
    step = next((each for each in (*plan.steps, *plan.offered) if each.id == step_id), None)
    if step is not None:
        return Choice(step_id, Readiness.READY, step)
    there = _there(step_id, ids, plan.direction, parts)
    if there:
        return Choice(step_id, Readiness.THERE, sentence=there)
    refusal = next((each for each in plan.refused if _is_about(each, step_id)), None)
    if refusal is not None:
        return Choice(step_id, Readiness.REFUSED, sentence=refusal.reason, listing=refusal.listing)
    return None


def _is_about(refusal: Refusal, step_id: str) -> bool:
    verb, _, target = step_id.partition(":")
    words = verb.replace("-", " ")
    if words == Verb.SET_MIGRATION:
        return refusal.target == "migration"
    return words in set(Verb) and refusal.target in (target, f"{words} {target}")


def _there(step_id: str, ids: Collection[str], direction: Direction, parts: Parts) -> str:
    """What is there already; empty where the end of such a step is not reached."""
    word, _, target = step_id.partition(":")
    verb = next((verb for verb in Verb if verb.replace(" ", "-") == word), None)
    if verb is Verb.SET_MIGRATION:
        return _revision_stands(target, parts)
    if verb is Verb.ANALYZE:
        return _statistics_stand(target, direction, parts)
    if verb in INDEX_ENDS and isinstance(parts.indexes, IndexesSnapshot):
        for index in parts.indexes.indexes:
            if target in _index_targets(index):
                rebuilt = f"{_id(Verb.CREATE_INDEX)}:{index.name}" in ids
                return INDEX_ENDS[verb](index, direction, target != index.name or rebuilt)
    if verb in CONSTRAINT_ENDS and isinstance(parts.constraints, ConstraintsSnapshot):
        for constraint in parts.constraints.constraints:
            if target in _constraint_targets(constraint):
                return CONSTRAINT_ENDS[verb](constraint, direction)
    return ""


def _statistics_stand(target: str, direction: Direction, parts: Parts) -> str:
    """Whether a table with required indexes on it needs no ANALYZE: the plan would have it otherwise."""
    readings = parts.indexes.indexes if isinstance(parts.indexes, IndexesSnapshot) else ()
    mine = [each for each in readings if (name := table_name(each.table)) and analyze_target(name) == target]
    stands = direction is Direction.FIX and bool(mine)
    building = any(each.finding is IndexFinding.BUILDING for each in mine)
    return f"the planner lacks no statistics of {target}" if stands and not building else ""


def _id(verb: Verb) -> str:
    return verb.replace(" ", "-")


def _index_targets(index: IndexReading) -> tuple[str, ...]:
    return (index.name, beside(index.name, NEW), beside(index.name, OLD))


def _constraint_targets(constraint: ConstraintReading) -> tuple[str, ...]:
    table = table_name(constraint.table)
    if table is None:
        return ()
    names = (constraint.name, beside(constraint.name, NEW))
    return tuple(constraint_target(table, name) for name in names)


def _index_stands(index: IndexReading, direction: Direction, _: bool) -> str:
    present = index.finding is IndexFinding.PRESENT and direction is Direction.FIX
    return f"{index.name} is valid, its definition the manifest's" if present else ""


def _index_is_gone(index: IndexReading, direction: Direction, leftover: bool) -> str:
    if index.finding is IndexFinding.MISSING:
        return f"there is no index {index.name}"
    replaced = leftover and index.finding is IndexFinding.PRESENT and direction is Direction.FIX
    return f"nothing is left of it: {index.name} stands" if replaced else ""


def _constraint_stands(
    wanted: Collection[ConstraintFinding],
) -> Callable[[ConstraintReading, Direction], str]:
    def stands(constraint: ConstraintReading, direction: Direction) -> str:
        if direction is not Direction.FIX or constraint.finding not in wanted:
            return ""
        word = "validated" if constraint.finding is ConstraintFinding.ENFORCED else "not validated"
        return f"{constraint.name} is {word}, its definition the manifest's"

    return stands


def _constraint_is_gone(constraint: ConstraintReading, direction: Direction) -> str:
    gone = constraint.finding is ConstraintFinding.MISSING and direction is Direction.ROLLBACK
    return f"there is no constraint {constraint.name} on {constraint.table}" if gone else ""


def _revision_stands(revision: str, parts: Parts) -> str:
    reading = parts.migration.migration if isinstance(parts.migration, MigrationSnapshot) else None
    stands = isinstance(reading, MigrationReading) and reading.actual == (revision,)
    return f"the revision is {revision}" if stands else ""


INDEX_ENDS: Mapping[Verb | None, Callable[[IndexReading, Direction, bool], str]] = {
    Verb.CREATE_INDEX: _index_stands,
    Verb.SWAP_INDEX: _index_stands,
    Verb.RENAME_INDEX: _index_stands,
    Verb.DROP_INDEX: _index_is_gone,
}
CONSTRAINT_ENDS: Mapping[Verb | None, Callable[[ConstraintReading, Direction], str]] = {
    Verb.ADD_CONSTRAINT: _constraint_stands(ADDED),
    Verb.VALIDATE_CONSTRAINT: _constraint_stands(VALIDATED),
    Verb.SWAP_CONSTRAINT: _constraint_stands(VALIDATED),
    Verb.DROP_CONSTRAINT: _constraint_is_gone,
}


def _unknown(
    ids: Sequence[str], found: Mapping[Direction, Sequence[Choice | None]], plans: Mapping[Direction, Plan]
) -> UnknownStep:
    every = {step.id for plan in plans.values() for step in (*plan.steps, *plan.offered)}
    lost = [each for place, each in enumerate(ids) if not any(found[way][place] for way in found)]
    if not lost:
        ways = [f"{way.value}: {', '.join(_known(found[way]))}" for way in found]
        what, remedy = f"go both ways ({'; '.join(ways)})", "name the steps of one direction"
        return UnknownStep([Problem(" ".join(ids), "", what, remedy)])
    return UnknownStep(
        [Problem(each, "", "is no step of this database", _remedy(each, every)) for each in lost]
    )


def _known(choices: Sequence[Choice | None]) -> list[str]:
    return [choice.id for choice in choices if choice is not None]


def _remedy(step_id: str, every: Collection[str]) -> str:
    target = step_id.partition(":")[2]
    kin = (target, beside(target, NEW), beside(target, OLD))
    about = sorted(each for each in every if each.partition(":")[2] in kin)
    near = about or get_close_matches(step_id, sorted(every), n=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "pgdeck plan -e PROFILE lists the steps" if every else "there is nothing to do"
