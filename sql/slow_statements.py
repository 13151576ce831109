"""The server's own list of slow statements: pg_stat_statements, of the statements on the manifest's tables.

Several rows of one query id (roles, nested calls) are added up.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sql.errors import ReadingError
from sql.quoting import qualified
from sql.statement_counters import Counted, Deltas, columns, entries_of
from sql.steps.scribe import foreign_query

if TYPE_CHECKING:
    from sql.requirements import Requirements
    from sql.session import Session

PART = "slow statements"
TEXTS_S = 60.0
"""Texts lie in a file on the server, which reads all of it for one: they are read seldom."""
NEW_TEXTS_S = 15.0
"""So often at most also where statements are there that were not before: on many servers some always are."""
LONGEST_TEXT = 2000
_NORMALISED = re.compile(r"\W*(select|insert|update|delete|merge|with|values|table)\b", re.IGNORECASE)
"""Statements of which the server keeps $1 for each constant."""
NOT_LOADED = "55000"
NEEDS_LOADING = "shared_preload_libraries = 'pg_stat_statements' and a restart"


@dataclass(frozen=True)
class Totals:
    """What one statement has cost; all counters since its entry was made."""

    calls: int
    total_ms: float
    rows: int
    hit: int
    """Blocks of 8 kB that were in shared buffers."""
    read: int
    """Blocks that were not."""
    own_calls: int = 0
    """Of the calls, those by this session's role: probes are among them."""

    def since(self, before: Totals) -> Totals | None:
        """The difference; None where one of them went back, which they do only when they begin anew."""
        differences = {name: getattr(self, name) - getattr(before, name) for name in COUNTERS}
        return None if min(differences.values()) < 0 else Totals(**differences)


COUNTERS = tuple(each.name for each in fields(Totals))


@dataclass(frozen=True)
class SlowStatement:
    """One statement on a table of the manifest."""

    query_id: int
    text: str
    """As the server normalised it, with $1 for constants; cut."""
    totals: Totals
    share: float
    """Of the execution time of all statements of this database, 0 to 1."""
    now: Totals | None
    """Of the last minute; None where it cannot be told."""

    @property
    def mean_ms(self) -> float:
        """Since its entry was made."""
        return self.totals.total_ms / self.totals.calls if self.totals.calls else 0.0

    @property
    def mean_now_ms(self) -> float | None:
        """Over the last minute; None where nobody called it, or it cannot be told."""
        return self.now.total_ms / self.now.calls if self.now and self.now.calls else None


@dataclass(frozen=True)
class SlowStatementsSnapshot:
    """The statements on the manifest's tables, the dearest mean first."""

    taken_at: datetime = field(compare=False)
    statements: tuple[SlowStatement, ...]
    since: datetime | None = None
    """Since when the counters count (1.9 and newer); None: not told."""
    hidden: int = 0
    """Entries of other roles whose text may not be seen."""
    evicted: int = 0
    """Entries that were thrown out to make room, since the counters were reset."""
    most: int | None = None
    """pg_stat_statements.max."""
    reset_seen: bool = False
    """The counters were reset while they were watched."""


class SlowStatements:
    """Reads them; one object for one deck, as it remembers the readings before."""

    def __init__(self, requirements: Requirements, clock: Callable[[], float] = time.monotonic) -> None:
        self._tables = sorted(tables_of(requirements))
        self._pattern = _pattern(self._tables)
        self._clock = clock
        self._deltas = Deltas()
        self._texts: dict[int, str] = {}
        self._texts_at = -TEXTS_S
        self._hidden = 0

    async def __call__(self, session: Session) -> SlowStatementsSnapshot:
        """The statements as they are now.

        Raises:
            ReadingError: the extension is not there or not loaded; the remedy says how to get it.
            SessionError: the connection is lost.
        """
        found = await session.fetch("statements_extension")
        if not found or found[0]["total_column"] is None:
            raise ReadingError(
                "pg_stat_statements is not installed in this database",
                remedy=f"{NEEDS_LOADING}, then CREATE EXTENSION pg_stat_statements",
            )
        place = found[0]
        try:
            return await self._read(session, place)
        except ReadingError as error:
            if error.sqlstate == NOT_LOADED:
                raise ReadingError(
                    "pg_stat_statements is installed but not loaded",
                    remedy=NEEDS_LOADING,
                ) from None
            raise

    async def _read(self, session: Session, place: Mapping[str, Any]) -> SlowStatementsSnapshot:
        view = qualified(place["schema"], "pg_stat_statements")
        since, evicted = None, 0
        if place["has_info"]:
            info = await session.fetch_composed(
                f"SELECT dealloc::int8 AS dealloc, stats_reset FROM {view}_info()"  # noqa: S608
            )
            since, evicted = info[0]["stats_reset"], info[0]["dealloc"]
        now = self._clock()
        counted, all_ms = await self._counted(session, view, place)
        known = counted.keys() <= self._texts.keys()
        if now - self._texts_at >= (TEXTS_S if known else NEW_TEXTS_S):
            self._texts_at = now
            await self._read_texts(session, view)
        self._deltas.take(now, counted, since=since, evicted=evicted)
        wanted = (
            SlowStatement(query_id, text, totals, share, self._deltas.of(query_id))
            for query_id, text in self._texts.items()
            if text and query_id in counted
            for totals in (counted[query_id].totals,)
            for share in (totals.total_ms / all_ms if all_ms else 0.0,)
        )
        return SlowStatementsSnapshot(
            taken_at=datetime.now(UTC),
            statements=tuple(sorted(wanted, key=lambda each: -each.mean_ms)),
            since=since,
            hidden=self._hidden,
            evicted=evicted,
            most=place["most"],
            reset_seen=self._deltas.reset_seen,
        )

    async def _counted(
        self, session: Session, view: str, place: Mapping[str, Any]
    ) -> tuple[dict[int, Counted], float]:
        # The function without the texts: reading the view would load the file of all query texts.
        rows = await session.fetch_composed(
            f"SELECT queryid, {columns(place)}, sum(rows)::int8 AS rows,"  # noqa: S608
            " sum(shared_blks_hit)::int8 AS hit, sum(shared_blks_read)::int8 AS read,"
            " coalesce(sum(calls) FILTER (WHERE userid ="
            " (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user)), 0)::int8 AS own_calls"
            f" FROM {view}(false)"
            " WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " GROUP BY queryid"
        )
        # Entries of other roles that may not be seen have no id; their time counts.
        all_ms = sum(row["total_ms"] for row in rows)
        return {row["queryid"]: _of(row) for row in rows if row["queryid"] is not None}, all_ms

    async def _read_texts(self, session: Session, view: str) -> None:
        # Texts that name none of the tables are not sent: there may be thousands.
        rows = await session.fetch_composed(
            f"SELECT queryid, left(min(query) FILTER (WHERE EXISTS ("  # noqa: S608
            "SELECT FROM unnest($1::text[]) AS t (name) WHERE strpos(lower(query), lower(t.name)) > 0"
            f")), {LONGEST_TEXT}) AS text, count(*) AS entries"
            f" FROM {view}"
            " WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " GROUP BY queryid",
            self._tables,
        )
        self._hidden = sum(row["entries"] for row in rows if row["queryid"] is None)
        self._texts = {
            row["queryid"]: self._wanted(row["text"]) for row in rows if row["queryid"] is not None
        }

    def _wanted(self, text: str | None) -> str:
        """The text; empty where it names none of the tables, or only looks at a plan."""
        if text is None or text.lstrip()[:7].upper() == "EXPLAIN" or not self._pattern.search(text):
            return ""
        # Constants of other statements, a role's password among them, are in the text as they were sent.
        return text if _NORMALISED.match(text) else foreign_query(text)


def _of(row: Mapping[str, Any]) -> Counted:
    totals = Totals(*(row[name] for name in COUNTERS))
    return Counted(totals, entries_of(row))


def tables_of(requirements: Requirements) -> set[str]:
    """The manifest's tables, without their schemas."""
    return {each.table for each in requirements.indexes} | {each.table for each in requirements.constraints}


def _pattern(tables: Iterable[str]) -> re.Pattern[str]:
    """Finds any of the tables as a word; a name in upper case is found in quotes or folded alike."""
    words = "|".join(re.escape(table) for table in sorted(tables, key=len, reverse=True))
    return re.compile(rf"(?<![\w$])(?:{words})(?![\w$])" if words else r"(?!)", re.IGNORECASE)
