"""What is true of the required indexes on this server: there, missing, being built, dead, or something else.

Watching only: catalog reads and EXPLAIN; nothing is written, no lock beyond a plain SELECT's is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from sql.builders import Worker, read_workers
from sql.declared import SqlName
from sql.definitions import Comparison, shape
from sql.index_comparison import Pair, compare_pairs, parsed
from sql.index_findings import Bearer, Evidence, Twin, judge
from sql.index_twins import Wanted, likely_twins
from sql.printed import as_printed
from sql.relations import Relation, effective_path, resolve
from sql.requirements import RequiredIndex, Requirements
from sql.session import Session
from sql.snapshots import IndexesSnapshot, IndexReading


@dataclass
class _Case:
    """One required index and all that was found about it."""

    index: RequiredIndex
    relation: Relation
    bearer: Bearer | None = None
    """What bears the name."""
    comparison: Comparison = field(default_factory=Comparison)
    twins: list[Twin] = field(default_factory=list)

    @property
    def comparable(self) -> bool:
        """Whether the name belongs to an index on the declared table."""
        bearer = self.bearer
        return bearer is not None and bearer.is_index and bearer.table_oid == self.relation.oid

    @cached_property
    def to_the_letter(self) -> bool:
        """Whether the server prints of what bears the name exactly what it prints of the declared index."""
        bearer, relation = self.bearer, self.relation
        if bearer is None or bearer.definition is None or relation.schema is None:
            return False
        return bearer.definition == as_printed(self.index.definition, relation.schema, relation.name)

    @property
    def settled(self) -> bool:
        """Whether it is a usable index of the declared shape: what else there is does not matter."""
        if self.bearer is None or not self.comparable or not self.bearer.usable:
            return False
        if self.to_the_letter:
            return True
        theirs = parsed(self.bearer.definition)
        return theirs is not None and shape(theirs) == shape(self.index.definition)

    @property
    def dead(self) -> bool:
        """Whether it is an index that no query can use."""
        return self.bearer is not None and self.comparable and not self.bearer.usable


async def read_indexes(
    session: Session, requirements: Requirements, *, was_valid: frozenset[int] = frozenset()
) -> IndexesSnapshot:
    """Compare the required indexes with the server.

    Args:
        session: a watching session.
        requirements: what must be there.
        was_valid: oids of indexes that the journal knows to have been valid once.

    Raises:
        ReadingError: the catalog could not be read within the time limits.
        SessionError: the connection is lost.
    """
    taken_at = datetime.now(UTC)
    path = effective_path(requirements.schemas, session.identity.user)
    cases = await _cases(session, requirements.indexes, path)
    await _compare(session, requirements.search_path, path, cases)
    workers = await _workers(session, cases)
    lacking = await _lacking_partitions(session, cases)
    readings = []
    for case in cases:
        evidence = Evidence(
            declared=case.index.definition,
            relation=case.relation,
            bearer=case.bearer,
            comparison=case.comparison,
            twins=case.twins,
            workers=workers,
            lacking=lacking.get(case.bearer.oid, "") if case.bearer else "",
            was_valid=was_valid,
            in_recovery=session.identity.in_recovery,
        )
        readings.append(_reading(case, evidence))
    return IndexesSnapshot(taken_at, tuple(readings))


async def _cases(session: Session, indexes: Sequence[RequiredIndex], path: Sequence[str]) -> list[_Case]:
    names = [SqlName(index.schema, index.table) for index in indexes]
    relations = await resolve(session, names, path)
    cases = [_Case(index, relations[name]) for index, name in zip(indexes, names, strict=True)]
    homed = [case for case in cases if case.relation.schema_oid is not None]
    if not homed:
        return cases
    schemas = [case.relation.schema_oid for case in homed]
    for row in await session.fetch("indexes", schemas, [case.index.name for case in homed]):
        facts = dict(row)
        case = homed[facts.pop("position") - 1]
        case.bearer = Bearer(**facts)
    return cases


async def _compare(session: Session, search_path: str, path: Sequence[str], cases: Sequence[_Case]) -> None:
    """Compare each index with what bears its name and, unless that is it, with its likes on the table."""
    pairs: list[Pair] = []
    places: list[tuple[_Case, Twin | None]] = []
    for case in cases:
        bearer = case.bearer
        if case.comparable and bearer is not None and not case.to_the_letter:
            pairs.append(
                Pair(
                    case.index.definition,
                    case.relation,
                    bearer.oid,
                    bearer.definition,
                    bearer.tablespace,
                )
            )
            places.append((case, None))
    unsettled = [case for case in cases if not case.settled]
    wanted = [Wanted(c.index.definition, c.relation, c.bearer.oid if c.bearer else None) for c in unsettled]
    for place, pair, twin in await likely_twins(session, search_path, wanted):
        pairs.append(pair)
        places.append((unsettled[place], twin))
    compared = await compare_pairs(session, search_path, path, pairs)
    for (case, candidate), comparison in zip(places, compared, strict=True):
        if candidate is None:
            case.comparison = comparison
        elif comparison.equal:
            case.twins.append(candidate)


async def _workers(session: Session, cases: Sequence[_Case]) -> list[Worker]:
    """Who works on the tables of which an index is missing or dead."""
    tables = {
        case.relation.oid
        for case in cases
        if case.relation.oid is not None and (case.bearer is None or case.dead)
    }
    return await read_workers(session, tables) if tables else []


async def _lacking_partitions(session: Session, cases: Sequence[_Case]) -> Mapping[int, str]:
    """By partitioned index that is not valid: a sentence on the partitions that lack one."""
    parents = [case.bearer.oid for case in cases if case.dead and case.bearer and case.bearer.kind == "I"]
    if not parents:
        return {}
    sentences = {}
    for row in await session.fetch("missing_partitions", parents):
        named = ", ".join(row["first_lacking"] or ())
        more = f" and {row['lacking'] - 3} more" if row["lacking"] > 3 else ""
        lacks = f": {named}{more}" if named else ""
        sentences[row["oid"]] = (
            f"{row['lacking']} of {row['partitions']} partitions have no valid index attached to it{lacks}."
        )
    return {parent: sentences.get(parent, "It is not valid, and has no partitions.") for parent in parents}


def _reading(case: _Case, evidence: Evidence) -> IndexReading:
    judged = judge(evidence)
    bearer, twin, entry = case.bearer, evidence.equivalent, case.index.entry
    return IndexReading(
        name=case.index.name,
        table=case.relation.label,
        priority=entry.priority,
        finding=judged.finding,
        declared=entry.definition,
        actual=bearer.definition if bearer else twin.definition if twin else None,
        equivalent=twin.name if twin else None,
        size_bytes=bearer.size_bytes if bearer else None,
        scans=bearer.scans if bearer else None,
        last_scan=bearer.last_scan if bearer else None,
        stats_since=bearer.stats_since if bearer else None,
        detail=judged.detail,
        purpose=entry.purpose,
        demo_query=entry.demo_query,
        oid=bearer.oid if bearer else None,
    )
