"""How the deck looks on this terminal: which colours, which characters, mouse or not.

Chosen by the command line, by what the environment asks for, and else by what was chosen last.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class ThemeChoice(StrEnum):
    """The themes of the command line."""

    DEFAULT = "default"
    HIGH_CONTRAST = "high-contrast"
    COLOUR_BLIND = "colour-blind"


class Colours(StrEnum):
    """How many colours are sent."""

    ALL = "all"
    """As many as the terminal is said to know."""
    SIXTEEN = "16"
    """The terminal's own sixteen."""
    NONE = "none"
    """Bold, dim, underlined and reverse only."""


@dataclass(frozen=True)
class Look:
    """How the deck looks."""

    theme: ThemeChoice = ThemeChoice.DEFAULT
    colours: Colours = Colours.ALL
    ascii_drawing: bool = False
    """Lines, signs, bars and dots are drawn with ASCII."""
    ascii_letters: bool = False
    """The terminal's encoding is not UTF-8: what is not ASCII becomes a question mark."""
    mouse: bool = True

    @property
    def plain(self) -> bool:
        """Whether it is the plain mode."""
        return self.colours is not Colours.ALL


COLOURLESS = ("dumb", "unknown", "vt")
"""Beginnings of TERM for terminals without colours."""
SIXTEEN = ("linux", "ansi", "cons", "sun", "cygwin", "hurd", "pcansi")
"""Beginnings of TERM for terminals with a poor font and at most 16 colours."""


def add_flags(parser: argparse.ArgumentParser, *, live: bool = True) -> None:
    """The options of every command that opens the deck.

    Args:
        live: it watches a server, which can be recorded.
    """
    parser.add_argument(
        "--plain",
        action="store_true",
        help="16 colours or none, ASCII lines and signs; by itself where TERM or NO_COLOR asks for it",
    )
    parser.add_argument(
        "--theme",
        choices=[each.value for each in ThemeChoice],
        help="the deck's colours; remembered for the next time",
    )
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    if live:
        parser.add_argument(
            "--no-record", action="store_true", help="keep no recording of this session for pgdeck replay"
        )


def look_of(arguments: argparse.Namespace, environ: Mapping[str, str] | None = None) -> Look:
    """The look that flags, environment and memory ask for; a theme from the flags is remembered.

    Args:
        environ: by default what we were started with.
    """
    environ = _as_started() if environ is None else environ
    chosen: str | None = getattr(arguments, "theme", None)
    if chosen is not None:
        _remember(chosen)
    theme = ThemeChoice(chosen) if chosen is not None else _remembered()
    colours = _colours(environ, plain=getattr(arguments, "plain", False))
    letters = not _takes_utf8(environ)
    return Look(
        theme=theme,
        colours=colours,
        ascii_drawing=letters or colours is not Colours.ALL,
        ascii_letters=letters,
        mouse=not getattr(arguments, "no_mouse", False),
    )


def prepare(look: Look, environ: MutableMapping[str, str] = os.environ) -> None:
    """Tell Textual, which reads the environment when it is imported."""
    # Textual would turn every colour into a grey that costs as many bytes; the plain look sends none.
    environ.pop("NO_COLOR", None)
    if look.plain:
        environ["TEXTUAL_COLOR_SYSTEM"] = "standard"


def _colours(environ: Mapping[str, str], *, plain: bool) -> Colours:
    term = environ.get("TERM", "")
    if environ.get("NO_COLOR") or not term or term.startswith(COLOURLESS):
        return Colours.NONE
    return Colours.SIXTEEN if plain or term.startswith(SIXTEEN) else Colours.ALL


def _takes_utf8(environ: Mapping[str, str]) -> bool:
    """Nothing said means the locale C, as for every other program: tmux would draw `_` for each sign."""
    said = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or "C"
    return "utf8" in said.lower().replace("-", "") or environ.get("PYTHONUTF8") == "1"


def _as_started(own: Path = Path("/proc/self/environ")) -> Mapping[str, str]:
    """Our environment without what Python wrote there: the locale C becomes UTF-8 in LC_CTYPE (PEP 538)."""
    try:
        given = dict(each.split(b"=", 1) for each in own.read_bytes().split(b"\0") if b"=" in each)
    except OSError:
        return os.environ
    return {**os.environ, "LC_CTYPE": os.fsdecode(given.get(b"LC_CTYPE", b""))}


def _file() -> Path:
    from profiles.locations import locations

    return locations().state / "theme"


def _remembered() -> ThemeChoice:
    with suppress(OSError, ValueError):
        return ThemeChoice(_file().read_text(encoding="ascii").strip())
    return ThemeChoice.DEFAULT


def _remember(theme: str) -> None:
    path = _file()
    # A choice that cannot be kept holds for this time.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(theme + "\n", encoding="ascii")
        path.chmod(0o600)
