"""From a standby to its primary, by every way that a profile may know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from profiles.model import Profile
from sql.connect import connect
from sql.replicas.primary import Primary, find_primary
from tests.servers import Database
from tests.sql.standbys import primary, standby_of
from tests.sql.steps.schemas import profile
from tests.waiting import until


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Database, Database]]:
    with primary(18) as first, standby_of(first) as second:
        yield first, second


async def sought(where: Profile) -> Primary | None:
    session = await connect(where, None)
    try:
        assert session.identity.in_recovery
        return await find_primary(where, None, session.identity)
    finally:
        await session.close()


def at(database: Database) -> dict[str, str]:
    return {"host": str(database.cluster.socket), "port": str(database.cluster.port)}


@pytest.mark.hazard("PRV-03")
async def test_it_is_found_among_the_hosts_in_direct_and_among_the_replicas(
    pair: tuple[Database, Database], newest: Database
) -> None:
    first, second = pair
    here = profile(second)
    hosts = f"{second.cluster.socket},{first.cluster.socket}"
    ways = {
        "[connection]": replace(here, connection={**here.connection, "host": hosts}),
        "[direct]": replace(here, direct=at(first)),
        # After a failover what was a replica may be the primary; another cluster is none.
        "[[replica]]": replace(here, replicas=({"host": "/nowhere"}, at(newest), at(second), at(first))),
    }
    for said, where in ways.items():
        found = await sought(where)
        assert found is not None, said
        assert found.said == said
        assert found.address == f"{first.cluster.socket}/.s.PGSQL.{first.cluster.port}"
        session = await connect(found.profile, None)
        assert not session.identity.in_recovery
        await session.close()


async def test_where_the_profile_knows_no_other_server_none_is_found(
    pair: tuple[Database, Database], newest: Database
) -> None:
    _, second = pair
    here = profile(second)
    assert await sought(here) is None
    assert await sought(replace(here, direct=at(newest))) is None
    assert await sought(replace(here, replicas=({"host": "/nowhere"}, {"service": "nowhere"}))) is None


async def test_nothing_stays_open_on_the_servers_that_were_tried(pair: tuple[Database, Database]) -> None:
    first, second = pair
    await sought(replace(profile(second), direct=at(first)))
    connection = await first.connect()
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgdeck%'"

    async def gone() -> bool:
        return await connection.fetchval(ours) == 0

    await until(gone)
    await connection.close()
