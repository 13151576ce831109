"""libpq connection strings, in both forms (conninfo_parse and conninfo_uri_parse in fe-connect.c)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from profiles.libpq_parameters import SECRETS, VARIABLES

URI_SCHEMES = ("postgresql://", "postgres://")
_ASSIGNMENT = re.compile(
    r"\s*([^\s=]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)(?:[^\s\\]|\\.)*|)(?=\s|$)", re.S
)
_SECRET_WORD = re.compile(rf"(?:^|[\s?&])({'|'.join(sorted(SECRETS))})\s*=", re.I)


class NotConninfo(ValueError):
    """The text is no connection string. Its message holds no part of the text."""


def parse(text: str) -> dict[str, str]:
    """The parameters of a connection string, by libpq keyword.

    Raises:
        NotConninfo: malformed, or with an unknown keyword.
    """
    found = _uri(text) if text.startswith(URI_SCHEMES) else _assignments(text)
    if unknown := sorted(found.keys() - VARIABLES.keys()):
        # An unquoted password with spaces ends in parts that look like keywords.
        shown = "a keyword" if SECRETS & found.keys() else ", ".join(unknown)
        raise NotConninfo(f"{shown} is no libpq parameter")
    return found


def password_keys(text: str) -> list[str]:
    """Where a text would carry a secret, were it a connection string: `password`, `user:password@`."""
    found = [match.group(1).lower() for match in _SECRET_WORD.finditer(text)]
    for scheme in URI_SCHEMES:
        _, at, rest = text.partition(scheme)
        if at and ":" in rest.partition("@")[0] and "@" in rest:
            found.append("password")
    return found


def _assignments(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while text[at:].strip():
        match = _ASSIGNMENT.match(text, at)
        if match is None:
            raise NotConninfo("not keyword=value pairs")
        keyword, value = match.group(1), match.group(2)
        if value.startswith("'"):
            value = value[1:-1]
        found["dbname" if keyword == "database" else keyword] = re.sub(r"\\(.)", r"\1", value, flags=re.S)
        at = match.end()
    return found


def _uri(text: str) -> dict[str, str]:
    rest = text.split("://", 1)[1]
    rest, _, query = rest.partition("?")
    authority, _, dbname = rest.partition("/")
    found: dict[str, str] = {}
    if "@" in authority:
        login, _, authority = authority.rpartition("@")
        user, colon, password = login.partition(":")
        found["user"] = unquote(user)
        if colon:
            found["password"] = unquote(password)
    if authority:
        found.update(_uri_hosts(authority))
    if dbname:
        found["dbname"] = unquote(dbname)
    for pair in filter(None, query.split("&")):
        keyword, equals, value = pair.partition("=")
        if not equals:
            raise NotConninfo("a parameter after the question mark lacks its value")
        keyword, value = unquote(keyword), unquote(value)
        if (keyword, value) == ("ssl", "true"):
            keyword, value = "sslmode", "require"
        found[keyword] = value
    return {keyword: value for keyword, value in found.items() if value}


def _uri_hosts(authority: str) -> dict[str, str]:
    names, ports = [], []
    for place in authority.split(","):
        match = re.fullmatch(r"(?:\[(?P<bracketed>[^\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[^:]*))?", place)
        if match is None:
            raise NotConninfo("a host is malformed")
        names.append(unquote(match["bracketed"] if match["bracketed"] is not None else match["name"]))
        ports.append(match["port"] or "")
    return {"host": ",".join(names), **({"port": ",".join(ports)} if any(ports) else {})}


def compose(parameters: Mapping[str, str]) -> str:
    """The parameters as `keyword=value` pairs, quoted where they must be; `parse` gives them back."""
    return " ".join(f"{keyword}={_quoted(value)}" for keyword, value in parameters.items())


def _quoted(value: str) -> str:
    if value and not re.search(r"[\s'\\]", value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
