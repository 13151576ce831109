"""A network that dies without a word to either end: the server gets rid of our session by itself."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sql.demo.cluster import Cluster
from tests import servers
from tests.accidents import census
from tests.bench.far_line import far_line, missing
from tests.sql.secured import free_port
from tests.tui.terminal import ROOT
from tests.waiting import until

CLIENT = """
import asyncio, sys
import sql.dial
from profiles.model import EnvironmentClass, Profile
from sql.connect import open_link
if sys.argv[2]:
    # As the deck asks for it, only thirty times as fast.
    assert sql.dial.SERVER_KEEPALIVES["tcp_keepalives_idle"] == "60"
    fast = {"tcp_keepalives_idle": "2", "tcp_keepalives_interval": "1", "tcp_user_timeout": "2000"}
    assert fast.keys() <= sql.dial.SERVER_KEEPALIVES.keys()
    sql.dial.SERVER_KEEPALIVES = fast
else:
    sql.dial.SERVER_KEEPALIVES = {}
async def main():
    said = dict(host=sys.argv[3], port=sys.argv[1], user="postgres", dbname="postgres", sslmode="disable")
    link = await open_link(Profile("far", EnvironmentClass.STAGING, "m", said), None)
    await asyncio.sleep(3600)
asyncio.run(main())
"""

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def listening() -> Cluster:
    """A server that listens on the near end of every line."""
    cluster = servers.start(18)
    cluster.stop()
    cluster.listen, cluster.port = "0.0.0.0", free_port()
    with (cluster.data / "pg_hba.conf").open("a") as rules:
        rules.write("host all all 10.213.0.0/16 trust\n")
    cluster.start()
    return cluster


def begin(command: list[str]) -> subprocess.Popen[bytes]:
    """A client that connects, and then says nothing more."""
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


@pytest.mark.hazard("DISC-08")
async def test_the_server_notices_a_network_that_swallows_everything() -> None:
    cluster = listening()
    try:
        with far_line(delay_s=0.005, rate=1_000_000) as line:
            async with census(cluster, "pgdeck watch") as counted:
                program = [*line.prefix, sys.executable, "-c", CLIENT, str(cluster.port)]
                clients = [begin([*program, kept, line.near]) for kept in ("yes", "")]
                try:
                    await until(lambda: counted.now == 2)
                    line.cut = True
                    # The one that did not ask for it stays, for two hours by default.
                    await until(lambda: counted.now == 1)
                    rounds = counted.rounds
                    await until(lambda: counted.rounds > rounds + 100)
                    assert counted.now == 1
                finally:
                    for client in clients:
                        client.kill()
                        client.wait()
    finally:
        cluster.remove()
        cluster.folder.parent.rmdir()
