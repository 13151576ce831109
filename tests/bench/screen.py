"""When the deck paints and shows data, beside pg_activity; how keys answer over 5,000 rows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence

from tests.bench.figures import Figure, Goal
from tests.bench.setting import Setting
from tests.bench.terminal import Terminal

KEYS = 40
ROUNDS = 5
PAINTED, DRAWN, VERDICT = "painted", "1 Indexes", "READY"
"""The first cells; the panes; what the operator waits for."""


def starts(setting: Setting) -> Iterator[Figure]:
    """First paint, the panes, the verdict; and how long a verdict takes that needs samples."""
    deck, probed = ([*setting.pgdeck, name] for name in ("small", "probed"))
    rounds = [
        (
            _started(setting, deck, DRAWN, VERDICT),
            _started(setting, setting.reference, "RUNNING QUERIES"),
            _started(setting, probed, VERDICT),
        )
        # The first round warms up.
        for _ in range(ROUNDS + 1)
    ][1:]
    ours, theirs, measured = zip(*rounds, strict=True)
    their_paint, their_list = (_median(theirs, name) for name in (PAINTED, "RUNNING QUERIES"))
    paint, list_ = (Goal.RATIO, "pg_activity", their_paint), (Goal.RATIO, "pg_activity's list", their_list)
    yield Figure("start: first paint, a header", _median(ours, PAINTED), "ms", 1.2, 1.0, *paint)
    yield Figure("start: panes drawn", _median(ours, DRAWN), "ms", math.inf, 1.2, *paint)
    yield Figure("start: verdict shown", _median(ours, VERDICT), "ms", 1.5, 1.0, *list_)
    with_samples = _median(measured, VERDICT)
    yield Figure("start: verdict of five probes' samples too", with_samples, "ms", math.inf, math.inf, *list_)


def _started(setting: Setting, command: Sequence[str], *shown: str) -> Mapping[str, float]:
    """ms from the start until it paints, and until it shows each."""
    with Terminal(command, variables=setting.environment) as terminal:
        return {PAINTED: terminal.until_painted(), **{each: terminal.until(each) for each in shown}}


def _median(rounds: Sequence[Mapping[str, float]], name: str) -> float:
    return statistics.median(each[name] for each in rounds)


def keys_over_five_thousand_rows(setting: Setting) -> Iterator[Figure]:
    """p95 of the time from a key to the first byte of the answer."""
    with Terminal([*setting.pgdeck, "many"], variables=setting.environment) as terminal:
        terminal.until(VERDICT)
        times = sorted(terminal.answer("jk"[turn % 2]).first for turn in range(KEYS))
    p95 = times[int(len(times) * 0.95) - 1]
    yield Figure("deck with 5,000 indexes: key p95", p95, "ms", 100, 25)
