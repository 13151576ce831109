"""Fixtures: real servers, a fresh database a test, and a home of its own for pgdeck's files."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sql.demo.cluster import Cluster
from tests import servers
from tests.servers import Database

LIBPQ_VARIABLES = [
    name for name in os.environ if name.startswith("PG") and not name.startswith("PGDECK_TEST")
]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keeps the developer's own profiles, journal and libpq settings out of every test."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PGDECK_HOME", str(home / "pgdeck"))
    for variable in LIBPQ_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    return home


@pytest.fixture(scope="session")
def running() -> Iterator[dict[int, Cluster]]:
    """The servers of this run by major, started when first asked for."""
    clusters: dict[int, Cluster] = {}
    yield clusters
    for cluster in clusters.values():
        cluster.remove()
        cluster.folder.parent.rmdir()


def _cluster(running: dict[int, Cluster], major: int) -> Cluster:
    if servers.binaries(major) is None:
        pytest.skip(servers.how_to_get(major))
    if major not in running:
        running[major] = servers.start(major)
    return running[major]


@pytest.fixture(params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
async def database(request: pytest.FixtureRequest, running: dict[int, Cluster]) -> AsyncIterator[Database]:
    """A fresh database on every wanted major."""
    made = await servers.new_database(_cluster(running, request.param), request.param)
    yield made
    await servers.drop_database(made)


@pytest.fixture
async def newest(running: dict[int, Cluster]) -> AsyncIterator[Database]:
    """A fresh database on the newest major, for what does not differ between versions."""
    made = await servers.new_database(_cluster(running, 18), 18)
    yield made
    await servers.drop_database(made)
