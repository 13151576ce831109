"""Real standbys: who streams, how far behind, what a slot keeps, and what a role may not see."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from profiles.model import Profile
from sql.connect import connect
from sql.identity import reread
from sql.replicas.looks import Look, look_at_replicas
from sql.replicas.reading import read_replicas
from sql.replicas.values import Replica, ReplicasReading
from tests import servers
from tests.servers import Database
from tests.sql.standbys import caught_up, primary, standby_of
from tests.sql.steps.schemas import profile
from tests.waiting import until

SLOT = "kept_for_replica"


@pytest.fixture(scope="module", params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database]]:
    """A primary and a standby with a slot of its own."""
    with primary(request.param) as first:
        asyncio.run(first.execute("CREATE TABLE t (a int PRIMARY KEY)"))
        with standby_of(first, slot=SLOT) as second:
            yield first, second


def naming(first: Database, *others: Database | dict[str, str]) -> Profile:
    """A profile of a primary that names its replicas."""
    named = tuple(
        each if isinstance(each, dict) else {"host": str(each.cluster.socket), "port": str(each.cluster.port)}
        for each in others
    )
    return replace(profile(first), replicas=named)


async def read(where: Profile, indexes: tuple[int, ...] = ()) -> ReplicasReading:
    session = await connect(where, None)
    try:
        looks = await look_at_replicas(where, None, session, indexes)
        return (await read_replicas(session, looks)).replicas
    finally:
        await session.close()


async def looked(where: Profile) -> tuple[Look, ...]:
    session = await connect(where, None)
    try:
        return await look_at_replicas(where, None, session)
    finally:
        await session.close()


async def write(first: Database, rows: int = 20_000) -> None:
    name = f"w_{uuid.uuid4().hex[:8]}"
    await first.execute(
        f"CREATE TABLE {name} AS SELECT n, repeat('x', 100) FROM generate_series(1, {rows}) n"
    )


async def streaming(where: Profile) -> ReplicasReading | None:
    """A reading in which the standby streams; right after its start it may not yet."""
    reading = await read(where)
    return reading if any(each.state == "streaming" for each in reading.replicas) else None


async def test_who_streams_is_seen_and_a_replica_that_replayed_all_is_not_behind(
    pair: tuple[Database, Database],
) -> None:
    first, second = pair
    await caught_up(first, second)

    async def settled() -> Replica | None:
        reading = await streaming(profile(first))
        return reading.replicas[0] if reading and reading.replicas[0].replay_lag_bytes == 0 else None

    found = await until(settled)
    assert (found.name, found.state, found.sync_state, found.slot) == (
        "replica-1",
        "streaming",
        "async",
        SLOT,
    )
    # pg_stat_replication has no lag for it by now, or an old one: nothing is behind.
    assert (found.replay_lag_s, found.write_lag_s, found.flush_lag_s) == (0.0, 0.0, 0.0)
    assert found.streams and not found.named
    assert not found.is_far


async def test_a_replica_that_the_profile_names_is_one_with_the_one_that_streams(
    pair: tuple[Database, Database],
) -> None:
    first, second = pair
    await caught_up(first, second)
    reading = await until(lambda: streaming(naming(first, second)))
    (found,) = reading.replicas
    assert found.name.endswith(f"/.s.PGSQL.{second.cluster.port}")
    assert (found.application, found.slot, found.named, found.streams) == ("replica-1", SLOT, True, True)
    assert found.trouble == ""
    # The look is over: nothing of ours stays on the replica.
    copy = await second.connect()
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgdeck%'"

    async def gone() -> bool:
        return await copy.fetchval(ours) == 0

    await until(gone)
    await copy.close()


async def test_an_idle_primary_makes_no_lag_by_the_standbys_own_word(pair: tuple[Database, Database]) -> None:
    first, second = pair
    await write(first, 1)
    await caught_up(first, second)

    async def idle() -> bool:
        (look,) = await looked(naming(first, second))
        assert look.recovery is not None
        aged = (look.recovery.replayed_age_s or 0) > 0.2
        return aged and look.recovery.replay_lag_s == 0.0

    await until(idle)
    session = await connect(profile(second), None)
    own = (await read_replicas(session)).replicas
    await session.close()
    assert own.in_recovery
    assert own.recovery is not None
    assert (own.recovery.receiver, own.recovery.replay_lag_s, own.recovery.paused) == (
        "streaming",
        0.0,
        False,
    )


async def test_a_replica_that_is_paused_falls_behind_and_says_so(pair: tuple[Database, Database]) -> None:
    first, second = pair
    await caught_up(first, second)
    await second.execute("SELECT pg_wal_replay_pause()")
    try:
        await write(first)

        async def behind() -> ReplicasReading | None:
            reading = await read(naming(first, second))
            (found,) = reading.replicas
            arrived = found.state == "paused" and (found.replay_lag_bytes or 0) > 1_000_000
            return reading if arrived and (found.replay_lag_s or 0) > 0 else None

        reading = await until(behind)
        assert any("replays nothing: somebody has paused it" in each for each in reading.sentences)
        session = await connect(profile(second), None)
        standby = (await read_replicas(session)).replicas
        known = await reread(session)
        await session.close()
        assert known.recovery is not None and known.recovery.paused
        assert "this standby replays nothing: somebody has paused it" in standby.sentences
        own = standby.recovery
        assert own is not None
        assert own.paused
        assert (own.replay_lag_s or 0) > 0
        assert (own.unreplayed_bytes or 0) > 0
    finally:
        await second.execute("SELECT pg_wal_replay_resume()")


async def test_scans_are_counted_on_each_server_and_read_there(pair: tuple[Database, Database]) -> None:
    first, second = pair
    connection = await first.connect()
    oid = await connection.fetchval("SELECT 't_pkey'::regclass::oid")
    await connection.close()
    copy = await second.connect()
    await copy.execute("SET enable_seqscan = off")
    for _ in range(3):
        await copy.fetch("SELECT * FROM t WHERE a = 1")
    await copy.close()

    async def counted() -> Replica | None:
        (found,) = (await read(naming(first, second), (oid,))).replicas
        return found if found.scans.get(oid) == 3 else None

    assert await until(counted)
    session = await connect(profile(first), None)
    assert (await session.fetch("replicas_scans", [oid]))[0]["scans"] == 0
    await session.close()


async def test_a_role_that_may_not_see_replicas_says_so_with_the_grant(
    pair: tuple[Database, Database],
) -> None:
    first, second = pair
    await caught_up(first, second)
    await until(lambda: streaming(profile(first)))
    role = f"plain_{uuid.uuid4().hex[:8]}"
    await first.execute(f"CREATE ROLE {role} LOGIN")
    try:
        hidden = await read(profile(first, user=role))
        (found,) = hidden.replicas
        assert (found.name, found.state) == ("replica-1", "hidden")
        assert found.replay_lag_bytes is found.replay_lag_s is None
        assert hidden.hidden
        assert hidden.grant == f"GRANT pg_monitor TO {role}"
        assert hidden.sentences[0].endswith(hidden.grant)
        # Slots hide nothing.
        assert [slot.name for slot in hidden.slots] == [SLOT]
        await first.execute(hidden.grant)
        assert not (await read(profile(first, user=role))).hidden
    finally:
        await first.execute(f"DROP ROLE {role}")


async def test_a_slot_that_nobody_reads_keeps_wal_and_one_that_is_read_is_active(
    pair: tuple[Database, Database],
) -> None:
    first, second = pair
    await caught_up(first, second)
    await until(lambda: streaming(profile(first)))
    await first.execute("SELECT pg_create_physical_replication_slot('forgotten', true)")
    try:
        await write(first)
        slots = {slot.name: slot for slot in (await read(profile(first))).slots}
        forgotten, used = slots["forgotten"], slots[SLOT]
        assert (forgotten.active, used.active) == (False, True)
        assert (forgotten.retained_bytes or 0) > 1_000_000
        assert forgotten.kind == "physical"
        assert forgotten.wal_status in ("reserved", "extended")
        assert used.inactive_since is None
        assert (forgotten.inactive_since is not None) == (first.major >= 17)
    finally:
        await first.execute("SELECT pg_drop_replication_slot('forgotten')")


async def test_replicas_out_of_reach_of_another_cluster_or_promoted_are_told_apart(
    pair: tuple[Database, Database], newest: Database
) -> None:
    first, second = pair
    await until(lambda: streaming(profile(first)))
    stranger = {"host": str(newest.cluster.socket), "port": str(newest.cluster.port)}
    itself = {"host": str(first.cluster.socket), "port": str(first.cluster.port)}
    reading = await read(naming(first, {"host": "/nowhere"}, stranger, itself, second))
    nowhere, other, same, right = reading.replicas
    assert nowhere.state == "out of reach"
    assert "no server socket" in nowhere.trouble
    assert "another cluster" in other.trouble
    assert (same.state, same.trouble) == ("primary", "it takes writes: it is no replica (any more)")
    assert right.trouble == ""
    assert len([each for each in reading.sentences if each.startswith("replica ")]) == 3


async def test_synchronous_replicas_and_their_absence(pair: tuple[Database, Database]) -> None:
    first, second = pair
    await caught_up(first, second)
    for names, state in (("'\"replica-1\"'", "sync"), ("'ANY 1 (\"replica-1\")'", "quorum")):
        await first.execute(f"ALTER SYSTEM SET synchronous_standby_names = {names}")
        await first.execute("SELECT pg_reload_conf()")

        async def becomes(state: str = state) -> ReplicasReading | None:
            reading = await read(profile(first))
            return reading if [each.sync_state for each in reading.replicas] == [state] else None

        assert not any("commits wait" in each for each in (await until(becomes)).sentences)
    # The command line of the test servers says off.
    await first.execute("ALTER ROLE postgres SET synchronous_commit = 'on'")
    await first.execute("ALTER SYSTEM SET synchronous_standby_names = 'absent'")
    await first.execute("SELECT pg_reload_conf()")

    async def waits() -> bool:
        return any("commits wait" in each for each in (await read(profile(first))).sentences)

    try:
        await until(waits)
    finally:
        await first.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await first.execute("SELECT pg_reload_conf()")
        await first.execute("ALTER ROLE postgres RESET synchronous_commit")


@pytest.mark.parametrize("major", servers.wanted_majors())
async def test_a_replica_that_is_behind_on_purpose_is_said_to_be(major: int) -> None:
    with primary(major) as first, standby_of(first, recovery_min_apply_delay="1h") as second:
        await write(first)

        async def behind() -> ReplicasReading | None:
            reading = await read(naming(first, second))
            (found,) = reading.replicas
            return reading if (found.replay_lag_bytes or 0) > 0 and found.apply_delay else None

        (found,) = (await until(behind)).replicas
        assert (found.apply_delay, found.state) == ("1h", "streaming")
        # 1.5 hours are no news here; being far behind is said together with its purpose.
        told = ReplicasReading(False, (replace(found, replay_lag_s=3600.0),))
        assert told.sentences[0].endswith("on purpose (recovery_min_apply_delay = 1h)")


@pytest.mark.parametrize("major", servers.wanted_majors())
async def test_a_slot_whose_wal_is_gone_is_lost(major: int) -> None:
    sizes = {"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB"}
    with primary(major, **sizes) as first:
        await first.execute("SELECT pg_create_physical_replication_slot('forgotten', true)")

        async def lost() -> ReplicasReading | None:
            await write(first, 100_000)
            await first.execute("CHECKPOINT")
            reading = await read(profile(first))
            return reading if reading.slots[0].is_lost else None

        reading = await until(lost, 60)
        assert "slot forgotten is lost" in reading.sentences[0]
        assert ("wal_removed" in reading.sentences[0]) == (major >= 17)


async def test_a_standby_that_was_cut_off_cannot_tell_how_far_it_is_behind() -> None:
    with primary(18) as first, standby_of(first) as second:
        await until(lambda: streaming(profile(first)))
        await asyncio.to_thread(first.cluster.stop, mode="immediate")

        async def cut_off() -> ReplicasReading | None:
            session = await connect(profile(second), None)
            try:
                reading = (await read_replicas(session)).replicas
                return reading if reading.recovery and not reading.recovery.receiver else None
            finally:
                await session.close()

        cut = await until(cut_off)
        assert "this standby receives no WAL: what is read here grows old" in cut.sentences
        own = cut.recovery
        assert own is not None
        assert own.replay_lag_s is None
        assert own.replayed_age_s is not None or own.unreplayed_bytes == 0


async def test_commits_that_wait_for_no_replica_are_not_said_to_wait() -> None:
    with primary(18, synchronous_standby_names="absent", synchronous_commit="local") as first:
        session = await connect(profile(first), None)
        try:
            reading = (await read_replicas(session)).replicas
        finally:
            await session.close()
    assert reading.sync_names == ""
    assert not reading.sentences
