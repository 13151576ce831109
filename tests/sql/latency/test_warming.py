"""Cold, pg_prewarm, warm: on a server whose caches are really cold after a restart."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from profiles.manifest import ProbeEntry
from profiles.model import Profile
from sql.demo.cluster import Cluster
from sql.errors import SessionError
from sql.latency.lane import Lane
from sql.latency.sampler import probe_settings
from sql.latency.warmer import warm_in_child
from sql.latency.warming import WarmStep, WarmUp, warm_up
from tests import servers
from tests.servers import Database
from tests.sql.latency.targets import DASHBOARD, SCHEMA, probe, profile
from tests.waiting import until

BUFFERED = """
SELECT count(*) FROM pg_buffercache
WHERE relfilenode = pg_relation_filenode($1::text::regclass)
    AND reldatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) AND relforknumber = 0
"""
BY_SCORE = probe("SELECT count(*) FROM leads WHERE status = 's1'", name="by_status")


@pytest.fixture(scope="module", params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
def cluster(request: pytest.FixtureRequest) -> Iterator[tuple[Cluster, int]]:
    if servers.binaries(request.param) is None:
        pytest.skip(servers.how_to_get(request.param))
    made = servers.start(request.param, shared_buffers="8MB")
    yield made, request.param
    made.remove()
    made.folder.parent.rmdir()


@pytest.fixture
async def cold(cluster: tuple[Cluster, int]) -> AsyncIterator[Database]:
    """A database with a table of 3 MB and one of 6, and nothing of it in shared_buffers."""
    database = await servers.new_database(*cluster)
    await database.execute(
        SCHEMA + "CREATE EXTENSION pg_buffercache;"
        "CREATE TABLE large AS SELECT i, repeat('x', 500) AS filler FROM generate_series(1, 10000) i;"
        "ANALYZE large; CHECKPOINT"
    )
    cluster[0].stop()
    cluster[0].start()
    yield database
    await servers.drop_database(database)


async def warmed(
    database: Database, *probes: ProbeEntry, user: str = "postgres"
) -> tuple[WarmUp, list[WarmStep]]:
    steps: list[WarmStep] = []
    through = replace(profile(database), connection=database.parameters(user))
    lane = await Lane.open(through, None, probe_settings(probes, "public", None))
    return await warm_up(lane, probes, steps.append), steps


async def buffered(database: Database, relation: str) -> int:
    connection = await database.connect()
    try:
        return int(await connection.fetchval(BUFFERED, relation))
    finally:
        await connection.close()


async def pages(database: Database, relation: str) -> int:
    connection = await database.connect()
    try:
        return int(await connection.fetchval("SELECT pg_relation_size($1::text::regclass) / 8192", relation))
    finally:
        await connection.close()


async def test_what_the_probes_read_is_in_the_cache_afterwards(cold: Database) -> None:
    await cold.execute("CREATE EXTENSION pg_prewarm")
    assert await buffered(cold, "leads") == 0
    warm, steps = await warmed(cold, DASHBOARD, BY_SCORE)
    assert warm.prewarm == ""
    names = [each.name for each in warm.relations]
    assert names[-1] == "public.leads" and "public.idx_leads_status_score" in names
    assert all(each.seconds is not None for each in warm.relations)
    for relation in ("leads", "idx_leads_status_score"):
        assert await buffered(cold, relation) == await pages(cold, relation)
    assert [each.name for each in warm.probes] == ["dashboard", "by_status"]
    for each in warm.probes:
        assert each.cold_ms is not None and each.warm_ms is not None and each.detail == ""
    assert warm.probes[0].runs == 7
    assert steps[-1].done == steps[-1].total == 2 * 2 + len(names)


async def test_without_the_extension_the_probes_alone_are_run(cold: Database) -> None:
    warm, _ = await warmed(cold, DASHBOARD)
    assert "CREATE EXTENSION pg_prewarm" in warm.prewarm
    assert warm.relations == ()
    assert warm.probes[0].runs == 7
    assert await buffered(cold, "idx_leads_status_score") > 0


async def test_what_would_push_out_half_of_the_cache_is_left_out(cold: Database) -> None:
    await cold.execute("CREATE EXTENSION pg_prewarm")
    warm, _ = await warmed(cold, probe("SELECT count(*) FROM large"))
    (relation,) = warm.relations
    assert relation.seconds is None and "half of shared_buffers" in relation.detail


async def test_a_probe_that_fails_says_why_and_stops_no_other(cold: Database) -> None:
    broken = probe("SELECT 1 / (id - 3) FROM leads WHERE id = $1", "SELECT i FROM generate_series(1, 5) i")
    warm, _ = await warmed(cold, broken, probe("SELECT 1 FROM missing", name="missing"), DASHBOARD)
    first, missing, dashboard = warm.probes
    assert first.runs == 2 and "22012" in first.detail
    assert missing.runs == 0 and "42P01" in missing.detail
    assert dashboard.runs == 7


async def test_a_role_without_select_gets_the_grant_said(cold: Database) -> None:
    role = f"low_{cold.name}"
    await cold.execute(f"CREATE EXTENSION pg_prewarm; CREATE ROLE {role} LOGIN")
    try:
        warm, _ = await warmed(cold, DASHBOARD, user=role)
        assert warm.probes[0].runs == 0 and "42501" in warm.probes[0].detail
        assert await buffered(cold, "leads") == 0
    finally:
        await cold.execute(f"DROP ROLE {role}")


async def test_a_process_of_its_own_does_the_same(cold: Database) -> None:
    steps: list[WarmStep] = []
    warm = await warm_in_child(profile(cold), None, (DASHBOARD,), steps.append)
    assert warm.probes[0].runs == 7 and "CREATE EXTENSION" in warm.prewarm
    assert [step.done for step in steps] == [0, 1, 2]


async def test_a_server_out_of_reach_is_an_error_with_a_sentence(newest: Database) -> None:
    gone: Profile = replace(profile(newest), connection={**newest.parameters(), "dbname": "no_such"})
    with pytest.raises(SessionError, match="no_such"):
        await warm_in_child(gone, None, (DASHBOARD,), [].append)


async def test_another_server_in_the_same_place_is_not_warmed(newest: Database) -> None:
    await newest.execute(SCHEMA)
    with pytest.raises(SessionError, match="ANOTHER SERVER"):
        await warm_in_child(profile(newest), None, (DASHBOARD,), [].append, system_identifier="1")


async def test_a_deck_that_is_killed_leaves_no_warm_up_behind(newest: Database) -> None:
    await newest.execute(SCHEMA)
    script = (
        "import asyncio, json, sys\n"
        "from profiles.model import EnvironmentClass, Profile\n"
        "from profiles.manifest import ProbeEntry, Target\n"
        "from sql.latency.warmer import warm_in_child\n"
        "there = Profile('test', EnvironmentClass.DEVELOPMENT, 'none', connection=json.loads(sys.argv[1]))\n"
        "slow = ProbeEntry('slow', 'SELECT pg_sleep(600)', Target(1, 1, 600_000))\n"
        "asyncio.run(warm_in_child(there, None, (slow,), lambda step: print(step, flush=True)))\n"
    )
    deck = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, json.dumps(newest.parameters()), stdout=asyncio.subprocess.PIPE
    )
    control = await newest.connect()
    sleeping = (
        "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'"
    )
    try:
        await until(lambda: control.fetchval(sleeping))
        deck.kill()
        await deck.wait()

        async def gone() -> bool:
            return not await control.fetchval(sleeping)

        await until(gone)
    finally:
        await control.close()
