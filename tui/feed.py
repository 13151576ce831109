"""The watch of one profile: password, poller and prober, from the first import to the last goodbye.

Runs as a worker of the app and speaks to it by messages only. Everything heavy is imported here, after the
first frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from profiles.errors import ConfigurationError, CredentialError
from profiles.locations import locations
from profiles.manifest import Manifest
from profiles.model import Profile
from profiles.secret import Secret
from sql.errors import SessionError
from sql.parse_store import STORE
from sql.snapshots import Event, Lost, ServerIdentity
from tui.admission import Admission
from tui.audience import Audience
from tui.background import in_background
from tui.console_feed import ConsoleFeed
from tui.messages import Arrived, Stopped, Waiting
from tui.probe_feed import ProbeFeed
from tui.scout_feed import ScoutFeed
from tui.settling import Settling
from tui.waits import Waits

if TYPE_CHECKING:
    from sql.latency.incidents import Incidents
    from sql.poller import Poller, Reading
    from sql.replicas.watch import ReplicaWatch
    from sql.requirements import Requirements
    from sql.session import Session
    from tui.host import Host
    from tui.scout import Scout

T = TypeVar("T")

TRIES_AGAIN = "g asks again"
PASSWORD_S = 0.1
"""A password that comes sooner is not spoken of."""
LOGIN_S = 0.5
"""So long a login is not spoken of where a scout was in already."""


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
        self._profile = profile
        self.requirements: Requirements | None = None
        """The manifest's, read; None until then."""
        self._replicas: ReplicaWatch | None = None
        self._manifest = manifest
        self._host = host
        self._poller: Poller | None = None
        self.audience = Audience(keeps=True)
        self._admission = Admission(profile, host)
        self._probes = ProbeFeed(profile, self._admission, self.publish, self.audience.hear)
        self._scouted = ScoutFeed(scout, self._admission, self.publish)
        self._console = ConsoleFeed(profile, self.publish)
        self._server: ServerIdentity | None = None
        self._paused = False
        self._connected = asyncio.Event()
        self._joined: dict[str, Reading] = {}
        self._keeping: asyncio.Future[None] | None = None
        self._waits = Waits(lambda what: host.post_message(Waiting(what)))
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
            if await self._scouted.start():
                # Importing beside it would double the time that drawing takes.
                await self._host.draw()
            requirements = await in_background(self._prepare, "pgdeck imports")
            self._waits.begin("waiting for the password", PASSWORD_S)
            await self._admission.fetch()
            self.requirements = requirements
            self._begun()
            self._waits.begin("connecting …", 0 if self._scouted.server is None else LOGIN_S)
            await self._scouted.wait()
            await self._watch(requirements)
        except ConfigurationError as error:
            self._host.refuse(error)
        except CredentialError as error:
            stopped = Stopped(str(error), TRIES_AGAIN)
        finally:
            self._settling.end()
            self._waits.end()
            self._begun()
            STORE.close()
            self._admission.close()
            await self._scouted.close()
            await self._probes.close()
        if stopped is not None:
            # Only now: a key that asks again finds the watch ended.
            self._host.post_message(stopped)

    def pause(self, paused: bool) -> None:
        """Send nothing to the server, or go on."""
        self._paused = paused
        if paused:
            self._scouted.end()
        if self._poller is not None:
            (self._poller.pause if paused else self._poller.resume)()
        self._console.pause(paused)
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
        """Which server is watched, or was scouted, as it was at the last connect; None before the first."""
        return self._server or self._scouted.server

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
        self._scouted.forget()
        self._console.refresh()
        if self._poller is not None:
            self._poller.refresh()
            if self._poller.connected:
                self._probes.admit(self._server)

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

        own = readings_for(requirements, counted=self._scouted.counted)
        readings = [*own, *self._joined.values()]
        if self._profile.replicas and self.replicas is not None:
            readings += self.replicas.readings
        self._settling.expect(reading.part for reading in own)
        self._poller = Poller(self._admission.connect, readings, self.publish, met=self._meet)
        self.pause(self._paused)
        if self._scouted.saw_room and not self._paused:
            self._admit_probes(self._scouted.server)
        tasks = [asyncio.create_task(self._poller.run(), name="poller")]
        if requirements.probes:
            tasks.append(asyncio.create_task(self._probe(requirements), name="prober"))
            tasks.append(asyncio.create_task(self._keep_incidents(requirements), name="incidents"))
        if self._console.is_named:
            tasks.append(asyncio.create_task(self._console.run(), name="pooler's console"))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

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
        """The watch is in.

        Raises:
            AnotherServerError: and what the deck shows is of another server.
        """
        if not self._scouted.has_read(server) and self._poller is not None:
            self._poller.refresh()
        self._server = server
        self._waits.end()
        self._admit_probes(server)

    def _admit_probes(self, server: ServerIdentity | None) -> None:
        self._connected.set()
        self._probes.admit(server)
