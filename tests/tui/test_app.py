"""How the deck begins and ends: frames before drivers, no secret in a crash, no process left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.servers import Database
from tests.tui.live import write_profile
from tests.tui.terminal import Terminal, alive
from tests.waiting import until

PASSWORD = "hunter2-in-a-local"
CRASHES = {
    "worker": """
        async def work():
            password = "hunter2-in-a-local"
            raise ValueError(f"no {password}")
        self.run_worker(work(), exit_on_error=False, description="x")
    """,
    "strict worker": """
        async def work():
            password = "hunter2-in-a-local"
            raise ValueError(f"no {password}")
        self.run_worker(work(), description="x")
    """,
    "callback": """
        def call():
            password = "hunter2-in-a-local"
            raise ValueError(f"no {password}")
        self.call_later(call)
    """,
    "two at once": """
        def call():
            password = "hunter2-in-a-local"
            raise ValueError(f"no {password}")
        self.call_later(call)
        self.screen.call_later(call)
    """,
    "rich error": """
        class Telling(Exception):
            def __rich__(self):
                return "hunter2-in-a-local"
        def call():
            raise Telling("hunter2-in-a-local")
        self.call_later(call)
    """,
}


def crashing(body: str) -> str:
    """A program whose deck crashes once it is up."""
    return (
        "import sys\n"
        "from tests.tui import samples\n"
        "from tui.app import DeckApp\n"
        "class Crashing(DeckApp):\n"
        "    def begin_watching(self):\n" + textwrap.indent(textwrap.dedent(body), " " * 8) + "\n"
        "app = Crashing(samples.PROFILE, samples.MANIFEST)\n"
        "code = app.run()\n"
        "print(app.last_words, file=sys.stderr)\n"
        "sys.exit(code if code is not None else app.return_code)\n"
    )


@pytest.mark.hazard("SEC-02")
@pytest.mark.parametrize("kind", CRASHES)
def test_a_crash_says_where_and_shows_no_value(kind: str) -> None:
    with Terminal(["-c", crashing(CRASHES[kind])]) as terminal:
        assert terminal.end() == 3
        said = terminal.written.decode(errors="replace")
        assert PASSWORD not in said
        assert said.count("a mistake in pgdeck itself") == 1
        assert "textual run" not in said
        assert terminal.restored()


def test_the_first_frame_comes_before_the_driver() -> None:
    program = """
        import sys
        from tests.tui import samples
        from tui.app import DeckApp
        class Looking(DeckApp):
            def begin_watching(self):
                heavy = {"asyncpg", "keyring", "postgast"} & set(sys.modules)
                self.exit(len(heavy))
        sys.exit(Looking(samples.PROFILE, samples.MANIFEST).run(headless=True))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        cwd=Path(__file__).parent.parent.parent,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def profile(newest: Database) -> str:
    """A profile of a real database."""
    return write_profile(newest)


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
async def test_a_signal_ends_it_cleanly(profile: str, ending: signal.Signals, code: int) -> None:
    with Terminal(["-m", "tui.cli", profile]) as terminal:
        terminal.wait_for("1 of 1 met")
        prober = terminal.children()
        assert prober
        terminal.process.send_signal(ending)
        assert terminal.end() == code
        assert terminal.restored()
        assert f"ended by {ending.name}" in terminal.written.decode()
        await until(lambda: not any(map(alive, prober)))


@pytest.mark.parametrize("ignore_hangup", [False, True])
async def test_a_lost_terminal_ends_it(profile: str, ignore_hangup: bool) -> None:
    with Terminal(["-m", "tui.cli", profile], ignore_hangup=ignore_hangup) as terminal:
        terminal.wait_for("1 of 1 met")
        prober = terminal.children()
        terminal.hang_up()
        assert terminal.end(timeout=15) != 0
        await until(lambda: not any(map(alive, prober)))


async def test_q_ends_it_and_leaves_nothing(profile: str) -> None:
    with Terminal(["-m", "tui.cli", profile], size=(80, 24)) as terminal:
        terminal.wait_for("0 of 1 present")
        prober = terminal.children()
        terminal.type("q")
        assert terminal.end() == 0
        assert terminal.restored()
        await until(lambda: not any(map(alive, prober)))


def test_what_is_wrong_in_a_manifest_ends_with_its_sentence(newest: Database) -> None:
    name = write_profile(newest, definition="CREATE INDEX broken ON (")
    with Terminal(["-m", "tui.cli", name]) as terminal:
        assert terminal.end() == 2
        said = terminal.written.decode()
        assert "index[1].definition" in said
        assert terminal.restored()


def test_without_a_terminal_it_names_verify(profile: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", profile],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent.parent,
    )
    assert done.returncode == 2
    assert "pgdeck verify" in done.stderr
    assert done.stdout == ""
