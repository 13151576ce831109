"""How big, how long and how much disk: an estimate for a step, each number with the words it rests on.

A number without a basis is worse than none: where the server does not know, neither do we.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sql.declared import IndexDefinition, IndexKey
from sql.errors import ReadingError
from sql.parsing import DefinitionError, parse_index
from sql.quoting import identifier, qualified
from sql.session import Session
from sql.steps.step import IndexStands, Step, Verb

if TYPE_CHECKING:
    from sql.steps.journal import JournalEntry

TUPLE_BYTES = 8 + 4 + 4
"""Of a btree's entry besides its keys: header, line pointer, alignment (itup.h, bufpage.h)."""
FILL = 0.9
"""A btree's leaf pages are filled to 90 % (BTREE_DEFAULT_FILLFACTOR)."""
MARGIN = 1.2
ASSUMED_BYTES_S = 50 * 1024 * 1024
"""Of table read by a build, where no earlier run tells more."""
TELLING_SHARE = 10
"""A table of less than a tenth of the size tells nothing: most of its time went into beginning and ending."""
BRIEF = frozenset(
    {Verb.ADD_CONSTRAINT, Verb.DROP_CONSTRAINT, Verb.SWAP_CONSTRAINT, Verb.SWAP_INDEX, Verb.RENAME_INDEX}
)
WAITS = "waiting for "
"""How the phases begin in which a build does nothing (progress views, pg_stat_progress_create_index)."""
LEAST_WORK_S = 1.0
"""Of a run that also waited: looks at it are as far apart, so that less says nothing."""
PASSES = {Verb.CREATE_INDEX: 2, Verb.VALIDATE_CONSTRAINT: 1}
"""How often a verb reads the whole table."""


@dataclass(frozen=True)
class Estimated:
    """A number and what it rests on."""

    value: float | None
    """None: it cannot be known; the basis says why."""
    basis: str
    """A clause without a full stop."""


@dataclass(frozen=True)
class TableSize:
    """How big a table is now."""

    oid: int
    kind: str
    """pg_class.relkind."""
    persistence: str
    bytes: int | None
    """Of the table alone; None where somebody locks it."""
    bytes_with_children: int | None
    rows: int | None
    """As ANALYZE saw them, scaled to the size of today; None: never analysed."""
    rows_with_children: int | None
    children: int
    """How many tables inherit from it."""


@dataclass(frozen=True)
class EarlierRun:
    """A step of the same kind that was run on this server before."""

    table_bytes: int
    seconds: float
    """That it worked; waiting for others is not counted."""


async def table_size(session: Session, schema: str, table: str) -> TableSize | None:
    """The size of a table; None: there is none of that name.

    Raises:
        ReadingError, SessionError: as `Session.fetch`.
    """
    rows = await session.fetch("preview_table", schema, table)
    if not rows:
        return None
    row = rows[0]
    return TableSize(
        oid=row["oid"],
        kind=row["kind"],
        persistence=row["persistence"],
        bytes=row["bytes"],
        bytes_with_children=row["bytes_with_children"],
        rows=_rounded(row["rows"]),
        rows_with_children=_rounded(row["rows_with_children"]),
        children=row["children"],
    )


def _rounded(rows: float | None) -> int | None:
    return None if rows is None else round(rows)


def index_of_step(step: Step) -> IndexDefinition | None:
    """The index that a step builds, taken apart; None where it builds none."""
    if step.verb is not Verb.CREATE_INDEX or not isinstance(step.end, IndexStands):
        return None
    try:
        return parse_index(step.sql)
    except DefinitionError:
        return None


async def index_bytes(
    session: Session, step: Step, size: TableSize, definition: IndexDefinition, search_path: str
) -> Estimated:
    """How big the index will be: the planner says how many rows of which width it holds; nothing is run."""
    if definition.method != "btree":
        return Estimated(None, f"no rule is known for the size of a {definition.method} index")
    if size.rows is None:
        return Estimated(None, "the table was never analysed, so its rows are not known; ANALYZE tells")
    assert isinstance(step.end, IndexStands)
    outputs = ", ".join([*map(key_sql, definition.keys), *map(identifier, definition.include)])
    where = f" WHERE ({definition.predicate})" if definition.predicate else ""
    table = qualified(step.end.schema, step.end.table)
    sql = f"EXPLAIN (FORMAT JSON) SELECT {outputs} FROM ONLY {table}{where}"  # noqa: S608
    settings = {"search_path": search_path, "max_parallel_workers_per_gather": "0"}
    try:
        explained = await session.fetch_composed(sql, settings=settings)
    except ReadingError as error:
        return Estimated(None, f"the planner could not be asked ({error.reason})")
    node: dict[str, Any] = json.loads(explained[0][0])[0]["Plan"]
    rows, width = int(node["Plan Rows"]), int(node["Plan Width"])
    value = round(rows * (width + TUPLE_BYTES) / FILL * MARGIN)
    guess = " (a guess, for the predicate)" if definition.predicate else ""
    return Estimated(
        value,
        f"{rows:,} rows{guess} of {width} bytes and {TUPLE_BYTES} more each, pages {FILL:.0%} full, "
        "20 % on top; equal keys take less",
    )


def key_sql(key: IndexKey) -> str:
    """One key of an index as it would be selected."""
    return identifier(key.column) if key.column is not None else f"({key.expression})"


def seconds(step: Step, size: TableSize | None, earlier: Iterable[EarlierRun] = ()) -> Estimated:
    """How long a step works once nobody keeps it waiting."""
    if step.verb in BRIEF:
        return Estimated(0.0, "it changes the catalog alone; waiting for its lock is not counted")
    if step.verb is Verb.DROP_INDEX:
        return Estimated(0.0, "dropping takes no time; waiting for all who use the table is not counted")
    if step.verb is Verb.ANALYZE:
        return Estimated(None, "it reads a sample of 30,000 pages (default_statistics_target 100): seconds")
    if step.verb is Verb.SET_MIGRATION:
        return Estimated(0.0, "it changes one row")
    whole = step.verb is Verb.VALIDATE_CONSTRAINT
    read = None if size is None else size.bytes_with_children if whole else size.bytes
    if read is None:
        return Estimated(None, "the size of the table is not known")
    runs = [run for run in earlier if run.seconds > 0 and run.table_bytes * TELLING_SHARE >= max(read, 1)]
    if runs:
        rate = sum(run.table_bytes for run in runs) / sum(run.seconds for run in runs)
        times = f"{len(runs)} earlier run{'s' if len(runs) > 1 else ''}"
        return Estimated(
            read / rate,
            f"{times} on this server went at {rate / 2**20:,.1f} MiB of table a second, waiting not counted",
        )
    passes = PASSES[step.verb]
    scans = f"reads the table {'twice' if passes == 2 else 'once'}"
    return Estimated(
        read * passes / ASSUMED_BYTES_S,
        f"assumed: it {scans} at {ASSUMED_BYTES_S // 2**20} MiB a second; nothing was measured here yet, "
        "and waiting for others is not counted",
    )


def earlier_runs(
    entries: Iterable[JournalEntry], step: Step, system_identifier: str | None
) -> list[EarlierRun]:
    """What the journal knows of steps of the same verb on the same server that ran to their end.

    Args:
        entries: in order; the size is the one that was previewed or noted when a run started.
    """
    verb = step.id.partition(":")[0]
    sizes: dict[str, int] = {}
    started: dict[str, _Course] = {}
    found = []
    for entry in entries:
        if entry.step is None or entry.step.partition(":")[0] != verb:
            continue
        if system_identifier and (entry.server or {}).get("system_identifier") not in (
            None,
            system_identifier,
        ):
            continue
        size = entry.detail.get("table_bytes")
        if isinstance(size, int):
            sizes[entry.step] = size
        if entry.run is None:
            continue
        if entry.event == "started" and entry.step in sizes:
            started[entry.run] = _Course(sizes[entry.step], entry.time.timestamp())
        elif entry.event == "progress" and entry.run in started:
            started[entry.run].pass_on(entry)
        elif entry.event == "finished" and entry.detail.get("outcome") == "done" and entry.run in started:
            course = started.pop(entry.run)
            course.pass_on(entry)
            if course.tells:
                found.append(EarlierRun(course.table_bytes, course.worked_s))
    return found


@dataclass
class _Course:
    """A run on its way through the journal: how long it worked, and how long it waited for others."""

    table_bytes: int
    at: float
    """The entry that was read last, in seconds."""
    waits: bool = False
    """Whether it waited then."""
    waited: bool = False
    worked_s: float = 0.0

    def pass_on(self, entry: JournalEntry) -> None:
        """Count the time until this entry, which also says how it goes on."""
        at = entry.time.timestamp()
        self.worked_s += 0.0 if self.waits else at - self.at
        phase = str(entry.detail.get("phase") or "")
        self.waits = phase.startswith(WAITS) or bool(entry.detail.get("waits_for"))
        self.waited, self.at = self.waited or self.waits, at

    @property
    def tells(self) -> bool:
        """Whether its time says how fast the server works."""
        return not self.waited or self.worked_s >= LEAST_WORK_S


def temporary_bytes(index: Estimated, work_memory: int) -> Estimated:
    """Disk for sorting, besides the index itself."""
    if index.value is None:
        return Estimated(None, index.basis)
    memory = f"maintenance_work_mem ({work_memory // 2**20} MiB)"
    if index.value <= work_memory:
        return Estimated(0, f"no temporary file: the sort fits into {memory}")
    return Estimated(index.value, f"about the size of the index: the sort does not fit into {memory}")


def wal_bytes(index: Estimated, size: TableSize) -> Estimated:
    """What replicas must receive and slots keep."""
    if size.persistence != "p":
        return Estimated(0, "the table is unlogged")
    if index.value is None:
        return Estimated(None, index.basis)
    return Estimated(index.value, "about the size of the index")
