"""PostgreSQL's lock modes: which conflict, and which is the stronger (LockConflicts in lock.c)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

ACCESS_SHARE = "AccessShareLock"
ROW_SHARE = "RowShareLock"
ROW_EXCLUSIVE = "RowExclusiveLock"
SHARE_UPDATE_EXCLUSIVE = "ShareUpdateExclusiveLock"
SHARE = "ShareLock"
SHARE_ROW_EXCLUSIVE = "ShareRowExclusiveLock"
EXCLUSIVE = "ExclusiveLock"
ACCESS_EXCLUSIVE = "AccessExclusiveLock"

MODES = (
    ACCESS_SHARE,
    ROW_SHARE,
    ROW_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    SHARE,
    SHARE_ROW_EXCLUSIVE,
    EXCLUSIVE,
    ACCESS_EXCLUSIVE,
)
"""The weakest first."""

_CONFLICTS: Mapping[str, frozenset[str]] = {
    ACCESS_SHARE: frozenset(MODES[7:]),
    ROW_SHARE: frozenset(MODES[6:]),
    ROW_EXCLUSIVE: frozenset(MODES[4:]),
    SHARE_UPDATE_EXCLUSIVE: frozenset(MODES[3:]),
    SHARE: frozenset((ROW_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE, *MODES[5:])),
    SHARE_ROW_EXCLUSIVE: frozenset(MODES[2:]),
    EXCLUSIVE: frozenset(MODES[1:]),
    ACCESS_EXCLUSIVE: frozenset(MODES),
}


def conflict(wanted: str, held: str) -> bool:
    """Whether two sessions cannot have these at once; modes that are not known here (SIReadLock) never do."""
    return held in _CONFLICTS.get(wanted, frozenset())


def strongest(modes: Iterable[str]) -> str:
    """The mode that keeps most others out; empty where there is none."""
    return max(modes, key=lambda mode: MODES.index(mode) if mode in MODES else -1, default="")
