"""Who would keep a step waiting, and in which phase of it: PostgreSQL's rules, as pure functions.

A concurrent build waits for its lock, then twice for everybody who writes the table, then for every snapshot
in the database (indexcmds.c, DefineIndex). A concurrent drop waits for everybody who uses the table at all
(index_drop in index.c). Everything else waits for its lock alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sql.printable import one_line
from sql.steps.blockers import Blocker, from_row
from sql.steps.step import Step, Verb

FIRST_LOCK = "waiting for its lock, before it begins"
"""Not from the progress view, which has no row yet."""
WRITERS = "waiting for writers before build"
SNAPSHOTS = "waiting for old snapshots"
USERS = "waiting for all who use the table"
"""Not from the progress view, which does not know DROP INDEX."""

_SHARE_UPDATE = frozenset(
    {
        "ShareUpdateExclusiveLock",
        "ShareLock",
        "ShareRowExclusiveLock",
        "ExclusiveLock",
        "AccessExclusiveLock",
    }
)
CONFLICTS: Mapping[str, frozenset[str]] = {
    "RowExclusiveLock": _SHARE_UPDATE - {"ShareUpdateExclusiveLock"},
    "ShareUpdateExclusiveLock": _SHARE_UPDATE,
    "AccessExclusiveLock": _SHARE_UPDATE | {"AccessShareLock", "RowShareLock", "RowExclusiveLock"},
}
"""Which locks of others keep one of ours waiting (the table in the documentation's "Explicit Locking")."""
WRITES = "RowExclusiveLock"
SAFE_BUILDS_SINCE = 140000
"""From 14 on a build skips the snapshots of other builds without expression and predicate."""
OWN = "pgdeck"


@dataclass(frozen=True)
class ForecastBlocker(Blocker):
    """A session that would keep the step waiting, if it began now."""

    rule: str = ""
    """Why, such as `writer of this table`."""
    phase: str = ""
    """Where the step would wait; verbatim what the progress view will say, where there is one."""
    own: bool = False
    """It is one of pgdeck's."""
    yields: bool = False
    """The server moves it aside by itself, about a second after the step begins to wait."""

    def as_json(self) -> dict[str, Any]:
        """For the journal and the plan's JSON."""
        return {**super().as_json(), "rule": self.rule, "phase": self.phase}


def judge(step: Step, row: Mapping[str, Any], version_num: int) -> ForecastBlocker | None:
    """Whether one session, a row of `forecast_sessions` or `forecast_prepared`, would block the step."""
    granted = set(row["granted"])
    found = _at_first_lock(step, row, granted) or _later(step, row, granted, version_num)
    if found is None:
        return None
    rule, phase, mode = found
    own = (row.get("application_name") or "").startswith(OWN)
    return _as_blocker(row, f"pgdeck's own session: {rule}" if own else rule, phase, mode, own)


def builds_here(row: Mapping[str, Any], relations: Collection[int]) -> bool:
    """Whether a session runs an index build on one of these tables, as far as it can be seen."""
    return bool(row["builds"]) and row["builds_on"] in relations


def may_build_here(row: Mapping[str, Any]) -> bool:
    """Whether a session whose doings are hidden may be building on the table."""
    locks = {*row["granted"], *row["waiting"]}
    return bool(row["hidden"]) and not row["vacuums"] and "ShareUpdateExclusiveLock" in locks


def _at_first_lock(
    step: Step, row: Mapping[str, Any], granted: set[str]
) -> tuple[str, str, str | None] | None:
    conflicting = CONFLICTS.get(step.lock, frozenset())
    held = sorted(granted & conflicting)
    if held:
        return _holder(row, held), FIRST_LOCK, held[0]
    ahead = sorted(set(row.get("waiting", ())) & conflicting)
    if ahead:
        return f"waits for {ahead[0]} on this table, ahead of this step", FIRST_LOCK, ahead[0]
    return None


def _holder(row: Mapping[str, Any], held: list[str]) -> str:
    if row.get("backend_type") == "autovacuum worker":
        if "to prevent wraparound" in (row["query"] or ""):
            return "autovacuum of this table to prevent wraparound: it never steps aside"
        return "autovacuum of this table: it steps aside after deadlock_timeout"
    if row.get("vacuums"):
        return "VACUUM of this table"
    if row.get("builds"):
        return "index build on this table"
    users = {"AccessShareLock", "RowShareLock", WRITES}
    if not set(held) <= users:
        return f"holds {next(mode for mode in held if mode not in users)} on this table"
    return "writer of this table" if WRITES in held else "reader of this table"


def _later(
    step: Step, row: Mapping[str, Any], granted: set[str], version_num: int
) -> tuple[str, str, str | None] | None:
    if step.verb is Verb.CREATE_INDEX:
        if WRITES in granted:
            return "writer of this table", WRITERS, WRITES
        rule = _snapshot_rule(row, version_num)
        return (rule, SNAPSHOTS, None) if rule else None
    if step.verb is Verb.DROP_INDEX and granted:
        rule = "writer of this table" if WRITES in granted else "reader of this table"
        return rule, USERS, min(granted)
    if step.verb is Verb.SET_MIGRATION and WRITES in granted:
        return "writer of this table, perhaps of the same row", FIRST_LOCK, WRITES
    return None


def _snapshot_rule(row: Mapping[str, Any], version_num: int) -> str | None:
    """By which rule a session's snapshot holds up the end of a build; None: it does not."""
    if not row.get("has_snapshot") or row["is_worker"] or row["vacuums"]:
        return None
    if row["backend_type"] == "autovacuum worker":
        return None
    if row["builds"]:
        concurrent = (row["command"] or "").endswith("CONCURRENTLY")
        if version_num >= SAFE_BUILDS_SINCE and concurrent and row["builds_plain_index"]:
            return None
        return "index build on another table, with a snapshot of its own"
    if (row["application_name"] or "").startswith("pg_dump"):
        return "pg_dump, which keeps its snapshot to its end"
    if row["hidden"]:
        return "snapshot of a session whose doings are hidden from us"
    if row["state"] == "active":
        waits = ", itself waiting for a lock" if row["wait_event_type"] == "Lock" else ""
        return f"running statement{waits}: it keeps its snapshot to its end"
    return "open snapshot: a REPEATABLE READ or SERIALIZABLE transaction, or an open cursor"


def _as_blocker(
    row: Mapping[str, Any], rule: str, phase: str, mode: str | None, own: bool
) -> ForecastBlocker:
    known = from_row(row)
    fields = {name: getattr(known, name) for name in known.__dataclass_fields__}
    fields |= {"query": one_line(" ".join(known.query.split())), "mode": mode}
    return ForecastBlocker(**fields, rule=rule, phase=phase, own=own, yields=known.is_autovacuum)
