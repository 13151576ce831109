"""Finds usable indexes that have a declared definition under another name.

Every index of the table is looked up by what the declared one looks like, never compared with each: a table
may have hundreds, and a manifest thousands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from sql.declared import IndexDefinition
from sql.definitions import expressions, shape
from sql.index_comparison import Pair, definitions_under, parsed
from sql.index_findings import Twin
from sql.normal_forms import NormalForm, normal_forms
from sql.relations import Relation
from sql.session import Session

Forms: TypeAlias = Mapping[tuple[Relation, str], NormalForm]


@dataclass(frozen=True)
class Wanted:
    """A declared index that is to be looked for under other names."""

    declared: IndexDefinition
    relation: Relation
    bearer_oid: int | None
    """What bears its own name is no twin."""


@dataclass(frozen=True)
class _Candidate:
    oid: int
    name: str
    printed: str
    tablespace: str
    relation: Relation
    definition: IndexDefinition


async def likely_twins(
    session: Session, search_path: str, wanted: Sequence[Wanted]
) -> list[tuple[int, Pair, Twin]]:
    """Indexes of the same shape and with the same expressions, by the place of what is wanted.

    Collations, operator classes and storage parameters are still to be compared.
    """
    candidates = await _candidates(session, wanted)
    there = {(each.relation, shape(each.definition)) for each in candidates}
    sought = [
        (place, variant)
        for place, each in enumerate(wanted)
        for variant in _variants(each.declared)
        if (each.relation, shape(variant)) in there
    ]
    asked = {(wanted[place].relation, shape(variant)) for place, variant in sought}
    alike = [each for each in candidates if (each.relation, shape(each.definition)) in asked]
    alike = await _reread(session, search_path, alike)
    texts: dict[Relation, list[str]] = defaultdict(list)
    for place, variant in sought:
        texts[wanted[place].relation].extend(expressions(variant))
    for candidate in alike:
        texts[candidate.relation].extend(expressions(candidate.definition))
    forms = await normal_forms(session, search_path, {where: each for where, each in texts.items() if each})
    shelves: dict[object, list[_Candidate]] = defaultdict(list)
    for candidate in alike:
        shelves[_likeness(candidate.relation, candidate.definition, forms)].append(candidate)
    found = []
    for place, variant in sought:
        each = wanted[place]
        for candidate in shelves.get(_likeness(each.relation, variant, forms), ()):
            if candidate.oid != each.bearer_oid:
                pair = Pair(variant, each.relation, candidate.oid, candidate.printed, candidate.tablespace)
                twin = Twin(candidate.name, candidate.printed, stricter=variant is not each.declared)
                found.append((place, pair, twin))
    return found


async def _candidates(session: Session, wanted: Sequence[Wanted]) -> list[_Candidate]:
    tables = {each.relation.oid: each.relation for each in wanted if each.relation.is_table}
    if not tables:
        return []
    found = []
    for row in await session.fetch("indexes_of_tables", list(tables)):
        definition = parsed(row["definition"])
        if definition is not None:
            facts = (row["oid"], row["name"], row["definition"], row["tablespace"])
            found.append(_Candidate(*facts, tables[row["table_oid"]], definition))
    return found


async def _reread(session: Session, search_path: str, candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """The same, those with expressions as they read under the manifest's search path."""
    oids = [each.oid for each in candidates if each.definition.has_expressions]
    printed = await definitions_under(session, search_path, oids)
    found = []
    for each in candidates:
        if not each.definition.has_expressions:
            found.append(each)
        elif (definition := parsed(printed.get(each.oid))) is not None:
            found.append(replace(each, definition=definition))
    return found


def _variants(declared: IndexDefinition) -> Iterator[IndexDefinition]:
    """The declared one and, where it is not UNIQUE, the one that is: it serves the same lookups."""
    yield declared
    if not declared.unique:
        yield replace(declared, unique=True)


def _likeness(relation: Relation, definition: IndexDefinition, forms: Forms) -> object:
    """What two indexes must share; an expression that the server would not print is like no other."""
    printed = tuple(forms[relation, text].text or object() for text in expressions(definition))
    return relation, shape(definition), printed
