"""Keys and quitting over 64 kbit/s, beside pg_activity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.bench.figures import Figure, Goal, quantile
from tests.bench.keys import typed
from tests.bench.setting import Setting
from tests.bench.terminal import Terminal

SLOW_LINE = 64_000
"""Bits a second."""
ROUNDS = 2
KEYS = 12


def answers(setting: Setting) -> Iterator[Figure]:
    """Arrows in a list while both programs watch; then the key that quits."""
    ours: list[float] = []
    theirs: list[float] = []
    exits: list[float] = []
    for _ in range(ROUNDS):
        done, exit_ms = _used(setting, [*setting.pgdeck, "probed"], "READY")
        ours += done
        exits.append(exit_ms)
        done, _ = _used(setting, setting.reference, "RUNNING QUERIES")
        theirs += done
    beside = (Goal.RATIO, "pg_activity", quantile(theirs, 0.95))
    yield Figure("64 kbit/s: key done, p95", quantile(ours, 0.95), "ms", 1.0, 0.5, *beside)
    yield Figure("64 kbit/s: quits within", max(exits), "ms", 5000, 1000)


def _used(setting: Setting, command: Sequence[str], ready: str) -> tuple[list[float], float]:
    """ms until each key's answer is on the screen, and until the program has ended."""
    with Terminal(command, variables=setting.environment, bits_s=SLOW_LINE) as terminal:
        done = [each.done for each in typed(terminal, ready, count=KEYS)]
        return done, terminal.until_ended("q")
