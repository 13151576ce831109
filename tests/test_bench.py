"""What the bench counts and how it judges, on programs whose cost is known."""

from __future__ import annotations

import math
import sys

import pytest

from tests.bench.figures import Figure, Goal, quantile
from tests.bench.frames import Filming, Frame
from tests.bench.terminal import Terminal

FRAMES = r"""
import sys
def frame(text):
    sys.stdout.write("\x1b[?2026h" + text + "\x1b[?2026l")
    sys.stdout.flush()
frame("\x1b[1;1Habcdef")
frame("\x1b[1;1Habcxyz")
frame("\x1b[1;1Habcxyz")
frame("\x1b[2;1Hdone")
"""


@pytest.mark.parametrize(
    ("measured", "must", "aim", "verdict"),
    [
        (3.0, 2.0, 1.0, "MISSED"),
        (2.0, 2.0, 1.0, "met"),
        (1.0, 2.0, 1.0, "aim met"),
        (9.0, math.inf, 1.0, "aim missed"),
        (9.0, math.inf, math.inf, ""),
    ],
)
def test_a_figure_is_judged_by_must_and_aim(measured: float, must: float, aim: float, verdict: str) -> None:
    figure = Figure("metric", measured, "ms", must, aim)
    assert figure.verdict == verdict
    assert figure.missed == (verdict == "MISSED")
    assert figure.line().endswith(f"  {verdict}")
    assert figure.markdown().endswith(f"| {verdict} |")


def test_a_figure_is_held_against_its_reference() -> None:
    assert Figure("a", 30, "ms", 2, 1, Goal.RATIO, "other", 20).value == 1.5
    assert Figure("a", 30, "ms", 2, 1, Goal.OVER, "other", 20).value == 10
    assert Figure("a", 30, "ms", 2, 1, Goal.RATIO, "other", 0).missed
    assert "| -10.0 |" in Figure("a", 20, "ms", 2, 1, Goal.OVER, "other", 30).markdown()


def test_quantiles_are_nearest_ranks() -> None:
    assert quantile(range(1, 101), 0.95) == 95
    assert quantile([7.0], 0.5) == 7.0


def test_bytes_and_changed_cells_of_each_frame_are_counted() -> None:
    with Filming([sys.executable, "-c", FRAMES]) as terminal:
        terminal.until("done")
        sent = len("\x1b[?2026h\x1b[1;1Habcdef\x1b[?2026l")
        assert terminal.frames[:3] == (Frame(sent, 6), Frame(sent, 3), Frame(sent, 0))


def test_a_slow_line_takes_its_time() -> None:
    size = 4000
    with Terminal([sys.executable, "-c", f"print('x' * {size - 4} + 'end')"], bits_s=64_000) as terminal:
        assert terminal.until("end") >= 1000 * (size - 100) * 8 / 64_000


def test_an_answer_is_timed_until_it_is_whole() -> None:
    program = r"""
import sys, time
print("ready", flush=True)
sys.stdin.readline()
sys.stdout.write("first")
sys.stdout.flush()
time.sleep(0.01)
print("done", flush=True)
sys.stdin.readline()
"""
    with Terminal([sys.executable, "-c", program]) as terminal:
        terminal.until("ready")
        answer = terminal.answer("\n")
        assert answer.first <= answer.done
        assert "firstdone" in terminal.text
