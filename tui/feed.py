"""The watch of one profile: password, poller and prober, from the first import to the last goodbye.

Runs as a worker of the app and speaks to it by messages only. Everything heavy is imported here, after the
first frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from profiles.errors import ConfigurationError, CredentialError
from profiles.locations import locations
from profiles.manifest import Manifest
from profiles.model import Profile
from profiles.secret import Secret
from sql.errors import SessionError
from sql.parse_store import STORE
from sql.snapshots import ConstraintsSnapshot, Event, Lost, ServerIdentity
from tui.admission import Admission, Asking
from tui.audience import Audience
from tui.background import in_background
from tui.messages import Arrived, Stopped, Waiting
from tui.probe_feed import ProbeFeed
from tui.settling import Settling

if TYPE_CHECKING:
    from textual.message import Message

    from sql.latency.incidents import Incidents
    from sql.poller import Poller, Reading
    from sql.pool.pgbouncer_watch import ConsoleWatch
    from sql.replicas.watch import ReplicaWatch
    from sql.requirements import Requirements
    from sql.session import Session
    from sql.telling import Told
    from tui.scout import Scout

T = TypeVar("T")

TRIES_AGAIN = "g asks again"
PASSWORD_S = 0.1
"""A password that comes sooner is not spoken of."""
SCOUTED_S = 0.05
"""A scout that needs longer is heard while everything else is imported."""


class Host(Asking, Protocol):
    """What the watch needs of the app."""

    def post_message(self, message: Message) -> bool:
        """Queue a message."""

    def refuse(self, error: ConfigurationError) -> None:
        """End the program with what is wrong in the files."""

    async def draw(self) -> None:
        """Show what is known, and return when it is on the screen."""

    def settled(self) -> None:
        """Every part was read once, or that takes long: there is time now for what can wait."""


class Feed:
    """Watches one profile until it is cancelled."""

    def __init__(
        self,
        profile: Profile,
        manifest: Manifest,
        host: Host,
        scout: Scout | None = None,
    ) -> None:
        """
        Args:
            scout: was sent ahead for this profile; what it tells is published before the watch begins.
        """
        self._scout = scout
        self._counted: ConstraintsSnapshot | None = None
        """What the scout told of the constraints; counting violations reads whole tables."""
        self._profile = profile
        self.requirements: Requirements | None = None
        """The manifest's, read; None until then."""
        self._replicas: ReplicaWatch | None = None
        self._manifest = manifest
        self._host = host
        self._poller: Poller | None = None
        self._console: ConsoleWatch | None = None
        self.audience = Audience(keeps=True)
        self._admission = Admission(profile, host)
        self._probes = ProbeFeed(profile, self._admission, self.publish, self.audience.hear)
        self._server: ServerIdentity | None = None
        self._paused = False
        self._connected = asyncio.Event()
        self._joined: dict[str, Reading] = {}
        self._keeping: asyncio.Future[None] | None = None
        self._settling = Settling(self._settle, self._keep_parsed)
        self._waiting: list[Callable[[], None]] | None = []
        """What shall be done once the watch has begun; None: it has."""

    async def run(self) -> None:
        """Watch until cancelled; sessions, prober and dialogs are gone afterwards."""
        self._settling.begin()
        stopped: Stopped | None = None
        try:
            if self._manifest.probes:
                await self._probes.start()
            scouting = asyncio.create_task(self._hear_scout(), name="hear the scout")
            await asyncio.wait({scouting}, timeout=SCOUTED_S)
            if self._server is not None and scouting.done():
                # Importing beside it would double the time that drawing takes.
                await self._host.draw()
            requirements = await in_background(self._prepare, "pgdeck imports")
            waiting = asyncio.get_running_loop().call_later(PASSWORD_S, self._say, "waiting for the password")
            try:
                await self._admission.fetch()
            finally:
                waiting.cancel()
            self._say("connecting …")
            await scouting
            await self._watch(requirements)
        except ConfigurationError as error:
            self._host.refuse(error)
        except CredentialError as error:
            stopped = Stopped(str(error), TRIES_AGAIN)
        finally:
            self._settling.end()
            self._begun()
            STORE.close()
            self._admission.close()
            if self._scout is not None:
                self._scout.end()
            await self._probes.close()
        if stopped is not None:
            # Only now: a key that asks again finds the watch ended.
            self._host.post_message(stopped)

    def pause(self, paused: bool) -> None:
        """Send nothing to the server, or go on."""
        self._paused = paused
        for each in (self._poller, self._console):
            if each is not None:
                (each.pause if paused else each.resume)()
        self._probes.pause(paused)

    def rest_probes(self, resting: bool) -> None:
        """Send no probe while something else needs a calm server, or go on."""
        self._probes.rest(resting)

    def window(self, seconds: float | None) -> None:
        """Count another stretch of time in the probes' figures; None: since the start."""
        self._probes.window(seconds)

    @property
    def paused(self) -> bool:
        """Whether nothing is sent to the server."""
        return self._paused

    @property
    def replicas(self) -> ReplicaWatch | None:
        """Of the profile, once the watch has begun; made when somebody asks."""
        if self._replicas is None and self.requirements is not None:
            from sql.replicas.watch import ReplicaWatch

            self._replicas = ReplicaWatch(self._profile, lambda: self._admission.password)
        return self._replicas

    @property
    def server(self) -> ServerIdentity | None:
        """Which server is watched, as it was at the last connect; None before the first."""
        return self._server

    @property
    def password(self) -> Secret | None:
        """What the watch logs in with."""
        return self._admission.password

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

    def publish(self, event: Event) -> None:
        """Tell the app, and whoever overhears."""
        if self._replicas is not None:
            event = self._replicas.enriched(event)
        if isinstance(event, Lost):
            self._probes.hold()
        self.audience.take(event)
        self._host.post_message(Arrived(event))
        self._settling.take(event)

    def _settle(self) -> None:
        self._host.settled()
        self.audience.forget()

    def _keep_parsed(self) -> None:
        if self._keeping is None:
            self._keeping = asyncio.ensure_future(in_background(STORE.close, "pgdeck parsed"))

    def once_begun(self, act: Callable[[], None]) -> None:
        """Do something as soon as it is known what is watched, and as whom; at the latest when it ends."""
        if self._waiting is None:
            act()
        else:
            self._waiting.append(act)

    def _begun(self) -> None:
        waiting, self._waiting = self._waiting or (), None
        for act in waiting:
            act()

    def refresh(self) -> None:
        """Read everything now."""
        for each in (self._poller, self._console):
            if each is not None:
                each.refresh()
        if self._poller is not None and self._poller.connected:
            self._probes.admit(self._server)

    async def _hear_scout(self) -> None:
        if self._scout is not None:
            await self._scout.hear(self._scouted)

    def _scouted(self, told: Told) -> None:
        if isinstance(told, SessionError):
            self._admission.refuse(told)
        elif isinstance(told, ServerIdentity):
            self._meet(told)
        else:
            if isinstance(told, ConstraintsSnapshot):
                self._counted = told
            self.publish(told)

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
        own = readings_for(requirements, counted=self._counted)
        readings = [*own, *self._joined.values()]
        if self._profile.replicas and self.replicas is not None:
            readings += self.replicas.readings
        self._settling.expect(reading.part for reading in own)
        self._poller = Poller(self._admission.connect, readings, self.publish, met=self._meet)
        self.pause(self._paused)
        self._begun()
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
        from sql.pool.pgbouncer import Console, load
        from sql.pool.pgbouncer_watch import ConsoleWatch

        load()
        return ConsoleWatch(Console(self._profile), self.publish)

    async def _probe(self, requirements: Requirements) -> None:
        await self._connected.wait()
        await self._probes.run(requirements)

    async def _keep_incidents(self, requirements: Requirements) -> None:
        await self._connected.wait()
        await self._settling.settled.wait()
        incidents = await in_background(lambda: self._make_incidents(requirements), "pgdeck incidents")
        self.audience.listen(incidents.hear)
        await incidents.run()

    def _make_incidents(self, requirements: Requirements) -> Incidents:
        """Import what explains slow runs, once the first reading is under way."""
        from sql.latency.incidents import Incidents

        return Incidents(requirements.probes, self.ask, self.publish)

    def _meet(self, server: ServerIdentity) -> None:
        """The watch is in, and the server is the right one."""
        self._server = server
        self._connected.set()
        self._probes.admit(server)

    def _say(self, what: str) -> None:
        self._host.post_message(Waiting(what))
