"""Replicas for the deck: looked at seldom, read often, and added to the indexes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from profiles.model import EnvironmentClass, Profile
from sql.connect import connect
from sql.replicas import watch as replica_watch
from sql.replicas.values import ReplicasSnapshot
from sql.replicas.watch import ReplicaWatch
from sql.snapshots import IndexesSnapshot
from tests.servers import Database
from tests.sql.replicas.test_reading import naming
from tests.sql.standbys import caught_up, primary, standby_of
from tests.tui import samples
from tests.waiting import until


def test_without_replicas_in_the_profile_nothing_is_read_unless_a_screen_wants_it() -> None:
    alone = ReplicaWatch(Profile("sales", EnvironmentClass.STAGING, "m"), lambda: None)
    assert alone.readings == ()
    assert alone.on_screen.part == "replicas"
    assert alone.enriched(samples.POOL) is samples.POOL
    assert alone.enriched(samples.INDEXES) is samples.INDEXES


async def test_what_replicas_scan_is_added_to_the_indexes_once_it_is_known() -> None:
    with primary(18) as first, standby_of(first) as second:
        await first.execute("CREATE TABLE t (a int PRIMARY KEY)")
        await caught_up(first, second)
        connection = await first.connect()
        oid = await connection.fetchval("SELECT 't_pkey'::regclass::oid")
        await connection.close()
        indexes = IndexesSnapshot(
            samples.NOW, tuple(replace(each, oid=oid) for each in samples.INDEXES.indexes[:1])
        )
        watch = ReplicaWatch(naming(first, second), lambda: None)
        (reading,) = watch.readings
        session = await connect(naming(first, second), None)
        # The first look waits for the indexes whose scans it is to read.
        looking = asyncio.ensure_future(reading.fetch(session))
        assert watch.enriched(indexes) is indexes
        assert isinstance(await looking, ReplicasSnapshot)
        enriched = watch.enriched(indexes)
        assert isinstance(enriched, IndexesSnapshot)
        assert enriched.indexes[0].scans_on_replicas == 0
        copy = await second.connect()
        await copy.execute("SET enable_seqscan = off; SELECT * FROM t WHERE a = 1")
        await copy.close()

        async def counted() -> bool:
            await reading.fetch(session)
            again = watch.enriched(indexes)
            assert isinstance(again, IndexesSnapshot)
            return again.indexes[0].scans_on_replicas == 1

        await until(counted)
        # What a screen joins reads the server alone, with the last looks.
        seen = await watch.on_screen.fetch(session)
        assert isinstance(seen, ReplicasSnapshot)
        assert [each.named for each in seen.replicas.replicas] == [True]
        await session.close()


async def test_a_look_without_indexes_does_not_wait_for_ever(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica_watch, "INDEXES_S", 0.01)
    where = naming(newest, {"host": "/nowhere"})
    (reading,) = ReplicaWatch(where, lambda: None).readings
    session = await connect(where, None)
    snapshot = await reading.fetch(session)
    await session.close()
    assert isinstance(snapshot, ReplicasSnapshot)
    assert snapshot.replicas.replicas[0].state == "out of reach"
