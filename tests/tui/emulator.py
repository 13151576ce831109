"""A terminal as pyte emulates it, with what pyte leaves out and frames need."""

from __future__ import annotations

import unicodedata
from itertools import groupby

import pyte
from pyte.screens import Char, StaticDefaultDict
from wcwidth import wcwidth


class Emulator(pyte.Screen):
    """Judges dim text too (as `blink`, which nobody here uses) and keeps marks that take no cell."""

    def select_graphic_rendition(self, *attrs: int, **more: object) -> None:
        """Dim becomes blink: pyte has no place for it."""
        left = list(attrs)
        seen: list[int] = []
        while left:
            taken = 1
            if left[0] in (38, 48) and len(left) > 1:
                taken = 5 if left[1] == 2 else 3
            code, left = left[:taken], left[taken:]
            seen += {(2,): [5], (22,): [22, 25]}.get(tuple(code), code)
        super().select_graphic_rendition(*seen, **more)

    def draw(self, data: str) -> None:
        """Text; pyte ends it at the first mark that is no combining character, and keeps half characters."""
        line = self.buffer[self.cursor.y]
        self._blank(line, self.cursor.x, self.cursor.x - 1)
        if data.isascii():
            super().draw(data)
        else:
            for is_mark, characters in groupby(data, _is_mark):
                if is_mark:
                    self._attach("".join(characters))
                else:
                    super().draw("".join(characters))
        self._blank(line, self.cursor.x, self.cursor.x)

    def _blank(self, line: StaticDefaultDict[int, Char], stub: int, half: int) -> None:
        """A wide character of which one half is overwritten is gone: a blank in its colours stays."""
        if 0 < stub < self.columns and not line[stub].data:
            line[half] = line[half]._replace(data=" ")

    def _attach(self, mark: str) -> None:
        line = self.buffer[self.cursor.y]
        x = self.cursor.x - 1
        if x > 0 and not line[x].data:
            x -= 1
        if x >= 0:
            line[x] = line[x]._replace(data=line[x].data + mark)

    def snapshot(self) -> list[tuple[Char, ...]]:
        """The lines, each as its cells."""
        columns = range(self.columns)
        return [tuple(map(self.buffer[y].__getitem__, columns)) for y in range(self.lines)]


def _is_mark(character: str) -> bool:
    return wcwidth(character) == 0 and not unicodedata.combining(character)


def differences(one: Emulator, other: Emulator) -> list[str]:
    """Where two screens differ, in words."""
    found = []
    for y, (left, right) in enumerate(zip(one.snapshot(), other.snapshot(), strict=True)):
        if left == right:
            continue
        found += [
            f"line {y} cell {x}: {a} | {b}"
            for x, (a, b) in enumerate(zip(left, right, strict=True))
            if a != b
        ]
    if (one.cursor.x, one.cursor.y) != (other.cursor.x, other.cursor.y):
        found.append(f"cursor {one.cursor.x},{one.cursor.y} | {other.cursor.x},{other.cursor.y}")
    return found
