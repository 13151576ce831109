"""The recordings of this user: where they are, and the list of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from profiles.errors import ConfigurationError
from profiles.locations import locations
from sql.printable import one_line

FOLDER = "recordings"


def folder() -> Path:
    """Where recordings are kept."""
    return locations().state / FOLDER


def listing(where: Path, now: datetime) -> str:
    """A line a recording, the newest first."""
    from sql.recording.folder import kept

    found = kept(where)
    if not found:
        return f"no recordings yet in {one_line(str(where))}; every session of the deck makes one\n"
    rows = [("RECORDING", "PROFILE", "DATABASE", "BEGAN (UTC)", "LASTED", "SIZE")]
    rows += [_row(each.path, each.bytes, each.changed_at, now) for each in found]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "".join(f"{each.rstrip()}\n" for each in lines)


def _row(path: Path, size: int, changed_at: float, now: datetime) -> tuple[str, str, str, str, str, str]:
    from sql.recording.reader import header_of

    name = one_line(path.name)
    bytes_said = f"{size / 1024:.0f} kB" if size < 10 * 2**20 else f"{size / 2**20:.0f} MB"
    try:
        header = header_of(path)
    except ConfigurationError as error:
        return name, f"? {one_line(error.problems[0].what)}", "", "", "", bytes_said
    changed = min(datetime.fromtimestamp(changed_at, UTC), now)
    server = header.server
    database = f"{server.database} at {server.address}" if server is not None else "?"
    return (
        name,
        f"{one_line(header.profile)} ({header.environment})",
        one_line(database),
        f"{header.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        _span((changed - header.started_at).total_seconds()),
        bytes_said,
    )


def _span(seconds: float) -> str:
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h {whole % 3600 // 60} min"
