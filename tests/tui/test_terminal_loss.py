"""A terminal that goes away, comes back, or changes its size: the deck ends, or its screen is right again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.tui.slow_terminal import BUSY, SlowTerminal
from tests.tui.terminal import ROOT
from tests.waiting import until

ENDS_S = 5


@pytest.mark.parametrize("read", [True, False], ids=["read", "stuck"])
@pytest.mark.parametrize("ignore_hangup", [False, True])
async def test_a_lost_terminal_ends_it_soon(tmp_path: Path, ignore_hangup: bool, read: bool) -> None:
    arguments = ["-c", BUSY, str(tmp_path / "turns"), "0.1"]
    with SlowTerminal(arguments, ignore_hangup=ignore_hangup) as terminal:
        terminal.wait_for("PRODUCTION")
        if not read:
            terminal.rate = 0
            begun = turns(tmp_path / "turns")
            await until(lambda: turns(tmp_path / "turns") > begun + 20)
        used = terminal.cpu_s()
        terminal.hang_up()
        while terminal.process.poll() is None:
            spent = terminal.cpu_s() - used
            assert spent < 3, "it spins"
            terminal.end(timeout=ENDS_S)
        assert terminal.process.returncode != 0


def turns(path: Path) -> int:
    """How often the deck's loop came round."""
    return int(path.read_text() or 0) if path.exists() else 0


def stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def test_suspended_it_gives_the_terminal_back_and_draws_everything_again(tmp_path: Path) -> None:
    with SlowTerminal(["-c", BUSY, str(tmp_path / "turns")]) as terminal:
        terminal.wait_for("1 Indexes")
        terminal.wait_for("q quit")
        terminal.read_all()
        before = terminal.shown()
        terminal.type("\x1a")
        await until(lambda: stopped(terminal.process.pid))
        terminal.read_all()
        assert terminal.restored()
        terminal.scribble("\x1b[2J\x1b[5;5H\x1b[31mthe shell was here")
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait_for("q quit")
        await until(lambda: terminal.read_for(0.05) or terminal.shown() == before)
        terminal.type("q")
        assert terminal.end(timeout=ENDS_S) == 0


async def test_resized_to_almost_nothing_and_back_it_shows_what_it_showed(tmp_path: Path) -> None:
    with SlowTerminal(["-c", BUSY, str(tmp_path / "turns")]) as terminal:
        terminal.wait_for("q quit")
        terminal.read_all()
        before = terminal.shown()
        terminal.resize(20, 5)
        await until(lambda: terminal.read_for(0.05) or any("PROD" in each for each in terminal.shown()))
        terminal.resize(120, 40)
        await until(lambda: terminal.read_for(0.05) or terminal.shown() == before)
        terminal.type("q")
        assert terminal.end(timeout=ENDS_S) == 0


async def test_redrawn_on_request(tmp_path: Path) -> None:
    with SlowTerminal(["-c", BUSY, str(tmp_path / "turns")]) as terminal:
        terminal.wait_for("q quit")
        terminal.read_all()
        before = terminal.shown()
        terminal.scribble("\x1b[7;7Hsomebody wrote on it\x1b[7;31m\x1b[3;9r")
        terminal.type("\x0c")
        await until(lambda: terminal.read_for(0.05) or terminal.shown() == before)
        terminal.type("q")
        assert terminal.end(timeout=ENDS_S) == 0


TMUX = shutil.which("tmux")


class Tmux:
    """A tmux server of its own, with one window."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def __call__(self, *words: str) -> str:
        """Run one command of tmux; what it printed."""
        command = [str(TMUX), "-S", str(self._socket), "-f", "/dev/null", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout

    def shown(self) -> str:
        """What stands in the window."""
        return self("capture-pane", "-p", "-t", "deck")


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """tmux, ended afterwards."""
    server = Tmux(tmp_path / "tmux")
    yield server
    subprocess.run([str(TMUX), "-S", str(tmp_path / "tmux"), "kill-server"], capture_output=True)


@pytest.mark.skipif(TMUX is None, reason="tmux is not installed")
async def test_detached_and_attached_again_in_tmux(tmp_path: Path, tmux: Tmux) -> None:
    program = tmp_path / "busy.py"
    program.write_text(BUSY)
    deck = f"PYTHONPATH={ROOT} {sys.executable} {program} {tmp_path / 'turns'}"
    tmux("new-session", "-d", "-s", "deck", "-x", "120", "-y", "40", deck)
    await until(lambda: "q quit" in tmux.shown())
    client = [str(TMUX), "-S", str(tmp_path / "tmux"), "attach", "-t", "deck"]
    for size in ((120, 41), (100, 30)):
        with SlowTerminal([*EXECUTE, *client], size=size) as terminal:
            terminal.wait_for("q quit")
            terminal.wait_for("PRODUCTION")
            await until(partial(_same, terminal, tmux))
            terminal.type("\x02d")
            terminal.end()
    tmux("send-keys", "-t", "deck", "q")
    await until(lambda: not (tmp_path / "tmux").exists() or not _sessions(tmux))


def _same(terminal: SlowTerminal, tmux: Tmux) -> bool:
    """Whether the client shows what stands in the window, above tmux's own last line."""
    terminal.read_for(0.05)
    inside = [each.rstrip() for each in tmux.shown().splitlines()]
    return [each.rstrip() for each in terminal.shown()][: len(inside)] == inside


EXECUTE = ("-c", "import os, sys; os.execv(sys.argv[1], sys.argv[1:])")


def _sessions(tmux: Tmux) -> bool:
    try:
        return bool(tmux("list-sessions"))
    except subprocess.CalledProcessError:
        return False
