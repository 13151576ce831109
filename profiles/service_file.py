"""Connection service files, as libpq reads them (parseServiceInfo in fe-connect.c)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from profiles.errors import ConfigurationError, Problem
from profiles.libpq_parameters import VARIABLES

SYSTEM_FOLDERS = (Path("/etc/postgresql-common"), Path("/etc/sysconfig/pgsql"), Path("/etc"))
"""Where distributions' libpq looks for pg_service.conf when PGSYSCONFDIR is silent."""


def service(name: str, environ: Mapping[str, str], *, servicefile: str = "") -> dict[str, str]:
    """The parameters of a service; a password in it is among them.

    PGSERVICEFILE replaces ~/.pg_service.conf; the system's pg_service.conf comes after either.

    Raises:
        ConfigurationError: no file defines it, PGSERVICEFILE does not exist, or a line is malformed.
    """
    searched: list[Path] = []
    for path in _files(environ, servicefile):
        found = _section(path, name)
        if found is not None:
            return found
        searched.append(path)
    places = ", ".join(str(path) for path in searched) or "no service file was found"
    remedy = f"define [{name}] in ~/.pg_service.conf, or correct the name"
    raise ConfigurationError([Problem("service", name, f"this service is not defined ({places})", remedy)])


def home_folder(environ: Mapping[str, str]) -> Path | None:
    """The home folder as libpq finds it: HOME, else the user's entry in the password database."""
    if home := environ.get("HOME"):
        return Path(home)
    import os
    import pwd

    try:
        return Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:
        return None


def _files(environ: Mapping[str, str], servicefile: str) -> Iterator[Path]:
    named = servicefile or environ.get("PGSERVICEFILE", "")
    if named:
        if not Path(named).exists():
            raise ConfigurationError(
                [Problem(named, "", "this service file does not exist", "correct PGSERVICEFILE, or unset it")]
            )
        yield Path(named)
    elif (home := home_folder(environ)) is not None and (home / ".pg_service.conf").exists():
        yield home / ".pg_service.conf"
    folders = (Path(environ["PGSYSCONFDIR"]),) if environ.get("PGSYSCONFDIR") else SYSTEM_FOLDERS
    for folder in folders:
        if (folder / "pg_service.conf").exists():
            yield folder / "pg_service.conf"
            return


def _section(path: Path, name: str) -> dict[str, str] | None:
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError as error:
        _refuse(path, None, f"cannot be read ({error.strerror})", "make it readable for you")
    found: dict[str, str] | None = None
    for number, raw in enumerate(lines, start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            if found is not None:
                return found
            if line.startswith(f"[{name}]"):
                found = {}
        elif found is not None:
            keyword, value = _parameter(path, number, line)
            found.setdefault(keyword, value)
    return found


def _parameter(path: Path, number: int, line: str) -> tuple[str, str]:
    keyword, equals, value = line.partition("=")
    if line.startswith("ldap"):
        _refuse(path, number, "LDAP look-up of services is not possible here", "write the parameters out")
    if keyword in ("service", "servicefile"):
        _refuse(path, number, "a service may not refer to another", f"remove {keyword}")
    if not equals or keyword not in VARIABLES:
        # The text of the line may hold a password, so only a keyword is named.
        named = f'"{keyword}" is no libpq parameter' if equals else "this line is not keyword=value"
        _refuse(path, number, named, "write keyword=value without spaces around the equals sign")
    return keyword, value


def _refuse(path: Path, line: int | None, what: str, remedy: str) -> NoReturn:
    raise ConfigurationError([Problem(path, "", what, remedy, line)]) from None
