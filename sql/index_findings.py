"""From everything that was found about a required index to one finding and a sentence or two."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sql.builders import Occupation, Work, Worker, occupation, others_building, under_way
from sql.declared import IndexDefinition
from sql.definitions import Comparison
from sql.findings import IndexFinding
from sql.quoting import identifier, qualified
from sql.relations import KIND_WORDS, Relation


@dataclass(frozen=True)
class Bearer:
    """What bears a required index's name: mostly an index, but any relation may."""

    oid: int
    kind: str
    """pg_class.relkind."""
    table_oid: int | None
    table_schema: str | None
    table_name: str | None
    valid: bool | None
    ready: bool | None
    live: bool | None
    checkxmin: bool | None
    """Rows of broken HOT chains keep older transactions from using it (indcheckxmin)."""
    tablespace: str
    locked: bool
    """Somebody locks its table exclusively: its definition cannot be read."""
    definition: str | None
    size_bytes: int | None
    scans: int | None
    last_scan: datetime | None
    stats_since: datetime | None

    @property
    def is_index(self) -> bool:
        """Whether it is an index at all."""
        return self.table_oid is not None

    @property
    def usable(self) -> bool:
        """Valid, ready and live: all three, or no query may use it."""
        return bool(self.valid and self.ready and self.live)


@dataclass(frozen=True)
class Twin:
    """Another usable index with the declared definition."""

    name: str
    definition: str
    """As the server prints it."""
    stricter: bool = False
    """It is UNIQUE and the declared one is not: it serves the lookups, but is not the same."""


@dataclass(frozen=True)
class Evidence:
    """All that was found about one required index."""

    declared: IndexDefinition
    relation: Relation
    bearer: Bearer | None
    comparison: Comparison
    twins: Sequence[Twin]
    workers: Sequence[Worker]
    lacking: str
    """Which partitions have no valid index under a partitioned one, a sentence."""
    was_valid: Collection[int]
    in_recovery: bool

    @property
    def equivalent(self) -> Twin | None:
        """Another usable index with the same definition."""
        return next((twin for twin in self.twins if not twin.stricter), None)


@dataclass(frozen=True)
class Judged:
    """The finding and why."""

    finding: IndexFinding
    detail: str


def judge(evidence: Evidence) -> Judged:
    """One finding of everything that was found."""
    bearer = evidence.bearer
    if bearer is None:
        return _absent(evidence)
    if not bearer.is_index:
        what = KIND_WORDS.get(bearer.kind, "another object")
        return Judged(IndexFinding.DRIFTED, f"The name belongs to {what}, not to an index.")
    if bearer.table_oid != evidence.relation.oid:
        where = qualified(bearer.table_schema or "", bearer.table_name or "")
        because = evidence.relation.absence()
        return Judged(IndexFinding.DRIFTED, f"It is an index on {where}. {because}".rstrip())
    if bearer.usable:
        return _usable(bearer, evidence.comparison)
    return _unusable(bearer, evidence)


def _absent(evidence: Evidence) -> Judged:
    absence = evidence.relation.absence()
    if absence or evidence.relation.oid is None:
        return Judged(IndexFinding.MISSING, absence)
    if evidence.equivalent is not None:
        name = identifier(evidence.equivalent.name)
        return Judged(IndexFinding.EQUIVALENT, f"{name} is the same index under another name.")
    coming = under_way(evidence.declared.name, evidence.relation.oid, evidence.workers)
    if coming:
        return Judged(IndexFinding.BUILDING, coming)
    hints = [
        f"{identifier(twin.name)} is UNIQUE on the same columns and serves the same lookups."
        for twin in evidence.twins[:1]
    ]
    hints.append(others_building(evidence.relation.oid, evidence.workers))
    detail = " ".join(hint for hint in hints if hint)
    return Judged(IndexFinding.MISSING, detail or "No index of that name is on the table.")


def _usable(bearer: Bearer, comparison: Comparison) -> Judged:
    if comparison.differences:
        return Judged(IndexFinding.DRIFTED, _differences(comparison))
    if comparison.unknown:
        return Judged(IndexFinding.UNVERIFIED, _unknown(comparison))
    if bearer.checkxmin:
        return Judged(
            IndexFinding.PRESENT,
            "Valid, but not yet usable: transactions older than its build keep the planner from it"
            " (indcheckxmin).",
        )
    return Judged(IndexFinding.PRESENT, "")


def _unusable(bearer: Bearer, evidence: Evidence) -> Judged:
    differs = _differences(evidence.comparison) if evidence.comparison.differences else ""
    if bearer.kind == "I":
        finding = IndexFinding.DRIFTED if differs else IndexFinding.INVALID
        return Judged(finding, f"{differs} {evidence.lacking}".strip())
    assert bearer.table_oid is not None
    work = occupation(evidence.declared.name, bearer.oid, bearer.table_oid, evidence.workers)
    if work is not None and work.work is not Work.DROPPING:
        return Judged(IndexFinding.BUILDING, f"{work.sentence} {differs}{_rejects(bearer, evidence)}".strip())
    if evidence.in_recovery:
        return Judged(
            IndexFinding.UNVERIFIED,
            "It is not valid, and on a standby it cannot be seen whether the primary is still building it;"
            " verify the primary.",
        )
    if differs:
        return Judged(IndexFinding.DRIFTED, f"{differs} It is not valid either.{_rejects(bearer, evidence)}")
    finding = IndexFinding.DISABLED if _was_valid(bearer, evidence, work) else IndexFinding.INVALID
    return Judged(finding, _why_dead(bearer, finding, work) + _rejects(bearer, evidence))


def _was_valid(bearer: Bearer, evidence: Evidence, work: Occupation | None) -> bool:
    dropping = work is not None and work.work is Work.DROPPING
    return not bearer.live or bool(bearer.scans) or bearer.oid in evidence.was_valid or dropping


def _why_dead(bearer: Bearer, finding: IndexFinding, work: Occupation | None) -> str:
    if work is not None:
        return f"{work.sentence} No query can use it any more."
    origin = (
        "It was valid once: a DROP INDEX CONCURRENTLY that did not finish left it behind."
        if finding is IndexFinding.DISABLED
        else "A build that did not finish left it behind."
    )
    if bearer.ready:
        return f"{origin} No query can use it, and every write still maintains it."
    if bearer.live:
        return f"{origin} No query can use it, and it keeps updates of its columns from being HOT."
    return f"{origin} No query can use it."


def _rejects(bearer: Bearer, evidence: Evidence) -> str:
    """The alarm of an index that refuses rows although no query can use it."""
    if evidence.declared.unique and bearer.ready and "CREATE UNIQUE INDEX" in (bearer.definition or ""):
        return " IT STILL REJECTS WRITES: as a UNIQUE index it refuses duplicates although it is not valid."
    return ""


def _differences(comparison: Comparison) -> str:
    text = "; ".join(comparison.differences)
    return f"{text[0].upper()}{text[1:]}."


def _unknown(comparison: Comparison) -> str:
    return f"It is there, but {'; '.join(dict.fromkeys(comparison.unknown))}."
