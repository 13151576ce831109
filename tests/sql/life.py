"""A watch as the deck has one, from the profile on, and what it says while its server has trouble."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from profiles.model import EnvironmentClass, Profile
from profiles.secret import Secret
from sql.connect import Purpose, open_link
from sql.demo.cluster import Cluster
from sql.identity import reread
from sql.poller import Poller, Reading, wait_before
from sql.pool.reading import read_pool
from sql.session import Session
from sql.snapshots import Event, IdentitySnapshot, Lost, PoolSnapshot, Unavailable
from tests.accidents import Census, census
from tests.waiting import until

ANSWER_S = 0.6
"""A frozen server is given up sooner than by the deck."""
HASTE = 10.0
"""Everything that is waited for before the next attempt is so much shorter than the deck's."""


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits a tenth."""

    def soon(attempt: int, *, refused: bool, chance: float) -> float:
        return wait_before(attempt, refused=refused, chance=chance) / HASTE

    monkeypatch.setattr("sql.poller.wait_before", soon)


async def pool(session: Session) -> PoolSnapshot:
    return await read_pool(session, None)


@dataclass
class Life:
    """A poller on a profile; what it said, and how many sessions the server had of it at most."""

    profile: Profile
    password: Secret | None = None
    interval_s: float = 0.05
    events: list[Event] = field(default_factory=list)
    dialled: int = 0
    census: Census | None = None

    def __post_init__(self) -> None:
        readings = (
            Reading("server", self.interval_s, reread),
            Reading("pool", self.interval_s, pool),
        )
        self.poller = Poller(self._connect, readings, self.events.append, chance=lambda: 0.0)

    async def _connect(self) -> Session:
        self.dialled += 1
        link = await open_link(self.profile, self.password, Purpose.WATCH)
        return Session(link.connection, link.identity, answer_s=ANSWER_S)

    @property
    def words(self) -> list[str]:
        """Why it was lost, each time."""
        return [event.reason for event in self.events if isinstance(event, Lost)]

    @property
    def waits(self) -> list[float]:
        """How long it would wait before each next attempt; s."""
        return [event.retry_in_s * HASTE for event in self.events if isinstance(event, Lost)]

    @property
    def unread(self) -> list[str]:
        """Why parts could not be read."""
        return [event.reason for event in self.events if isinstance(event, Unavailable)]

    @property
    def news(self) -> str:
        """What has changed about the server, by its newest reading."""
        return next((each.news for each in reversed(self.events) if isinstance(each, IdentitySnapshot)), "")

    async def says(self, pattern: str, timeout: float = 30.0) -> None:
        """Wait until it was lost with such words."""
        try:
            await until(lambda: any(re.search(pattern, each) for each in self.words), timeout)
        except AssertionError:
            raise AssertionError(f"{pattern!r} is not among {self.words}") from None

    async def is_back(self, timeout: float = 30.0) -> None:
        """Wait until something is read from now on."""
        seen = len(self.events)

        def read() -> bool:
            return any(isinstance(event, PoolSnapshot) for event in self.events[seen:])

        try:
            await until(read, timeout)
        except AssertionError:
            raise AssertionError(f"nothing is read; it said {self.words[-3:]}") from None

    async def held_one_session(self) -> None:
        """Wait until its session was counted; there was never a second one."""
        counting = self.census
        assert counting is not None
        await until(lambda: counting.now == 1)
        assert counting.most == 1


def profile_of(**parameters: str) -> Profile:
    """A profile with these libpq parameters."""
    return Profile("life", EnvironmentClass.STAGING, "manifest", parameters)


@asynccontextmanager
async def alive(life: Life, counted: Cluster | None = None) -> AsyncIterator[Life]:
    """A watch that has read once; afterwards no session of it is left where it was counted."""
    if counted is None:
        async with _running(life):
            yield life
        return
    async with census(counted, Purpose.WATCH) as counting:
        life.census = counting
        async with _running(life):
            yield life
        rounds = counting.rounds
        await until(lambda: counting.rounds > rounds + 1 and counting.now == 0)


@asynccontextmanager
async def _running(life: Life) -> AsyncIterator[None]:
    task = asyncio.create_task(life.poller.run())
    try:
        await life.is_back()
        yield
    finally:
        # A bug in the poller is what the test is to fail with.
        if task.done():
            task.result()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
