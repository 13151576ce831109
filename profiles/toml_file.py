"""TOML files on disk: read with the line of every key, written whole or not at all."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from profiles.errors import ConfigurationError, Problem
from profiles.toml_lines import KeyPath, key_lines

LARGEST_BYTES = 16 * 1024 * 1024
"""No profile or manifest is larger; what is (a device, the wrong file) is refused before it fills memory."""

TOO_DEEP = ("is nested too deeply", "write it with fewer levels of brackets")

_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_AT_END = " (at end of document)"


@dataclass(frozen=True)
class TomlFile:
    """A parsed TOML file that knows where its keys stand."""

    path: Path
    data: dict[str, Any]
    text: str = ""

    def line_of(self, *keys: str | int) -> int | None:
        """The 1-based line of a key path, subscripted as in `data`: `line_of("index", 2, "definition")`.

        Positions count from 0; `line_of("index", 2)` is the line of the third `[[index]]` header. None
        for a path that is not in the file.
        """
        return self.lines.get(keys)

    @cached_property
    def lines(self) -> dict[KeyPath, int]:
        """The 1-based line of every key, as `line_of` counts."""
        try:
            return key_lines(self.text)
        except RecursionError:
            _refuse(self.path, *TOO_DEEP)


def read(path: Path) -> TomlFile:
    """Read and parse one file.

    Raises ConfigurationError, naming the file and, where there is one, the line: not found, a folder, not
    readable, larger than LARGEST_BYTES, not UTF-8, not TOML.
    """
    raw = _bytes_of(path)
    text = _text_of(path, raw)
    try:
        return TomlFile(path, tomllib.loads(text), text)
    except RecursionError:
        _refuse(path, *TOO_DEEP)
    except ValueError as error:
        message, line = _syntax_error(str(error), text)
        _refuse(path, f"is not valid TOML: {message}", "mend the syntax there", line)


def write(path: Path, data: Mapping[str, Any]) -> None:
    """Write a file whole: to a temporary name beside it, synced, then renamed; mode 0600, new folders 0700.

    A path that is a symbolic link keeps being one. Raises ConfigurationError when the folder or file
    cannot be written; the old file is then untouched and no temporary one remains.
    """
    import tomli_w

    text = tomli_w.dumps(data)
    target = path.resolve()
    try:
        _make_folder(target.parent)
        _write_whole(target, text.encode())
    except OSError as error:
        _refuse(path, f"cannot be written: {_reason(error)}", "make the file and its folder writable")


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        _refuse(path, "does not exist", "check the path, or create the file")
    except IsADirectoryError:
        _refuse(path, "is a folder", "name a TOML file")
    except PermissionError:
        _refuse(path, "may not be read by you", "give yourself read permission (chmod u+r)")
    except ValueError:
        _refuse(repr(str(path)), "is no file name", "remove the NUL character")
    except OSError as error:
        _refuse(path, f"cannot be read: {_reason(error)}", "check the path and the disk")
    if len(raw) > LARGEST_BYTES:
        _refuse(path, f"is larger than {LARGEST_BYTES // 1024**2} MiB", "name a TOML file of pgdeck")
    return raw


def _text_of(path: Path, raw: bytes) -> str:
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"is not UTF-8 (byte 0x{raw[error.start]:02x})"
        _refuse(path, what, "save the file in the encoding UTF-8", line)


def _syntax_error(message: str, text: str) -> tuple[str, int | None]:
    """tomllib's message without its position, and the line of that position."""
    if found := _AT_LINE.search(message):
        return _lowered(message[: found.start()]), int(found[1])
    if message.endswith(_AT_END):
        return _lowered(message.removesuffix(_AT_END)) + " before the end of the file", text.rstrip().count(
            "\n"
        ) + 1
    return _lowered(message), None


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _write_whole(target: Path, content: bytes) -> None:
    import tempfile

    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def _refuse(path: Path | str, what: str, remedy: str, line: int | None = None) -> NoReturn:
    raise ConfigurationError([Problem(path, "", what, remedy, line)]) from None
