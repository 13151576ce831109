"""How keys are answered on a quick line, beside pg_activity; and what is left to draw after one was held."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from tests.bench.figures import Figure, Goal, quantile
from tests.bench.setting import Setting
from tests.bench.terminal import Answer, Terminal

ROUNDS = 3
KEYS = 20
ARROWS = ("\x1b[B", "\x1b[A")
HELD = ("\x1b[B",) * 8 + ("\x1b[A",) * 8
HELD_RATE = 30
HELD_S = 4.0
MEDIUM_LINE = 256_000
"""Bits a second."""


def answers(setting: Setting) -> Iterator[Figure]:
    """Arrows up and down in a list, one at a time and held."""
    ours: list[Answer] = []
    theirs: list[Answer] = []
    drains: list[float] = []
    slow_drains: list[float] = []
    for _ in range(ROUNDS):
        with Terminal([*setting.pgdeck, "probed"], variables=setting.environment) as terminal:
            ours += typed(terminal, "READY")
            drains.append(terminal.hold(HELD, HELD_RATE, HELD_S))
        with Terminal(setting.reference, variables=setting.environment) as terminal:
            theirs += typed(terminal, "RUNNING QUERIES")
        line = Terminal([*setting.pgdeck, "probed"], variables=setting.environment, bits_s=MEDIUM_LINE)
        with line as terminal:
            terminal.until("READY")
            slow_drains.append(terminal.hold(HELD, HELD_RATE, HELD_S))
    first, their_first = (statistics.median(each.first for each in them) for them in (ours, theirs))
    yield Figure("key: first output, p50", first, "ms", 1.0, 0.5, Goal.RATIO, "pg_activity", their_first)
    yield Figure("key: done, p95", quantile([each.done for each in ours], 0.95), "ms", 50, 25)
    yield Figure("held key: drawn on for", statistics.median(drains), "ms", 100, 0)
    yield Figure("held key at 256 kbit/s: drawn on for", statistics.median(slow_drains), "ms", 250, 0)


def typed(terminal: Terminal, ready: str, keys: Sequence[str] = ARROWS, count: int = KEYS) -> list[Answer]:
    """The answers to arrows once the program is ready."""
    terminal.until(ready)
    terminal.drain_for(2)
    return [terminal.answer(keys[turn % len(keys)]) for turn in range(count)]
