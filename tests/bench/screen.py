"""When the deck paints and shows data, beside pg_activity; how keys answer over 5,000 rows."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from tests.bench.figures import Figure, Goal, alternated
from tests.bench.setting import Setting
from tests.bench.terminal import Terminal

KEYS = 40


def starts(setting: Setting) -> Iterator[Figure]:
    """First paint and first data."""

    def started(command: Sequence[str], ready: str) -> tuple[float, float]:
        with Terminal(command, variables=setting.environment) as terminal:
            return terminal.until_painted(), terminal.until(ready)

    ours: list[float] = []
    theirs: list[float] = []

    def deck() -> float:
        painted, ready = started([*setting.pgdeck, "small"], r"READY")
        ours.append(ready)
        return painted

    def reference() -> float:
        painted, ready = started(setting.reference, r"RUNNING QUERIES")
        theirs.append(ready)
        return painted

    deck_ms, reference_ms = alternated(deck, reference)
    yield Figure("deck: first paint", deck_ms, "ms", 1.2, 1.0, Goal.RATIO, "pg_activity", reference_ms)
    # The first round warms up.
    ready_ms, shown_ms = statistics.median(ours[1:]), statistics.median(theirs[1:])
    yield Figure("deck: verdict shown", ready_ms, "ms", 1.5, 1.0, Goal.RATIO, "pg_activity's list", shown_ms)


def keys_over_five_thousand_rows(setting: Setting) -> Iterator[Figure]:
    """p95 of the time from a key to the first byte of the answer."""
    with Terminal([*setting.pgdeck, "many"], variables=setting.environment) as terminal:
        terminal.until("READY")
        times = sorted(terminal.answer("jk"[turn % 2]).first for turn in range(KEYS))
    p95 = times[int(len(times) * 0.95) - 1]
    yield Figure("deck with 5,000 indexes: key p95", p95, "ms", 100, 25)
