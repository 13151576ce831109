"""What the parser said of whole texts, kept on disk: a start that knows every text never imports the parser.

PostgreSQL's parser takes 40 ms to import and 7 MB to keep. Kept is what a text means, under the text itself;
one that was refused is parsed, and refused, again. Once a module that makes the values has changed, none of
them counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

MAKERS = ("declared", "extents", "lints", "parsing", "queries", "requirements", "samples")
"""The modules of this package whose functions are kept, or make the values of those that are."""
LARGEST_BYTES = 16 * 1024 * 1024


class ParseStore:
    """Values by function and text; a text that was not asked for since the file was read is not kept on."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._known: dict[str, dict[str, Any]] = {}
        self._used: dict[str, dict[str, Any]] = {}
        self._grown = False

    def open(self, path: Path) -> None:
        """Take values from this file from now on; it need not be there."""
        self.close()
        self._path, self._known = path, _read(path)

    def close(self) -> None:
        """Keep nothing any more; what is new is written.

        A folder that cannot be written costs the next start its time, nothing else.
        """
        path, used, grown = self._path, self._used, self._grown
        self._path, self._known, self._used, self._grown = None, {}, {}, False
        if path is not None and grown:
            with suppress(OSError):
                _write(path, {"makers": _makers(), "values": used})

    def value(self, function: str, text: str, parse: Callable[[str], Any]) -> Any:
        """What `function` makes of `text`, as JSON; `parse` is asked where nobody knows."""
        if self._path is None:
            return parse(text)
        known = self._known.get(function, {})
        if text in known:
            value = known[text]
        else:
            value = parse(text)
            self._grown = True
        self._used.setdefault(function, {})[text] = value
        return value


STORE = ParseStore()
"""The process has one, as it has one parser."""


def kept(function: Callable[[str], T]) -> Callable[[str], T]:
    """Keep what a function makes of its text; that is JSON, and depends on nothing else."""
    return kept_as(_same, _same)(function)


def kept_as(
    to_json: Callable[[T], Any], from_json: Callable[[Any], T]
) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """Keep what a function makes of its text as JSON; it depends on nothing else."""

    def decorate(function: Callable[[str], T]) -> Callable[[str], T]:
        @wraps(function)
        def asked(text: str) -> T:
            return from_json(STORE.value(function.__name__, text, lambda text: to_json(function(text))))

        return asked

    return decorate


def _same(value: Any) -> Any:
    return value


def _makers() -> list[list[int]]:
    """Size and time of every file that has a say in the values.

    Raises:
        OSError: one is not there.
    """
    here = Path(__file__).parent
    parser = find_spec("postgast")
    files = [here / f"{name}.py" for name in MAKERS]
    files.append(Path(parser.origin if parser is not None and parser.origin else ""))
    return [[found.st_size, found.st_mtime_ns] for found in map(os.stat, files)]


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            return {}
        file = json.loads(path.read_bytes())
        return file["values"] if file["makers"] == _makers() else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, separators=(",", ":"))
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
