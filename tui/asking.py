"""Asking the operator on the terminal, where there is one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress


def can_ask() -> bool:
    """Whether somebody sits there: standard input and standard error are a terminal."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def password_asker() -> Callable[[str], str] | None:
    """Asks without echo, for `vault.password_for`; None where nobody can be asked."""
    return _ask_hidden if can_ask() else None


def ask(question: str) -> str:
    """One line from the terminal; the question goes to standard error, which is for narration."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def ask_awake(question: str) -> str:
    """As `ask`, but what was typed before the question was up is no answer to it."""
    import termios

    with suppress(termios.error, OSError, ValueError):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    return ask(question)


async def next_line() -> str | None:
    """The next line that is typed, while everything else goes on; None: the terminal is gone."""
    import asyncio

    loop = asyncio.get_running_loop()
    line: asyncio.Future[str | None] = loop.create_future()
    descriptor = sys.stdin.fileno()

    def read() -> None:
        loop.remove_reader(descriptor)
        try:
            typed = os.read(descriptor, 4096)
        except OSError:
            typed = b""
        if not line.done():
            line.set_result(typed.decode(errors="replace").strip() if typed else None)

    loop.add_reader(descriptor, read)
    try:
        return await line
    finally:
        loop.remove_reader(descriptor)


def _ask_hidden(question: str) -> str:
    import getpass

    try:
        return getpass.getpass(question, stream=sys.stderr)
    except EOFError:
        return ""
