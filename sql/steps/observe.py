"""Follows the runs of one profile: what the journal says of them, and what the server shows of them.

The journal is read on from where the last look ended, so that a long one costs no more than a short one. The
server is asked through the deck's one watching session.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sql.errors import ReadingError
from sql.session import Session
from sql.snapshots import BuildsSnapshot
from sql.steps.journal import Event, Journal, JournalEntry, Tail
from sql.steps.monitor import Monitor, RunProgress
from sql.steps.runs import RunState, RunStatus, foreign, run_state

IDLE_S = 6.0
"""Between two looks at the server while no run of ours goes on."""
SENT = "sent to the server"
"""Stands for the time before the server shows a phase, or where it shows none."""
AT_WORK = frozenset({RunStatus.RUNNING, RunStatus.ORPHANED, RunStatus.UNKNOWN})
"""States in which the server may still work on the statement."""
OPEN = AT_WORK | {RunStatus.VERIFYING}
"""States that change without a word in the journal: a runner may die silently."""


class Remembered(Journal):
    """A journal whose entries are kept by run as they come."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._tail = Tail(path)
        self.stories: dict[str, list[JournalEntry]] = {}

    def update(self) -> set[str]:
        """Read what is new; the runs that it is about.

        Raises:
            OSError: the file cannot be read.
        """
        told = [entry for entry in self._tail.new() if entry.run is not None]
        for entry in told:
            self.stories.setdefault(entry.run or "", []).append(entry)
        return {entry.run or "" for entry in told}

    def read(
        self, since: datetime | None = None, profile: str | None = None, run: str | None = None
    ) -> Iterator[JournalEntry]:
        """The entries that were read so far."""
        stories = [self.stories.get(run, [])] if run is not None else list(self.stories.values())
        for entry in (entry for story in stories for entry in story):
            if (since is None or entry.time >= since) and profile in (None, entry.profile):
                yield entry


class RunWatch:
    """The runs of one profile, kept up to date by `update` (files) and `look` (server)."""

    def __init__(self, journal: Path, profile: str) -> None:
        self._journal = Remembered(journal)
        self._profile = profile
        self._known: dict[str, RunState] = {}
        self._monitors: dict[str, SessionMonitor] = {}
        self._looked_at = float("-inf")
        self._last = BuildsSnapshot(datetime.now(UTC))
        self.states: tuple[RunState, ...] = ()
        """The latest first."""

    def update(self) -> bool:
        """Read what the journal has that is new; whether anything changed. Blocks on files.

        Raises:
            OSError: the journal cannot be read.
        """
        told = self._journal.update()
        silent = (state for state in self.states if state.state in OPEN or state.runner_pid is not None)
        again = told | {state.run for state in silent}
        for run in again:
            state = run_state(self._journal, run)
            if state is not None and state.profile == self._profile:
                self._known[run] = state
        states = tuple(sorted(self._known.values(), key=lambda state: state.run, reverse=True))
        changed = states != self.states or bool(told & self._known.keys())
        self.states = states
        return changed

    def story(self, run: str) -> tuple[JournalEntry, ...]:
        """What the journal says of a run, oldest first."""
        return tuple(self._journal.stories.get(run, ()))

    async def look(self, session: Session) -> BuildsSnapshot:
        """How our runs stand on the server, and who else builds there.

        Raises:
            SessionError: the connection is lost.
            ReadingError: the builds could not be read.
        """
        running = [state for state in self.states if state.state in AT_WORK and state.pid is not None]
        now = time.monotonic()
        if not running and now < self._looked_at + IDLE_S and not self._last.live:
            return self._last
        live: list[tuple[str, Any]] = []
        for state in running:
            progress = await self._progress(session, state)
            if progress is not None:
                live.append((state.run, progress))
        self._looked_at = now
        self._last = BuildsSnapshot(datetime.now(UTC), tuple(live), await foreign(session, self.states))
        return self._last

    async def _progress(self, session: Session, state: RunState) -> RunProgress | None:
        assert state.pid is not None
        if state.backend_start is None:
            return None
        monitor = self._monitors.get(state.run)
        if monitor is None or (monitor.pid, monitor.backend_start) != (state.pid, state.backend_start):
            monitor = SessionMonitor(session, state.pid, state.backend_start)
            self._monitors[state.run] = monitor
        monitor.session = session
        try:
            return await monitor.look()
        except ReadingError:
            return None


class SessionMonitor(Monitor):
    """Looks at a backend through a session that is there anyway."""

    def __init__(self, session: Session, pid: int, backend_start: datetime) -> None:
        super().__init__(None, session.version_num, pid, backend_start)
        self.session = session

    async def _fetch(self, name: str, *arguments: object) -> list[Any]:
        return await self.session.fetch(name, *arguments)


def phases(story: tuple[JournalEntry, ...]) -> tuple[tuple[str, datetime], ...]:
    """The phases that a run went through, verbatim, each with when it was first seen."""
    seen: list[tuple[str, datetime]] = []
    for entry in story:
        phase = entry.detail.get("phase") if entry.event == Event.PROGRESS else None
        if entry.event == Event.STARTED:
            phase = SENT
        if phase and (not seen or seen[-1][0] != phase):
            seen.append((str(phase), entry.time))
    return tuple(seen)
