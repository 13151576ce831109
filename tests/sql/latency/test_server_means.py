"""The server's own mean of a probe: never across an entry that was made anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sql.latency.lane import Lane
from sql.latency.sampler import probe_settings
from sql.latency.server_means import ServerMeans
from tests import servers
from tests.servers import Database
from tests.sql.latency.targets import DASHBOARD, profile
from tests.waiting import until

ID = "SELECT queryid FROM pg_stat_statements WHERE query LIKE 'SELECT pg_sleep(%'"
SLEEPS = "SELECT pg_sleep({})"


@pytest.fixture(params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
def counting(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A server that keeps the fewest statements that it can."""
    if servers.binaries(request.param) is None:
        pytest.skip(servers.how_to_get(request.param))
    settings = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.max": "100"}
    cluster = servers.start(request.param, **settings)
    yield Database(cluster, request.param, "postgres")
    cluster.remove()
    cluster.folder.parent.rmdir()


async def test_a_probe_that_was_evicted_and_counted_past_its_old_value_has_no_mean(
    counting: Database,
) -> None:
    await counting.execute("CREATE EXTENSION pg_stat_statements")
    control = await counting.connect()
    lane = await Lane.open(profile(counting), None, probe_settings([DASHBOARD], "public", None))
    means = ServerMeans(lane)
    assert await means.find()
    await lane.aside(SLEEPS.format(0.2))
    means.know(0, await control.fetchval(ID))
    await means.read()
    columns = iter(range(1, 1000))

    async def is_evicted() -> bool:
        for _ in range(20):
            await control.fetch("SELECT " + ", ".join("1" * next(columns)))
        return await control.fetchval(ID) is None

    await until(is_evicted)
    for _ in range(3):
        await lane.aside(SLEEPS.format(0.1))
    assert await means.read() == {0: None}
    await lane.aside(SLEEPS.format(0.1))
    mean = (await means.read())[0]
    assert mean is not None and 100 <= mean < 200
    await lane.close()
    await control.close()
