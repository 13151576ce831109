"""What a step was planned on, as one hash: a step runs only where all of it is still so.

Into it goes what the step would act on and what it would say, nothing that changes by itself: no sizes, no
statistics, no other table. Definitions are printed under settings of our own, so that two sessions of the
same server read the same text; across servers the hash differs anyway, by their system identifier.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sql.quoting import TableName, table_name
from sql.steps.ddl import NEW, OLD, beside, renamed_index
from sql.steps.step import ConstraintGone, ConstraintStands, IndexGone, IndexStands, Plan, Step, Verb

if TYPE_CHECKING:  # the deck knows steps before it imports asyncpg
    from sql.session import Session


@dataclass(frozen=True)
class StepFacts:
    """The state of the catalog that a step rests on."""

    system_identifier: str | None
    """None where it may not be read."""
    database_oid: int
    table_oid: int | None
    """None: nothing bears the table's name."""
    kind: str | None
    """pg_class.relkind."""
    persistence: str | None
    """pg_class.relpersistence: `p`, `u` (unlogged) or `t` (temporary)."""
    owner: str | None
    columns_hash: str
    """Over names, types, collations and NOT NULL, in order."""
    named: tuple[Mapping[str, Any], ...] = ()
    """What bears the names that the step makes, renames or drops: oid, kind, definition, state flags."""

    def as_json(self) -> dict[str, Any]:
        """For the hash and the journal."""
        return asdict(self)


async def facts(session: Session, step: Step) -> StepFacts:
    """Read what a step rests on.

    Raises:
        ReadingError: the catalog could not be read, such as while somebody locks the table.
        SessionError: the connection is lost.
    """
    return (await facts_of(session, [step]))[0]


async def facts_of(session: Session, steps: Sequence[Step]) -> list[StepFacts]:
    """What each step rests on, in at most three SELECTs on the catalog, however many steps there are.

    Raises:
        ReadingError, SessionError: as `facts`.
    """
    places = [_table_of(step) for step in steps]
    tables = await _fetch(session, "step_table_state", *_columns(places)) if steps else []
    indexes: list[tuple[int, str, str]] = []
    constraints: list[tuple[int, int, str]] = []
    for number, (step, (schema, _), table) in enumerate(zip(steps, places, tables, strict=True)):
        if isinstance(step.end, ConstraintStands | ConstraintGone):
            constraints += [(number, table["table_oid"] or 0, name) for name in _constraint_names(step)]
        else:
            indexes += [(number, schema, name) for name in index_names(step)]
    named: dict[int, list[dict[str, Any]]] = {}
    for statement, wanted in (("step_name_states", indexes), ("step_constraint_states", constraints)):
        rows = await _fetch(session, statement, *_columns(each[1:] for each in wanted)) if wanted else []
        for row in rows:
            found = dict(row)
            named.setdefault(wanted[found.pop("position") - 1][0], []).append(found)
    return [
        StepFacts(
            system_identifier=session.identity.system_identifier,
            database_oid=table["database_oid"],
            table_oid=table["table_oid"],
            kind=table["kind"],
            persistence=table["persistence"],
            owner=table["owner"],
            columns_hash=_hash(list(table["columns"])),
            named=tuple(named.get(number, ())),
        )
        for number, table in enumerate(tables)
    ]


def fingerprint(step: Step, found: StepFacts) -> str:
    """The hash over a step and what it rests on: sha256 in hex.

    Two steps with the same hash would send the same bytes, under the same time limits, to the same objects.
    """
    end = {"kind": type(step.end).__name__, **asdict(step.end)}
    said = {
        "id": step.id,
        "statements": step.statements,
        "undo": step.undo,
        "timeouts": dict(step.timeouts),
        "end": end,
    }
    return _hash({"step": said, "facts": found.as_json()})


def plan_hash(plan: Plan, fingerprints: Sequence[str | None] | None = None) -> str:
    """The hash over a plan's direction and its steps' ids and fingerprints, in order: sha256 in hex.

    Args:
        fingerprints: one a step; without them, those that the steps carry (see `stamped`).
    """
    each = [step.fingerprint for step in plan.steps] if fingerprints is None else fingerprints
    pairs = [(step.id, known) for step, known in zip(plan.steps, each, strict=True)]
    return _hash({"direction": plan.direction, "search_path": plan.search_path, "steps": pairs})


async def stamped(session: Session, plan: Plan) -> Plan:
    """The plan with the fingerprint of this moment on every step, offered ones too.

    A step that follows others of its chain rests on what those change: plan again after each step that ran.

    Raises:
        ReadingError, SessionError: as `facts`.
    """
    every = [*plan.steps, *plan.offered]
    found = await facts_of(session, every)
    done = [
        replace(step, fingerprint=fingerprint(step, each)) for step, each in zip(every, found, strict=True)
    ]
    return replace(plan, steps=tuple(done[: len(plan.steps)]), offered=tuple(done[len(plan.steps) :]))


def _columns(rows: Iterable[tuple[Any, Any]]) -> tuple[list[Any], list[Any]]:
    pairs = list(rows)
    return [first for first, _ in pairs], [second for _, second in pairs]


async def _fetch(session: Session, name: str, *arguments: object) -> list[Any]:
    from sql.session import DEPARSE_SETTINGS
    from sql.statements import statement

    text = statement(name, session.version_num)
    return await session.fetch_composed(text, *arguments, settings=DEPARSE_SETTINGS)


def _table_of(step: Step) -> TableName:
    found = table_name(step.table)
    if found is not None:
        return found
    end = step.end
    return (end.schema, end.name if isinstance(end, IndexGone) else end.table)


def _constraint_names(step: Step) -> list[str]:
    names = {end.name for end in (step.end, step.goal) if isinstance(end, ConstraintStands | ConstraintGone)}
    if step.goal is not None:
        names |= {beside(name, NEW) for name in tuple(names)}
    return sorted(names)


def index_names(step: Step) -> list[str]:
    """The names that matter to a step: what it makes, drops, renames from and to, and what it is for."""
    names = {end.name for end in (step.end, step.goal) if isinstance(end, IndexStands | IndexGone)}
    if step.verb is Verb.SWAP_INDEX:
        names |= {beside(name, suffix) for name in tuple(names) for suffix in (NEW, OLD)}
    if step.verb is Verb.RENAME_INDEX:
        names |= {name for sql in step.statements if (name := renamed_index(sql))}
    return sorted(names)


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
