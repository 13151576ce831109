"""Reads SQL text with PostgreSQL's own parser (libpg_query, through postgast); the only place that does.

The parser says what is there; the extents of expressions come from its tokens, so that an expression is the
bytes of its source. postgast takes 40 ms to import, so that happens on first use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from sql.declared import (
    CheckDefinition,
    IndexDefinition,
    IndexKey,
    Options,
    SqlName,
    index_from_json,
    index_to_json,
)
from sql.extents import IndexExtents, between, expression_tokens, source_of, tokens, unwrapped
from sql.parse_store import kept_as
from sql.quoting import MAX_NAME_BYTES

_LONG_WORD = re.compile(rb'"(?:[^"]|""){64,}"|[\w$\x80-\xff]{64,}', re.ASCII)
_TRUE = frozenset({"true", "on", "yes", "1"})
_FALSE = frozenset({"false", "off", "no", "0"})
SWITCHES = frozenset({"fastupdate", "autosummarize", "deduplicate_items"})
"""The storage parameters of indexes that are booleans (reloptions.c): `on`, `yes` and `1` are `true`."""


class DefinitionError(ValueError):
    """SQL text that is not what it must be; says what is wrong and what to do, each without a full stop."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def statements(text: str) -> list[tuple[str, Any]]:
    """The parsed statements as (kind, node), such as `("index_stmt", IndexStmt)`.

    Raises:
        DefinitionError: it is not SQL.
    """
    import postgast

    if "\0" in text:
        raise DefinitionError("a NUL character is not SQL", "remove it")
    try:
        tree = postgast.parse(text)
    except postgast.PgQueryError as error:
        place = _place(text, error.cursorpos)
        raise DefinitionError(f"{error.message}{place}", "correct the SQL") from None
    return [(_kind(raw.stmt), _inner(raw.stmt)) for raw in tree.stmts]


@lru_cache(maxsize=20_000)
@kept_as(index_to_json, index_from_json)
def parse_index(text: str) -> IndexDefinition:
    """Take one CREATE INDEX apart. CONCURRENTLY and IF NOT EXISTS say nothing about the index.

    Raises:
        DefinitionError: it is not exactly one CREATE INDEX of one named index.
    """
    found = statements(text)
    if len(found) != 1 or found[0][0] != "index_stmt":
        raise DefinitionError(
            _not_one(found, "CREATE INDEX statement"), "write exactly one CREATE INDEX statement"
        )
    node = found[0][1]
    refuse_long_names(text)
    if not node.idxname:
        raise DefinitionError("the index has no name", "name it: CREATE INDEX name ON …")
    if node.relation.catalogname:
        raise DefinitionError("the table is named with a database", "write schema.table")
    extents = IndexExtents(text) if _has_expressions(node) else None
    return IndexDefinition(
        name=node.idxname,
        schema=node.relation.schemaname or None,
        table=node.relation.relname,
        unique=node.unique,
        method=node.access_method or "btree",
        keys=tuple(
            _key(element.index_elem, position, node.relation.relname, extents)
            for position, element in enumerate(node.index_params)
        ),
        include=tuple(element.index_elem.name for element in node.index_including_params),
        nulls_not_distinct=node.nulls_not_distinct,
        predicate=extents.predicate() if extents and node.HasField("where_clause") else None,
        options=_options(node.options),
        tablespace=node.table_space or None,
        only=not node.relation.inh,
        source=text,
    )


def index_tail(definition: IndexDefinition) -> str:
    """What follows the table's name, byte for byte: method, keys, INCLUDE, WITH, TABLESPACE, WHERE."""
    return IndexExtents(definition.source).tail()


@lru_cache(maxsize=20_000)
@kept_as(lambda check: dict(vars(check)), lambda found: CheckDefinition(**found))
def parse_check(text: str) -> CheckDefinition:
    """Take `CHECK (…) [NO INHERIT] [NOT VALID] [NOT ENFORCED]` apart.

    Raises:
        DefinitionError: it is not exactly one CHECK constraint.
    """
    remedy = "write exactly one CHECK (…)"
    head = "ALTER TABLE t ADD "
    try:
        found = statements(head + text)
    except DefinitionError as error:
        what = re.sub(r" \(at character (\d+)\)", lambda m: _at(int(m[1]) - len(head)), error.what)
        raise DefinitionError(what, remedy) from None
    commands = found[0][1].cmds if len(found) == 1 and found[0][0] == "alter_table_stmt" else []
    if len(commands) != 1:
        raise DefinitionError("more than one definition", remedy)
    constraint = getattr(commands[0].alter_table_cmd, "def").constraint
    kind = _constraint_kind(constraint)
    if kind != "CHECK":
        raise DefinitionError(f"it is {kind or 'no constraint'}; only CHECK is supported", remedy)
    if constraint.conname:
        raise DefinitionError(
            "the definition names the constraint", "leave CONSTRAINT name out: `name` says it"
        )
    refuse_long_names(text)
    inner = between(tokens(text), 1)
    return CheckDefinition(
        source_of(text, inner),
        no_inherit=constraint.is_no_inherit,
        not_valid=constraint.skip_validation,
        enforced=constraint.is_enforced,
    )


@kept_as(lambda name: [name.schema, name.name], lambda found: SqlName(*found))
def parse_name(text: str) -> SqlName:
    """Read a table's name, `table` or `schema.table`, each quoted where SQL needs it.

    Raises:
        DefinitionError: it is not one name.
    """
    remedy = 'write table or schema.table, quoted as in SQL: "My Table"'
    refuse_long_names(text)
    try:
        found = statements(f"TABLE {text}\n")
        words = tokens(text)
    except DefinitionError:
        raise DefinitionError(f"{text!r} is not a table's name", remedy) from None
    select = found[0][1] if len(found) == 1 and found[0][0] == "select_stmt" else None
    if select is None or len(select.from_clause) != 1 or len(words) not in (1, 3):
        raise DefinitionError(f"{text!r} is not a table's name", remedy)
    relation = select.from_clause[0].range_var
    return SqlName(relation.schemaname or None, relation.relname)


def refuse_long_names(text: str) -> None:
    """Raise DefinitionError for a name that the server would cut (63 bytes, scansup.c)."""
    source = text.encode()
    if not _LONG_WORD.search(source):
        return
    for token in tokens(text):
        name = token.text
        if name[:1] == b'"':
            name = name[1:-1].replace(b'""', b'"')
        elif not re.match(rb"[A-Za-z_\x80-\xff]", name):
            continue
        if len(name) > MAX_NAME_BYTES:
            raise DefinitionError(
                f"the name {name.decode()!r} has {len(name)} bytes, and the server cuts names after"
                f" {MAX_NAME_BYTES}",
                "choose a shorter name",
            )


def option_value(name: str, value: str) -> str:
    """A storage parameter's value in one spelling."""
    plain = value.strip().lower()
    if name in SWITCHES and plain in _TRUE | _FALSE:
        return "true" if plain in _TRUE else "false"
    return plain


def _key(element: Any, position: int, table: str, extents: IndexExtents | None) -> IndexKey:
    column: str | None = element.name or None
    collation = _sql_name(element.collation)
    expression: str | None = None
    if column is None:
        assert extents is not None
        node = element.expr
        part = expression_tokens(extents.key(position))
        if node.HasField("collate_clause"):
            # A COLLATE on top is the key's collation, not part of the expression (ComputeIndexAttrs).
            clause = node.collate_clause
            collation = collation or _sql_name(clause.collname)
            part = unwrapped([token for token in part if token.start < clause.location])
            node = clause.arg
        column = _plain_column(node, table)
        expression = None if column is not None else extents.text(part)
    # SORTBY_DESC is 3, SORTBY_NULLS_FIRST 2, SORTBY_NULLS_DEFAULT 1 (pg_query.proto).
    descending = element.ordering == 3
    return IndexKey(
        column=column,
        expression=expression,
        collation=collation,
        opclass=_sql_name(element.opclass),
        opclass_options=_options(element.opclassopts),
        descending=descending,
        nulls_first=descending if element.nulls_ordering == 1 else element.nulls_ordering == 2,
    )


def _has_expressions(node: Any) -> bool:
    return node.HasField("where_clause") or any(not each.index_elem.name for each in node.index_params)


def _plain_column(node: Any, table: str) -> str | None:
    """The column where an expression is only `c` or `table.c`; the server stores it as a column."""
    if not node.HasField("column_ref"):
        return None
    names = [field.string.sval for field in node.column_ref.fields if field.HasField("string")]
    if len(names) != len(node.column_ref.fields):
        return None
    if len(names) == 1 or (len(names) == 2 and names[0] == table):
        return str(names[-1])
    return None


def _sql_name(parts: Any) -> SqlName | None:
    if not parts:
        return None
    names = [part.string.sval for part in parts]
    return SqlName(names[-2] if len(names) > 1 else None, names[-1])


def _options(elements: Any) -> Options:
    if not elements:
        return ()
    found = [element.def_elem for element in elements]
    return tuple(sorted((o.defname, option_value(o.defname, _option_text(o))) for o in found))


def _option_text(option: Any) -> str:
    kind = option.arg.WhichOneof("node") if option.HasField("arg") else None
    if kind is None:
        return "true"
    value = getattr(option.arg, kind)
    if kind == "integer":
        return str(value.ival)
    if kind == "float":
        return str(value.fval)
    if kind == "type_name":
        return str(value.names[-1].string.sval)
    return str(value.sval)


def _constraint_kind(constraint: Any) -> str:
    import postgast

    if not constraint.contype:
        return ""
    name: str = postgast.pg_query_pb2.ConstrType.Name(constraint.contype)
    return name.removeprefix("CONSTR_").replace("_", " ")


def _kind(node: Any) -> str:
    return str(node.WhichOneof("node"))


def _inner(node: Any) -> Any:
    return getattr(node, _kind(node))


def _not_one(found: list[tuple[str, Any]], wanted: str) -> str:
    if not found:
        return f"there is no {wanted}"
    if len(found) > 1:
        return f"there are {len(found)} statements"
    return f"it is not a {wanted}"


def _place(text: str, cursor: int) -> str:
    return _at(cursor) if 0 < cursor <= len(text) else ""


def _at(character: int) -> str:
    return f" (at character {character})" if character > 0 else ""


def walk(node: Any) -> Iterator[Any]:
    """Every node of a parsed statement, as concrete messages."""
    import postgast

    for _, found in postgast.walk(node):
        yield found
