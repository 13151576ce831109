"""Figures that are read from two metres: five lines high, of full blocks."""

from __future__ import annotations

from collections.abc import Mapping

HEIGHT = 5
GLYPHS: Mapping[str, tuple[str, ...]] = {
    "0": ("███", "█ █", "█ █", "█ █", "███"),
    "1": (" █ ", "██ ", " █ ", " █ ", "███"),
    "2": ("███", "  █", "███", "█  ", "███"),
    "3": ("███", "  █", "███", "  █", "███"),
    "4": ("█ █", "█ █", "███", "  █", "  █"),
    "5": ("███", "█  ", "███", "  █", "███"),
    "6": ("███", "█  ", "███", "█ █", "███"),
    "7": ("███", "  █", "  █", "  █", "  █"),
    "8": ("███", "█ █", "███", "█ █", "███"),
    "9": ("███", "█ █", "███", "  █", "███"),
    ".": (" ", " ", " ", " ", "█"),
    "–": ("   ", "   ", "███", "   ", "   "),
    "?": ("███", "  █", " ██", "   ", " █ "),
}


def large(text: str) -> tuple[str, ...]:
    """The text in five lines of equal width; a character without a glyph is a question mark."""
    glyphs = [GLYPHS.get(character, GLYPHS["?"]) for character in text]
    return tuple(" ".join(glyph[row] for glyph in glyphs) for row in range(HEIGHT))
