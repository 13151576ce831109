"""What each profile's last verdict was, and when: a small file that may be lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from profiles import toml_file
from profiles.errors import ConfigurationError
from profiles.locations import locations

FILE = "verdicts.toml"


@dataclass(frozen=True)
class LastVerdict:
    """How a profile was judged last."""

    verdict: str
    """ENTERPRISE READY, NOT READY or UNKNOWN."""
    taken_at: datetime


def remember(name: str, verdict: str, taken_at: datetime) -> None:
    """Note a verdict; a file that cannot be written is not worth an error."""
    try:
        toml_file.write(_path(), {**_all(), name: {"verdict": str(verdict), "taken_at": taken_at}})
    except ConfigurationError:
        return


def last(name: str) -> LastVerdict | None:
    """The last verdict of a profile; None where none is known."""
    entry = _all().get(name)
    if not isinstance(entry, dict):
        return None
    verdict, taken_at = entry.get("verdict"), entry.get("taken_at")
    if not isinstance(verdict, str) or not isinstance(taken_at, datetime) or taken_at.tzinfo is None:
        return None
    return LastVerdict(verdict, taken_at)


def forget(name: str) -> None:
    """Drop what is known of a profile that is removed."""
    entries = _all()
    if entries.pop(name, None) is None:
        return
    try:
        toml_file.write(_path(), entries)
    except ConfigurationError:
        return


def _path() -> Path:
    return locations().state / FILE


def _all() -> dict[str, Any]:
    path = _path()
    if not path.exists():
        return {}
    try:
        return dict(toml_file.read(path).data)
    except ConfigurationError:
        return {}
