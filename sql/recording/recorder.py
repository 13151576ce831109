"""Takes down what a watch hears and publishes. The deck's loop only appends to a queue; a thread writes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from sql.recording.standing import Standing
from sql.snapshots import IdentitySnapshot, Lost, ProbesSnapshot, Unavailable

if TYPE_CHECKING:
    from profiles.manifest import Manifest
    from profiles.model import Profile
    from sql.latency.messages import Message
    from sql.recording.entries import Entry, Header
    from sql.recording.writer import Writer
    from sql.snapshots import Event, ServerIdentity
    from sql.steps.runs import RunState

FLUSH_S = 2.0
"""What a deck that is killed loses at most."""
MOST_WAITING = 200_000
"""Entries that wait for a disk that does not answer; then the recording is given up."""
DRIFT = timedelta(milliseconds=100)
"""How far the wall's clock may move against the samples' before that is noted."""
GOODBYE_S = 2.0
SHOWN = ("host", "hostaddr", "port", "dbname", "user", "service")
"""Connection parameters that are kept, to say where it was."""


class Recorder:
    """Records one watch. `hear`, `overhear`, `note_runs` and `pause` are for its loop and never block.

    The file is made once the server has answered: a watch that never came in leaves none.
    """

    def __init__(
        self,
        profile: Profile,
        manifest: Manifest,
        folder: Path,
        tell: Callable[[str], None],
        *,
        pgdeck: Callable[[], str] = str,
        most_bytes: int = 0,
    ) -> None:
        """
        Args:
            pgdeck: gives the version of this program; called in the thread.
            most_bytes: of one file; 0 for what is usual.
            tell: called once, perhaps in a thread, with a sentence that says why the recording stopped.
        """
        self._profile = profile
        self._manifest = manifest
        self._folder = folder
        self._tell = tell
        self._pgdeck = pgdeck
        self._most_bytes = most_bytes
        self._waiting: deque[tuple[float, Any]] = deque()
        """When, and what: making entries of it is the thread's work."""
        self._runs: dict[str, RunState] = {}
        self._server: ServerIdentity | None = None
        self._ending = threading.Event()
        self._stopped = False
        self._answered = False
        self._writer: Writer | None = None
        self._standing = Standing()
        self._began = datetime.now(UTC)
        self._wall = (perf_counter(), self._began)
        self._thread: threading.Thread | None = None

    @property
    def path(self) -> Path | None:
        """The file, once there is one."""
        return None if self._writer is None else self._writer.path

    def start(self) -> None:
        """Begin to write what is queued, in a thread; a second call does nothing."""
        if self._thread is None and not self._stopped:
            self._thread = threading.Thread(target=self._work, name="pgdeck recording", daemon=True)
            self._thread.start()

    # -- in the loop ------------------------------------------------------------------------------------

    def hear(self, message: Message, at: float) -> None:
        """The prober said something."""
        self._append(at, message)

    def overhear(self, event: Event) -> None:
        """The watch published something."""
        now = perf_counter()
        if isinstance(event, ProbesSnapshot):
            self._append(now if event.clock is None else event.clock, event)
            return
        if isinstance(event, IdentitySnapshot) and self._server is None:
            self._server = event.server
        self._append(now, event)
        # Last, so that the header that the thread writes then knows the server.
        self._answered = self._answered or not isinstance(event, Unavailable | Lost)

    def note_runs(self, states: Iterable[RunState]) -> None:
        """The runs of the profile as they stand; those that were over before are left out."""
        for state in states:
            if state.ended_at is not None and state.ended_at < self._began:
                continue
            if state != self._runs.get(state.run):
                self._runs[state.run] = state
                self._append(perf_counter(), state)

    def pause(self, paused: bool) -> None:
        """The operator paused the watch, or let it go on."""
        self._append(perf_counter(), paused)

    def end(self) -> None:
        """Write the last word and wait until it is on disk, two seconds at most. Blocks."""
        self._ending.set()
        self.start()
        if self._thread is not None:
            self._thread.join(GOODBYE_S)

    def _append(self, at: float, what: Any) -> None:
        if self._stopped:
            return
        self._waiting.append((at, what))
        if len(self._waiting) > MOST_WAITING:
            self._give_up("nothing is recorded any more: the disk does not answer")

    # -- in the thread ----------------------------------------------------------------------------------

    def _work(self) -> None:
        from sql.recording.folder import MOST_FILE_BYTES

        self._most_bytes = self._most_bytes or MOST_FILE_BYTES
        try:
            while not self._ending.wait(FLUSH_S):
                self._drain()
            self._drain()
            if self._writer is not None:
                self._writer.close("closed", perf_counter())
        except OSError as error:
            where = self.path or error.filename or self._folder
            self._give_up(f"nothing is recorded any more: {where}: {error.strerror or error}")
        except (
            Exception
        ) as error:  # a thread that dies of it would write over the screen, and nobody would know
            why = f"pgdeck itself is at fault ({type(error).__name__})"
            self._give_up(f"nothing is recorded any more: {why}; the watch goes on")
        finally:
            self._stopped = True
            self._waiting.clear()
            if self._writer is not None:
                self._writer.abandon()

    def _give_up(self, sentence: str) -> None:
        self._stopped = True
        if not self._ending.is_set():
            self._tell(sentence)

    def _drain(self) -> None:
        from sql.recording.values import UnrecordableError
        from sql.recording.writer import Writer

        if not self._answered:
            return
        if self._writer is None:
            self._wall = self._first_wall()
            self._writer = Writer(self._folder, self._header(), self._most_bytes)
        for _ in range(len(self._waiting)):
            with suppress(UnrecordableError):
                self._write(_entry(*self._waiting.popleft()))
        self._note_the_wall()
        self._writer.flush()

    def _write(self, entry: Entry) -> None:
        """Write an entry; where the file is full with it, the session goes on in another."""
        from sql.recording.writer import FullError

        assert self._writer is not None
        self._standing.note(entry)
        try:
            self._writer.add(entry)
        except FullError:
            self._begin_part(entry.at)

    def _begin_part(self, at: float) -> None:
        from sql.recording.writer import Writer

        assert self._writer is not None
        clock, moment = self._wall
        self._wall = at, moment + timedelta(seconds=at - clock)
        header = replace(self._header(), part=self._writer.part + 1)
        self._writer = Writer(self._folder, header, self._most_bytes, after=self._writer.path)
        self._writer.repeat(self._standing.entries(at))

    def _first_wall(self) -> tuple[float, datetime]:
        """The moment of the first entry, where that was before this was made."""
        clock, moment = self._wall
        first = self._waiting[0][0] if self._waiting else clock
        return (first, moment - timedelta(seconds=clock - first)) if first < clock else (clock, moment)

    def _header(self) -> Header:
        from sql.recording.entries import Header

        clock, moment = self._wall
        return Header(
            profile=self._profile.name,
            environment=self._profile.environment,
            manifest=self._manifest,
            started_at=moment,
            clock=clock,
            target=_shown(self._profile.connection),
            server=self._server,
            pgdeck=self._pgdeck(),
        )

    def _note_the_wall(self) -> None:
        """Note it where the wall's clock moved against the samples': it was set, or the machine slept."""
        from sql.recording.entries import Walled

        assert self._writer is not None
        now, moment = perf_counter(), datetime.now(UTC)
        clock, was = self._wall
        if abs((moment - was) - timedelta(seconds=now - clock)) > DRIFT:
            self._wall = (now, moment)
            self._write(Walled(now, moment))


def _entry(at: float, what: Any) -> Entry:
    """The entry of something that was queued."""
    from sql.latency.messages import Message
    from sql.recording.entries import Heard, Measured, Paused, Published, Ran
    from sql.steps.runs import RunState

    if isinstance(what, Message):
        return Heard(at, what)
    if isinstance(what, ProbesSnapshot):
        return Measured(at, what.taken_at, what.window_s)
    if isinstance(what, RunState):
        return Ran(at, what)
    if isinstance(what, bool):
        return Paused(at, what)
    return Published(at, what)


def _shown(connection: Mapping[str, str]) -> dict[str, str]:
    return {name: connection[name] for name in SHOWN if name in connection}
