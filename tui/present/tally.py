"""How many of each finding, in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from tui.present.signs import badness, mark
from tui.present.view import GAP, Line, Span, Tone

CROWDED = 3
"""From so many kinds of trouble on, the word of the good finding gives way to its sign."""


def tally(findings: Iterable[StrEnum], good: StrEnum, nothing: str) -> Line:
    """`3 of 5 present  ✗ 1 missing  ✗ 1 drifted`, what is wrong first.

    Args:
        good: the finding that need not be listed.
        nothing: what is said where there is none at all.
    """
    counts = Counter(findings)
    total = sum(counts.values())
    if not total:
        return ((nothing, Tone.DIM),)
    others = sorted((each for each in type(good) if each in counts and each is not good), key=badness)
    word = "✓" if len(others) >= CROWDED else good.value
    spans: list[Span] = [(f"{counts[good]} of {total} {word}", Tone.PLAIN if others else Tone.GOOD)]
    for finding in others:
        text, tone = mark(finding)
        spans += [GAP, (f"{text[0]} {counts[finding]} {text[2:]}", tone)]
    return tuple(spans)
