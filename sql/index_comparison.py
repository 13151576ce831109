"""Compares many declared indexes with live ones, in a number of round trips that does not grow with them.

One read for what definitions leave unprinted, one for expressions as they read under the manifest's search
path, and one EXPLAIN a table; none of them where no definition asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sql.declared import IndexDefinition, SqlName
from sql.definitions import Comparison, KeyFacts, Live, compare_indexes, expressions, needs_facts, shape
from sql.normal_forms import NormalForm, Sameness, compare, normal_forms
from sql.parsing import DefinitionError, parse_index
from sql.relations import Relation
from sql.session import DEPARSE_SETTINGS, Session
from sql.statements import statement

LOCKED = "somebody locks its table exclusively, so its definition cannot be read"


@dataclass(frozen=True)
class Pair:
    """A declared index and a live one on the same table."""

    declared: IndexDefinition
    relation: Relation
    oid: int
    printed: str | None
    """pg_get_indexdef, with `search_path = pg_catalog`; None where the table is locked."""
    tablespace: str


async def compare_pairs(
    session: Session, search_path: str, path: Sequence[str], pairs: Sequence[Pair]
) -> list[Comparison]:
    """What comparing each pair comes to, in their order.

    Args:
        search_path: the manifest's setting, under which expressions are read.
        path: its schemas.
    """
    live = [parsed(pair.printed) for pair in pairs]
    alike = [
        pair.declared.has_expressions and theirs is not None and shape(theirs) == shape(pair.declared)
        for pair, theirs in zip(pairs, live, strict=True)
    ]
    printed = await definitions_under(
        session, search_path, [p.oid for p, expr in zip(pairs, alike, strict=True) if expr]
    )
    live = [
        parsed(printed.get(pair.oid)) if expr else theirs
        for pair, theirs, expr in zip(pairs, live, alike, strict=True)
    ]
    wanted: dict[Relation, list[str]] = {}
    for pair, theirs, expr in zip(pairs, live, alike, strict=True):
        if expr and theirs is not None:
            wanted.setdefault(pair.relation, []).extend((*expressions(pair.declared), *expressions(theirs)))
    forms = await normal_forms(session, search_path, wanted)
    facts = await _facts(session, [pair.oid for pair in pairs if needs_facts(pair.declared)])
    return [
        _compared(pair, theirs, facts.get(pair.oid), path, forms)
        for pair, theirs in zip(pairs, live, strict=True)
    ]


def parsed(printed: str | None) -> IndexDefinition | None:
    """What the server printed, taken apart; None where there is nothing or our parser does not know it."""
    if printed is None:
        return None
    try:
        return parse_index(printed)
    except DefinitionError:
        return None


def _compared(
    pair: Pair,
    live: IndexDefinition | None,
    facts: tuple[KeyFacts, ...] | None,
    path: Sequence[str],
    forms: dict[tuple[Relation, str], NormalForm],
) -> Comparison:
    if pair.printed is None:
        return Comparison(unknown=(LOCKED,))
    if live is None:
        return Comparison(unknown=("the definition that the server prints could not be read",))

    def same(declared: str, theirs: str) -> Sameness:
        if (pair.relation, declared) not in forms:
            # Other differences were found before: nothing was asked about expressions.
            return Sameness(True)
        return compare(forms, pair.relation, declared, theirs)

    return compare_indexes(pair.declared, Live(live, pair.tablespace, facts), path, same)


async def definitions_under(session: Session, search_path: str, oids: Sequence[int]) -> dict[int, str]:
    """How indexes print under a search path, by oid, so that they read back under it."""
    if not oids:
        return {}
    text = statement("index_definitions", session.version_num)
    settings = {**DEPARSE_SETTINGS, "search_path": search_path}
    rows = await session.fetch_composed(text, list(oids), settings=settings)
    return {row["oid"]: row["definition"] for row in rows if row["definition"] is not None}


async def _facts(session: Session, oids: Sequence[int]) -> dict[int, tuple[KeyFacts, ...]]:
    if not oids:
        return {}
    found: dict[int, tuple[KeyFacts, ...]] = {}
    for row in await session.fetch("index_keys", list(oids)):
        opclasses = zip(row["opclass_schemas"], row["opclasses"], strict=True)
        collations = zip(row["collation_schemas"], row["collations"], strict=True)
        found[row["oid"]] = tuple(
            KeyFacts(SqlName(*opclass), SqlName(*collation) if collation[1] is not None else None)
            for opclass, collation in zip(opclasses, collations, strict=True)
        )
    return found
