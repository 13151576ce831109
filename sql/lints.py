"""What is legal in a definition and still means different things in different sessions or times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sql.parse_store import kept_as
from sql.parsing import statements, walk

_MOMENT = re.compile(r"\s*\d{4}-\d{1,2}-\d{1,2}([ tT]\d.*)?\s*")
_OFFSET = re.compile(r"([+-]\d{1,2}(:?\d{2})?|[zZ]|\b[A-Za-z]+(/[A-Za-z_]+)?)\s*$")
_MOVING_FUNCTIONS = frozenset(
    {"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "random", "timeofday"}
)


_WORTH_A_LOOK = re.compile(
    r"timestamp|time\s+zone|now|random|timeofday|current|local|user|catalog", re.IGNORECASE
)
"""A text without any of these is not parsed again: a manifest may have thousands of definitions."""


@dataclass(frozen=True)
class Lint:
    """One doubt about a definition, each part without a full stop."""

    what: str
    remedy: str


def _to_json(lints: tuple[Lint, ...]) -> list[list[str]]:
    return [[lint.what, lint.remedy] for lint in lints]


def _from_json(found: list[list[str]]) -> tuple[Lint, ...]:
    return tuple(Lint(*each) for each in found)


def index_lints(definition: str) -> tuple[Lint, ...]:
    """Doubts about a CREATE INDEX that parses."""
    return _index_lints(definition) if _WORTH_A_LOOK.search(definition) else ()


def check_lints(expression: str) -> tuple[Lint, ...]:
    """Doubts about a CHECK expression that parses."""
    return _check_lints(expression) if _WORTH_A_LOOK.search(expression) else ()


@kept_as(_to_json, _from_json)
def _index_lints(definition: str) -> tuple[Lint, ...]:
    return tuple(_lints(statements(definition)[0][1]))


@kept_as(_to_json, _from_json)
def _check_lints(expression: str) -> tuple[Lint, ...]:
    return tuple(_lints(statements(f"SELECT ({expression}\n)")[0][1]))


def _lints(tree: Any) -> Iterator[Lint]:
    for node in walk(tree):
        name = type(node).__name__
        if name == "TypeCast" and _is_timestamptz(node.type_name):
            yield from _without_offset(node.arg)
        elif name == "FuncCall" and node.funcname[-1].string.sval in _MOVING_FUNCTIONS:
            yield _moving(f"{node.funcname[-1].string.sval}()")
        elif name == "SQLValueFunction":
            yield _moving("a function of the moment or the user, such as CURRENT_DATE or CURRENT_USER")


def _is_timestamptz(type_name: Any) -> bool:
    return any(part.string.sval == "timestamptz" for part in type_name.names)


def _without_offset(argument: Any) -> Iterator[Lint]:
    if not argument.HasField("a_const") or not argument.a_const.HasField("sval"):
        return
    text = argument.a_const.sval.sval
    if _MOMENT.fullmatch(text) and not _OFFSET.search(re.sub(r"^\s*\d{4}-\d{1,2}-\d{1,2}", "", text)):
        yield Lint(
            f"the time {text!r} has no offset, so it means what the TimeZone of the creating session says",
            f"write it with its offset, such as '{text}+00'",
        )


def _moving(what: str) -> Lint:
    return Lint(f"it depends on {what}: rows that pass today may fail tomorrow", "compare with columns only")
