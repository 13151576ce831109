"""A server that is restarted, fails over, is killed and freezes under an open deck, again and again.

The deck is the real program in a terminal of its own. PGDECK_CHAOS=10 makes twenty accidents of it.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from sql.demo.cluster import Cluster
from tests.accidents import alive, census, children, kill_postmaster, postmaster, promote
from tests.chaos.conftest import MOMENTS
from tests.proxy import Proxy, proxy
from tests.servers import Database
from tests.sql.standbys import primary, standby_of
from tests.tui.live import SCHEMA, write_profile
from tests.tui.terminal import Terminal
from tests.waiting import until

ACCIDENTS = 2 * MOMENTS
LIMIT_S = 60.0
READY = r"ENTERPRISE READY +everything the manifest asks for"
BUDGET = {"pgdeck watch": 1, "pgdeck probe": 2}
"""Sessions that the deck may have at once."""
GONE = (
    r"lost: (the server ended our session \(57P01\): due to \w+ \w+|the connection broke without"
    r"|a process of the server crashed|nothing listens|127\.0\.0\.1:\d+ (closed the connection|is not ready))"
)


class Machine(Terminal):
    """The deck, watched from a thread: the loop of the test serves the wire meanwhile."""

    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(each.rstrip() for each in self._screen.display)

    async def shows(self, pattern: str) -> str:
        """Wait until the screen shows it, on one line; what matched."""

        def look() -> str:
            deadline = time.monotonic() + LIMIT_S
            while True:
                found = re.search(pattern, self.text())
                if found:
                    return found.group()
                assert self.process.poll() is None, self.text()
                assert time.monotonic() < deadline, f"{pattern}\n{self.text()}"
                self._read(0.05)

        return await asyncio.to_thread(look)

    def open_files(self) -> int:
        """File descriptors that the deck has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def resident_kib(self) -> int:
        """Memory of the deck, KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]


class Scene:
    """A primary, its standby, the wire, and the deck on it."""

    def __init__(self, stack: ExitStack, primary: Cluster, wire: Proxy, deck: Machine) -> None:
        self._stack = stack
        self.primary = primary
        self.wire = wire
        self.deck = deck

    async def restart(self) -> str:
        """Fast shutdown, and up again."""
        await asyncio.to_thread(self.primary.stop)
        words = await self.deck.shows(GONE)
        await asyncio.to_thread(self.primary.start)
        return words

    async def promote(self) -> str:
        """The primary goes, its standby takes its place; the header says so until it is noted."""
        first = Database(self.primary, 18, "postgres")
        second = await asyncio.to_thread(self._stack.enter_context, standby_of(first))
        standby = second.cluster
        await asyncio.to_thread(self.primary.stop)
        words = await self.deck.shows(GONE)
        self.primary = standby
        await asyncio.to_thread(promote, standby)
        self.wire.lead_to(standby)
        await self.deck.shows(r"! timeline \d+ → \d+; g takes note of it")
        self.deck.type("g")
        return words

    async def kill(self) -> str:
        """SIGKILL for the postmaster; the server recovers from its log."""
        await kill_postmaster(self.primary)
        words = await self.deck.shows(GONE)
        await asyncio.to_thread(self.primary.start)
        return words

    async def freeze(self) -> str:
        """SIGSTOP for every process of the server."""
        pid = postmaster(self.primary)
        frozen = [pid, *children(pid)]
        for each in frozen:
            os.kill(each, signal.SIGSTOP)
        try:
            return await self.deck.shows(r"lost: no answer within \d+ s: the server is frozen")
        finally:
            for each in frozen:
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGCONT)


KINDS: tuple[Callable[[Scene], Awaitable[str]], ...] = (
    Scene.promote,
    Scene.kill,
    Scene.freeze,
    Scene.restart,
)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Servers that come into being on the way, ended in the end."""
    with ExitStack() as made:
        yield made


@asynccontextmanager
async def scene(stack: ExitStack) -> AsyncIterator[Scene]:
    """The deck, ready, on a primary of its own."""
    database = await asyncio.to_thread(stack.enter_context, primary(18))
    await database.execute(SCHEMA)
    async with proxy(database.cluster) as wire:
        with Machine(["-m", "tui.cli", write_profile(database, through=wire.port)]) as deck:
            await deck.shows(READY)
            yield Scene(stack, database.cluster, wire, deck)


@pytest.mark.hazard("DISC-09", "PRV-04")
async def test_the_deck_outlives_its_server(
    stack: ExitStack, record_property: Callable[[str, object], None]
) -> None:
    most: Counter[str] = Counter()
    back_s: list[float] = []
    async with scene(stack) as played:
        deck = played.deck
        files, memory = deck.open_files(), deck.resident_kib()
        for number in range(ACCIDENTS):
            kind = KINDS[number % len(KINDS)]
            words = await kind(played)
            mended = time.monotonic()
            await deck.shows(READY)
            back_s.append(time.monotonic() - mended)
            for application, budget in BUDGET.items():
                async with census(played.primary, application) as counted:
                    await until(lambda seen=counted: seen.rounds > 20 and seen.now)  # type: ignore[misc]
                assert counted.most <= budget, (kind.__name__, application, counted.most)
                most[application] = max(most[application], counted.most)
            record_property(f"chaos deck {kind.__name__}", re.sub(r":\d+", "", words))
        prober = deck.children()
        assert len(prober) == 1
        record_property("chaos deck figures", figures(deck, files, memory, most, back_s))
        # Each new session is another file: none of the old ones is still open.
        assert deck.open_files() <= files + 2
        deck.type("q")
        assert await asyncio.to_thread(deck.end) == 0, deck.text()
        await until(lambda: not any(map(alive, prober)))
        for application in BUDGET:
            async with census(played.primary, application) as counted:
                await until(lambda seen=counted: seen.now == 0)  # type: ignore[misc]


def figures(deck: Machine, files: int, memory: int, most: Counter[str], back_s: list[float]) -> str:
    """What the deck had, and how soon it was back."""
    sessions = ", ".join(f"{name}: at most {count}" for name, count in most.items())
    return (
        f"{len(back_s)} accidents; ready again after {min(back_s):.1f} to {max(back_s):.1f} s; {sessions}; "
        f"files {files} → {deck.open_files()}; resident {memory // 1024} → {deck.resident_kib() // 1024} MiB"
    )
