"""The first picture: which database this is, on the screen while everything else is still imported.

It takes the terminal's other screen, as the deck does, and keeps keys from being echoed on it. The driver
lifts it when it takes the terminal itself; what fails before that finds the terminal as it was.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from profiles.model import Profile
    from tui.looks import Look
    from tui.present.view import Line

ENTER = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J"
LEAVE = "\x1b[?1049l\x1b[?25h"
ECHO = 3
"""Place of the local flags in what `termios.tcgetattr` gives."""
UNKNOWN_WIDTH = 80
"""Of a terminal that says it has no columns."""
ENDINGS = (signal.SIGTERM, signal.SIGHUP)
_down: list[tuple[list[Any], dict[int, Any]]] = []
"""While the curtain is down: what the terminal's attributes and the handlers of `ENDINGS` were before."""


@contextmanager
def curtain(profile: Profile | None, look: Look) -> Iterator[bool]:
    """Show the first picture until `lift()`, if it gives true; at the end it is gone, whatever happened.

    There is none of the list of profiles, nor where characters would have to be replaced first.
    """
    try:
        if profile is not None and not look.plain and not look.ascii_drawing:
            _lower(picture(profile, os.get_terminal_size(sys.stderr.fileno()).columns or UNKNOWN_WIDTH))
        yield bool(_down)
    finally:
        if _down:
            lift()
            _write(LEAVE)


def lift() -> None:
    """Give the keyboard back as it was; the other screen stays for whoever draws next."""
    if not _down:
        return
    import termios

    attributes, handlers = _down.pop()
    with suppress(termios.error):
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, attributes)
    for number, handler in handlers.items():
        if signal.getsignal(number) is _end:
            signal.signal(number, handler)


def picture(profile: Profile, width: int) -> str:
    """The header as the deck will draw it, in attributes alone: colours need a theme."""
    from tui.present.header import Banner, banner_lines, target_of

    banner = Banner(profile.environment, profile.name, target_of(profile), trouble="starting …")
    return "\r\n".join(map(_line, banner_lines(banner, width)))


def _line(spans: Line) -> str:
    from tui.present.view import Tone

    codes = {Tone.BADGE: "1;7", Tone.STRONG: "1", Tone.DIM: "2"}
    return "".join(f"\x1b[{codes.get(tone, '')}m{text}\x1b[m" for text, tone in spans)


def _lower(text: str) -> None:
    import termios

    try:
        before = termios.tcgetattr(sys.stdin.fileno())
    except termios.error:
        return
    heeded = [each for each in ENDINGS if signal.getsignal(each) is signal.SIG_DFL]
    _down.append((before, {each: signal.signal(each, _end) for each in heeded}))
    silent = [*before]
    silent[ECHO] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, silent)
    _write(ENTER + text)


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _write(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
