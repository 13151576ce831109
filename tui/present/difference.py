"""Two definitions beside each other, with what differs marked by a sign and a tone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from tui.present.text import clean, width_of
from tui.present.view import BLANK, Line, Span, Tone, line, line_width

DIFFERS = "≠"
_TOKEN = re.compile(r'\s+|"(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'|\w+|.', re.DOTALL)
_NOISE = re.compile(r"\bUSING btree\b|\bpublic\.|\bASC\b|\bCONCURRENTLY\b|\bIF NOT EXISTS\b", re.IGNORECASE)
"""What the server prints and people leave out, or the other way round, without another meaning."""


def marked(declared: str, actual: str) -> tuple[list[Span], list[Span]]:
    """Both texts as spans; tokens that the other does not have are `CHANGED`."""
    left, right = _tokens(declared), _tokens(actual)
    left_words, right_words = _words(left), _words(right)
    matcher = SequenceMatcher(
        None,
        [left[at][0].lower() for at in left_words],
        [right[at][0].lower() for at in right_words],
        autojunk=False,
    )
    left_changed, right_changed = set(left_words), set(right_words)
    for block in matcher.get_matching_blocks():
        left_changed -= set(left_words[block.a : block.a + block.size])
        right_changed -= set(right_words[block.b : block.b + block.size])
    return _spans(left, left_changed), _spans(right, right_changed)


def _tokens(text: str) -> list[tuple[str, bool]]:
    """Tokens, each with whether it means something here."""
    noise = {at for found in _NOISE.finditer(text) for at in range(*found.span())}
    return [
        (
            clean(token[0]) if not token[0].isspace() else " ",
            not token[0].isspace() and token.start() not in noise,
        )
        for token in _TOKEN.finditer(text)
    ]


def _words(tokens: Sequence[tuple[str, bool]]) -> list[int]:
    return [at for at, (_, counts) in enumerate(tokens) if counts]


def _spans(tokens: Sequence[tuple[str, bool]], changed: set[int]) -> list[Span]:
    return [(token, Tone.CHANGED if at in changed else Tone.PLAIN) for at, (token, _) in enumerate(tokens)]


WIDEST = 2
"""Cells of the widest character: a narrower line could not hold it."""


def folded(spans: Iterable[Span], width: int) -> list[Line]:
    """Spans in lines of at most `width` cells, broken at spaces; only what is longer than a line is cut."""
    width = max(width, WIDEST)
    lines: list[list[Span]] = [[]]
    used = 0
    for word in _chunks(spans):
        length = line_width(word)
        if used and used + length > width:
            lines.append([])
            used = 0
        for text, tone in word:
            for piece in _pieces(text, width):
                if used + width_of(piece) > width:
                    lines.append([])
                    used = 0
                if piece != " " or used:
                    lines[-1].append((piece, tone))
                    used += width_of(piece)
    return [tuple(each) for each in lines if each] or [BLANK]


def _chunks(spans: Iterable[Span]) -> Iterable[list[Span]]:
    """Spans between which a line may break: single spaces, and what stands together."""
    together: list[Span] = []
    for span in spans:
        if span[0] != " ":
            together.append(span)
            continue
        yield together
        yield [span]
        together = []
    yield together


def _pieces(text: str, width: int) -> Iterable[str]:
    while width_of(text) > width:
        cut = width
        while width_of(text[:cut]) > width:
            cut -= 1
        yield text[:cut]
        text = text[cut:]
    yield text


def _signed(each: Line) -> Line:
    differs = any(tone is Tone.CHANGED for _, tone in each)
    return line((f"{DIFFERS} " if differs else "  ", Tone.CHANGED if differs else Tone.PLAIN), *each)


def beside(
    declared: str, actual: str | None, width: int, *, mark: bool, wide: bool, absent: str = "there is none"
) -> list[Line]:
    """The declared and the actual definition: side by side where `wide`, else one above the other.

    Args:
        mark: whether the finding says that they differ; two spellings of the same are not marked.
        absent: what is said where there is no actual one.
    """
    if actual is None:
        left, right = marked(declared, declared)[0], [(absent, Tone.DIM)]
    elif mark:
        left, right = marked(declared, actual)
    else:
        left, right = marked(declared, declared)[0], marked(actual, actual)[0]
    titles = (line(("  declared in the manifest", Tone.DIM)), line(("  actual on the server", Tone.DIM)))
    if not wide:
        return [
            titles[0],
            *(_signed(each) for each in folded(left, width - 2)),
            titles[1],
            *(_signed(each) for each in folded(right, width - 2)),
        ]
    half = (width - 3) // 2
    columns = [
        [titles[0], *(_signed(each) for each in folded(left, half - 2))],
        [titles[1], *(_signed(each) for each in folded(right, half - 2))],
    ]
    return [
        (*a, (" " * (half - line_width(a)), Tone.PLAIN), (" │ ", Tone.DIM), *b)
        for a, b in zip_longest(*columns, fillvalue=BLANK)
    ]
