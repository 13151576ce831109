"""Where a report goes: standard output, or a file that appears complete or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from profiles.errors import ConfigurationError, Problem


def show(text: str) -> None:
    """Write to standard output; a character that its encoding lacks becomes an escape, not a crash."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def save(path: Path, text: str, option: str) -> None:
    """Write a file in one move, readable as the umask allows: a report is meant to be shared.

    Args:
        option: which option named the file, for the error.

    Raises:
        ConfigurationError: it cannot be written.
    """
    if path.exists() and not path.is_file():
        # A pipe or /dev/stdout: nothing to replace.
        _into(path, text, option)
        return
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise _unwritable(path, error, option) from None


def _into(path: Path, text: str, option: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise _unwritable(path, error, option) from None


def _unwritable(path: Path, error: OSError, option: str) -> ConfigurationError:
    what = f"{path} cannot be written ({error.strerror})"
    return ConfigurationError([Problem(option, "", what, "name a file in a folder that you may write to")])


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
