"""Who works on a table: whether an index that looks dead is somebody's running build, or is being dropped.

indisvalid alone cannot tell a leftover from a build under way. What can: the progress view and the locks on
the table. Roles without pg_read_all_stats see of other roles only pids in the progress view, no query, and
all locks; then the owner stays unknown, and an unknown owner is never called a leftover.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sql.durations import duration
from sql.parsing import DefinitionError, parse_index
from sql.quoting import identifier
from sql.session import Session

HIDDEN = "<insufficient privilege>"
_DROPS = re.compile(r"^\s*drop\s+index\b", re.IGNORECASE)
_REINDEXES = re.compile(r"^\s*reindex\b", re.IGNORECASE)


@dataclass(frozen=True)
class Worker:
    """One backend and one lock of it on a table, or one build that it runs."""

    pid: int | None
    """None for a prepared transaction."""
    table_oid: int | None
    mode: str | None
    """The lock; None for a row that comes from the progress view."""
    granted: bool | None
    builds: bool
    progress_table_oid: int | None
    progress_index_oid: int | None
    command: str | None
    phase: str | None
    maintains: bool
    """It runs VACUUM or ANALYZE."""
    usename: str | None
    application_name: str | None
    backend_type: str | None
    query: str | None
    age_s: float | None

    @property
    def hidden(self) -> bool:
        """Whether what it does is not shown to us."""
        return self.query is None or self.query == HIDDEN

    def __str__(self) -> str:
        if self.pid is None:
            return "a prepared transaction"
        known = []
        if self.usename:
            known.append(f"role {identifier(self.usename)}")
        if self.application_name:
            known.append(f"application {self.application_name!r}")
        return f"pid {self.pid}" + (f" ({', '.join(known)})" if known else "")


class Work(StrEnum):
    """What somebody does to an index."""

    BUILDING = "building"
    DROPPING = "dropping"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Occupation:
    """Somebody is at work on an index."""

    work: Work
    sentence: str


async def read_workers(session: Session, tables: Iterable[int]) -> list[Worker]:
    """Everybody who builds in this database or holds a lock on one of the tables that a build would hold."""
    rows = await session.fetch("builders", list(tables))
    return [Worker(**dict(row)) for row in rows]


def occupation(name: str, index_oid: int, table_oid: int, workers: Iterable[Worker]) -> Occupation | None:
    """Who is at work on an index that is not usable; None: nobody, it is dead."""
    unknown: Occupation | None = None
    for worker in workers:
        if worker.progress_index_oid == index_oid:
            return Occupation(Work.BUILDING, _builds(worker))
        if worker.table_oid != table_oid:
            continue
        if (worker.command or "").startswith("REINDEX"):
            return Occupation(Work.BUILDING, _builds(worker))
        if worker.mode is None or not worker.granted or worker.maintains:
            continue
        if worker.backend_type == "autovacuum worker" or (worker.builds and worker.progress_index_oid):
            continue
        if not worker.hidden and _DROPS.match(worker.query or "") and name in (worker.query or ""):
            return Occupation(Work.DROPPING, f"It is being dropped by {worker}.")
        if not worker.hidden and _REINDEXES.match(worker.query or ""):
            return Occupation(Work.BUILDING, _builds(worker))
        if worker.pid is not None and worker.hidden:
            unknown = _unknown(worker)
    return unknown


def under_way(name: str, table_oid: int, workers: Iterable[Worker]) -> str:
    """Who is about to make an index that the catalog does not show yet, a sentence; empty for nobody.

    A plain CREATE INDEX shows its index only when it commits, and CREATE INDEX CONCURRENTLY waits for the
    table's lock before it does anything.
    """
    for worker in workers:
        if worker.hidden or table_oid not in (worker.table_oid, worker.progress_table_oid):
            continue
        try:
            creates = parse_index(worker.query or "").name == name
        except DefinitionError:
            continue
        if creates and worker.granted is False:
            return f"{_start(worker)} waits for its lock on the table to build it."
        if creates and worker.builds:
            return _builds(worker)
    return ""


def others_building(table_oid: int, workers: Iterable[Worker]) -> str:
    """That some index is being built on a table by a plain CREATE INDEX, a sentence; empty for none."""
    for worker in workers:
        if worker.builds and worker.hidden and worker.table_oid == table_oid and worker.mode is not None:
            return f"{_start(worker)} builds an index on this table; pg_read_all_stats would show which."
        if worker.builds and worker.progress_table_oid == table_oid and not worker.progress_index_oid:
            return f"{_start(worker)} builds an index on this table that is not visible yet."
    return ""


def _builds(worker: Worker) -> str:
    phase = f', phase "{worker.phase}"' if worker.phase else ", phase hidden"
    age = f", for {duration(worker.age_s)}" if worker.age_s is not None else ""
    return f"{_start(worker)} is building it{phase}{age}."


def _unknown(worker: Worker) -> Occupation:
    what = "runs an index build" if worker.builds else "may be building or dropping it"
    return Occupation(
        Work.UNKNOWN,
        f"{_start(worker)} holds {worker.mode} on the table and {what}; "
        "pg_read_all_stats would show what it does.",
    )


def _start(worker: Worker) -> str:
    text = str(worker)
    return text[0].upper() + text[1:]
