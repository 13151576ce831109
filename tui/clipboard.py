"""Copying out of a terminal: OSC 52, through tmux and screen too, and a file for where that is refused."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path

LONGEST = 74_994
"""Bytes of text; terminals cut or drop what is longer (xterm's limit on an OSC 52 string)."""
FILE = "copied.sql"


def sequences(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """What to write to the terminal so that it takes `text` as its clipboard; empty where it is too long.

    Inside tmux the sequence goes out twice: for tmux itself (`set-clipboard on`) and, wrapped, for the
    terminal around it (`allow-passthrough on`).
    """
    encoded = base64.b64encode(text.encode("utf-8", "surrogateescape")).decode("ascii")
    if len(encoded) > LONGEST:
        return ""
    plain = f"\x1b]52;c;{encoded}\x07"
    if "TMUX" in environ:
        wrapped = plain.replace("\x1b", "\x1b\x1b")
        return f"{plain}\x1bPtmux;{wrapped}\x1b\\"
    if environ.get("TERM", "").startswith("screen"):
        return f"\x1bP{plain}\x1b\\"
    return plain


def keep(text: str, folder: Path) -> Path:
    """Write `text` to a file of the state folder, mode 0600, and say where.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / FILE
    written = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text if text.endswith("\n") else text + "\n")
    written.replace(path)
    return path
