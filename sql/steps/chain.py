"""What is done about one object: a chain of steps, or the reason why nothing is."""

from __future__ import annotations

from dataclasses import dataclass

from profiles.manifest import Priority
from sql.snapshots import ConstraintReading, IndexReading
from sql.steps.step import Refusal, Step

BUILD_TIMEOUTS = {"lock_timeout": "0", "statement_timeout": "0"}
"""A timeout in any wait of a concurrent build throws the build away and leaves it INVALID."""
BRIEF_TIMEOUTS = {"lock_timeout": "3s", "statement_timeout": "30s"}
"""Longer than deadlock_timeout (1 s), after which the server moves autovacuum out of the way."""
SCAN_TIMEOUTS = {"lock_timeout": "3s", "statement_timeout": "0"}

SHARE_UPDATE = "ShareUpdateExclusiveLock"
ACCESS_EXCLUSIVE = "AccessExclusiveLock"
BUILD_BLOCKS = "nothing but DDL, VACUUM and other builds on this table"
INSTANT_BLOCKS = "every read and write of this table for an instant; while it waits, all queue behind it"


@dataclass(frozen=True)
class Chain:
    """The steps for one object, in order; empty where it is as it must be."""

    steps: tuple[Step, ...] = ()
    refused: tuple[Refusal, ...] = ()
    offered: tuple[Step, ...] = ()
    priority: Priority = Priority.NORMAL


def said(detail: str, otherwise: str) -> str:
    """A reading's own words, or ours where it has none; without a full stop."""
    return detail.rstrip(". ") or otherwise


def index_key(reading: IndexReading) -> str:
    """How `Step.mends` names an index."""
    return f"index:{reading.table}:{reading.name}"


def constraint_key(reading: ConstraintReading) -> str:
    """How `Step.mends` names a constraint."""
    return f"constraint:{reading.table}:{reading.name}"
