"""What around a step may spoil it, or be spoilt by it; sentences for the preview."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sql.declared import IndexDefinition
from sql.parsing import DefinitionError, statements, walk
from sql.session import Session
from sql.steps.estimate import TableSize, key_sql
from sql.steps.settings import CONCURRENT_VERBS, in_ms
from sql.steps.step import Step, Verb

SAFE_SEARCH_PATH_SINCE = 170000
BROKEN_BUILDS = range(140000, 140004)
"""14.0 to 14.3: concurrent builds can miss rows without a word (fixed in 14.4)."""


async def read_warnings(
    session: Session,
    step: Step,
    size: TableSize | None,
    definition: IndexDefinition | None,
    server: Mapping[str, Any],
) -> tuple[str, ...]:
    """Everything worth knowing before the step runs.

    Args:
        server: the row of `preview_server`.

    Raises:
        ReadingError, SessionError: as `Session.fetch`.
    """
    found = [*of_server(session.version_num, step, server), *_of_table(step, size)]
    if definition is not None and session.version_num >= SAFE_SEARCH_PATH_SINCE:
        names = called_functions(definition)
        functions = await session.fetch("preview_functions", names) if names else []
        found += [_has_no_path(function["name"]) for function in functions]
    return tuple(found)


def called_functions(definition: IndexDefinition) -> list[str]:
    """The names of the functions in an index's expressions and predicate, without schema."""
    texts = [key_sql(key) for key in definition.keys if key.expression is not None]
    texts += [f"({definition.predicate})"] if definition.predicate else []
    names: set[str] = set()
    for text in texts:
        try:
            tree = statements(f"SELECT {text}")[0][1]
        except DefinitionError:
            continue
        calls = [node for node in walk(tree) if type(node).__name__ == "FuncCall"]
        names |= {str(node.funcname[-1].string.sval) for node in calls}
    return sorted(names)


def _has_no_path(function: str) -> str:
    return (
        f"The server builds with search_path = pg_catalog, pg_temp (17 and newer), and {function} sets none "
        "of its own: if it names anything without a schema, the build fails and leaves a dead index; "
        f"ALTER FUNCTION {function} SET search_path = … mends it."
    )


def of_server(version_num: int, step: Step, row: Mapping[str, Any]) -> Iterator[str]:
    """What a row of `preview_server` has to say about a step."""
    if version_num in BROKEN_BUILDS and step.verb is Verb.CREATE_INDEX:
        yield (
            "This server, 14.0 to 14.3, can build an index concurrently that misses rows; update it first, "
            "or check the index afterwards with amcheck (bt_index_check, heapallindexed)."
        )
    if row["event_triggers"]:
        named = ", ".join(row["event_triggers"])
        left = "; refused at its end, it leaves an invalid index" if step.verb in CONCURRENT_VERBS else ""
        yield f"Event triggers see this step and may refuse it: {named}{left}."
    for setting in row["overridden"]:
        yield f"{setting[0].upper()}{setting[1:]}; the run sets its own value and reads it back."
    interval = row["check_interval"]
    if interval is not None and in_ms(interval) > 0 and step.verb in CONCURRENT_VERBS:
        yield (
            f"client_connection_check_interval is {interval} ms: the server would end a build whose client "
            "is gone; the run sets it to 0."
        )


def _of_table(step: Step, size: TableSize | None) -> Iterator[str]:
    if size is None:
        return
    if size.persistence == "u" and step.verb is Verb.CREATE_INDEX:
        yield "The table is unlogged: it and the index are empty after a crash, and absent on replicas."
    if size.children and size.kind == "r" and step.verb is Verb.CREATE_INDEX:
        yield (
            "Another table inherits from this one; the index does not cover its rows."
            if size.children == 1
            else f"{size.children} tables inherit from this one; the index does not cover their rows."
        )
    if size.children and step.verb in (Verb.ADD_CONSTRAINT, Verb.DROP_CONSTRAINT, Verb.SWAP_CONSTRAINT):
        below = "table" if size.children == 1 else f"{size.children} tables"
        yield f"The lock is taken on the {below} below it too."
