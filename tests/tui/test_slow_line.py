"""A line that takes bytes slowly, or not at all, holds up nothing but the picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.slow_terminal import BUSY, SlowTerminal
from tests.waiting import until

KBIT = 1000 // 8
QUITS_S = 5
MANY_TURNS = 30
"""Each is a frame of 2 to 4 KB: four times as many fill every queue on the way."""
LONG_S = 60


def turns(path: Path) -> int:
    """How often the deck's loop came round."""
    return int(path.read_text() or 0) if path.exists() else 0


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    """Where the deck counts its turns."""
    return tmp_path / "turns"


@pytest.mark.parametrize("answers", [True, False], ids=["answering", "silent"])
@pytest.mark.parametrize("rate", [64 * KBIT, 256 * KBIT])
async def test_q_ends_a_busy_deck_on_a_slow_line(counter: Path, rate: int, answers: bool) -> None:
    with SlowTerminal(["-c", BUSY, str(counter), "0.02"], rate=rate, answers=answers) as terminal:
        terminal.wait_for("PRODUCTION")
        await until(lambda: terminal.read_for(0.2) or turns(counter) > MANY_TURNS, LONG_S)
        terminal.type("q")
        assert terminal.end(timeout=QUITS_S) == 0
        terminal.read_all()
        assert terminal.restored()


@pytest.mark.parametrize("answers", [True, False], ids=["answering", "silent"])
async def test_a_terminal_that_is_not_read_stops_only_the_picture(counter: Path, answers: bool) -> None:
    with SlowTerminal(["-c", BUSY, str(counter), "0.02"], answers=answers) as terminal:
        terminal.wait_for("PRODUCTION")
        terminal.rate = 0
        begun = turns(counter)
        await until(lambda: turns(counter) > begun + 4 * MANY_TURNS, LONG_S)
        terminal.type("q")
        assert terminal.end(timeout=QUITS_S) == 0


@pytest.mark.parametrize("answers", [True, False], ids=["answering", "silent"])
async def test_what_is_drawn_after_a_pause_is_the_newest_state(counter: Path, answers: bool) -> None:
    with SlowTerminal(["-c", BUSY, str(counter), "0.02"], answers=answers) as terminal:
        terminal.wait_for("PRODUCTION")
        terminal.type("2")
        terminal.rate = 0
        begun = turns(counter)
        await until(lambda: turns(counter) > begun + 4 * MANY_TURNS, LONG_S)
        before = len(terminal.written)
        terminal.type("?")
        await until(lambda: turns(counter) > begun + 5 * MANY_TURNS, LONG_S)
        terminal.rate = None
        terminal.wait_for("keys and signs")
        if answers:
            # Two frames at most were under way; without answers the kernel keeps what it likes.
            assert len(terminal.written) - before < 40_000
        terminal.type("q")
        terminal.wait_for("PRODUCTION")
        terminal.type("q")
        assert terminal.end(timeout=QUITS_S) == 0


async def test_a_deck_that_waits_for_its_terminal_sleeps(counter: Path) -> None:
    with SlowTerminal(["-c", BUSY, str(counter), "0.2"]) as terminal:
        terminal.wait_for("PRODUCTION")
        terminal.rate = 0
        begun, used = turns(counter), terminal.cpu_s()
        await until(lambda: turns(counter) > begun + 30, LONG_S)
        # Six seconds and more: a loop that spins would have used most of them.
        assert terminal.cpu_s() - used < 3
