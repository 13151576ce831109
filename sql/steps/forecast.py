"""What would block a step if it began now, what it would block, and what cannot be seen from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sql.quoting import identifier, table_name
from sql.session import Session
from sql.steps.fingerprint import index_names
from sql.steps.forecast_rules import ForecastBlocker, builds_here, judge, may_build_here
from sql.steps.step import IndexGone, Step, Verb

ON_INDEX_ALONE = frozenset({Verb.SWAP_INDEX, Verb.RENAME_INDEX})
"""ALTER INDEX … RENAME locks the index, not its table (12 and newer)."""
ON_CHILDREN_TOO = frozenset(
    {Verb.ADD_CONSTRAINT, Verb.VALIDATE_CONSTRAINT, Verb.DROP_CONSTRAINT, Verb.SWAP_CONSTRAINT}
)


@dataclass(frozen=True)
class Forecast:
    """This moment's answer; a second later it may be another."""

    blockers: tuple[ForecastBlocker, ...] = ()
    """Oldest transaction first."""
    cannot_see: tuple[str, ...] = ()
    """What may be there all the same, and the grant that would show it; sentences."""
    would_block: tuple[str, ...] = ()
    """Whom the step would keep waiting, sentences."""
    users: int = 0
    """Sessions that hold any lock on the table now."""
    refused_reason: str | None = None
    """Why it must not begin: somebody builds on this table."""

    @property
    def wait(self) -> str:
        """For how many it would wait and for whom first, a clause; empty where for nobody."""
        if not self.blockers:
            return ""
        number, first = len(self.blockers), self.blockers[0].short
        many = "1 session" if number == 1 else f"{number} sessions, the one with the oldest transaction"
        return f"it would wait now for {many}: {first}"


async def forecast(session: Session, step: Step) -> Forecast:
    """Look at locks and snapshots; takes no lock itself.

    Raises:
        ReadingError: the catalog could not be read.
        SessionError: the connection is lost.
    """
    relations = await _relations(session, step)
    sessions = await session.fetch("forecast_sessions", relations)
    prepared = await session.fetch("forecast_prepared", relations)
    rows: list[Mapping[str, Any]] = [dict(row) for row in (*sessions, *prepared)]
    blockers = tuple(found for row in rows if (found := judge(step, row, session.version_num)))
    users = sum(1 for row in rows if row["granted"])
    return Forecast(
        blockers=blockers,
        cannot_see=_cannot_see(session, rows),
        would_block=_would_block(step, users),
        users=users,
        refused_reason=_refusal(step, rows[: len(sessions)], relations),
    )


async def _relations(session: Session, step: Step) -> list[int]:
    """The oids of what the step locks."""
    schema, table = table_name(step.table) or (step.end.schema, "")
    names = index_names(step) if step.verb in ON_INDEX_ALONE else []
    if isinstance(step.end, IndexGone):
        names = [step.end.name]
    roles = {"index"} if step.verb in ON_INDEX_ALONE else {"table", "index"}
    if step.verb in ON_CHILDREN_TOO:
        roles.add("child")
    rows = await session.fetch("forecast_relations", schema, table, names)
    return [row["oid"] for row in rows if row["role"] in roles]


def _refusal(step: Step, rows: Sequence[Mapping[str, Any]], relations: Sequence[int]) -> str | None:
    if step.verb in ON_INDEX_ALONE or step.verb is Verb.SET_MIGRATION:
        return None
    for row in rows:
        who = f"pid {row['pid']}" + (f" ({row['application_name']})" if row["application_name"] else "")
        if builds_here(row, relations):
            return (
                f"{who} builds an index on {step.table}: what queues behind it ends it by "
                "a deadlock, and leaves a dead index; wait until it is done"
            )
        if may_build_here(row):
            return (
                f"{who} holds ShareUpdateExclusiveLock on {step.table} and what it does is hidden from us: "
                "it may build an index, which would die of this step; pg_read_all_stats would show it"
            )
    return None


def _cannot_see(session: Session, rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What of the sessions that matter is hidden: locks and snapshots never are, all else is."""
    hidden = [row for row in rows if row.get("hidden") and (row["granted"] or row["has_snapshot"])]
    if not hidden:
        return ()
    others = f"{len(hidden)} session{'s' if len(hidden) > 1 else ''} of other roles"
    grant = f"GRANT pg_read_all_stats TO {identifier(session.identity.user)} would show it"
    return (
        f"Cannot see what {others} do, how old their snapshots are, nor whether an autovacuum among them "
        f"prevents wraparound; {grant}.",
    )


def _would_block(step: Step, users: int) -> tuple[str, ...]:
    use = f"{users} session{' uses' if users == 1 else 's use'} it at this moment"
    if step.lock == "AccessExclusiveLock":
        return (f"Every read and write of {step.table}, from the moment it waits until it is done: {use}.",)
    if step.verb in ON_INDEX_ALONE or step.verb is Verb.SET_MIGRATION:
        return (f"It blocks {step.blocks}.",)
    told = [f"DDL, VACUUM and other builds on {step.table}; reads and writes go on."]
    if step.verb is Verb.CREATE_INDEX:
        told.append(
            f"DDL or ANALYZE that queues behind the build kills it by a deadlock: deploy no migration on "
            f"{step.table} until it is done."
        )
    if step.verb is Verb.DROP_INDEX and not (isinstance(step.end, IndexGone) and step.end.only_dead):
        told.append("Queries cannot use the index from the first second, whether or not the drop ends well.")
    return tuple(told)
