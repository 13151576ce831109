"""One run from its first connection to its verified end, journalled before each thing that it does."""

from __future__ import annotations

import os
import traceback
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from profiles.errors import ConfigurationError
from profiles.secret import Secret
from sql.connect import Link
from sql.errors import ReadingError
from sql.quoting import table_name
from sql.steps import proof
from sql.steps.carcass import clear, half_dropped, not_cleared
from sql.steps.catalog import EndReading, IndexState, index_of, read_end, read_index, read_table_bytes
from sql.steps.execute import Execution
from sql.steps.failure import DUPLICATE_TABLE, ConnectionLost, Refused
from sql.steps.job import Job
from sql.steps.journal import Event
from sql.steps.links import Links
from sql.steps.outcome import Ending, Outcome, RunResult
from sql.steps.patience import Patience, Stop
from sql.steps.preflight import Stopped, already_there, become_builder, wait_for_table
from sql.steps.proven_end import End
from sql.steps.scribe import Scribe
from sql.steps.settings import CONCURRENT_VERBS, WrongSettings
from sql.steps.settle import Unreachable, outlive
from sql.steps.step import Verb
from sql.steps.verification import Verification
from sql.steps.watching import TROUBLE, Backend, Watching

SETTLE_ATTEMPTS = 5
"""How often in one run the connection may break while the run is brought to its end."""
SWAPS = frozenset({Verb.SWAP_INDEX, Verb.SWAP_CONSTRAINT})
"""The name stands before as after: only the definition tells."""
VERIFY_ATTEMPTS = 5
VERIFY_WAIT_S = 300.0
"""For a server that is out of reach when all that is missing is the proof; the next deck can give it too."""
DROP_ATTEMPTS = 3
"""A drop that the server broke off half-way is sent again: the index is of no use any more."""


class Run:
    """Runs one job, or takes one over whose runner died."""

    def __init__(
        self, job: Job, password: Secret | None, scribe: Scribe, stop: Stop, patience: Patience | None = None
    ) -> None:
        self._job = job
        self._step = job.step
        self._password = password
        self._stop = stop
        self._patience = patience or Patience()
        self._links = Links(job, password, scribe, stop, self._patience)
        self._started_at: datetime | None = None
        self._table_bytes: int | None = None
        self._before = job.before

    async def conduct(self, orphan: Backend | None = None, known: Ending | None = None) -> RunResult:
        """The whole run.

        Args:
            orphan: the session of the run that is taken over; None: it never had one.
            known: how the run ended, where only the proof is missing.

        Raises:
            OSError: the journal cannot be written.
        """
        if self._job.adopts:
            self._scribe.write(Event.ADOPTED, self._step, {"pid": orphan.pid if orphan else None})
        ending = known or await self._finish(orphan)
        verified = await self._verify(ending)
        unproven = ending.outcome is Outcome.DONE and verified is not None and not verified.reached
        return RunResult(
            self._job.run,
            Outcome.FAILED if unproven else ending.outcome,
            ending.sqlstate,
            ending.sentence,
            verified,
            self._started_at,
            datetime.now(UTC),
        )

    async def _finish(self, orphan: Backend | None) -> Ending:
        try:
            ending = await self._ending(orphan)
        finally:
            self._links.close()
        self._scribe.write(Event.FINISHED, self._step, asdict(ending))
        return ending

    @property
    def _scribe(self) -> Scribe:
        return self._links.scribe

    async def _ending(self, orphan: Backend | None) -> Ending:
        try:
            return await (self._take_over(orphan) if self._job.adopts else self._run())
        except Stopped:
            return Ending(Outcome.CANCELLED, f"stopped by {self._stop.why}; nothing was sent")
        except Unreachable as error:
            return Ending(Outcome.UNKNOWN, str(error))
        except (Refused, WrongSettings, ConfigurationError, ReadingError, *TROUBLE) as error:
            sentence = str(error) or type(error).__name__
            if self._started_at is None:
                return Ending(Outcome.REFUSED, f"{sentence}; nothing was sent")
            return Ending(Outcome.UNKNOWN, f"{sentence}; the catalog will tell")
        except Exception as error:
            return _broken(error)

    async def _run(self) -> Ending:
        link, watching = await self._links.connect()
        await become_builder(link.connection, self._step, self._scribe, self._stop)
        await proof.refuse_if_changed(watching.connection, link.identity, self._step)
        there = await already_there(watching.connection, self._step)
        if there:
            return Ending(Outcome.DONE, f"{there} already; nothing was sent")
        self._scribe.note(Event.PROGRESS, self._step, {"phase": "measuring probes"})
        self._before = await proof.look_before(self._job, self._password)
        await wait_for_table(watching.connection, self._step, self._scribe, self._stop, self._patience)
        # Measuring and waiting took their time: what was planned on must be so at the very last moment.
        await proof.refuse_if_changed(watching.connection, link.identity, self._step)
        if self._stop.asked:
            raise Stopped
        table = table_name(self._step.table)
        self._table_bytes = await read_table_bytes(watching.connection, *table) if table else None
        self._announce(watching)
        return await self._execute(link, watching)

    async def _take_over(self, orphan: Backend | None) -> Ending:
        """Watch what is left of a run until it is over, then judge it by the catalog."""
        if orphan is None:
            return Ending(Outcome.REFUSED, "its runner ended before it began; nothing was sent")
        self._started_at = datetime.now(UTC)
        return await self._settle(orphan)

    async def _execute(self, link: Link, watching: Watching, attempt: int = 1) -> Ending:
        """Send the step; whatever becomes of it, leave nothing behind unsaid."""
        execution = Execution(link.connection, watching, self._step, self._scribe, self._stop, self._patience)
        ending: Ending | None = None
        try:
            ending = await execution.run()
            return await self._tidied(link, watching, ending, attempt)
        except (ConnectionLost, *TROUBLE):
            lost = {"phase": "connection lost", "pid": watching.pid}
            self._scribe.note(Event.PROGRESS, self._step, lost)
            return await self._settle(watching.backend, attempt, ending)

    async def _settle(self, orphan: Backend, attempt: int = 1, known: Ending | None = None) -> Ending:
        """Wait until a session that we lost is gone, judge by the catalog, and tidy up; as often as it takes.

        Args:
            known: what the server had said before the connection broke.

        Raises:
            Unreachable: it could not be brought to an end.
        """
        why = ""
        for _ in range(SETTLE_ATTEMPTS):
            try:
                return await self._settle_once(orphan, attempt, known)
            except (ConnectionLost, *TROUBLE) as error:
                why = type(error).__name__
        raise Unreachable(f"the connection was lost again and again ({why})")

    async def _settle_once(self, orphan: Backend, attempt: int, known: Ending | None) -> Ending:
        lost = await self._links.watch_lost(orphan)
        await outlive(lost, self._patience)
        ending = known or await self._judged(lost)
        link, watching = await self._links.again(orphan)
        watching.index_seen = lost.index_seen
        self._stop.obey()
        try:
            await become_builder(link.connection, self._step, self._scribe, self._stop)
        except Stopped:
            return replace(ending, left=not_cleared(self._step, await self._index(link)))
        return await self._tidied(link, watching, ending, attempt)

    async def _judged(self, watching: Watching) -> Ending:
        end: EndReading | End = await read_end(watching.connection, self._step.end)
        if end.reached and self._step.verb in SWAPS:
            end = await proof.read_end(self._job, self._password)
        if end.reached:
            return Ending(Outcome.DONE, f"{end.sentence}; the connection was lost on the way")
        if self._stop.heard:
            return Ending(Outcome.CANCELLED, f"stopped by {self._stop.why}; {end.sentence}")
        return Ending(Outcome.FAILED, f"the session that ran it ended early: {end.sentence}")

    async def _tidied(self, link: Link, watching: Watching, ending: Ending, attempt: int) -> Ending:
        """An ending that says what is left, after what could be cleared away was."""
        end = await read_end(link.connection, self._step.end)
        if end.reached and (ending.outcome is Outcome.DONE or self._came_late(ending)):
            return replace(ending, outcome=Outcome.DONE)
        if ending.outcome is Outcome.DONE:
            ending = Ending(Outcome.FAILED, f"the server said done, but {end.sentence}")
        if self._step.verb is Verb.CREATE_INDEX:
            left = await clear(link.connection, watching, self._step, ending, self._scribe, self._patience)
            return replace(ending, left=left)
        if self._step.verb is Verb.DROP_INDEX:
            return await self._finish_drop(link, watching, ending, attempt)
        return ending

    async def _index(self, link: Link) -> IndexState | None:
        """What bears the name of the step's index now."""
        index = index_of(self._step)
        return await read_index(link.connection, *index) if index else None

    def _came_late(self, ending: Ending) -> bool:
        """Whether what ended the statement came when its work was done already."""
        return self._step.verb in CONCURRENT_VERBS and ending.sqlstate != DUPLICATE_TABLE

    async def _finish_drop(self, link: Link, watching: Watching, ending: Ending, attempt: int) -> Ending:
        """Send a drop again that was broken off half-way, unless somebody wanted it to stop."""
        left = half_dropped(self._step, await self._index(link))
        if not left or self._stop.heard or attempt >= DROP_ATTEMPTS:
            return replace(ending, left=left)
        again = {"phase": "sending it again", "why": ending.sentence}
        self._scribe.note(Event.PROGRESS, self._step, again)
        self._announce(watching)
        return await self._execute(link, watching, attempt + 1)

    def _announce(self, watching: Watching) -> None:
        """Journal who will run the statement, before it is sent."""
        before = watching.index_before
        detail = {
            "pid": watching.pid,
            "backend_start": watching.backend.backend_start.isoformat(),
            "runner_pid": os.getpid(),
            "table_bytes": self._table_bytes,
            "before": dict(self._before),
            "settings": dict(self._links.settings),
            "index_before": asdict(before) if before else None,
        }
        self._scribe.write(Event.STARTED, self._step, detail)
        self._started_at = self._started_at or datetime.now(UTC)

    async def _verify(self, ending: Ending) -> Verification | None:
        """Look at the end state afterwards and journal what was seen; None: there was nothing to see."""
        if ending.outcome in (Outcome.REFUSED, Outcome.UNKNOWN):
            return None
        for attempt in range(VERIFY_ATTEMPTS):
            try:
                if attempt > 0 or self._scribe.identity is None:
                    await self._links.reachable(VERIFY_WAIT_S)
                verified = await proof.verify(self._job, self._password, self._before)
            except (Unreachable, ConfigurationError):
                break
            except (ReadingError, *TROUBLE):
                continue
            self._scribe.write(Event.VERIFIED, self._step, {**asdict(verified), "left": ending.left})
            return verified
        # Without the entry the run wants adoption: the next deck proves it.
        return None


def _broken(error: Exception) -> Ending:
    """A mistake of our own, without the values that its message may hold."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    sentence = f"pgdeck itself failed ({type(error).__name__} at {places}); please report it"
    return Ending(Outcome.UNKNOWN, sentence)
