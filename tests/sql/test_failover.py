"""Promotion, failover and the wrong server in the right place, under an open watch and an open prober."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from profiles.manifest import ProbeEntry, Target
from sql.connect import open_link
from sql.demo.cluster import Cluster
from sql.latency.messages import Attached, Message, Samples
from sql.latency.prober import Prober
from sql.recognition import difference, movement
from sql.snapshots import ProbesSnapshot, ServerIdentity, Unavailable
from tests import servers
from tests.accidents import census, promote
from tests.proxy import Proxy, proxy
from tests.servers import Database, administer
from tests.sql.life import Life, alive, hasty, profile_of
from tests.sql.standbys import primary, standby_of
from tests.waiting import until

__all__ = ["hasty"]


@pytest.fixture(params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Cluster, Cluster]]:
    """A primary and its standby."""
    with primary(request.param) as first, standby_of(first) as second:
        yield first.cluster, second.cluster


@pytest.fixture
async def wire(pair: tuple[Cluster, Cluster]) -> AsyncIterator[Proxy]:
    """Leads to the primary at first."""
    async with proxy(pair[0]) as made:
        yield made


def through(wire: Proxy) -> Life:
    """A watch through a wire."""
    said = {"host": "127.0.0.1", "port": str(wire.port), "user": "postgres", "dbname": "postgres"}
    return Life(profile_of(**said, sslmode="disable", connect_timeout="2"))


@pytest.mark.hazard("PRV-04")
async def test_a_standby_that_is_promoted_is_said_without_losing_it(pair: tuple[Cluster, Cluster]) -> None:
    _, standby = pair
    said = {"host": str(standby.socket), "port": str(standby.port), "user": "postgres", "dbname": "postgres"}
    async with alive(Life(profile_of(**said)), standby) as life:
        await asyncio.to_thread(promote, standby)
        await until(lambda: life.news == "it was promoted: a primary now, timeline 1 → 2")
        assert life.words == []
        life.poller.refresh()
        await until(lambda: life.news == "")
        assert life.dialled == 1


@pytest.mark.hazard("PRV-04")
async def test_a_failover_is_said_and_the_old_primary_is_a_loud_stop(
    pair: tuple[Cluster, Cluster], wire: Proxy
) -> None:
    old, standby = pair
    async with alive(through(wire)) as life:
        await asyncio.to_thread(old.stop)
        wire.lead_to(standby)
        await asyncio.to_thread(promote, standby)
        await until(lambda: life.news == "timeline 1 → 2")
        # Somebody starts the old primary, and the address leads there again.
        await asyncio.to_thread(old.start)
        wire.lead_to(old)
        wire.cut()
        await life.says(r"AN OLD PRIMARY answers at .*: timeline 1, and 2 was watched before")
        assert life.waits[-1] == math.inf


async def test_the_next_host_of_the_list_is_found_and_said(pair: tuple[Cluster, Cluster]) -> None:
    old, standby = pair
    said = {
        "host": f"{old.socket},{standby.socket}",
        "port": f"{old.port},{standby.port}",
        "user": "postgres",
        "dbname": "postgres",
        "target_session_attrs": "primary",
    }
    async with alive(Life(profile_of(**said))) as life:
        await asyncio.to_thread(old.stop)
        await life.says("asks for another")
        await asyncio.to_thread(promote, standby)
        await until(lambda: life.news)
        assert life.news == f"timeline 1 → 2, at {standby.socket}/.s.PGSQL.{standby.port}, not " + (
            f"{old.socket}/.s.PGSQL.{old.port}"
        )


KNOWN = ServerIdentity("18.6", 180006, "sales", "oncall", "a:5432", "42", False, True, timeline=2)


def test_what_makes_a_server_another_one() -> None:
    assert difference(KNOWN, KNOWN) is None
    assert "database 'test'" in (difference(KNOWN, replace(KNOWN, database="test")) or "")
    assert "ANOTHER SERVER" in (difference(KNOWN, replace(KNOWN, system_identifier="43")) or "")
    assert "AN OLD PRIMARY" in (difference(KNOWN, replace(KNOWN, timeline=1)) or "")
    # A standby that lags behind, a promotion, and what may not be read.
    for same in (
        replace(KNOWN, timeline=1, in_recovery=True),
        replace(KNOWN, timeline=3),
        replace(KNOWN, timeline=None),
        replace(KNOWN, system_identifier=None),
    ):
        assert difference(KNOWN, same) is None


def test_what_has_moved_is_one_clause() -> None:
    assert movement(KNOWN, KNOWN) == ""
    assert movement(KNOWN, replace(KNOWN, in_recovery=True)) == "a standby answers now"
    assert movement(KNOWN, replace(KNOWN, timeline=None)) == ""
    assert movement(KNOWN, replace(KNOWN, timeline=3, address="b:5432")) == (
        "timeline 2 → 3, at b:5432, not a:5432"
    )


PROBE = ProbeEntry("one", "SELECT 1", Target(p50_ms=60_000))


class Probing:
    """A prober, and what came of it."""

    def __init__(self, wire: Proxy) -> None:
        said = {"host": "127.0.0.1", "port": str(wire.port), "user": "postgres", "dbname": "postgres"}
        self.profile = profile_of(**said, sslmode="disable")
        self.prober = Prober(chance=lambda: 0.0)
        self.prober.listen(self._hear)
        self.published: list[ProbesSnapshot | Unavailable] = []
        self.attached: list[Attached] = []
        self.samples = 0

    def _hear(self, message: Message, at: float) -> None:
        if isinstance(message, Attached):
            self.attached.append(message)
        if isinstance(message, Samples):
            self.samples += 1

    async def identity(self) -> ServerIdentity:
        """What the watch would find there now."""
        link = await open_link(self.profile, None)
        await link.connection.close()
        return link.identity

    async def measures(self) -> None:
        """Wait for samples from now on."""
        seen = self.samples
        await until(lambda: self.samples > seen)


async def test_nothing_is_measured_on_another_server(newest: Database, tmp_path: Path) -> None:
    other = servers.start(18)
    try:
        async with proxy(newest.cluster) as wire:
            probing = Probing(wire)
            async with probing.prober as prober:
                prober.admit(None, await probing.identity())
                await prober.start(probing.profile, None, (PROBE,), probing.published.append)
                await probing.measures()
                wire.lead_to(other)
                wire.cut()
                await until(
                    lambda: any(
                        isinstance(each, Unavailable) and "ANOTHER SERVER" in each.reason
                        for each in probing.published
                    )
                )
                assert len(probing.attached) == 1
                # The operator takes it for the right one.
                prober.admit(None, await probing.identity())
                await probing.measures()
                assert len(probing.attached) == 2
    finally:
        other.remove()
        other.folder.parent.rmdir()


async def test_a_prober_moves_with_the_watch_though_its_own_session_lives(newest: Database) -> None:
    other = servers.start(18)
    try:
        async with proxy(newest.cluster) as wire:
            probing = Probing(wire)
            async with probing.prober as prober:
                prober.admit(None, await probing.identity())
                await prober.start(probing.profile, None, (PROBE,), probing.published.append)
                await probing.measures()
                wire.lead_to(other)
                prober.admit(None, await probing.identity())
                await until(lambda: len(probing.attached) == 2)
                await probing.measures()
                assert not [each for each in probing.published if isinstance(each, Unavailable)]
                async with (
                    census(other, "pgdeck probe") as here,
                    census(newest.cluster, "pgdeck probe") as there,
                ):
                    await until(lambda: (here.now, there.now) == (1, 0))
    finally:
        other.remove()
        other.folder.parent.rmdir()


async def test_a_prober_does_not_knock_while_the_watch_is_out(newest: Database) -> None:
    async with proxy(newest.cluster) as wire:
        probing = Probing(wire)
        async with probing.prober as prober:
            identity = await probing.identity()
            prober.admit(None, identity)
            await prober.start(probing.profile, None, (PROBE,), probing.published.append)
            await probing.measures()
            prober.hold()
            wire.cut()
            await until(lambda: any(isinstance(each, Unavailable) for each in probing.published))
            accepted = wire.accepted
            last = probing.published[-1]
            assert isinstance(last, Unavailable)
            assert last.remedy == "it goes on as soon as the watch is in"
            assert prober.pid is None
            prober.admit(None, identity)
            await probing.measures()
            assert wire.accepted == accepted + 1


async def test_a_refused_login_of_the_prober_waits_for_the_watch(newest: Database) -> None:
    role = f"r_{newest.name}"
    await newest.execute(f"CREATE ROLE {role} LOGIN")
    async with proxy(newest.cluster) as wire:
        probing = Probing(wire)
        probing.profile = replace(
            probing.profile, connection={**probing.profile.connection, "user": role, "dbname": newest.name}
        )
        async with probing.prober as prober:
            identity = await probing.identity()
            await newest.execute(f"ALTER ROLE {role} NOLOGIN")
            prober.admit(None, identity)
            await prober.start(probing.profile, None, (PROBE,), probing.published.append)
            await until(lambda: probing.published)
            refused = probing.published[0]
            assert isinstance(refused, Unavailable)
            assert "not permitted to log in" in refused.reason
            assert refused.remedy == "it goes on as soon as the watch is in"
            await newest.execute(f"ALTER ROLE {role} LOGIN")
            prober.admit(None, identity)
            await probing.measures()
    await administer(newest.cluster, f"DROP ROLE {role}")
