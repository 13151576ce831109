"""The deck through SSH on a line of 200 ms and 32 kB/s each way: nothing queues up, and keys answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.far_line import FarLine, far_line, missing
from tests.tui.slow_terminal import BUSY, SlowTerminal
from tests.tui.ssh import EXECUTE, MISSING, SshServer, free_port, set_variables
from tests.tui.terminal import ROOT
from tests.waiting import until

WHY_NOT = MISSING or missing()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
RATE = 32_000
LONG_S = 60.0
TURNS = 100
"""Of values that all change: ten times what the line takes."""


@pytest.fixture
def line() -> Iterator[FarLine]:
    """As from a hotel on another continent."""
    with far_line(delay_s=0.2, rate=RATE) as made:
        yield made


@pytest.fixture
def ssh(line: FarLine, tmp_path: Path) -> Iterator[SshServer]:
    """At the far end."""
    folder = tmp_path / "ssh"
    folder.mkdir()
    made = SshServer(folder, free_port(), line.prefix)
    made.start(line.far)
    yield made
    made.stop()


async def test_a_busy_deck_through_ssh_fills_no_queue(line: FarLine, ssh: SshServer, tmp_path: Path) -> None:
    program, turns = tmp_path / "busy.py", tmp_path / "turns"
    program.write_text(BUSY)
    said = {"PYTHONPATH": str(ROOT), "PGDECK_HOME": str(tmp_path), "LANG": "C.UTF-8"}
    command = f"{set_variables(said)} {sys.executable} {program} {turns} 0.02"
    with SlowTerminal([*EXECUTE, *ssh.client(command, address=line.far)]) as terminal:
        terminal.wait_for("q quit", LONG_S)
        terminal.wait_for("1 Indexes", LONG_S)
        # The file is written anew at every turn: for a moment it is empty.
        begun = int(await until(turns.read_text))
        line.longest_queue = 0
        await until(lambda: terminal.read_for(0.1) or int(turns.read_text() or 0) > begun + TURNS, LONG_S)
        terminal.type("?")
        terminal.wait_for("keys and signs", LONG_S)
        # A quarter of a second of the line, and not one packet lost.
        assert line.longest_queue < RATE / 4
        assert line.dropped == 0
        terminal.type("q")
        terminal.wait_for("1 Indexes", LONG_S)
        terminal.type("q")
        assert terminal.end(LONG_S) == 0
