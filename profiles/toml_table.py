"""Typed reading of one TOML table: every problem is noted with file, line and key, none ends the reading."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from profiles.errors import Problem
from profiles.toml_file import TomlFile
from profiles.toml_lines import KeyPath

LONGEST_NAME_BYTES = 63
"""NAMEDATALEN - 1: PostgreSQL cuts longer identifiers with only a NOTICE."""

LARGEST_NUMBER = 1_000_000_000
"""No count, number of seconds or milliseconds in a manifest or profile is larger."""

MOST_COMPARED = 500
"""Words that a misspelt one is compared with."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_QUOTE = 60


def label(path: KeyPath) -> str:
    """A key path as people write it, counting from 1: `index[3].definition`."""
    parts = []
    for key in path:
        if isinstance(key, int):
            parts.append(f"[{key + 1}]")
        else:
            name = key if _BARE_KEY.fullmatch(key) else quoted(key)
            parts.append(f".{name}" if parts else name)
    return "".join(parts)


def quoted(text: str) -> str:
    """Text from a file for a message: quoted, control and direction characters escaped, not too long."""
    cut = text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"
    return repr(cut)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean 'priority'?` for the nearest known word; empty where none is near."""
    import difflib

    near = difflib.get_close_matches(word.lower(), list(islice(known, MOST_COMPARED)), n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def kind(value: object) -> str:
    """The TOML type of a value, in words."""
    if isinstance(value, bool):
        return "true or false"
    words = {str: "text", int: "a number", float: "a number", dict: "a table"}
    if isinstance(value, list):
        tables = bool(value) and all(isinstance(element, dict) for element in value)
        return "an array of tables" if tables else "an array"
    return words.get(type(value), "a date or time")


class Table:
    """One table of a TOML file, whose keys are asked for one by one.

    A key that is wrong adds a problem and reads as if it were absent.
    """

    def __init__(
        self, file: TomlFile, path: KeyPath, content: dict[str, Any], problems: list[Problem]
    ) -> None:
        self.file = file
        self.path = path
        self.content = content
        self._problems = problems
        self._asked: list[str] = []

    @property
    def line(self) -> int:
        """1-based line of the table's header."""
        return self.file.line_of(*self.path) or 0

    @property
    def position(self) -> int:
        """1-based place in its array of tables; 0 for a table that is in none."""
        return self.path[-1] + 1 if self.path and isinstance(self.path[-1], int) else 0

    def refuse(self, name: str | None, what: str, remedy: str, *deeper: str | int) -> None:
        """Note a problem of the key `name` (and what is deeper in it), or of the table itself."""
        path = self.path if name is None else (*self.path, name, *deeper)
        self._note(path, what, remedy, self.file.line_of(*path))

    def finish(self) -> None:
        """Note every key that nobody asked for."""
        for name in self.content:
            if name not in self._asked:
                nearest = did_you_mean(name, self._asked)
                self.refuse(name, "is not a key of this table", nearest or f"use {', '.join(self._asked)}")

    def has(self, name: str) -> bool:
        """Whether the key is there, right or wrong."""
        return name in self.content

    def text(self, name: str, *, required: str = "") -> str | None:
        """A text that is not empty. `required` is the remedy where it is missing."""
        value = self._value(name, required)
        if value is None:
            return None
        if not isinstance(value, str):
            self.refuse(name, f"must be text, not {kind(value)}", "write it in quotes")
        elif flaw := flaw_of(value):
            self.refuse(name, flaw, required or "write something, or leave the key out")
        else:
            return value
        return None

    def identifier(self, name: str, *, required: str = "") -> str | None:
        """A text of at most LONGEST_NAME_BYTES bytes; one that is longer is noted, and read all the same."""
        value = self.text(name, required=required)
        if value is not None and (size := len(value.encode())) > LONGEST_NAME_BYTES:
            what = f"is {size} bytes long; PostgreSQL keeps {LONGEST_NAME_BYTES}"
            self.refuse(name, what, f"shorten it to {LONGEST_NAME_BYTES} bytes")
        return value

    def flag(self, name: str) -> bool:
        """Whether a switch is on; a key that is absent is off."""
        value = self._value(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.refuse(name, f"must be true or false, not {kind(value)}", "write true or false, without quotes")
        return False

    def choice(self, name: str, words: Sequence[str]) -> str | None:
        """One of a few words."""
        value = self.text(name)
        if value is None or value in words:
            return value
        remedy = did_you_mean(value, words) or f"write one of: {', '.join(words)}"
        self.refuse(name, f"{quoted(value)} is none of {', '.join(words)}", remedy)
        return None

    def number(
        self, name: str, *, above: float | None = None, least: float | None = None, most: int = LARGEST_NUMBER
    ) -> float | None:
        """A finite number, greater than `above` or not less than `least`, and not greater than `most`."""
        value = self._value(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(name, f"must be a number, not {kind(value)}", "write digits without quotes")
        elif value != value or not -LARGEST_NUMBER <= value <= most:
            self.refuse(name, "is out of range", f"write a number up to {most}")
        elif above is not None and value <= above:
            self.refuse(name, f"{value} is not greater than {above:g}", "write a positive number")
        elif least is not None and value < least:
            self.refuse(
                name, f"{value} is less than {least:g}", f"write {least:g} or more, or leave the key out"
            )
        else:
            return value
        return None

    def whole_number(self, name: str, *, least: int) -> int | None:
        """A whole number, not less than `least`."""
        value = self.number(name, least=least)
        if isinstance(value, float):
            self.refuse(name, f"{value} is not a whole number", "write it without a decimal point")
            return None
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """An array of texts that are not empty."""
        value = self._value(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.refuse(name, f"must be an array of texts, not {kind(value)}", 'write ["…"]')
            return ()
        sound = []
        for position, element in enumerate(value):
            if not isinstance(element, str):
                self.refuse(name, f"must be text, not {kind(element)}", "write it in quotes", position)
            elif flaw := flaw_of(element):
                self.refuse(name, flaw, "write something, or remove it", position)
            else:
                sound.append(element)
        return tuple(sound)

    def table(self, name: str, *, required: str = "") -> Table | None:
        """A table inside this one."""
        value = self._value(name, required)
        if value is None:
            return None
        if not isinstance(value, dict):
            brackets = f"[{label((*self.path, name))}]"
            self.refuse(name, f"must be a table, not {kind(value)}", f"write {brackets} or {{ … }}")
            return None
        return Table(self.file, (*self.path, name), value, self._problems)

    def tables(self, name: str, remedy: str = "") -> list[Table]:
        """An array of tables inside this one."""
        value = self._value(name)
        if value is None:
            return []
        remedy = remedy or f"write [[{name}]] for each"
        if not isinstance(value, list):
            self.refuse(name, f"must be an array of tables, not {kind(value)}", remedy)
            return []
        sound = []
        for position, element in enumerate(value):
            if isinstance(element, dict):
                sound.append(Table(self.file, (*self.path, name, position), element, self._problems))
            else:
                self.refuse(name, f"must be a table, not {kind(element)}", remedy, position)
        return sound

    def _value(self, name: str, required: str = "") -> Any:
        self._asked.append(name)
        if name not in self.content and required:
            self._note((*self.path, name), "is missing", required, self.line or None)
        return self.content.get(name)

    def _note(self, path: KeyPath, what: str, remedy: str, line: int | None) -> None:
        self._problems.append(Problem(self.file.path, label(path), what, remedy, line))


def flaw_of(text: str) -> str:
    """What makes a text useless for PostgreSQL: that it is empty, or holds NUL; empty where it is sound."""
    if not text.strip():
        return "is empty"
    return "holds a NUL character, which PostgreSQL cannot store" if "\0" in text else ""
