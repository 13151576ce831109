"""A probe on a connection of its own that says what the prober's process would say, and who watches it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter as now

import asyncpg

from profiles.manifest import ProbeEntry, Target
from profiles.model import EnvironmentClass, Profile
from sql.connect import connect
from sql.latency.evidence import Incident, IncidentsSnapshot
from sql.latency.incidents import Incidents
from sql.latency.messages import Message, Overdue, Planned, Sample, Samples
from sql.latency.readings import ProbePlan
from sql.session import Session
from tests.servers import Database
from tests.waiting import until

THRESHOLD_MS = 20.0
NAME = "pgdeck probe 4f2a1b"
COUNT = ProbeEntry("lead_count", "SELECT count(*) FROM leads", Target(5, 10, 50))


class Scene:
    """One probe, its backend, and the incidents that come of it."""

    def __init__(self, prober: asyncpg.Connection, session: Session, entry: ProbeEntry) -> None:
        self.prober = prober
        self.session = session
        self.entry = entry
        self.told: list[IncidentsSnapshot] = []
        self.asked = 0
        self.statements: list[str] = []
        """Names of the statements that were sent, in their order."""
        self._fetch = session.fetch
        session.fetch = self._noted  # type: ignore[method-assign]
        self.incidents = Incidents((entry,), self._ask, self.told.append)
        self.pid = prober.get_server_pid()

    async def _noted(self, name: str, *arguments: object) -> list[asyncpg.Record]:
        self.statements.append(name)
        return await self._fetch(name, *arguments)

    async def _ask(self, fetch):  # type: ignore[no-untyped-def]
        self.asked += 1
        return await fetch(self.session)

    def say(self, message: Message) -> None:
        """As the prober's process would."""
        self.incidents.hear(message, now())

    def plans(self, shape: str, *indexes: str) -> None:
        """The planner's choice, as the prober tells it."""
        self.say(Planned(0, ProbePlan(shape, None, None, shape=shape, indexes=indexes)))

    async def run(self, *, pid: int | None = None) -> float:
        """Run the probe once, and say what a prober says; ms that it took."""
        start = now()
        running = asyncio.ensure_future(self.prober.fetch(self.entry.sql))
        await asyncio.wait([running], timeout=THRESHOLD_MS / 1000)
        if not running.done():
            self.say(Overdue(0, start, THRESHOLD_MS, self.pid if pid is None else pid, NAME))
        error = None
        try:
            await running
        except asyncpg.PostgresError as refused:
            error = f"{refused.sqlstate}: {refused.args[0]}"
        end = now()
        self.say(Samples(0, 1, 1, (Sample(start, start, end, error),)))
        await self.incidents.settle()
        return (end - start) * 1000

    @property
    def all(self) -> tuple[Incident, ...]:
        """What is kept, the newest first."""
        return self.incidents.list.snapshot.incidents

    @property
    def newest(self) -> Incident:
        """The newest incident."""
        return self.all[0]

    async def seen_for(self, ms: float) -> None:
        """Wait until it is told of a run that has lasted so long."""
        await until(lambda: bool(self.all) and self.newest.running and self.newest.ms >= ms)


def profile_of(database: Database, user: str = "postgres") -> Profile:
    """A profile of a role."""
    return Profile("test", EnvironmentClass.DEVELOPMENT, "none", connection=database.parameters(user))


@asynccontextmanager
async def scene(
    database: Database, entry: ProbeEntry = COUNT, *, user: str = "postgres", **settings: str
) -> AsyncIterator[Scene]:
    """A prober's backend and a watching session, both of one role."""
    prober = await database.connect(user, application_name=NAME, **settings)
    session = await connect(profile_of(database, user), None)
    made = Scene(prober, session, entry)
    watching = asyncio.create_task(made.incidents.run())
    try:
        yield made
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        prober.terminate()
        await session.close()
