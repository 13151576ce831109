"""What is done about one constraint."""

from __future__ import annotations

from sql.declared import CheckDefinition
from sql.findings import ConstraintFinding
from sql.parsing import DefinitionError, parse_check
from sql.quoting import TableName, identifier, table_name
from sql.snapshots import ConstraintReading
from sql.steps import ddl
from sql.steps.chain import (
    ACCESS_EXCLUSIVE,
    BRIEF_TIMEOUTS,
    BUILD_BLOCKS,
    INSTANT_BLOCKS,
    SCAN_TIMEOUTS,
    SHARE_UPDATE,
    Chain,
    constraint_key,
)
from sql.steps.ddl import NEW, beside
from sql.steps.facts import ConstraintFacts
from sql.steps.step import ConstraintGone, ConstraintStands, EndState, Refusal, Step, Verb

CHECKABLE = frozenset({"r", "p"})
"""pg_class.relkind of tables and partitioned tables, whose partitions every step reaches."""
REPLACED = frozenset({ConstraintFinding.DRIFTED, ConstraintFinding.NOT_ENFORCED})


def fix_constraint(reading: ConstraintReading, facts: ConstraintFacts) -> Chain:
    """The steps that make a required constraint stand, or the reason why there are none."""
    if reading.finding is ConstraintFinding.ENFORCED:
        return Chain(priority=reading.priority)
    table, declared = table_name(reading.table), _declared(reading)
    reason = _obstacle(reading, facts)
    if reason or table is None or declared is None:
        return _refused(reading, reason or "its table is not there")
    listing = ddl.list_violations(*table, declared)
    if reading.finding in REPLACED:
        if reading.violations:
            return _refused(reading, _violated(reading), listing)
        steps = _replace(reading, table, ddl.check(declared))
        return Chain(steps, priority=reading.priority)
    steps = ()
    definition = ""
    if reading.finding is ConstraintFinding.MISSING:
        definition = ddl.check(declared)
        stands = ConstraintStands(*table, reading.name, definition, validated=False)
        steps = (_add(reading, stands),)
    if reading.violations:
        refusal = Refusal(
            f"{Verb.VALIDATE_CONSTRAINT} {constraint_target(table, reading.name)}",
            _violated(reading),
            listing,
        )
        return Chain(steps, (refusal,), priority=reading.priority)
    stands = ConstraintStands(*table, reading.name, definition, validated=True)
    return Chain((*steps, _validate(reading, stands)), priority=reading.priority)


def roll_back_constraint(reading: ConstraintReading, facts: ConstraintFacts) -> Chain:
    """The step that drops a constraint that is as the manifest has it."""
    if reading.finding is ConstraintFinding.MISSING:
        return Chain(priority=reading.priority)
    if reading.finding in (ConstraintFinding.DRIFTED, ConstraintFinding.UNVERIFIED):
        return _refused(reading, "its definition is not the manifest's, so it is not ours to drop")
    table, declared = table_name(reading.table), _declared(reading)
    reason = _obstacle(reading, facts)
    if reason or table is None or declared is None:
        return _refused(reading, reason or "its table is not there")
    definition = ddl.check(declared)
    stands = ConstraintStands(*table, reading.name, definition, validated=True)
    step = Step(
        verb=Verb.DROP_CONSTRAINT,
        target=constraint_target(table, reading.name),
        table=reading.table,
        statements=(ddl.drop_constraint(*table, reading.name),),
        end=ConstraintGone(*table, reading.name, definition),
        undo=(ddl.add_constraint(stands), ddl.validate_constraint(*table, reading.name)),
        lock=ACCESS_EXCLUSIVE,
        blocks=INSTANT_BLOCKS,
        timeouts=BRIEF_TIMEOUTS,
        priority=reading.priority,
        purpose=reading.purpose,
        mends=constraint_key(reading),
    )
    return Chain((step,), priority=reading.priority)


def _declared(reading: ConstraintReading) -> CheckDefinition | None:
    try:
        return parse_check(reading.declared)
    except DefinitionError:
        return None


def _obstacle(reading: ConstraintReading, facts: ConstraintFacts) -> str:
    """Why nothing may be done about it; empty where something may."""
    if facts.table_kind is None:
        return "its table is not there"
    if facts.table_kind == "f":
        return "its table is foreign, where a CHECK is believed and never checked: add it where the rows are"
    if facts.table_kind not in CHECKABLE:
        return "what bears its table's name is no table"
    if reading.finding is ConstraintFinding.UNVERIFIED:
        return "its definition could not be compared" + (f": {reading.detail}" if reading.detail else "")
    if facts.kind not in (None, "c"):
        return "its name is taken by a constraint of another kind: rename that first"
    if facts.inherited:
        return "it is inherited: mend it on the parent table"
    return ""


def _violated(reading: ConstraintReading) -> str:
    least = "at least " if reading.violations_capped else ""
    rows = "1 row breaks it" if reading.violations == 1 else f"{reading.violations:,} rows break it"
    keys = f" ({', '.join(reading.violating_keys)})" if reading.violating_keys else ""
    return f"{least}{rows}{keys}: correct or delete them, then validate"


def _refused(reading: ConstraintReading, reason: str, listing: str = "") -> Chain:
    table = table_name(reading.table)
    target = constraint_target(table, reading.name) if table else f"{reading.table}.{reading.name}"
    return Chain(refused=(Refusal(target, reason, listing),), priority=reading.priority)


def constraint_target(table: TableName, name: str) -> str:
    """`leads.ck_y`; with the schema where that is not `public`."""
    schema, relation = table
    parts = (relation, name) if schema == "public" else (schema, relation, name)
    return ".".join(identifier(part) for part in parts)


def _replace(reading: ConstraintReading, table: TableName, definition: str) -> tuple[Step, ...]:
    """Add beside, validate, then drop the old one and take its name in one transaction."""
    new = beside(reading.name, NEW)
    goal = ConstraintStands(*table, reading.name, definition, validated=True)
    added = ConstraintStands(*table, new, definition, validated=False)
    validated = ConstraintStands(*table, new, definition, validated=True)
    swap = Step(
        verb=Verb.SWAP_CONSTRAINT,
        target=constraint_target(table, reading.name),
        table=reading.table,
        statements=(
            ddl.drop_constraint(*table, reading.name),
            ddl.rename_constraint(*table, new, reading.name),
        ),
        end=goal,
        undo=_put_back(reading, table, new),
        lock=ACCESS_EXCLUSIVE,
        blocks=INSTANT_BLOCKS,
        timeouts=BRIEF_TIMEOUTS,
        priority=reading.priority,
        purpose=reading.purpose,
        goal=goal,
        mends=constraint_key(reading),
    )
    return (_add(reading, added, goal), _validate(reading, validated, goal), swap)


def _put_back(reading: ConstraintReading, table: TableName, new: str) -> tuple[str, ...]:
    if not reading.actual:
        return ()
    actual = reading.actual.removesuffix(" NOT VALID")
    stands = ConstraintStands(*table, reading.name, actual, validated=False)
    return (ddl.rename_constraint(*table, reading.name, new), ddl.add_constraint(stands))


def _add(reading: ConstraintReading, stands: ConstraintStands, goal: EndState | None = None) -> Step:
    table = (stands.schema, stands.table)
    note = "From then on every new or changed row must satisfy it, also an old row that breaks it."
    return Step(
        verb=Verb.ADD_CONSTRAINT,
        target=constraint_target(table, stands.name),
        table=reading.table,
        statements=(ddl.add_constraint(stands),),
        end=stands,
        undo=(ddl.drop_constraint(*table, stands.name),),
        lock=ACCESS_EXCLUSIVE,
        blocks=INSTANT_BLOCKS,
        timeouts=BRIEF_TIMEOUTS,
        priority=reading.priority,
        purpose=reading.purpose,
        note=note,
        goal=goal,
        mends=constraint_key(reading),
    )


def _validate(reading: ConstraintReading, stands: ConstraintStands, goal: EndState | None = None) -> Step:
    table = (stands.schema, stands.table)
    return Step(
        verb=Verb.VALIDATE_CONSTRAINT,
        target=constraint_target(table, stands.name),
        table=reading.table,
        statements=(ddl.validate_constraint(*table, stands.name),),
        end=stands,
        undo=(),
        lock=SHARE_UPDATE,
        blocks=BUILD_BLOCKS,
        timeouts=SCAN_TIMEOUTS,
        priority=reading.priority,
        purpose=reading.purpose,
        note="It reads the whole table once. A validated constraint needs no undo.",
        goal=goal,
        mends=constraint_key(reading),
    )
