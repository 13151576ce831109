"""Asking the operator on the terminal, where there is one."""

from __future__ import annotations

import sys
from collections.abc import Callable


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


def _ask_hidden(question: str) -> str:
    import getpass

    try:
        return getpass.getpass(question, stream=sys.stderr)
    except EOFError:
        return ""
