"""Blocks of lines that every text of ours is made of: headings, prose, SQL, facts."""

from __future__ import annotations

from collections.abc import Iterable

from tui.present.text import wrap
from tui.present.view import Line, Tone, line

LONGEST_LABEL = 22


def heading(text: str) -> Line:
    """The title of a block."""
    return line((f" {text}", Tone.ACCENT))


def prose(text: str, width: int, tone: Tone = Tone.PLAIN, indent: int = 2) -> list[Line]:
    """Sentences, broken at spaces."""
    return [line(" " * indent, (each, tone)) for each in wrap(text, width - indent - 1)]


def sql_lines(text: str, width: int, indent: int = 2) -> list[Line]:
    """A statement as a whole, broken where it must be and never cut."""
    return [line(" " * indent, (each, Tone.STRONG)) for each in wrap(text, width - indent - 1)]


def points(texts: Iterable[str], width: int, tone: Tone, sign: str = "·", indent: int = 2) -> list[Line]:
    """Sentences with a sign before each."""
    lines: list[Line] = []
    for text in texts:
        for at, each in enumerate(wrap(text, width - indent - 3)):
            lines.append(line(" " * indent, (f"{sign if not at else ' '} ", tone), (each, tone)))
    return lines


def fact_lines(facts: Iterable[tuple[str, str]], width: int, label: int = 0) -> list[Line]:
    """Names and values in two columns; what has no value is left out."""
    shown = [(name, value) for name, value in facts if value]
    label = label or min(max((len(name) for name, _ in shown), default=0), LONGEST_LABEL)
    lines: list[Line] = []
    for name, value in shown:
        for at, text in enumerate(wrap(value, width - label - 5)):
            lines.append(line("  ", (f"{name if not at else '':<{label}}", Tone.DIM), "  ", text))
    return lines
