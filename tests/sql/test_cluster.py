"""The embedded server starts, answers, stops, and says why when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from sql.demo.cluster import Cluster, ClusterError
from tests import servers
from tests.servers import Database


async def test_answers_with_its_own_major(database: Database) -> None:
    connection = await database.connect()
    number = await connection.fetchval("SELECT current_setting('server_version_num')::int")
    await connection.close()
    assert number // 10000 == database.major


def test_socket_path_too_long_is_said_before_anything_is_made(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    binaries = servers.binaries(18)
    assert binaries is not None
    with pytest.raises(ClusterError, match="too long for a Unix socket"):
        Cluster(binaries, folder).create()
    assert not folder.exists()
