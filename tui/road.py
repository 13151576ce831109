"""The deck's way to the server for steps: look, launch, adopt, cancel, unblock. Screens get values only.

Every call opens the connections that it needs and closes them; none is held by a screen. Heavy modules are
imported here, in a worker, after the first frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from profiles.errors import ConfigurationError, CredentialError
from profiles.model import Profile
from profiles.secret import Secret
from sql.errors import ReadingError, SessionError
from sql.findings import ConstraintFinding, IndexFinding
from sql.snapshots import ConstraintReading, ConstraintsSnapshot, IndexesSnapshot, IndexReading
from sql.steps.step import Direction, Step
from tui.mending import mends_of
from tui.remedies import Mendable

if TYPE_CHECKING:
    from sql.check import Case
    from sql.locks.reading import LockSession
    from sql.requirements import Requirements
    from sql.snapshots import ServerIdentity
    from sql.steps.acting import Prepared, PreparedStep
    from sql.steps.blockers import Blocker
    from sql.steps.ending import Ask, Ended
    from sql.steps.signals import Signal
    from sql.verdict import Parts

NOTHING_LEFT = "nothing is left to do for it"
GONE = "it is not there: nothing is left to take away"
KEPT = "the manifest keeps it: no step takes it away"
NOT_THERE = frozenset({IndexFinding.MISSING, IndexFinding.EQUIVALENT, ConstraintFinding.MISSING})


class RoadBlocked(Exception):
    """What was asked for cannot be done now: a sentence for the operator."""

    def __init__(self, sentence: str, differences: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.differences = differences
        """What is not as it was confirmed; empty where that is not the reason."""


@dataclass(frozen=True)
class Looked:
    """A fresh look at what can be done about one object."""

    step: PreparedStep | None
    """The next step; None: there is none, and the sentence says why."""
    then: tuple[Step, ...] = ()
    """The steps after it."""
    sentence: str = ""
    """Why the step must not run, or why there is none."""
    listing: str = ""
    """A SELECT that shows the rows in the way."""
    prepared: Prepared | None = None

    @property
    def ready(self) -> bool:
        """Whether the step may run as things are."""
        return self.step is not None and not self.sentence


class Road(Protocol):
    """What the screens' actions ask of the server; a test has one without a server."""

    async def look(
        self, reading: Mendable, direction: Direction, tell: Callable[[str], None], *, shown: bool = True
    ) -> Looked:
        """The next step for an object, with its preview; journalled where it is shown. Raises RoadBlocked."""

    async def launch(self, looked: Looked) -> str:
        """Start the step that was confirmed; the run's id. Raises RoadBlocked."""

    async def adopt(self, run: str) -> str:
        """Take over a run whose runner died; a sentence. Raises RoadBlocked."""

    async def cancel(self, run: str) -> str:
        """Tell a run to cancel and clean up; a sentence. Raises RoadBlocked."""

    async def unblock(self, run: str, signal: Signal, blocker: Blocker) -> str:
        """Send a signal to a session in the way; a sentence. Raises RoadBlocked."""

    async def end(self, signal: Signal, session: LockSession) -> Ended:
        """Cancel or terminate a session, and see what its queue does. Raises RoadBlocked."""


class ServerRoad:
    """The road over `sql.steps.acting`."""

    def __init__(
        self,
        profile: Profile,
        requirements: Requirements,
        password: Callable[[], Secret | None],
        watched: Callable[[], ServerIdentity | None] = lambda: None,
        ask: Ask[Ended] | None = None,
    ) -> None:
        """
        Args:
            password: gives what the watch logged in with.
            watched: gives the server that the operator sees: on another one nothing is done.
            ask: the watching session, for a server that lets nobody else in.
        """
        self._profile = profile
        self._requirements = requirements
        self._password = password
        self._watched = watched
        self._ask = ask

    async def look(
        self, reading: Mendable, direction: Direction, tell: Callable[[str], None], *, shown: bool = True
    ) -> Looked:
        """The next step for an object, with its preview; journalled where it is shown."""
        from sql.steps import acting

        case, mends = self._case(reading), mends_of(reading)
        ids = None
        if not isinstance(reading, IndexReading | ConstraintReading):
            # The revision comes after everything else: without naming it, all would be previewed.
            ids = [f"set-migration:{self._revision(direction)}"]
        with _translated():
            prepared = await acting.prepare(case, self._password(), ids, direction, on_progress=tell)
            self._check_server(prepared.server)
            looked = _looked(prepared, mends, direction)
            if shown and looked.step is not None and looked.step.step is not None:
                only = replace(prepared, steps=(looked.step,))
                await asyncio.to_thread(acting.record_previews, only)
        return looked

    async def launch(self, looked: Looked) -> str:
        """Plan again, compare, and start the detached runner."""
        from sql.steps import acting

        assert looked.prepared is not None
        assert looked.step is not None
        with _translated():
            try:
                return await acting.launch(looked.prepared, looked.step.id, self._password())
            except acting.Changed as error:
                raise RoadBlocked(str(error), error.differences) from None
            except (acting.AlreadyThere, acting.Forbidden) as error:
                raise RoadBlocked(str(error)) from None

    async def adopt(self, run: str) -> str:
        """Start a runner that takes the run over."""
        from sql.steps.launch import adopt

        with _translated():
            taken = await adopt(self._profile, self._password(), run)
        return "adopted: a new runner watches it to its end" if taken else "it has a living runner"

    async def cancel(self, run: str) -> str:
        """Tell its runner."""
        from sql.steps import acting

        with _translated():
            told = await asyncio.to_thread(acting.cancel, run)
        if not told:
            raise RoadBlocked("it has no living runner; adopt it first (u, then a)")
        return "told to cancel and clean up"

    async def unblock(self, run: str, signal: Signal, blocker: Blocker) -> str:
        """On a connection of its own."""
        from sql.steps.unblock import unblock

        with _translated():
            result = await unblock(self._profile, self._password(), run, signal, blocker)
        if not result.sent:
            raise RoadBlocked(result.sentence)
        return result.sentence

    def _check_server(self, found: ServerIdentity) -> None:
        from sql.recognition import difference

        watched = self._watched()
        sentence = difference(watched, found) if watched is not None else None
        if sentence is not None:
            raise RoadBlocked(f"{sentence}; nothing is done there (g in the deck watches it instead)")

    async def end(self, signal: Signal, session: LockSession) -> Ended:
        """On a connection of its own; on the watching one where the server is full."""
        from sql.steps.ending import end

        with _translated():
            ended = await end(
                self._profile, self._password(), signal, session, self._ask, watched=self._watched()
            )
        if not ended.sent:
            raise RoadBlocked(ended.sentence)
        return ended

    def _case(self, reading: Mendable) -> Case:
        """Only what the object is about: everything else need not be read again."""
        from sql.check import Case
        from sql.quoting import table_name

        wanted = self._requirements
        if isinstance(reading, IndexReading | ConstraintReading):
            table = (table_name(reading.table) or ("", reading.table))[1]
            of_index = isinstance(reading, IndexReading)
            indexes = tuple(
                each
                for each in wanted.indexes
                if of_index and (each.name, each.table) == (reading.name, table)
            )
            constraints = tuple(
                each
                for each in wanted.constraints
                if not of_index and (each.name, each.table) == (reading.name, table)
            )
            wanted = replace(wanted, indexes=indexes, constraints=constraints, migration=None)
        return Case(self._profile, wanted)

    def _revision(self, direction: Direction) -> str:
        entry = self._requirements.migration
        if entry is None:
            return ""
        return entry.expected if direction is Direction.FIX else entry.rollback_to or ""


def _looked(prepared: Prepared, mends: str, direction: Direction) -> Looked:
    from sql.steps.acting import Readiness

    steps = [each for each in prepared.steps if each.step is not None and each.step.mends == mends]
    open_ones = [each for each in steps if each.readiness is not Readiness.THERE]
    if not open_ones:
        refused = next(iter(prepared.plan.refused), None)
        if refused is not None:
            return Looked(None, (), refused.reason, refused.listing, prepared)
        there = next((each.sentence for each in prepared.steps if each.sentence), "")
        for part in prepared.unavailable:
            there = there or f"{part.part} could not be read: {part.reason}"
        taken = direction is Direction.ROLLBACK and not steps
        otherwise = _why_none(prepared.parts, mends) if taken else NOTHING_LEFT
        return Looked(None, (), there or otherwise, "", prepared)
    first, *later = open_ones
    then = tuple(each.step for each in later if each.step is not None)
    why = first.sentence if first.readiness is Readiness.REFUSED else ""
    listing = first.listing or next((each.listing for each in prepared.plan.refused if each.listing), "")
    return Looked(first, then, why, listing, prepared)


def _why_none(parts: Parts, mends: str) -> str:
    """Why a rollback has no step for an object that was read."""
    found: list[IndexReading | ConstraintReading] = []
    found += parts.indexes.indexes if isinstance(parts.indexes, IndexesSnapshot) else ()
    found += parts.constraints.constraints if isinstance(parts.constraints, ConstraintsSnapshot) else ()
    reading = next((each for each in found if mends_of(each) == mends), None)
    if reading is None:
        return NOTHING_LEFT
    return GONE if reading.finding in NOT_THERE else KEPT


@contextmanager
def _translated() -> Iterator[None]:
    """Turns what is expected to go wrong into `RoadBlocked`; anything else is a mistake and stays one."""
    from sql.steps.launch import LaunchError

    try:
        yield
    except (SessionError, ReadingError, LaunchError) as error:
        raise RoadBlocked(str(error)) from None
    except (ConfigurationError, CredentialError) as error:
        raise RoadBlocked(error.user_message()) from None
    except OSError as error:
        raise RoadBlocked(f"the journal cannot be written ({error.strerror}); nothing was sent") from None
