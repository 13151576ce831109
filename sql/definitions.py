"""Compares a declared index with a live one: structure by catalog facts, expressions by their normal form.

The live side is read from what the connected server prints (pg_get_indexdef), which has defaults left out and
names folded; what a declaration says beyond the defaults is looked up in the catalog. Text is never compared
with text (but for plain columns, which every version prints alike: `sql.printed`), and nothing is remembered
across servers: what they print differs between versions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sql.declared import IndexDefinition, IndexKey, Options, SqlName
from sql.normal_forms import Sameness
from sql.quoting import identifier, qualified

Same: TypeAlias = Callable[[str, str], Sameness]
"""Whether a declared expression and a live one of the same table mean the same."""


@dataclass(frozen=True)
class KeyFacts:
    """What one key column of a live index uses, whether or not its definition prints it."""

    opclass: SqlName
    collation: SqlName | None


@dataclass(frozen=True)
class Live:
    """A live index as the server prints it, with what it does not print."""

    definition: IndexDefinition
    tablespace: str
    facts: tuple[KeyFacts, ...] | None = None
    """Read only where the declaration names operator classes or collations."""


@dataclass(frozen=True)
class Comparison:
    """What comparing came to; equal where both are empty."""

    differences: tuple[str, ...] = ()
    """Clauses such as `column 2 is score, declared score DESC`."""
    unknown: tuple[str, ...] = ()
    """Why a part could not be compared."""

    @property
    def equal(self) -> bool:
        """Whether both definitions mean the same index."""
        return not self.differences and not self.unknown


def shape(definition: IndexDefinition) -> tuple[object, ...]:
    """What two indexes must share to be equal, cheap to look up by; expressions count by their place only."""
    return (
        definition.unique,
        definition.method,
        definition.nulls_not_distinct,
        definition.predicate is None,
        tuple((key.column, key.descending, key.nulls_first) for key in definition.keys),
        frozenset(definition.include),
    )


def expressions(definition: IndexDefinition) -> tuple[str, ...]:
    """Its expressions in order, the predicate last: between two of one shape they decide."""
    keys = [key.expression for key in definition.keys if key.expression is not None]
    return (*keys, definition.predicate) if definition.predicate is not None else tuple(keys)


def needs_facts(declared: IndexDefinition) -> bool:
    """Whether the declaration says what the server may leave unprinted."""
    return any(key.opclass or key.collation for key in declared.keys)


def compare_indexes(declared: IndexDefinition, live: Live, path: Sequence[str], same: Same) -> Comparison:
    """Compare everything but the name and the table.

    Args:
        declared: the manifest's.
        live: the server's.
        path: the schemas in which unqualified names of the declaration are found.
        same: compares expressions.
    """
    comparing = _Comparing(path, same)
    theirs = live.definition
    comparing.word("UNIQUE", declared.unique, theirs.unique)
    comparing.word("NULLS NOT DISTINCT", declared.nulls_not_distinct, theirs.nulls_not_distinct)
    comparing.part("the method is", declared.method, theirs.method)
    if len(declared.keys) != len(theirs.keys):
        comparing.part("the columns are", _columns(declared), _columns(theirs))
    else:
        for place, (key, their_key) in enumerate(zip(declared.keys, theirs.keys, strict=True)):
            comparing.key(place + 1, key, their_key, live.facts[place] if live.facts else None)
    comparing.part("INCLUDE is", _names(sorted(declared.include)), _names(sorted(theirs.include)))
    comparing.predicate(declared.predicate, theirs.predicate)
    comparing.part("WITH is", _options(declared.options), _options(theirs.options))
    if declared.tablespace is not None:
        comparing.part("the tablespace is", identifier(declared.tablespace), identifier(live.tablespace))
    return Comparison(tuple(comparing.differences), tuple(comparing.unknown))


class _Comparing:
    """One comparison under way."""

    def __init__(self, path: Sequence[str], same: Same) -> None:
        self._path = ("pg_catalog", *path)
        self._same = same
        self.differences: list[str] = []
        self.unknown: list[str] = []

    def part(self, what: str, declared: str, live: str) -> None:
        if declared != live:
            self.differences.append(f"{what} {live}, declared {declared}")

    def word(self, word: str, declared: bool, live: bool) -> None:
        if declared != live:
            self.differences.append(
                f"it is {'' if live else 'not '}{word}, declared {'' if declared else 'not '}so"
            )

    def key(self, number: int, declared: IndexKey, live: IndexKey, facts: KeyFacts | None) -> None:
        if (declared.column is None) != (live.column is None) or declared.column != live.column:
            self.part(f"column {number} is", _key(declared), _key(live))
            return
        if declared.expression is not None and live.expression is not None:
            self._expression(f"column {number}", declared.expression, live.expression)
        if declared.order() != live.order():
            self.part(f"column {number} is", _ordered(declared), _ordered(live))
        collation = facts.collation if facts else None
        self._named(f"column {number} collates by", declared.collation, live.collation, collation)
        self._named(
            f"column {number} has operator class",
            declared.opclass,
            live.opclass,
            facts.opclass if facts else None,
        )
        if declared.opclass_options != live.opclass_options:
            self.part(
                f"the operator class of column {number} has",
                _options(declared.opclass_options),
                _options(live.opclass_options),
            )

    def predicate(self, declared: str | None, live: str | None) -> None:
        if declared is not None and live is not None:
            self._expression("WHERE", declared, live)
        elif declared != live:
            self.part("WHERE is", declared or "absent", live or "absent")

    def _expression(self, what: str, declared: str, live: str) -> None:
        answer = self._same(declared, live)
        because = f"; {answer.reason}" if answer.reason else ""
        if answer.same is False:
            self.differences.append(f"{what} is {live}, declared {declared}{because}")
        elif answer.same is None:
            self.unknown.append(answer.reason)

    def _named(
        self, what: str, declared: SqlName | None, printed: SqlName | None, used: SqlName | None
    ) -> None:
        """A declared name is compared with what is used; without one, the server must have printed none."""
        if declared is None:
            if printed is not None:
                self.part(what, "the default", _said(printed))
            return
        schemas = self._path if declared.schema is None else (declared.schema,)
        if used is None or used.name != declared.name or used.schema not in schemas:
            self.part(what, _said(declared), _said(used) if used else "nothing")


def _key(key: IndexKey) -> str:
    return _ordered(key) if key.descending or key.nulls_first else _what(key)


def _ordered(key: IndexKey) -> str:
    return f"{_what(key)} {key.order()}"


def _what(key: IndexKey) -> str:
    return identifier(key.column) if key.column is not None else f"({key.expression})"


def _columns(definition: IndexDefinition) -> str:
    return f"({', '.join(_key(key) for key in definition.keys)})"


def _names(names: Sequence[str]) -> str:
    return f"({', '.join(identifier(name) for name in names)})" if names else "absent"


def _options(options: Options) -> str:
    return f"({', '.join(f'{name}={value}' for name, value in options)})" if options else "absent"


def _said(name: SqlName) -> str:
    if name.schema is None or name.schema == "pg_catalog":
        return identifier(name.name)
    return qualified(name.schema, name.name)
