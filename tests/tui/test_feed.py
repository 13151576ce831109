"""What the verdict does not need waits for it, and never for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.servers import Database
from tests.tui.live import write_profile

ROOT = Path(__file__).parents[2]
PARSED, FOLLOWS = 10, 20
PROGRAM = f"""
import sys
from tui.app import DeckApp
from tui.commands.deck import load

class Ending(DeckApp):
    def settled(self):
        verdict = self.deck.readings.judged()
        super().settled()
        follows = self._following_runs is not None
        known = len(self.deck.readings.parts)
        print(known, verdict.verdict if verdict else None, file=sys.stderr)
        self.exit({PARSED} * ("postgast" in sys.modules) + {FOLLOWS} * follows)

sys.exit(Ending(*load(sys.argv[1])).run(headless=True))
"""


def opened(name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A deck that ends when there is time for what can wait."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, name],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **variables},
        timeout=60,
    )


def test_a_deck_that_knows_its_manifest_never_imports_the_parser(newest: Database) -> None:
    name = write_profile(newest)
    assert opened(name).returncode == PARSED + FOLLOWS
    assert opened(name).returncode == FOLLOWS


def test_the_parts_are_read_before_anything_else_begins(newest: Database) -> None:
    done = opened(write_profile(newest))
    known = int(done.stderr.split()[0])
    assert known >= 4, "pool, server, indexes and constraints at least"


def test_runs_are_followed_where_no_server_is(newest: Database) -> None:
    name = write_profile(newest)
    profile = Path(os.environ["PGDECK_HOME"]) / "profiles" / f"{name}.toml"
    profile.write_text(profile.read_text().replace("host = ", 'host = "/nowhere" #'))
    done = opened(name)
    assert done.returncode in (FOLLOWS, PARSED + FOLLOWS), done.stderr
    assert "UNKNOWN" in done.stderr
