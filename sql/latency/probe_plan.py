"""What the planner does with a probe, by plain EXPLAIN: nothing is executed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from profiles.manifest import ProbeEntry
from sql.latency.lane import Lane, RefusedError
from sql.latency.plan_notes import AT_SCALE, WITHOUT
from sql.latency.readings import RIGHT_TO_SCAN, ProbePlan
from sql.statements import statement

SMALL_PAGES = 64
"""Half a megabyte: up to there a sequential scan costs no more than an index."""

VISIBLE_SHARE = 0.5
"""From this share of all-visible pages on an index-only scan is worth its name."""

Node: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Explained:
    """A plan, and the id under which pg_stat_statements counts the statement."""

    plan: ProbePlan
    query_id: int | None
    """14 and newer, where query ids are computed."""


async def explain(lane: Lane, entry: ProbeEntry, arguments: tuple[object, ...]) -> Explained:
    """The plan of a probe with these arguments.

    Raises:
        RefusedError: the server refused it.
        SessionError: the connection is lost.
    """
    top = await _plan(lane, entry.sql, arguments)
    nodes = list(_walk(top["Plan"]))
    query_id = top.get("Query Identifier")
    shape, used = _shape(top["Plan"]), _indexes(nodes)
    if entry.index is None:
        node = _reads(nodes, None)["Node Type"]
        return Explained(ProbePlan(node, None, None, shape=shape, indexes=used), query_id)
    found = await lane.aside(statement("probe_index", lane.version_num), entry.index)
    index: Node | None = found[0] if found else None
    names = {entry.index, *(index["names"] if index else ())}
    uses = _uses(nodes, names)
    reads = _reads(nodes, index)
    note = await (
        _from_table_too(lane, reads) if uses else _why_not(lane, entry, arguments, reads, index, names)
    )
    note += await _generic(lane, entry, arguments, uses, names)
    return Explained(ProbePlan(reads["Node Type"], uses, entry.index, note, shape, used), query_id)


async def _plan(lane: Lane, sql: str, arguments: tuple[object, ...], **settings: str) -> Node:
    rows = await lane.aside(f"EXPLAIN (VERBOSE, FORMAT JSON) {sql}", *arguments, **settings)
    parsed: list[Node] = json.loads(rows[0][0])
    return parsed[0]


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)


def _shape(node: Node) -> str:
    """The nodes from the top down; children of one node in brackets where there are several."""
    name: str = node["Node Type"]
    if "Index Name" in node:
        name += f" using {node['Index Name']}"
    if "Relation Name" in node:
        name += f" on {node['Relation Name']}"
    children = [_shape(child) for child in node.get("Plans", ())]
    if len(children) > 1:
        children = [" + ".join(f"({child})" for child in children)]
    return " > ".join([name, *children])


def _indexes(nodes: list[Node]) -> tuple[str, ...]:
    return tuple(sorted({node["Index Name"] for node in nodes if "Index Name" in node}))


def _uses(nodes: list[Node], names: set[str]) -> bool:
    return any(node.get("Index Name") in names for node in nodes)


def _reads(nodes: list[Node], index: Node | None) -> Node:
    """The node that reads the index's table, else the first that reads any, else the top."""
    scans = [node for node in nodes if "Relation Name" in node]
    if index is not None:
        wanted = (index["table_schema"], index["table_name"])
        scans.sort(key=lambda node: (node.get("Schema"), node["Relation Name"]) != wanted)
    return scans[0] if scans else nodes[0]


async def _why_not(
    lane: Lane,
    entry: ProbeEntry,
    arguments: tuple[object, ...],
    reads: Node,
    index: Node | None,
    names: set[str],
) -> str:
    if index is None:
        return f"index {entry.index} is missing{_instead(reads)}"
    if not index["usable"]:
        return f"index {entry.index} is not valid, so the planner cannot use it"
    # Proof that the index serves the query at all (PLAN-01): would it be taken if scans were dear?
    forced = await _plan(lane, entry.sql, arguments, enable_seqscan="off")
    serves = _uses(list(_walk(forced["Plan"])), names)
    if not serves:
        return f"index {entry.index} is there, but does not serve this query{_instead(reads)}"
    sizes = await lane.aside(
        statement("probe_table", lane.version_num), reads.get("Schema"), reads.get("Relation Name")
    )
    if not sizes or sizes[0]["rows"] is None:
        table = reads.get("Relation Name", "the table")
        return f"{table} was never analysed: the planner guesses its size; run ANALYZE"
    rows, pages = sizes[0]["rows"], sizes[0]["pages"]
    size = f"{rows:,.0f} rows on {pages:,} page{'' if pages == 1 else 's'}"
    if pages <= SMALL_PAGES and reads["Node Type"] == "Seq Scan":
        return f"{RIGHT_TO_SCAN} ({size}){AT_SCALE}"
    return f"index {entry.index} {WITHOUT} ({size}){_instead(reads)}"


async def _from_table_too(lane: Lane, reads: Node) -> str:
    """Why an index-only scan reads the table as well (PLAN-03); empty: it does not, or is none.

    Only of pages that VACUUM has marked all-visible the index alone can answer.
    """
    if reads["Node Type"] != "Index Only Scan":
        return ""
    table = reads["Relation Name"]
    sizes = await lane.aside(statement("probe_table", lane.version_num), reads.get("Schema"), table)
    if not sizes or not sizes[0]["pages"]:
        return ""
    pages, visible = sizes[0]["pages"], sizes[0]["visible_pages"]
    if visible >= VISIBLE_SHARE * pages:
        return ""
    return (
        f"index-only, but {visible:,} of {pages:,} pages need no look at the table; VACUUM {table} mends it"
    )


async def _generic(
    lane: Lane, entry: ProbeEntry, arguments: tuple[object, ...], uses: bool, names: set[str]
) -> str:
    """What to say where the plan for any arguments differs in using the index (LAT-03); empty: it does not.

    From the sixth run on the server may keep that plan for a prepared statement (plancache.c).
    """
    if not arguments:
        return ""
    try:
        explained = await lane.explain_generic(entry.sql, arguments)
    except RefusedError:
        return ""
    if explained is None:
        return ""
    nodes = list(_walk(json.loads(explained)[0]["Plan"]))
    if _uses(nodes, names) == uses:
        return ""
    if not uses:
        return "; the generic plan of a prepared statement does use it"
    node = _reads(nodes, None)["Node Type"]
    return f"the generic plan of a prepared statement does not use {entry.index}: {node} instead"


def _instead(reads: Node) -> str:
    name = reads.get("Index Name")
    return f"; index {name} is used instead" if name else ""
