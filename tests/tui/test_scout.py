"""The scout is sent where nobody notices, is heard before the watch, and is never in its way."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from profiles.locations import locations
from profiles.model import Credentials, CredentialSource
from sql.requirements import Requirements
from tests import servers, statement_log
from tests.servers import Database
from tests.sql.secured import TLS_MAJOR, Secured, secured
from tests.tui import samples
from tests.tui.live import SCHEMA, live, write_profile
from tests.tui.terminal import Terminal, alive
from tests.waiting import until
from tui.commands.deck import load
from tui.feed import Feed
from tui.messages import Arrived
from tui.scout import scout_for
from tui.steps_app import NOT_YET

ROOT = Path(__file__).parents[2]
HEAD = """
import asyncio, sys
from tui.commands.deck import load
from tui.feed import Feed
from tui.messages import Arrived
from tui.scout import scout_for
"""
HEARS = """
with scout_for(*load(sys.argv[1])) as scout:
    process = scout._process
    asyncio.run(scout.hear(lambda told: print(type(told).__name__)))
    print(process)
"""
LEAVES = """
with scout_for(*load(sys.argv[1])) as scout:
    print(scout._process)
"""
WAITS = """
with scout_for(*load(sys.argv[1])) as scout:
    print(scout._process, flush=True)
    sys.stdin.readline()
    asyncio.run(scout.hear(lambda told: print(type(told).__name__)))
"""
DECK = ("-m", "tui.cli")
LEAVES_S = 5.0
INDEX = """
[[index]]
definition = "CREATE INDEX idx_of_the_leads_that_nobody_has_built_{:04} ON leads (score DESC, status)"
"""
OURS = "FROM pg_stat_activity WHERE application_name LIKE 'pgdeck%' AND datname = current_database()"
WAITING = f"SELECT count(*) > 0 {OURS} AND wait_event_type = 'Lock'"
GONE = f"SELECT count(*) = 0 {OURS}"
CONSTRAINTS = "wanted (table_oid, name, position)"
"""In what reads the constraints."""


def ran(program: str, name: str) -> list[str]:
    """The lines that a program prints which sends a scout."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD + program, name],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_what_it_tells_is_heard_and_it_is_gone(newest: Database) -> None:
    *told, process = ran(HEARS, write_profile(newest))
    assert told[0] == "ServerIdentity"
    assert "IndexesSnapshot" in told
    assert not alive(int(process))


async def test_who_leaves_before_it_is_done_does_not_wait(newest: Database) -> None:
    """The server takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        name = write_profile(newest, through=silent.getsockname()[1])
        (process,) = ran(LEAVES, name)
        await until(lambda: not alive(int(process)))


@pytest.mark.parametrize("signal", [9, 19], ids=["killed", "stopped"])
def test_one_that_comes_to_grief_is_not_waited_for(newest: Database, signal: int) -> None:
    grief = f"import os, tui.scout\ntui.scout.PATIENCE_S = 0.5\n{HEARS}".replace(
        "    asyncio.run", f"    os.kill(process, {signal})\n    asyncio.run"
    )
    assert ran(f"{grief}    os.kill(process, 9)\n" if signal == 19 else grief, write_profile(newest))


@contextmanager
def sent(program: str, name: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A program that has sent a scout and waits for a word before it goes on; and the scout's number."""
    done = subprocess.Popen(
        [sys.executable, "-c", HEAD + program, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout is not None
    with done:
        yield done, int(done.stdout.readline())
        done.kill()


async def test_it_leaves_when_its_deck_is_killed(newest: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        name = write_profile(newest, through=silent.getsockname()[1])
        with sent(WAITS, name) as (deck, process):
            line, _ = await asyncio.to_thread(silent.accept)
            with line:
                deck.kill()
                await until(lambda: not alive(process), LEAVES_S)


async def test_a_deck_that_is_slow_to_listen_keeps_nobody_on_the_server_and_hears_all(
    newest: Database,
) -> None:
    """More than a pipe holds; it is let go on once the deck would have had to listen."""
    await newest.execute(SCHEMA.replace("(score >= 0)", "(score >= 0) NOT VALID"))
    name = write_profile(newest)
    manifest = locations().manifests / f"{name}.toml"
    more = [INDEX.format(number) for number in range(1000)]
    manifest.write_text(manifest.read_text() + "".join(more))
    holder, asking = await newest.connect(), await newest.connect()
    try:
        held = holder.transaction()
        await held.start()
        await holder.execute("LOCK TABLE leads")
        with sent(WAITS, name) as (deck, process):
            await until(lambda: asking.fetchval(WAITING))
            await held.rollback()
            await until(lambda: asking.fetchval(GONE), LEAVES_S)
            said, _ = await asyncio.to_thread(deck.communicate, "go on\n")
    finally:
        await holder.close()
        await asking.close()
    assert said.split() == [
        "ServerIdentity",
        "IdentitySnapshot",
        "PoolSnapshot",
        "IndexesSnapshot",
        "ConstraintsSnapshot",
    ]
    assert not alive(process)


def test_where_there_is_no_room_for_a_process_the_deck_does_without(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", full)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with scout_for(*load(write_profile(newest))) as scout:
        assert scout is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    "source", [CredentialSource.PROMPT, CredentialSource.KEYRING, CredentialSource.COMMAND]
)
def test_none_is_sent_where_somebody_might_be_asked_twice(
    source: CredentialSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("it was sent"))
    profile = replace(samples.PROFILE, credentials=Credentials(source))
    with scout_for(profile, samples.MANIFEST) as scout:
        assert scout is None


def test_none_is_sent_for_the_list_of_profiles() -> None:
    with scout_for(None, None) as scout:
        assert scout is None


@pytest.fixture
async def telling() -> AsyncIterator[Database]:
    """A server of its own that logs every statement."""
    cluster = servers.start(18, **statement_log.SETTINGS)
    database = Database(cluster, 18, "postgres")
    await database.execute(SCHEMA.replace("(score >= 0)", "(score >= 0) NOT VALID"))
    yield database
    cluster.remove()
    cluster.folder.parent.rmdir()


async def test_tables_are_not_read_twice_for_it(telling: Database) -> None:
    name = write_profile(telling)
    with Terminal([*DECK, name]) as terminal:
        terminal.wait_for("READY")
        await until(lambda: statements(telling, CONSTRAINTS) >= 2)
        terminal.type("q")
        assert terminal.end() == 0
    assert statements(telling, "IS FALSE LIMIT") == 1


def statements(database: Database, part: str) -> int:
    """How many statements with this part in them the server was sent."""
    return sum(part in sql for _, sql in statement_log.sent(database.cluster))


@pytest.fixture
def guarded() -> Iterator[Secured]:
    with secured() as made:
        yield made


async def test_a_wrong_password_is_refused_once(guarded: Secured, tmp_path: Path) -> None:
    """Servers lock accounts that are refused again and again."""
    await servers.administer(guarded.cluster, "CREATE ROLE oncall LOGIN PASSWORD 'right'")
    passfile = tmp_path / "passfile"
    passfile.write_text("*:*:*:*:wrong\n")
    passfile.chmod(0o600)
    name = write_profile(Database(guarded.cluster, TLS_MAJOR, "postgres"))
    path = locations().profiles / f"{name}.toml"
    said = guarded.parameters(user="oncall", sslmode="disable", passfile=str(passfile))
    head, _, _ = path.read_text().partition("[connection]")
    path.write_text(head + "[connection]\n" + "\n".join(f'{key} = "{value}"' for key, value in said.items()))
    with Terminal([*DECK, name]) as terminal:
        terminal.wait_for("UNKNOWN")
        terminal.type("q")
        assert terminal.end() == 0
    assert guarded.cluster.log.read_text(errors="replace").count("password authentication failed") == 1


@pytest.mark.parametrize(
    ("key", "screen"), [("b", "PreviewScreen"), ("c", "PoolScreen"), ("x", "LocksScreen")]
)
async def test_a_key_that_comes_before_the_watch_is_answered_when_it_is_in(
    newest: Database, monkeypatch: pytest.MonkeyPatch, key: str, screen: str
) -> None:
    await newest.execute(SCHEMA)
    held = Event()
    prepare = Feed._prepare

    def late(self: Feed) -> Requirements:
        assert held.wait(20)
        return prepare(self)

    monkeypatch.setattr(Feed, "_prepare", late)
    async with live(write_profile(newest, definition="CREATE INDEX idx_rank ON leads (score)")) as driver:
        for event in samples.EVERYTHING:
            driver.app.post_message(Arrived(event))
        await until(lambda: driver.deck.active.row is not None)
        await driver.pilot.press(key)
        assert driver.app.screen is driver.deck
        await until(lambda: driver.shows(NOT_YET))
        held.set()
        await until(lambda: type(driver.app.screen).__name__ == screen)
