"""On which line of a TOML document each key stands, which tomllib does not tell.

The scanner relies on the document having passed tomllib: it checks nothing again, it only follows the
structure (headers, dotted and quoted keys, strings of four kinds, arrays, inline tables, comments).
https://toml.io/en/v1.0.0
"""

from __future__ import annotations

import re
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys and 0-based positions, as one would subscript the parsed document."""

DEEPEST = 100
"""Levels of keys; a document with more is treated as one that nests too deeply."""

_BLANK = re.compile(r"[ \t]*")
_BLANK_LINES = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_STRINGS = (
    ('"""', re.compile(r'"""(?:[^"\\]++|\\.|"(?!""))*"{3,5}', re.DOTALL)),
    ("'''", re.compile(r"'''(?:[^']++|'(?!''))*'{3,5}", re.DOTALL)),
    ('"', re.compile(r'"(?:[^"\\]++|\\.)*"')),
    ("'", re.compile(r"'[^']*'")),
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


def key_lines(text: str) -> dict[KeyPath, int]:
    """The 1-based line of every key, table, array element and table of an array, for a valid document.

    A table that headers only imply has the line of the first key or header that implies it.

    Raises:
        RecursionError: arrays nest too deeply for Python, or keys deeper than DEEPEST.
    """
    return _Scanner(text.replace("\r\n", "\n")).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted_to = 0
        self._lines: dict[KeyPath, int] = {}
        self._last: dict[KeyPath, int] = {}
        """Arrays of tables, by path, with the position of their last table."""

    def scan(self) -> dict[KeyPath, int]:
        here: KeyPath = ()
        while True:
            self._skip(_BLANK_LINES)
            if self._at >= len(self._text):
                return self._lines
            if self._looking_at("[["):
                here = self._array_header()
            elif self._looking_at("["):
                here = self._table_header()
            else:
                self._pair(here)

    def _array_header(self) -> KeyPath:
        self._at += 2
        line = self._line_here()
        *outer, name = self._key()
        self._at += 2
        path = (*self._resolve((), outer, line), name)
        position = self._last.get(path, -1) + 1
        self._last[path] = position
        self._lines.setdefault(path, line)
        self._lines[(*path, position)] = line
        return (*path, position)

    def _table_header(self) -> KeyPath:
        self._at += 1
        line = self._line_here()
        path = self._resolve((), self._key(), line)
        self._at += 1
        self._lines[path] = line
        return path

    def _resolve(self, base: KeyPath, names: list[str], line: int) -> KeyPath:
        """The path of these names; one that is an array of tables means its last table."""
        if len(base) + len(names) > DEEPEST:
            raise RecursionError
        path = base
        for name in names:
            path = (*path, name)
            self._lines.setdefault(path, line)
            if path in self._last:
                path = (*path, self._last[path])
        return path

    def _pair(self, base: KeyPath) -> None:
        line = self._line_here()
        path = self._resolve(base, self._key(), line)
        self._at += 1
        self._skip(_BLANK)
        self._value(path)

    def _key(self) -> list[str]:
        """A dotted key with the blanks around it; leaves the scanner at what follows (`=` or `]`)."""
        names = []
        while True:
            self._skip(_BLANK)
            if self._text[self._at] in "\"'":
                names.append(_unquoted(self._string()))
            else:
                names.append(self._take(_BARE_KEY))
            self._skip(_BLANK)
            if not self._looking_at("."):
                return names
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        start = self._text[self._at]
        if start in "\"'":
            self._string()
        elif start == "[":
            self._array(path)
        elif start == "{":
            self._inline_table(path)
        else:
            self._skip(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        position = 0
        while True:
            self._skip(_BLANK_LINES)
            if self._looking_at(","):
                self._at += 1
            elif self._looking_at("]"):
                self._at += 1
                return
            else:
                element = (*path, position)
                self._lines[element] = self._line_here()
                self._value(element)
                position += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while True:
            self._skip(_BLANK_LINES)
            if self._looking_at(","):
                self._at += 1
            elif self._looking_at("}"):
                self._at += 1
                return
            else:
                self._pair(path)

    def _string(self) -> str:
        pattern = next(pattern for quote, pattern in _STRINGS if self._looking_at(quote))
        return self._take(pattern)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise AssertionError(f"not the TOML that tomllib read, at offset {self._at}")
        self._at = found.end()
        return found.group()

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _looking_at(self, sign: str) -> bool:
        return self._text.startswith(sign, self._at)

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted_to, self._at)
        self._counted_to = self._at
        return self._line


def _unquoted(quoted: str) -> str:
    if quoted.startswith("'"):
        return quoted[1:-1]
    return _ESCAPE.sub(_character, quoted[1:-1])


def _character(escape: re.Match[str]) -> str:
    digits = escape[1] or escape[2]
    return chr(int(digits, 16)) if digits else _ESCAPED.get(escape[3], escape[3])
