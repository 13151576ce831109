"""What is done about one index."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from sql.findings import IndexFinding
from sql.parsing import DefinitionError, index_tail, parse_index
from sql.quoting import table_name
from sql.snapshots import IndexReading
from sql.steps import ddl
from sql.steps.chain import BRIEF_TIMEOUTS, BUILD_BLOCKS, BUILD_TIMEOUTS, SHARE_UPDATE, Chain, index_key, said
from sql.steps.ddl import NEW, OLD, beside
from sql.steps.facts import Holder, IndexFacts
from sql.steps.step import EndState, IndexGone, IndexStands, Refusal, Step, Verb

INDEXABLE = frozenset({"r", "m"})
"""pg_class.relkind of tables and materialised views: what CREATE INDEX CONCURRENTLY takes."""
INDEX_KINDS = frozenset({"i", "I"})
DEAD = frozenset({IndexFinding.INVALID, IndexFinding.DISABLED})
BUILD_NOTE = "It waits for every transaction open at its start. Interrupted, it leaves a dead index."
SLOW_DROP = "It waits for every transaction that has read the table; a dropped index must be built again."


def fix_index(reading: IndexReading, facts: IndexFacts) -> Chain:
    """The steps that make a required index stand, or the reason why there are none."""
    if reading.finding is IndexFinding.PRESENT:
        return Chain(offered=_leftovers(reading, facts), priority=reading.priority)
    wanted = _wanted(reading)
    reason = _obstacle(reading, facts, wanted)
    if reason or wanted is None:
        return _refused(reading, reason or "its table is not there")
    if reading.finding is IndexFinding.MISSING:
        return Chain((_create(reading, wanted),), priority=reading.priority)
    if reading.finding in DEAD:
        drop = _drop(reading, wanted, reading.name, only_dead=True)
        return Chain((drop, _create(reading, wanted)), priority=reading.priority)
    if reading.finding is IndexFinding.EQUIVALENT:
        return Chain(offered=_rename(reading, wanted), priority=reading.priority)
    if facts.old.kind is not None:
        old = beside(reading.name, OLD)
        refusal = Refusal(reading.name, f"an earlier replacement left {old}: drop that, then plan again")
        return Chain((_drop(reading, wanted, old),), (refusal,), priority=reading.priority)
    return Chain(_replace(reading, wanted, facts), priority=reading.priority)


def roll_back_index(reading: IndexReading, facts: IndexFacts) -> Chain:
    """The step that drops an index that is as the manifest has it."""
    if reading.finding in (IndexFinding.MISSING, IndexFinding.EQUIVALENT):
        return Chain(priority=reading.priority)
    wanted = _wanted(reading)
    if reading.finding is IndexFinding.DRIFTED and wanted is not None and _is_put_back(reading, facts):
        return Chain(_drop_new(reading, wanted, facts), priority=reading.priority)
    if reading.finding in (IndexFinding.DRIFTED, IndexFinding.UNVERIFIED):
        return _refused(reading, "its definition is not the manifest's, so it is not ours to drop")
    if reading.finding is IndexFinding.BUILDING:
        return _refused(reading, said(reading.detail, "it is being built"))
    reason = _obstacle(reading, facts, wanted) or _hangs_on(facts.itself)
    if reason or wanted is None:
        return _refused(reading, reason or "its table is not there")
    before = _before(wanted, facts)
    if reading.finding is IndexFinding.PRESENT and before is not None:
        return _put_back(reading, wanted, before, facts)
    again = _create_again(reading, wanted, reading.name) or (ddl.create_index(wanted),)
    drop = _drop(reading, wanted, reading.name, was=wanted, undo=again)
    return Chain((drop,), priority=reading.priority)


def _wanted(reading: IndexReading) -> IndexStands | None:
    """The end state that the manifest asks for; None where the table could not be resolved."""
    table = table_name(reading.table)
    if table is None:
        return None
    try:
        declared = parse_index(reading.declared)
    except DefinitionError:
        return None
    return IndexStands(*table, reading.name, declared.unique, _tail(reading.declared))


@lru_cache(maxsize=20_000)
def _tail(declared: str) -> str:
    """Kept, because the deck plans at every reading."""
    return index_tail(parse_index(declared))


def _obstacle(reading: IndexReading, facts: IndexFacts, wanted: IndexStands | None) -> str:
    """Why nothing may be done about it; empty where something may."""
    holder = facts.itself
    if wanted is None or holder.table_kind is None:
        return "its table is not there"
    if reading.finding is IndexFinding.BUILDING:
        return said(reading.detail, "it is being built; wait for that to end")
    if reading.finding is IndexFinding.UNVERIFIED:
        return "its definition could not be compared" + (f": {reading.detail}" if reading.detail else "")
    if holder.table_kind == "p":
        return (
            "its table is partitioned, where no index is built concurrently: CREATE INDEX … ON ONLY the "
            "parent, CREATE INDEX CONCURRENTLY on every partition, then ALTER INDEX … ATTACH PARTITION each"
        )
    if holder.table_kind == "f":
        return "its table is foreign: an index is made on the server that holds the rows"
    if holder.table_kind not in INDEXABLE:
        return "what bears its table's name is no table"
    if holder.kind is not None and holder.kind not in INDEX_KINDS:
        return "its name is taken by something that is no index: rename that first"
    if holder.kind is not None and not holder.on_table:
        return "its name is taken by an index on another table: rename that one first"
    if holder.kind == "I" or holder.attached:
        return "it belongs to a partitioned index: mend that one"
    if reading.finding in DEAD or reading.finding is IndexFinding.DRIFTED:
        return _hangs_on(holder)
    return ""


def _hangs_on(holder: Holder) -> str:
    if holder.backs:
        return f"constraint {holder.backs} hangs on it"
    if holder.replica_identity:
        return "it is the table's replica identity: without it, UPDATE and DELETE of published rows fail"
    return ""


def _refused(reading: IndexReading, reason: str) -> Chain:
    return Chain(refused=(Refusal(reading.name, reason),), priority=reading.priority)


def _replace(reading: IndexReading, wanted: IndexStands, facts: IndexFacts) -> tuple[Step, ...]:
    """Build beside, swap the names in one transaction, drop the old one: never without an index."""
    new, old = beside(reading.name, NEW), beside(reading.name, OLD)
    steps: list[Step] = []
    if facts.new.kind is not None and not facts.new.usable:
        steps.append(_drop(reading, wanted, new, only_dead=True, goal=wanted))
    stands = IndexStands(wanted.schema, wanted.table, new, wanted.unique, wanted.tail)
    steps.append(_create(reading, stands, goal=wanted))
    steps.append(_swap(reading, wanted, new, old))
    steps.append(_drop(reading, wanted, old, undo=_create_again(reading, wanted, old)))
    return tuple(steps)


def _leftovers(reading: IndexReading, facts: IndexFacts) -> tuple[Step, ...]:
    """What an interrupted replacement left beside an index that stands."""
    left = [
        suffix
        for suffix, holder in ((NEW, facts.new), (OLD, facts.old))
        if holder.kind == "i" and holder.on_table and not _hangs_on(holder)
    ]
    wanted = _wanted(reading) if left else None
    if wanted is None:
        return ()
    before = _before(wanted, facts)
    aside = (ddl.create_index(replace(before, name=beside(reading.name, OLD))),) if before else ()
    return tuple(
        _drop(reading, wanted, beside(reading.name, suffix), undo=aside if suffix == OLD else ())
        for suffix in left
    )


def _before(wanted: IndexStands, facts: IndexFacts) -> IndexStands | None:
    """What bore the index's name before it was replaced: still there put aside, or by the journal's word."""
    try:
        aside = parse_index(facts.old_definition or "")
    except DefinitionError:
        return facts.replaced
    return IndexStands(wanted.schema, wanted.table, wanted.name, aside.unique, index_tail(aside))


def _put_back(reading: IndexReading, wanted: IndexStands, before: IndexStands, facts: IndexFacts) -> Chain:
    """Build the old one beside unless it is still there, swap the names, drop the manifest's."""
    old, new = beside(wanted.name, OLD), beside(wanted.name, NEW)
    if facts.new.kind is not None:
        refusal = Refusal(reading.name, f"an earlier replacement left {new}: drop that, then plan again")
        return Chain((_drop(reading, wanted, new),), (refusal,), priority=reading.priority)
    if facts.old.kind is not None and not (facts.old.kind == "i" and facts.old.on_table):
        return _refused(reading, f"the name {old}, for what stood here before, is taken: rename that first")
    steps: list[Step] = []
    if facts.old.kind is not None and not facts.old.usable:
        steps.append(_drop(reading, wanted, old, only_dead=True, goal=before))
    steps.append(_create(reading, replace(before, name=old), goal=before))
    steps.append(_swap(reading, before, old, new))
    steps.append(_drop_manifests(reading, wanted))
    return Chain(tuple(steps), priority=reading.priority)


def _is_put_back(reading: IndexReading, facts: IndexFacts) -> bool:
    """Whether what stands is what stood before the manifest's index replaced it."""
    if facts.replaced is None:
        return False
    try:
        actual = parse_index(reading.actual or "")
    except DefinitionError:
        return False
    return (actual.unique, index_tail(actual)) == (facts.replaced.unique, facts.replaced.tail)


def _drop_new(reading: IndexReading, wanted: IndexStands, facts: IndexFacts) -> tuple[Step, ...]:
    """The manifest's index, which stands aside after it was taken back."""
    if facts.new.kind != "i" or not facts.new.on_table or _hangs_on(facts.new):
        return ()
    return (_drop_manifests(reading, wanted),)


def _drop_manifests(reading: IndexReading, wanted: IndexStands) -> Step:
    aside = replace(wanted, name=beside(wanted.name, NEW))
    return _drop(reading, wanted, aside.name, was=aside, undo=(ddl.create_index(aside),))


def _create(reading: IndexReading, stands: IndexStands, goal: EndState | None = None) -> Step:
    return Step(
        verb=Verb.CREATE_INDEX,
        target=stands.name,
        table=reading.table,
        statements=(ddl.create_index(stands),),
        end=stands,
        undo=(ddl.drop_index(stands.schema, stands.name),),
        lock=SHARE_UPDATE,
        blocks=BUILD_BLOCKS,
        timeouts=BUILD_TIMEOUTS,
        priority=reading.priority,
        purpose=reading.purpose,
        note=BUILD_NOTE,
        goal=goal,
        mends=index_key(reading),
    )


def _drop(
    reading: IndexReading,
    wanted: IndexStands,
    name: str,
    *,
    only_dead: bool = False,
    was: IndexStands | None = None,
    undo: tuple[str, ...] = (),
    goal: EndState | None = None,
) -> Step:
    return Step(
        verb=Verb.DROP_INDEX,
        target=name,
        table=reading.table,
        statements=(ddl.drop_index(wanted.schema, name),),
        end=IndexGone(wanted.schema, name, only_dead, was),
        undo=undo,
        lock=SHARE_UPDATE,
        blocks=BUILD_BLOCKS,
        timeouts=BUILD_TIMEOUTS,
        priority=reading.priority,
        purpose=reading.purpose,
        note="It is dead: no query uses it." if only_dead else SLOW_DROP,
        goal=goal,
        mends=index_key(reading),
    )


def _swap(reading: IndexReading, wanted: IndexStands, new: str, old: str) -> Step:
    """Let `new` bear the name, and what bears it now be called `old`."""
    schema, name = wanted.schema, wanted.name
    return Step(
        verb=Verb.SWAP_INDEX,
        target=name,
        table=reading.table,
        statements=(ddl.rename_index(schema, name, old), ddl.rename_index(schema, new, name)),
        end=wanted,
        undo=(ddl.rename_index(schema, name, new), ddl.rename_index(schema, old, name)),
        lock=SHARE_UPDATE,
        blocks="nothing but DDL on these two indexes",
        timeouts=BRIEF_TIMEOUTS,
        priority=reading.priority,
        purpose=reading.purpose,
        goal=wanted,
        mends=index_key(reading),
    )


def _rename(reading: IndexReading, wanted: IndexStands) -> tuple[Step, ...]:
    if not reading.equivalent:
        return ()
    step = Step(
        verb=Verb.RENAME_INDEX,
        target=reading.name,
        table=reading.table,
        statements=(ddl.rename_index(wanted.schema, reading.equivalent, reading.name),),
        end=wanted,
        undo=(ddl.rename_index(wanted.schema, reading.name, reading.equivalent),),
        lock=SHARE_UPDATE,
        blocks="nothing but DDL on this index",
        timeouts=BRIEF_TIMEOUTS,
        priority=reading.priority,
        purpose=reading.purpose,
        note="Whoever names the index by its old name, a hint or a migration, must be told.",
        mends=index_key(reading),
    )
    return (step,)


def _create_again(reading: IndexReading, wanted: IndexStands, name: str) -> tuple[str, ...]:
    """The drifted definition, as the server printed it, under the name that is dropped."""
    try:
        actual = parse_index(reading.actual or "")
    except DefinitionError:
        return ()
    stands = IndexStands(wanted.schema, wanted.table, name, actual.unique, index_tail(actual))
    return (ddl.create_index(stands),)
