"""Whether the planner would use an index that is not there yet, where the extension hypopg can tell.

A hypothetical index lives in the memory of one session; nothing is written, and it is gone afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from profiles.manifest import ProbeEntry
from sql.errors import ReadingError
from sql.quoting import identifier, qualified
from sql.session import Session
from sql.steps.step import IndexStands

NOT_INSTALLED = "not available: hypopg is not installed"


@dataclass(frozen=True)
class WhatIf:
    """The planner's answer."""

    would_use: bool | None
    """None: it cannot be told; the sentence says why."""
    sentence: str


async def what_if(
    session: Session, index: IndexStands, probes: Sequence[ProbeEntry], search_path: str
) -> WhatIf:
    """Ask the planner for the plan of the index's probe as if the index were there.

    Raises:
        SessionError: the connection is lost.
    """
    installed = await session.fetch("preview_hypopg")
    if not installed:
        return WhatIf(None, NOT_INSTALLED)
    if session.identity.pooler is not None:
        return WhatIf(None, "not available: behind a pooler every statement may reach another session")
    probe = next((each for each in probes if each.index == index.name), None)
    if probe is None:
        return WhatIf(None, "no probe of the manifest is meant to use this index")
    schema = identifier(installed[0]["schema"])
    settings = {"search_path": search_path}
    try:
        return await _asked(session, schema, index, probe, settings)
    except ReadingError as error:
        return WhatIf(None, f"not available: {error.reason}")
    finally:
        await _forget(session, schema)


async def _asked(
    session: Session, schema: str, index: IndexStands, probe: ProbeEntry, settings: Mapping[str, str]
) -> WhatIf:
    unique = "UNIQUE " if index.unique else ""
    imagined = f"CREATE {unique}INDEX ON {qualified(index.schema, index.table)} {index.tail}"
    made = await session.fetch_composed(
        f"SELECT indexname::text FROM {schema}.hypopg_create_index($1)",  # noqa: S608
        imagined,
        settings=settings,
    )
    arguments: tuple[object, ...] = ()
    if probe.arguments is not None:
        wanted = f"SELECT * FROM ({probe.arguments}) AS arguments LIMIT 1"  # noqa: S608
        rows = await session.fetch_composed(wanted, settings=settings)
        if not rows:
            return WhatIf(None, f"the arguments of probe {probe.name} gave no row")
        arguments = tuple(rows[0])
    explained = await session.fetch_composed(
        f"EXPLAIN (FORMAT JSON) {probe.sql}", *arguments, settings=settings
    )
    nodes = list(_walk(json.loads(explained[0][0])[0]["Plan"]))
    if any(node.get("Index Name") == made[0]["indexname"] for node in nodes):
        return WhatIf(True, f"the planner would use it for probe {probe.name}")
    reads = next((node for node in nodes if "Relation Name" in node), nodes[0])
    return WhatIf(
        False, f"the planner would not use it for probe {probe.name}: it prefers a {reads['Node Type']}"
    )


async def _forget(session: Session, schema: str) -> None:
    try:
        await session.fetch_composed(f"SELECT {schema}.hypopg_reset()")
    except ReadingError:
        return


def _walk(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)
