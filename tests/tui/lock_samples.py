"""Hand-made locks: a queue behind an idle transaction, one that waits for two, and who sits idle."""

from __future__ import annotations

from datetime import timedelta

from sql.locks.reading import Hold, LockSession, LocksSnapshot, Wait
from tests.tui.samples import NOW


def locked(
    pid: int,
    application: str,
    *parents: LockSession,
    ahead: tuple[LockSession, ...] = (),
    state: str = "active",
    **changed: object,
) -> LockSession:
    """A session; one with parents waits for them."""
    made: dict[str, object] = {
        "key": f"{pid}@{NOW.isoformat()}",
        "pid": pid,
        "backend_start": NOW - timedelta(hours=1),
        "query_start": NOW - timedelta(seconds=90),
        "xact_start": NOW - timedelta(seconds=95),
        "state_change": NOW - timedelta(seconds=90),
        "user": "sales_app",
        "application": application,
        "client": "10.0.0.7",
        "database": "sales",
        "kind": "client backend",
        "state": state,
        "query": "UPDATE leads SET score = 1 WHERE id = 7",
        "may_signal": True,
        "blockers": tuple(each.key for each in parents),
        "ahead": tuple(each.key for each in ahead),
    }
    if parents or ahead:
        made["wait"] = Wait("ShareLock", "a row of public.leads", NOW - timedelta(seconds=30))
    return LockSession(**{**made, **changed})  # type: ignore[arg-type]


HELD = (Hold("public.leads", "RowExclusiveLock"), Hold("public.job_queue", "AccessShareLock"))
ROOT = locked(100, "sales-api", state="idle in transaction", holds=HELD, held=2, wrote=True)
FIRST = locked(101, "worker", ROOT)
SECOND = locked(102, "worker", FIRST)
THIRD = locked(103, "worker", FIRST, ahead=(SECOND,))
SHARE = locked(200, "report", state="active")
BOTH = locked(201, "loader", ROOT, SHARE)
SITS = locked(300, "psql", state="idle in transaction", holds=HELD[:1], held=1)
PREPARED = LockSession(
    "prepared 741",
    None,
    xact_start=NOW - timedelta(hours=3),
    user="billing",
    database="sales",
    kind="prepared transaction",
    state="prepared",
    wrote=True,
    gid="it's 7",
    holds=HELD[:1],
    held=1,
)


def snapshot(*sessions: LockSession) -> LocksSnapshot:
    """These, as read now."""
    return LocksSnapshot(NOW, sessions, NOW)


LOCKS = snapshot(ROOT, FIRST, SECOND, THIRD, SHARE, BOTH, SITS, PREPARED)
