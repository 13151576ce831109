"""Password files, matched as libpq matches them (passwordFromFile in fe-connect.c)."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from profiles.secret import Secret
from profiles.service_file import home_folder

DEFAULT_SOCKET_FOLDERS = ("/var/run/postgresql", "/run/postgresql", "/tmp")
"""Where servers put their sockets by default; libpq knows the one that it was compiled with."""


@dataclass(frozen=True)
class PassfileAnswer:
    """What a passfile says of one host."""

    password: Secret | None
    warning: str = ""
    """Why the whole file was ignored, one clause; empty where it was not."""


def default_passfile(environ: Mapping[str, str]) -> Path | None:
    """`~/.pgpass`; None without a home folder."""
    home = home_folder(environ)
    return None if home is None else home / ".pgpass"


def look_up(path: Path | None, *, host: str, port: int, dbname: str, user: str) -> PassfileAnswer:
    """The password of the first line that matches, as libpq would take it.

    Args:
        host: as the parameter says it; the address where only that is known, empty for the default socket.
    """
    if path is None:
        return PassfileAnswer(None)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            return PassfileAnswer(None, f"{path} is not a plain file and was ignored")
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            return PassfileAnswer(
                None, f"{path} has group or world access and was ignored; make it private (chmod 0600)"
            )
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return PassfileAnswer(None)
    except OSError as error:
        return PassfileAnswer(None, f"{path} cannot be read ({error.strerror}) and was ignored")
    names = {"localhost"} if not host else {host}
    if host in DEFAULT_SOCKET_FOLDERS:
        names.add("localhost")
    for line in text.split("\n"):
        for name in names:
            if (found := _password_in(line.removesuffix("\r"), (name, str(port), dbname, user))) is not None:
                return PassfileAnswer(Secret(found))
    return PassfileAnswer(None)


def _password_in(line: str, tokens: tuple[str, ...]) -> str | None:
    if not line or line.startswith("#"):
        return None
    rest: str | None = line
    for token in tokens:
        rest = _after_match(rest, token)
        if rest is None:
            return None
    return _unescaped(rest or "")


def _after_match(text: str | None, token: str) -> str | None:
    """What follows the field that matches `token`; None without a match (pwdfMatchesString)."""
    if text is None:
        return None
    if text.startswith("*:"):
        return text[2:]
    at = position = 0
    while at < len(text):
        if text[at] == ":" and position == len(token):
            return text[at + 1 :]
        if text[at] == "\\":
            at += 1
        if position == len(token) or at >= len(text) or text[at] != token[position]:
            return None
        at += 1
        position += 1
    return None


def _unescaped(text: str) -> str:
    """The password field: to the first bare colon, with backslashes taken away."""
    made: list[str] = []
    at = 0
    while at < len(text) and text[at] != ":":
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        made.append(text[at])
        at += 1
    return "".join(made)
