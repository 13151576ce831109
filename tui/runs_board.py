"""What the deck knows of runs: the journal's word, the newest look at the server, builds of others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from profiles.locations import locations
from sql.snapshots import BuildsSnapshot
from tui.background import in_background

if TYPE_CHECKING:
    from sql.poller import Reading
    from sql.steps.journal import JournalEntry
    from sql.steps.observe import RunWatch
    from sql.steps.runs import ForeignBuild, RunState
    from tui.present.run import RunPicture

JOURNAL_S = 0.5
"""Between two looks at the journal."""
SERVER_S = 2.0


class RunsBoard:
    """Follows the runs of one profile for the screens; `changed` is called in the loop."""

    def __init__(self, profile: str, changed: Callable[[], None]) -> None:
        self._profile = profile
        self._changed = changed
        self._watch: RunWatch | None = None
        self._live: BuildsSnapshot | None = None
        self.trouble = ""
        """Why the journal cannot be read; empty: it can."""

    async def follow(self) -> None:
        """Read the journal on until cancelled."""
        watch = await in_background(self._ready, "pgdeck runs")
        first = True
        while True:
            try:
                changed = await in_background(watch.update, "pgdeck journal")
                trouble = ""
            except OSError as error:
                changed, trouble = False, f"the journal cannot be read: {error.strerror}"
            if changed or first or trouble != self.trouble:
                self.trouble = trouble
                self._changed()
            first = False
            await asyncio.sleep(JOURNAL_S)

    def readings(self) -> tuple[Reading, ...]:
        """For the poller: the runs as the server shows them. Imports what speaks to servers."""
        from sql.poller import Reading

        return (Reading("runs", SERVER_S, self._ready().look),)

    def take(self, snapshot: BuildsSnapshot) -> None:
        """A look at the server arrived."""
        if snapshot != self._live:
            self._live = snapshot
            self._changed()

    @property
    def states(self) -> tuple[RunState, ...]:
        """Every run of the profile, the latest first."""
        return self._watch.states if self._watch is not None else ()

    @property
    def foreign(self) -> tuple[ForeignBuild, ...]:
        """Builds of others."""
        return self._live.foreign if self._live is not None else ()

    @property
    def running(self) -> tuple[RunState, ...]:
        """Those that go on."""
        return tuple(state for state in self.states if state.state == "running")

    def state(self, run: str) -> RunState | None:
        """One run; None: it is not known (yet)."""
        return next((state for state in self.states if state.run == run), None)

    def picture(self, run: str) -> RunPicture | None:
        """One run with everything that is known of it."""
        state = self.state(run)
        if state is None or self._watch is None:
            return None
        from sql.steps.observe import phases
        from tui.present.run import RunPicture

        return RunPicture(state, self._of_server(state), phases(self._watch.story(run)))

    def pictures(self) -> list[RunPicture]:
        """Every run, without its phases."""
        from tui.present.run import RunPicture

        return [RunPicture(state, self._of_server(state)) for state in self.states]

    def story(self, run: str) -> tuple[JournalEntry, ...]:
        """What the journal says of a run."""
        return self._watch.story(run) if self._watch is not None else ()

    def _of_server(self, state: RunState):  # type: ignore[no-untyped-def]
        if self._live is None or state.state not in ("running", "orphaned", "unknown"):
            return None
        return dict(self._live.live).get(state.run)

    def _ready(self) -> RunWatch:
        from sql.steps.observe import RunWatch

        if self._watch is None:
            self._watch = RunWatch(locations().journal, self._profile)
        return self._watch
