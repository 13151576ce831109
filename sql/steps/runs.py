"""The runs that the journal knows and what became of them; also builds of others, as the server has them."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sql.session import Session
from sql.steps import claim
from sql.steps.catalog import IndexState
from sql.steps.journal import Event, Journal, JournalEntry
from sql.steps.operator import acting
from sql.steps.outcome import Ending, Outcome
from sql.steps.scribe import foreign_query
from sql.steps.watching import Backend


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    """Its runner lives."""
    ORPHANED = "orphaned"
    """Its runner died before the end was there, or before it was verified: adopt it."""
    VERIFYING = "verifying"
    """The server said that it is done; its runner looks whether that is so."""
    DONE = "done"
    """Seen in the catalog."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """The server was out of reach, or the runner is on another machine."""


@dataclass(frozen=True)
class RunState:
    """One run."""

    run: str
    profile: str
    step: str
    sql: str
    operator: str
    host: str
    state: RunStatus
    confirmed_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    pid: int | None = None
    """Of the backend."""
    backend_start: datetime | None = None
    runner_pid: int | None = None
    progress: Mapping[str, Any] = field(default_factory=dict)
    """The last look: `phase`, `percent`, `elapsed_s`, `waits_for` …"""
    blocked: Mapping[str, Any] = field(default_factory=dict)
    """Whom it waits for: `sentence`, `blockers`; empty: nobody any more."""
    outcome: Mapping[str, Any] = field(default_factory=dict)
    """How it ended: `outcome`, `sqlstate`, `sentence`, `left`."""
    verification: Mapping[str, Any] = field(default_factory=dict)
    """What was seen afterwards: `reached`, `sentence` …"""

    @property
    def left(self) -> str:
        """What it left behind, and the step that mends it; empty: nothing."""
        return str(self.outcome.get("left") or "")

    @property
    def wants_adoption(self) -> bool:
        """Whether nobody cares for it any more and its end is not proven, or not told."""
        never_begun = self.state is RunStatus.REFUSED and not self.outcome
        if never_begun or self.state in (RunStatus.ORPHANED, RunStatus.UNKNOWN):
            return self.host == socket.gethostname()
        ended = self.state in (RunStatus.FAILED, RunStatus.CANCELLED)
        return ended and not self.verification and self.runner_pid is None


@dataclass(frozen=True)
class ForeignBuild:
    """An index build that no run of this journal does."""

    pid: int
    backend_start: datetime | None
    user: str | None
    application: str | None
    command: str | None
    phase: str | None
    table: str | None
    query: str
    age_s: float | None


def runs(journal: Journal, profile: str | None = None) -> tuple[RunState, ...]:
    """All runs, the latest first.

    Args:
        profile: only those of this profile.
    """
    stories: dict[str, list[JournalEntry]] = {}
    for entry in journal.read(profile=profile):
        if entry.run:
            stories.setdefault(entry.run, []).append(entry)
    told = [_state(run, story) for run, story in stories.items()]
    return tuple(sorted((state for state in told if state), key=lambda state: state.run, reverse=True))


def run_state(journal: Journal, run: str) -> RunState | None:
    """One run; None: the journal does not know it."""
    return _state(run, list(journal.read(run=run)))


def orphan_of(journal: Journal, run: str) -> Backend | None:
    """The session that ran a run's step last; None: it never came to that."""
    started = _last(journal.read(run=run), Event.STARTED)
    if started is None:
        return None
    before = started.detail.get("index_before")
    if before and before.get("table"):
        before = {**before, "table": tuple(before["table"])}
    return Backend(
        started.detail["pid"],
        datetime.fromisoformat(started.detail["backend_start"]),
        IndexState(**before) if before else None,
    )


def before_of(journal: Journal, run: str) -> Mapping[str, Any]:
    """What was measured before a run's step was sent."""
    return _detail(_last(journal.read(run=run), Event.STARTED)).get("before") or {}


def ending_of(journal: Journal, run: str) -> Ending | None:
    """How a run ended whose runner died before it had verified it; None: that is not known."""
    finished = _last(journal.read(run=run), Event.FINISHED)
    if finished is None or _known_outcome(finished) is RunStatus.UNKNOWN:
        return None
    detail = finished.detail
    return Ending(
        Outcome(detail["outcome"]), detail["sentence"], detail.get("sqlstate"), detail.get("left", "")
    )


def cancel(journal: Journal, run: str) -> bool:
    """Tell a run's runner to cancel and clean up, journalled with who wants it.

    Returns:
        False: it has no living runner (adopt it, then cancel).
    """
    pid, first = claim.runner_pid(run), next(journal.read(run=run), None)
    if pid is None or first is None:
        return False
    operator = acting()
    journal.append(
        replace(
            first,
            event=Event.CANCELLED,
            time=datetime.now(UTC),
            operator=operator.label,
            host=operator.host,
            detail={"asked": "cancel and clean up"},
        )
    )
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True


async def foreign(session: Session, known: Iterable[RunState] = ()) -> tuple[ForeignBuild, ...]:
    """Builds in this database that are no run of ours.

    Raises:
        ReadingError, SessionError: they could not be read.
    """
    ours = {(state.pid, state.backend_start) for state in known}
    rows = await session.fetch("run_builds")
    return tuple(
        ForeignBuild(
            pid=row["pid"],
            backend_start=row["backend_start"],
            user=row["usename"],
            application=row["application_name"],
            command=row["command"],
            phase=row["phase"],
            table=row["table_name"],
            query=foreign_query(row["query"]),
            age_s=row["age_s"],
        )
        for row in rows
        if (row["pid"], row["backend_start"]) not in ours
    )


def _state(run: str, story: list[JournalEntry]) -> RunState | None:
    first = next((entry for entry in story if entry.event != Event.PREVIEWED), None)
    if first is None or first.step is None:
        # Without a step it is no run: a session in the way was signalled.
        return None
    started, finished = _last(story, Event.STARTED), _last(story, Event.FINISHED)
    adopted, verified = _last(story, Event.ADOPTED), _last(story, Event.VERIFIED)
    if finished and adopted and adopted.time >= finished.time and _known_outcome(finished) == "unknown":
        finished = None
    runner_pid = claim.runner_pid(run) if first.host == socket.gethostname() else None
    return RunState(
        run=run,
        profile=first.profile,
        step=first.step or "",
        sql=first.sql or "",
        operator=first.operator,
        host=first.host,
        state=_status(first, started, finished, verified, runner_pid),
        confirmed_at=first.time,
        started_at=started.time if started else None,
        ended_at=finished.time if finished else None,
        pid=started.detail.get("pid") if started else None,
        backend_start=_moment(started),
        runner_pid=runner_pid,
        progress=_detail(_last(story, Event.PROGRESS)),
        blocked=_detail(_still_blocked(story)),
        outcome=_detail(finished),
        verification=_detail(verified),
    )


def _status(
    first: JournalEntry,
    started: JournalEntry | None,
    finished: JournalEntry | None,
    verified: JournalEntry | None,
    runner_pid: int | None,
) -> RunStatus:
    known = _known_outcome(finished) if finished is not None else None
    if known is RunStatus.DONE and verified is not None:
        return RunStatus.DONE if verified.detail.get("reached") else RunStatus.FAILED
    if known not in (None, RunStatus.DONE):
        return known
    if runner_pid is not None or claim.claimed(first.run or ""):
        return RunStatus.RUNNING if known is None else RunStatus.VERIFYING
    if first.host != socket.gethostname():
        return RunStatus.UNKNOWN
    return RunStatus.ORPHANED if started or finished else RunStatus.REFUSED


def _still_blocked(story: list[JournalEntry]) -> JournalEntry | None:
    blocked = _last(story, Event.BLOCKED)
    if blocked is None:
        return None
    later = story[story.index(blocked) + 1 :]
    freed = (Event.STARTED, Event.FINISHED)
    if any(entry.event in freed for entry in later):
        return None
    looks = [entry for entry in later if entry.event == Event.PROGRESS and "waits_for" in entry.detail]
    return blocked if not looks or looks[-1].detail["waits_for"] else None


def _known_outcome(finished: JournalEntry) -> RunStatus:
    try:
        return RunStatus(str(finished.detail.get("outcome")))
    except ValueError:
        return RunStatus.UNKNOWN


def _moment(started: JournalEntry | None) -> datetime | None:
    text = started.detail.get("backend_start") if started else None
    return datetime.fromisoformat(text) if text else None


def _detail(entry: JournalEntry | None) -> Mapping[str, Any]:
    return entry.detail if entry else {}


def _last(story: Iterable[JournalEntry], event: Event) -> JournalEntry | None:
    return next((entry for entry in reversed(list(story)) if entry.event == event), None)
