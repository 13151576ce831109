"""Whether a probe becomes slower or faster: the medians of the older and the newer half of its samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

LEAST_SAMPLES = 20
"""Of each half; fewer tell nothing."""
RATIO = 1.25
"""From which ratio of the two medians on it is more than the noise of a quiet server."""
LEAST_MS = 0.1
"""So small a difference is noise whatever its ratio."""


class Trend(StrEnum):
    """Which way the median goes."""

    RISING = "rising"
    STEADY = "steady"
    FALLING = "falling"


def trend(older: Sequence[float], newer: Sequence[float]) -> Trend | None:
    """The trend of latencies in ms; infinity is an answer that never came. None: too few to tell."""
    if min(len(older), len(newer)) < LEAST_SAMPLES:
        return None
    before, after = _median(older), _median(newer)
    if math.isinf(before) or math.isinf(after):
        return None
    if abs(after - before) < LEAST_MS or max(before, after) < RATIO * min(before, after):
        return Trend.STEADY
    return Trend.RISING if after > before else Trend.FALLING


def _median(values: Sequence[float]) -> float:
    return sorted(values)[math.ceil(len(values) / 2) - 1]
