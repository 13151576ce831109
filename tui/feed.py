"""The watch of one profile: password, poller and prober, from the first import to the last goodbye.

Runs as a worker of the app and speaks to it by messages only. Everything heavy is imported here, after the
first frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Protocol, TypeVar

from profiles.errors import ConfigurationError, CredentialError
from profiles.locations import locations
from profiles.manifest import Manifest
from profiles.model import CredentialSource, Profile
from profiles.secret import Secret
from sql.errors import LoginError, PasswordNeeded, SessionError
from sql.latency.child import end_child, start_child
from sql.parse_store import STORE
from sql.snapshots import Event, Lost, ServerIdentity
from tui.background import in_background
from tui.messages import Arrived, Stopped, Waiting
from tui.watching import part_of

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from textual.message import Message

    from sql.latency.incidents import Incidents
    from sql.latency.messages import Message as Heard
    from sql.latency.prober import Prober
    from sql.pgbouncer_watch import ConsoleWatch
    from sql.poller import Poller, Reading
    from sql.replica_watch import ReplicaWatch
    from sql.requirements import Requirements
    from sql.session import Session

T = TypeVar("T")

NO_PASSWORD = "no password was given"
TRIES_AGAIN = "g asks again"
SETTLE_S = 1.5
"""So long, at most, everything waits that the verdict does not need."""
DRAWN_S = 0.1
"""So long it waits once every part was read, or the server is lost: two frames."""


class Host(Protocol):
    """What the watch needs of the app."""

    def post_message(self, message: Message) -> bool:
        """Queue a message."""

    async def ask_password(self, question: str) -> Secret | None:
        """Show the password dialog; None where it was left."""

    def refuse(self, error: ConfigurationError) -> None:
        """End the program with what is wrong in the files."""

    def settled(self) -> None:
        """Every part was read once, or that takes long: there is time now for what can wait."""


class Feed:
    """Watches one profile until it is cancelled."""

    def __init__(
        self,
        profile: Profile,
        manifest: Manifest,
        host: Host,
    ) -> None:
        self._profile = profile
        self.requirements: Requirements | None = None
        """The manifest's, read; None until then."""
        self._replicas: ReplicaWatch | None = None
        self._manifest = manifest
        self._host = host
        self._poller: Poller | None = None
        self._prober: Prober | None = None
        self._child: Process | None = None
        """The prober's process while it has no order."""
        self._console: ConsoleWatch | None = None
        self._password: Secret | None = None
        self._server: ServerIdentity | None = None
        self._paused = False
        self._resting = False
        self._window_s: tuple[float | None, ...] = ()
        """The window that was chosen; empty: none was."""
        self._connected = asyncio.Event()
        self._unread: set[str] = set()
        """Parts that were not read since the watch began."""
        self._keeping: asyncio.Future[None] | None = None
        self._settled = asyncio.Event()
        self._settling: asyncio.TimerHandle | None = None
        self._questions: set[asyncio.Task[Secret | None]] = set()
        self._joined: dict[str, Reading] = {}
        self._listeners: list[Callable[[Heard, float], None]] = []
        self._overhearing: list[Callable[[Event], None]] = []

    async def run(self) -> None:
        """Watch until cancelled; sessions, prober and dialogs are gone afterwards."""
        self._settle_in(SETTLE_S)
        stopped: Stopped | None = None
        try:
            if self._manifest.probes:
                await self._start_prober()
            requirements = await in_background(self._prepare, "pgdeck imports")
            self._say("waiting for the password")
            self._password = await self._ask_vault()
            self._say("connecting …")
            await self._watch(requirements)
        except ConfigurationError as error:
            self._host.refuse(error)
        except CredentialError as error:
            stopped = Stopped(str(error), TRIES_AGAIN)
        finally:
            if self._settling is not None:
                self._settling.cancel()
            STORE.close()
            for question in tuple(self._questions):
                question.cancel()
            if self._child is not None:
                await end_child(self._child)
        if stopped is not None:
            # Only now: a key that asks again finds the watch ended.
            self._host.post_message(stopped)

    def pause(self, paused: bool) -> None:
        """Send nothing to the server, or go on."""
        self._paused = paused
        for each in (self._poller, self._console):
            if each is not None:
                (each.pause if paused else each.resume)()
        self.rest_probes(self._resting)

    def rest_probes(self, resting: bool) -> None:
        """Send no probe while something else needs a calm server, or go on."""
        self._resting = resting
        if self._prober is not None:
            (self._prober.pause if resting or self._paused else self._prober.resume)()

    def window(self, seconds: float | None) -> None:
        """Count another stretch of time in the probes' figures; None: since the start."""
        self._window_s = (seconds,)
        if self._prober is not None:
            self._prober.window(seconds)

    @property
    def paused(self) -> bool:
        """Whether nothing is sent to the server."""
        return self._paused

    @property
    def replicas(self) -> ReplicaWatch | None:
        """Of the profile, once the watch has begun; made when somebody asks."""
        if self._replicas is None and self.requirements is not None:
            from sql.replica_watch import ReplicaWatch

            self._replicas = ReplicaWatch(self._profile, lambda: self._password)
        return self._replicas

    @property
    def server(self) -> ServerIdentity | None:
        """Which server is watched, as it was at the last connect; None before the first."""
        return self._server

    @property
    def password(self) -> Secret | None:
        """What the watch logs in with."""
        return self._password

    def join(self, reading: Reading) -> None:
        """Take one more reading until `leave()`; it starts with the watch."""
        self._joined[reading.part] = reading
        if self._poller is not None:
            self._poller.join(reading)

    def leave(self, part: str) -> None:
        """Take the reading of this part no more."""
        self._joined.pop(part, None)
        if self._poller is not None:
            self._poller.leave(part)

    async def ask(self, fetch: Callable[[Session], Awaitable[T]]) -> T:
        """Ask the watching session something once.

        Raises:
            SessionError: there is no session just now, or it is lost.
            ReadingError: the watch is paused, or what `fetch` raises.
        """
        if self._poller is None:
            raise SessionError("the watch has not begun")
        return await self._poller.ask(fetch)

    def listen(self, heard: Callable[[Heard, float], None]) -> None:
        """Let `heard` have every message of the prober, with the time by the samples' clock."""
        self._listeners.append(heard)

    def overhear(self, heard: Callable[[Event], None]) -> None:
        """Let `heard` have everything that is published."""
        self._overhearing.append(heard)

    def publish(self, event: Event) -> None:
        """Tell the app, and whoever overhears."""
        if self._replicas is not None:
            event = self._replicas.enriched(event)
        if isinstance(event, Lost) and self._prober is not None:
            self._prober.hold()
        for heard in self._overhearing:
            heard(event)
        self._host.post_message(Arrived(event))
        if isinstance(event, Lost) and not self._settled.is_set():
            self._settle_in(DRAWN_S)
        elif self._unread:
            self._unread.discard(part_of(event))
            if not self._unread:
                self._settle_in(DRAWN_S)

    def _settle(self) -> None:
        """Once: what can wait may begin."""
        if not self._settled.is_set():
            self._settled.set()
            self._host.settled()
        if self._poller is not None and not self._unread and self._keeping is None:
            self._keeping = asyncio.ensure_future(in_background(STORE.close, "pgdeck parsed"))

    def _settle_in(self, seconds: float) -> None:
        if self._settling is not None:
            self._settling.cancel()
        self._settling = asyncio.get_running_loop().call_later(seconds, self._settle)

    def _hear(self, message: Heard, at: float) -> None:
        for heard in self._listeners:
            heard(message, at)

    def refresh(self) -> None:
        """Read everything now."""
        for each in (self._poller, self._console):
            if each is not None:
                each.refresh()
        if self._poller is not None and self._poller.connected:
            self._admit_prober()

    def _prepare(self) -> Requirements:
        """Import what speaks to servers (a tenth of a second), and read the manifest's definitions."""
        import sql.connect
        import sql.watch
        from sql.requirements import read

        STORE.open(locations().cache / "parsed" / f"{self._profile.name}.json")
        requirements = read(self._manifest, self._profile.pool)
        sql.watch.prepare(requirements)
        if requirements.probes:
            import sql.latency.prober
        return requirements

    async def _watch(self, requirements: Requirements) -> None:
        from sql.poller import Poller
        from sql.watch import readings_for

        self.requirements = requirements
        own = readings_for(requirements)
        readings = [*own, *self._joined.values()]
        if self._profile.replicas and self.replicas is not None:
            readings += self.replicas.readings
        self._unread = {reading.part for reading in own}
        self._poller = Poller(self._connect, readings, self.publish, met=self._meet)
        self.pause(self._paused)
        tasks = [asyncio.create_task(self._poller.run(), name="poller")]
        if requirements.probes:
            tasks.append(asyncio.create_task(self._probe(requirements), name="prober"))
            tasks.append(asyncio.create_task(self._keep_incidents(requirements), name="incidents"))
        if self._profile.pool.pgbouncer is not None:
            tasks.append(asyncio.create_task(self._watch_console(), name="pooler's console"))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch_console(self) -> None:
        self._console = await in_background(self._make_console, "pgdeck imports the console")
        self.pause(self._paused)
        await self._console.run()

    def _make_console(self) -> ConsoleWatch:
        """Import what speaks to the console (a sixth of a second), where it is installed."""
        from sql.pgbouncer import Console, load
        from sql.pgbouncer_watch import ConsoleWatch

        load()
        return ConsoleWatch(Console(self._profile), self.publish)

    async def _start_prober(self) -> None:
        """The process imports while we do; it gets its order when the password is known to be right."""
        self._child = await start_child("sql.latency.prober", self._profile)

    async def _probe(self, requirements: Requirements) -> None:
        from sql.latency.prober import Prober

        # Two refused logins would lock accounts.
        await self._connected.wait()
        child, self._child = self._child, None
        async with Prober(child) as prober:
            prober.listen(self._hear)
            self._prober = prober
            for seconds in self._window_s:
                prober.window(seconds)
            self._admit_prober()
            timeout_s = requirements.pool.query_timeout_s if requirements.pool is not None else None
            await prober.start(
                self._profile,
                self._password,
                requirements.probes,
                self.publish,
                search_path=requirements.search_path,
                query_timeout_s=timeout_s,
            )
            self.pause(self._paused)
            await prober.wait()

    async def _keep_incidents(self, requirements: Requirements) -> None:
        await self._connected.wait()
        await self._settled.wait()
        incidents = await in_background(lambda: self._make_incidents(requirements), "pgdeck incidents")
        self.listen(incidents.hear)
        await incidents.run()

    def _make_incidents(self, requirements: Requirements) -> Incidents:
        """Import what explains slow runs, once the first reading is under way."""
        from sql.latency.incidents import Incidents

        return Incidents(requirements.probes, self.ask, self.publish)

    def _meet(self, server: ServerIdentity) -> None:
        """The watch is in, and the server is the right one."""
        self._server = server
        self._connected.set()
        self._admit_prober()

    def _admit_prober(self) -> None:
        if self._prober is not None and self._server is not None:
            self._prober.admit(self._password, self._server)

    async def _connect(self) -> Session:
        from sql.connect import connect

        fetched = False
        while True:
            try:
                return await connect(self._profile, self._password)
            except PasswordNeeded as error:
                await self._ask_again(error)
            except LoginError as error:
                if not error.password_may_help:
                    raise
                if self._asked_for:
                    await self._ask_again(error)
                elif fetched or not await self._fetch_anew():
                    raise
                fetched = True

    async def _fetch_anew(self) -> bool:
        """Ask the source once more: a password that was changed, or a token that ran out, is another now."""
        refused, self._password = self._password, await self._ask_vault()
        return self._password != refused

    @property
    def _asked_for(self) -> bool:
        """Whether the password comes from the operator, who may have mistyped it."""
        credentials = self._profile.credentials
        return credentials is not None and credentials.source is CredentialSource.PROMPT

    async def _ask_again(self, error: LoginError) -> None:
        secret = await self._question(f"{error.user_message()}\nPassword of {self._profile.name}:")
        if secret is None:
            raise CredentialError(NO_PASSWORD)
        self._password = secret

    async def _ask_vault(self) -> Secret | None:
        from profiles.vault import password_for

        ask = self._asker()
        return await in_background(lambda: password_for(self._profile, ask=ask), "pgdeck password")

    def _asker(self) -> Callable[[str], str]:
        """Asks in the loop from another thread; Textual finds its app by the context of this one."""
        loop, context = asyncio.get_running_loop(), copy_context()

        def ask(question: str) -> str:
            answered: Future[Secret | None] = Future()

            def start() -> None:
                asking = loop.create_task(self._question(question), name="ask for a password")
                asking.add_done_callback(lambda task: _settle(answered, task))

            loop.call_soon_threadsafe(start, context=context)
            secret = answered.result()
            if secret is None:
                raise CredentialError(NO_PASSWORD)
            return secret.reveal()

        return ask

    async def _question(self, question: str) -> Secret | None:
        asking = asyncio.ensure_future(self._host.ask_password(question))
        self._questions.add(asking)
        try:
            with suppress(asyncio.CancelledError):
                return await asking
            return None
        finally:
            self._questions.discard(asking)

    def _say(self, what: str) -> None:
        self._host.post_message(Waiting(what))


def _settle(answered: Future[Secret | None], task: asyncio.Task[Secret | None]) -> None:
    if task.cancelled():
        answered.set_result(None)
    elif (error := task.exception()) is not None:
        answered.set_exception(error)
    else:
        answered.set_result(task.result())
