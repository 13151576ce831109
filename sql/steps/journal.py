"""The append-only record of everything previewed, confirmed, run and verified: one JSON object a line.

A line is on disk before the thing that it announces is done. Several processes write to one file: each append
holds a lock on it. A line that was torn by a crash is closed by the next append and skipped by readers.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any


class Event(StrEnum):
    """What a line announces."""

    PREVIEWED = "previewed"
    CONFIRMED = "confirmed"
    STARTED = "started"
    PROGRESS = "progress"
    BLOCKED = "blocked"
    FINISHED = "finished"
    VERIFIED = "verified"
    CANCELLED = "cancelled"
    ADOPTED = "adopted"


@dataclass(frozen=True)
class JournalEntry:
    """One line."""

    event: str
    """One of `Event`; a newer pgdeck may write others."""
    time: datetime
    run: str | None = None
    operator: str = ""
    """OS user, and the SSH client where there is one: `alice from 203.0.113.5`."""
    host: str = ""
    profile: str = ""
    environment: str = ""
    server: Mapping[str, Any] | None = None
    """`system_identifier`, `database`, `address`, `version`; None before a connection."""
    step: str | None = None
    """Id of the step."""
    sql: str | None = None
    """Exactly what was sent, or is about to be."""
    hash: str | None = None
    """Of the plan that was confirmed."""
    pgdeck: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What is special to the event."""

    def as_line(self) -> bytes:
        """The line, with its end."""
        shape = {name: getattr(self, name) for name in self.__dataclass_fields__}
        shape["time"] = stamp(self.time)
        return json.dumps(shape, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"


def stamp(time: datetime) -> str:
    """UTC, ISO 8601, to the millisecond: `2026-11-22T21:05:12.123Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """The file; made on the first append, mode 0600, in a folder of mode 0700."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, entry: JournalEntry) -> None:
        """Write one line and wait until it is on disk.

        Raises:
            OSError: it could not be written; then what it announces must not be done.
        """
        self.extend((entry,))

    def extend(self, entries: Iterable[JournalEntry]) -> None:
        """Write several lines in one go and wait until they are on disk.

        Raises:
            OSError: as `append`.
        """
        line = b"".join(entry.as_line() for entry in entries)
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            end = os.fstat(descriptor).st_size
            torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
            _write_all(descriptor, b"\n" + line if torn else line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if end == 0:
            _sync_folder(self.path.parent)

    def read(
        self, since: datetime | None = None, profile: str | None = None, run: str | None = None
    ) -> Iterator[JournalEntry]:
        """The entries, oldest first; see `read`."""
        return read(self.path, since, profile, run)


def read(
    path: Path, since: datetime | None = None, profile: str | None = None, run: str | None = None
) -> Iterator[JournalEntry]:
    """The entries of a journal, oldest first; lines that are none are skipped, no file is no entries.

    Args:
        since: leave out what is older.
        profile: only this profile's.
        run: only this run's.
    """
    for entry in Tail(path).new():
        wanted = since is None or entry.time >= since
        if wanted and profile in (None, entry.profile) and run in (None, entry.run):
            yield entry


class Tail:
    """Follows a journal: each call gives what was appended since the last one."""

    def __init__(self, path: Path, *, at_end: bool = False) -> None:
        self._path = path
        self._offset = _size(path) if at_end else 0
        self.skipped = 0
        """Lines so far that are no entries: torn by a crash, or written by something else."""

    @property
    def torn(self) -> bool:
        """Whether the file goes on after the last complete line: a crash, or a line just being written."""
        return _size(self._path) > self._offset

    def new(self) -> list[JournalEntry]:
        """The entries since the last call; a line still being written is left for the next."""
        if _size(self._path) < self._offset:
            self._offset = 0
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return []
        complete = text.rfind(b"\n") + 1
        self._offset += complete
        lines = [line for line in text[:complete].split(b"\n") if line.strip()]
        entries = [entry for line in lines if (entry := _parse(line))]
        self.skipped += len(lines) - len(entries)
        return entries


def _parse(line: bytes) -> JournalEntry | None:
    try:
        shape = json.loads(line)
        known = {name: shape[name] for name in JournalEntry.__dataclass_fields__ if name in shape}
        known["time"] = datetime.fromisoformat(shape["time"])
        if known["time"].tzinfo is None:
            return None
        known["detail"] = dict(shape.get("detail") or {})
        return JournalEntry(**{**known, "event": str(shape["event"])})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
