"""The catalog-reading statements: one `.sql` file each under `statements/`.

A file is named NAME.sql, or NAME_VERSION.sql where it serves that server_version_num and newer (such as
`indexes_160000.sql`). Its header says what it reads, which privileges it needs and which versions it serves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "statements"
OLDEST_SUPPORTED = 130000
_FILE = re.compile(r"(?P<name>[a-z_]+?)(?:_(?P<version>\d{6}))?\.sql")


@cache
def _variants() -> dict[str, dict[int, Path]]:
    found: dict[str, dict[int, Path]] = {}
    for path in FOLDER.glob("*.sql"):
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path}: not NAME.sql or NAME_VERSION.sql")
        found.setdefault(match["name"], {})[int(match["version"] or OLDEST_SUPPORTED)] = path
    return found


@cache
def statement(name: str, version_num: int) -> str:
    """The text of a statement for a server.

    Args:
        name: the file's name without version and ending.
        version_num: server_version_num, such as 180006.

    Raises:
        LookupError: no file serves that version.
    """
    variants = _variants().get(name, {})
    fitting = [version for version in variants if version <= version_num]
    if not fitting:
        raise LookupError(f"no statement {name!r} for server version {version_num}")
    return variants[max(fitting)].read_text()


def names() -> Iterator[str]:
    """Every statement's name, sorted."""
    yield from sorted(_variants())
