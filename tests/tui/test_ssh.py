"""The deck through an SSH server, in tmux and without: the line is lost, and what should go on goes on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from profiles.locations import locations
from sql.steps.journal import Journal
from tests.accidents import alive
from tests.servers import Database
from tests.tui.live import SCHEMA, write_profile
from tests.tui.slow_terminal import SlowTerminal
from tests.tui.ssh import EXECUTE, MISSING, SshServer, set_variables, ssh_server
from tests.tui.terminal import ROOT
from tests.waiting import until

TMUX = shutil.which("tmux")
pytestmark = [
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
    pytest.mark.skipif(TMUX is None, reason="no tmux here; get it with: apt-get install tmux"),
]
OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgdeck%' AND datname = $1"
LONG_S = 60.0


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[SshServer]:
    """The server to log in at."""
    folder = tmp_path / "ssh"
    folder.mkdir()
    with ssh_server(folder) as made:
        yield made


class Far:
    """The far end: a deck in a tmux of its own, or bare."""

    def __init__(self, folder: Path, profile: str, **variables: str) -> None:
        self._socket = folder / "tmux"
        self._profile = profile
        self._variables = {
            "HOME": str(folder),
            "PGDECK_HOME": os.environ["PGDECK_HOME"],
            "PYTHONPATH": str(ROOT),
            **variables,
        }

    @property
    def bare(self) -> str:
        """A shell's words that run the deck."""
        return f"{set_variables(self._variables)} {sys.executable} -m tui.cli {self._profile}"

    def in_tmux(self, *words: str) -> str:
        """A shell's words that open the deck in tmux, or come back to it."""
        return f'{TMUX} {" ".join(words)} -S {self._socket} -f /dev/null new-session -A -s deck "{self.bare}"'

    def tmux(self, *words: str) -> str:
        """Run one command of tmux; what it printed, nothing where it has ended."""
        command = [str(TMUX), "-S", str(self._socket), *words]
        return subprocess.run(command, capture_output=True, text=True).stdout

    def shown(self) -> list[str]:
        """What stands in its window."""
        return [each.rstrip() for each in self.tmux("capture-pane", "-p", "-t", "deck").splitlines()]

    @property
    def pid(self) -> int:
        """The deck's process, or its shell's."""
        return int(self.tmux("list-panes", "-t", "deck", "-F", "#{pane_pid}"))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the far end keeps its things; its tmux is ended afterwards."""
    made = tmp_path / "far"
    made.mkdir()
    yield made
    subprocess.run([str(TMUX), "-S", str(made / "tmux"), "kill-server"], capture_output=True)


def near(ssh: SshServer, command: str, size: tuple[int, int] = (120, 40)) -> SlowTerminal:
    """The operator's terminal, with ssh in it."""
    return SlowTerminal([*EXECUTE, *ssh.client(command)], size=size)


def same(terminal: SlowTerminal, far: Far) -> bool:
    """Whether the terminal shows what stands in the far window, above tmux's own last line."""
    terminal.read_for(0.05)
    inside = far.shown()
    return bool(inside) and [each.rstrip() for each in terminal.shown()][: len(inside)] == inside


async def sessions(database: Database) -> int:
    connection = await database.connect()
    try:
        return int(await connection.fetchval(OURS, database.name))
    finally:
        await connection.close()


async def test_a_deck_in_tmux_outlives_its_ssh(newest: Database, ssh: SshServer, folder: Path) -> None:
    await newest.execute(SCHEMA)
    far = Far(folder, write_profile(newest), LANG="C.UTF-8")
    with near(ssh, far.in_tmux("-u")) as terminal:
        terminal.wait_for("✓ ENTERPRISE READY", LONG_S)
        await until(lambda: same(terminal, far))
        deck = far.pid
        terminal.process.send_signal(signal.SIGKILL)
        terminal.process.wait()
    # Nobody looks on, and the watch goes on.
    await newest.execute("DROP INDEX idx_leads_status")
    await until(lambda: any("✗ NOT READY" in each for each in far.shown()), LONG_S)
    assert await sessions(newest) == 2
    for size in ((120, 40), (80, 24)):
        with near(ssh, far.in_tmux("-u"), size) as terminal:
            terminal.wait_for("✗ NOT READY", LONG_S)
            await until(lambda seen=terminal: same(seen, far))  # type: ignore[misc]
            terminal.type("3")
            await until(lambda seen=terminal: _shows(seen, "max_connections"))  # type: ignore[misc]
            await until(lambda seen=terminal: same(seen, far))  # type: ignore[misc]
            assert far.pid == deck
            if size == (80, 24):
                terminal.type("q")
                terminal.end()
    await until(lambda: not alive(deck))
    await until(lambda: _none(newest))


def _shows(terminal: SlowTerminal, text: str) -> bool:
    terminal.read_for(0.05)
    return any(text in each for each in terminal.shown())


async def _none(database: Database) -> bool:
    return await sessions(database) == 0


async def test_without_a_locale_tmux_gets_plain_signs(newest: Database, ssh: SshServer, folder: Path) -> None:
    """tmux draws an underscore for each sign that it believes the terminal not to know."""
    await newest.execute(SCHEMA)
    far = Far(folder, write_profile(newest))
    with near(ssh, far.in_tmux()) as terminal:
        terminal.wait_for("ENTERPRISE READY", LONG_S)
        await until(lambda: same(terminal, far))
        text = "\n".join(terminal.shown()[:-1])
        assert text.isascii()
        assert "+-" in text
        assert "+ ENTERPRISE READY" in text
        terminal.type("q")
        terminal.end()


async def test_a_lost_line_ends_the_deck_and_not_its_run(
    newest: Database, ssh: SshServer, folder: Path
) -> None:
    await newest.execute(SCHEMA)
    name = write_profile(newest, definition="CREATE INDEX idx_rank ON leads (score)")
    far = Far(folder, name, LANG="C.UTF-8")
    writer = await newest.connect()
    transaction = writer.transaction()
    with near(ssh, f"exec {far.bare}") as terminal:
        terminal.wait_for("✗ missing", LONG_S)
        # A build waits for whoever writes.
        await transaction.start()
        await writer.execute("UPDATE leads SET score = score WHERE id = 1")
        terminal.type("b")
        terminal.wait_for("may run", LONG_S)
        terminal.type("c")
        terminal.wait_for("To run it", LONG_S)
        await until(lambda: _typed_y(terminal), LONG_S)
        terminal.type("\r")
        await until(lambda: _builds(newest), LONG_S)
        terminal.process.send_signal(signal.SIGKILL)
        terminal.process.wait()
    try:
        # The deck is gone, with its sessions; the runner's are there.
        await until(lambda: _unwatched(newest), LONG_S)
        assert await _builds(newest)
    finally:
        await transaction.rollback()
        await writer.close()
    await until(lambda: _valid(newest), LONG_S)
    journal = Journal(locations().journal)
    await until(lambda: "verified" in journal.path.read_text(), LONG_S)
    await until(lambda: _none(newest), LONG_S)


def _typed_y(terminal: SlowTerminal) -> bool:
    """Type it into the field, which takes nothing in its first moment."""
    terminal.type("y")
    terminal.read_for(0.5)
    return any(re.search(r"│ +y +│", each) for each in terminal.shown())


async def _ask(database: Database, sql: str) -> int:
    connection = await database.connect()
    try:
        return int(await connection.fetchval(sql))
    finally:
        await connection.close()


async def _builds(database: Database) -> bool:
    return bool(await _ask(database, "SELECT count(*) FROM pg_stat_progress_create_index"))


async def _unwatched(database: Database) -> bool:
    ours = "application_name LIKE ANY (ARRAY['pgdeck watch', 'pgdeck probe%'])"
    watching = f"SELECT count(*) FROM pg_stat_activity WHERE {ours}"
    return not await _ask(database, watching)


async def _valid(database: Database) -> bool:
    valid = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('idx_rank') AND indisvalid"
    return bool(await _ask(database, valid))
