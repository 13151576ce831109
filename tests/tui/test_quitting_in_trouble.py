"""`q` ends the program soon, whatever hangs: the network, a name server, a server that never answers."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from profiles.locations import locations
from tests.accidents import alive
from tests.proxy import proxy
from tests.servers import Database
from tests.tui.live import SCHEMA, write_profile
from tests.tui.terminal import Terminal
from tests.waiting import until

QUITS_S = 5.0
NO_NAME_SERVER = """
import socket, time
real = socket.getaddrinfo
def hangs(host, *more, **named):
    if host == "db.hangs.test":
        time.sleep(3600)
    return real(host, *more, **named)
socket.getaddrinfo = hangs
"""


async def quits(terminal: Terminal) -> None:
    """Press q; nothing of the program is left soon."""
    children = terminal.children()
    terminal.type("q")
    assert await asyncio.to_thread(terminal.end, QUITS_S) == 0
    await until(lambda: not any(map(alive, children)), QUITS_S)


async def test_on_a_frozen_network(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with proxy(newest.cluster) as wire:
        with Terminal(["-m", "tui.cli", write_profile(newest, through=wire.port)]) as terminal:
            await asyncio.to_thread(terminal.wait_for, "ENTERPRISE READY")
            wire.freeze()
            await asyncio.to_thread(terminal.wait_for, "5 s ago")
            await quits(terminal)


async def test_while_a_server_says_nothing(newest: Database) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        name = write_profile(newest, through=silent.getsockname()[1])
        with Terminal(["-m", "tui.cli", name]) as terminal:
            await asyncio.to_thread(terminal.wait_for, "connecting")
            await quits(terminal)


def elsewhere(name: str, host: str) -> None:
    """Have the profile name a host whose name nobody knows."""
    path = locations().profiles / f"{name}.toml"
    said = path.read_text().replace(f'host = "{host}"', 'host = "db.hangs.test"\nconnect_timeout = "2"')
    path.write_text(said)


@pytest.mark.parametrize("times", [1, 2], ids=["at first", "again"])
async def test_while_no_name_server_answers(newest: Database, tmp_path: Path, times: int) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_NAME_SERVER)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    name = write_profile(newest)
    elsewhere(name, str(newest.cluster.socket))
    with Terminal(["-m", "tui.cli", name], variables={"PYTHONPATH": path}) as terminal:
        await asyncio.to_thread(terminal.wait_for, "connecting")
        for _ in range(times - 1):
            await asyncio.to_thread(terminal.wait_for, "db.hangs.test cannot be resolved")
        await quits(terminal)
