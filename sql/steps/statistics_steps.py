"""ANALYZE where the planner knows too little of a table, or nothing of an index's expressions (PLAN-02).

An index on an expression has no statistics before ANALYZE has seen it, and autovacuum comes only when rows
change: until then the planner guesses, and may never choose the index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from profiles.manifest import Priority
from sql.findings import IndexFinding
from sql.parsing import DefinitionError, parse_index
from sql.quoting import TableName, identifier, table_name
from sql.snapshots import IndexReading
from sql.steps import ddl
from sql.steps.chain import SCAN_TIMEOUTS, SHARE_UPDATE, Chain, index_key
from sql.steps.facts import IndexFacts
from sql.steps.step import IndexStands, StatisticsStand, Step, Verb

WORTH_PAGES = 10
"""Below that the planner takes a table for ten pages anyway (estimate_rel_size in plancat.c)."""
ANALYZE_BLOCKS = "nothing but DDL, VACUUM and builds on this table; its snapshot holds up builds elsewhere"
NOTE = "It reads a sample of the table. Statistics need no undo."

Case = tuple[IndexReading, IndexFacts, Chain]
"""A required index, what is known of it, and what is done about it."""


def analyze_steps(cases: Iterable[Case]) -> list[Step]:
    """One ANALYZE a table, for those that need it once their indexes stand; none while one is being built."""
    tables: dict[str, list[Case]] = {}
    for case in cases:
        tables.setdefault(case[0].table, []).append(case)
    steps = [_of_table(table, found) for table, found in tables.items()]
    return [step for step in steps if step is not None]


def analyze_target(table: TableName) -> str:
    """`leads`; with the schema where that is not `public`."""
    schema, relation = table
    parts = (relation,) if schema == "public" else table
    return ".".join(identifier(part) for part in parts)


def _of_table(table: str, cases: Sequence[Case]) -> Step | None:
    name = table_name(table)
    if name is None or any(reading.finding is IndexFinding.BUILDING for reading, _, _ in cases):
        return None
    lacking = [case for case in cases if _on_expressions_unknown(case)]
    unknown = [case for case in cases if _serves(case) and case[1].table_analysed is False]
    wanting = lacking or unknown
    if not wanting:
        return None
    reading = wanting[0][0]
    indexes = tuple(each.name for each, _, _ in lacking)
    of = f"the expressions of {', '.join(indexes)}" if indexes else f"{table}, which was never analysed"
    return Step(
        verb=Verb.ANALYZE,
        target=analyze_target(name),
        table=table,
        statements=(ddl.analyze(*name),),
        end=StatisticsStand(*name, indexes),
        undo=(),
        lock=SHARE_UPDATE,
        blocks=ANALYZE_BLOCKS,
        timeouts=SCAN_TIMEOUTS,
        priority=min((each.priority for each, _, _ in wanting), key=list(Priority).index),
        purpose=f"the planner knows nothing of {of}",
        note=NOTE,
        mends=index_key(reading),
    )


def _serves(case: Case) -> bool:
    """Whether the index stands, or will once its chain was run; on a table that is worth it."""
    reading, facts, chain = case
    if chain.refused or facts.pages is None or facts.pages < WORTH_PAGES:
        return False
    return reading.finding is IndexFinding.PRESENT or bool(_builds(chain))


def _on_expressions_unknown(case: Case) -> bool:
    reading, facts, _ = case
    if not _serves(case):
        return False
    if reading.finding is IndexFinding.PRESENT:
        return facts.expressions_analysed is False
    return _on_expressions(reading.declared)


def _builds(chain: Chain) -> list[Step]:
    return [step for step in chain.steps if isinstance(step.end, IndexStands)]


@lru_cache(maxsize=20_000)
def _on_expressions(declared: str) -> bool:
    """Kept, because the deck plans at every reading."""
    try:
        return any(key.expression is not None for key in parse_index(declared).keys)
    except DefinitionError:
        return False
