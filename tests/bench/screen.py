"""When the deck paints and shows data, beside pg_activity; how keys answer over 5,000 rows."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from tests.bench.figures import Figure, alternated, ratio
from tests.bench.setting import Setting
from tests.bench.terminal import Terminal

KEY_LIMIT_MS = 100
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
    yield ratio("deck: first paint", deck_ms, "pg_activity", reference_ms, 1.2)
    ready_ms, shown_ms = statistics.median(ours), statistics.median(theirs)
    yield ratio("deck: verdict shown", ready_ms, "pg_activity's first list", shown_ms, 1.5)


def keys_over_five_thousand_rows(setting: Setting) -> Iterator[Figure]:
    """p95 of the time from a key to the first byte of the answer."""
    with Terminal([*setting.pgdeck, "many"], variables=setting.environment) as terminal:
        terminal.until("READY")
        times = sorted(terminal.answer("jk"[turn % 2]) for turn in range(KEYS))
    p95 = times[int(len(times) * 0.95) - 1]
    goal = f"{KEY_LIMIT_MS} ms"
    yield Figure(
        "deck with 5,000 indexes: key p95", p95, "p50", times[KEYS // 2], goal, missed=p95 > KEY_LIMIT_MS
    )
