"""Warming up: every probe with each of its arguments; pg_prewarm where it is there; then all of it again.

Reads only. The two rounds run the same statements in the same order, so cold and warm can be compared.
"""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter as now
from typing import Any

from profiles.manifest import ProbeEntry
from sql.latency.lane import Lane, RefusedError, StaleStatementError, Statement
from sql.quoting import qualified
from sql.statements import statement

MOST_ARGUMENTS = 100
"""Sets of arguments that one probe is warmed with."""
ROUND_S = 10.0
"""Longest that one probe may take in one round; the arguments that are left are left out of both."""
SHARE = 0.5
"""Of shared_buffers, what pg_prewarm may fill: the rest stays for what is there already."""
CHUNK_BLOCKS = 2048
"""Read at a time, 16 MB: no statement of ours is a long one, also on slow storage."""


@dataclass(frozen=True)
class WarmedProbe:
    """A probe before and after; ms, None where no run succeeded."""

    name: str
    runs: int
    """Sets of arguments that were run in both rounds."""
    cold_ms: float | None = None
    """Median."""
    cold_max_ms: float | None = None
    warm_ms: float | None = None
    warm_max_ms: float | None = None
    detail: str = ""
    """Why it was not warmed, or not as a whole."""


@dataclass(frozen=True)
class WarmedRelation:
    """A table or an index that was read into shared_buffers, or why it was not."""

    name: str
    bytes: int
    seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class WarmUp:
    """What warming up did."""

    probes: tuple[WarmedProbe, ...]
    relations: tuple[WarmedRelation, ...]
    prewarm: str = ""
    """Why pg_prewarm was not used; empty: it was."""


@dataclass(frozen=True)
class WarmStep:
    """How far it is."""

    done: int
    total: int
    what: str
    """The probe or relation whose turn it is."""


class _Target:
    """One probe while it is warmed."""

    def __init__(self, entry: ProbeEntry) -> None:
        self.entry = entry
        self.rows: list[tuple[object, ...]] = [()]
        self.statement: Statement | None = None
        self.rounds: list[list[float]] = []
        self.detail = ""

    def result(self) -> WarmedProbe:
        runs = min((len(each) for each in self.rounds), default=0)
        if len(self.rounds) < 2 or not runs:
            return WarmedProbe(self.entry.name, 0, detail=self.detail)
        cold, warm = (each[:runs] for each in self.rounds[:2])
        return WarmedProbe(
            self.entry.name,
            runs,
            statistics.median(cold),
            max(cold),
            statistics.median(warm),
            max(warm),
            self.detail,
        )


class Warmer:
    """Warms up over one connection."""

    def __init__(
        self,
        lane: Lane,
        probes: Sequence[ProbeEntry],
        tell: Callable[[WarmStep], None],
    ) -> None:
        self._lane = lane
        self._targets = [_Target(entry) for entry in probes]
        self._tell = tell
        self._done = 0
        self._total = 2 * len(self._targets)

    async def run(self) -> WarmUp:
        """Both rounds.

        Raises:
            SessionError: the connection is lost.
        """
        for target in self._targets:
            await self._prepare(target)
        for target in self._targets:
            self._step(f"{target.entry.name}, cold")
            await self._round(target)
        relations, why_not = await self._prewarm()
        for target in self._targets:
            self._step(f"{target.entry.name}, warm")
            await self._round(target)
        self._tell(WarmStep(self._total, self._total, ""))
        return WarmUp(tuple(target.result() for target in self._targets), relations, why_not)

    def _step(self, what: str) -> None:
        self._tell(WarmStep(self._done, self._total, what))
        self._done += 1

    async def _prepare(self, target: _Target) -> None:
        try:
            if target.entry.arguments is not None:
                target.rows = await self._lane.first_rows(target.entry.arguments, MOST_ARGUMENTS)
                if not target.rows:
                    target.detail = "its arguments query gives no rows"
        except RefusedError as error:
            target.rows, target.detail = [], f"its arguments could not be read: {error}"

    async def _round(self, target: _Target) -> None:
        took: list[float] = []
        target.rounds.append(took)
        began = now()
        for arguments in target.rows:
            if now() - began > ROUND_S:
                target.detail = (
                    f"stopped after {ROUND_S:.0f} s, {len(took)} of {len(target.rows)} argument sets"
                )
                target.rows = target.rows[: len(took)]
                return
            try:
                took.append(await self._timed(target, arguments))
            except RefusedError as error:
                target.detail, target.rows = str(error), target.rows[: len(took)]
                return

    async def _timed(self, target: _Target, arguments: tuple[object, ...]) -> float:
        """ms of one run."""
        while True:
            await self._lane.begin_probe()
            try:
                if target.statement is None:
                    target.statement = await self._lane.prepare(target.entry.sql)
                start = now()
                await self._lane.send(target.statement, arguments)
                return (now() - start) * 1000
            except StaleStatementError:
                target.statement = None
            finally:
                await self._lane.end_probe()

    # -- pg_prewarm -------------------------------------------------------------------------------------

    async def _prewarm(self) -> tuple[tuple[WarmedRelation, ...], str]:
        """What was read into shared_buffers, and why nothing was."""
        try:
            extension = (await self._lane.aside(statement("warm_extension", self._lane.version_num)))[0]
            if extension["schema"] is None:
                return (), "pg_prewarm is not installed; CREATE EXTENSION pg_prewarm makes this thorough"
            if not extension["may_call"]:
                return (), "this role may not call pg_prewarm; GRANT EXECUTE ON FUNCTION pg_prewarm"
            relations = await self._relations()
        except RefusedError as error:
            return (), str(error)
        self._total += len(relations)
        room = int(extension["shared_buffers"] * SHARE)
        warmed: list[WarmedRelation] = []
        for relation in relations:
            self._step(relation["name"])
            warmed.append(await self._read_in(relation, extension, room))
            if warmed[-1].seconds is not None:
                room -= relation["bytes"]
        return tuple(warmed), ""

    async def _relations(self) -> list[Mapping[str, Any]]:
        """What the probes' plans read: indexes first, then tables, the small ones first."""
        names: set[tuple[str, str]] = set()
        for target in self._targets:
            if target.rows:
                names |= await self._named(target)
        if not names:
            return []
        schemas, relations = zip(*sorted(names), strict=True)
        rows = await self._lane.aside(
            statement("warm_relations", self._lane.version_num), list(schemas), list(relations)
        )
        return sorted(rows, key=lambda row: (not row["is_index"], row["bytes"]))

    async def _named(self, target: _Target) -> set[tuple[str, str]]:
        """Schema and name of the relations in a probe's plan; an index is in its table's schema."""
        rows = await self._lane.aside(f"EXPLAIN (VERBOSE, FORMAT JSON) {target.entry.sql}", *target.rows[0])
        nodes = list(_walk(json.loads(rows[0][0])[0]["Plan"]))
        schemas = {node["Schema"] for node in nodes if "Schema" in node}
        tables = {(node["Schema"], node["Relation Name"]) for node in nodes if "Relation Name" in node}
        return tables | {
            (schema, node["Index Name"]) for node in nodes if "Index Name" in node for schema in schemas
        }

    async def _read_in(
        self, relation: Mapping[str, Any], extension: Mapping[str, Any], room: int
    ) -> WarmedRelation:
        name, size = relation["name"], relation["bytes"]
        if not relation["may_read"]:
            return WarmedRelation(name, size, detail=f"not read: GRANT SELECT on {name} allows it")
        if size > room:
            return WarmedRelation(name, size, detail="left out: it does not fit into half of shared_buffers")
        prewarm = qualified(extension["schema"], "pg_prewarm")
        read = f"SELECT {prewarm}($1::oid::regclass, 'buffer', 'main', $2::int8, $3::int8)"
        began, blocks = now(), size // extension["block_size"]
        try:
            for first in range(0, blocks, CHUNK_BLOCKS):
                last = min(first + CHUNK_BLOCKS, blocks) - 1
                await self._lane.aside(read, relation["oid"], first, last)
        except RefusedError as error:
            return WarmedRelation(name, size, detail=str(error))
        return WarmedRelation(name, size, now() - began)


def _walk(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)


async def warm_up(lane: Lane, probes: Sequence[ProbeEntry], tell: Callable[[WarmStep], None]) -> WarmUp:
    """Warm up, and close the connection whatever happens.

    Raises:
        SessionError: the connection is lost.
    """
    try:
        return await Warmer(lane, probes, tell).run()
    finally:
        await asyncio.shield(lane.close())
