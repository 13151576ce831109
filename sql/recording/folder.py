"""The folder of recordings: names, what is there, and which old ones make room for new ones."""

from __future__ import annotations

import fcntl
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from profiles.errors import ConfigurationError

SUFFIX = ".pgdeck"
MOST_FILE_BYTES = 64 * 2**20
"""Of one file: 15 hours at the highest pace of the probes; then the session goes on in another."""
MOST_PARTS = 4
"""Of one session: the last two days and more of a deck that is left open; other sessions keep theirs."""
MOST_BYTES = 512 * 2**20
"""Of all recordings together."""
MOST_FILES = 200
_NAME = re.compile(r".+-\d{8}-\d{6}(-\d+)?(\.part\d+)?\.pgdeck")
_PART = re.compile(r"\.part\d+$")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST_PROFILE = 80


@dataclass(frozen=True)
class Kept:
    """A recording in the folder, as the folder lists it."""

    path: Path
    bytes: int
    changed_at: float
    """Seconds since 1970."""


def new_file(folder: Path, profile: str, moment: datetime) -> tuple[Path, int]:
    """Make a recording's file, locked as long as it is open; mode 0600, its folder 0700.

    Returns:
        Its path, and a descriptor to write to.

    Raises:
        OSError: it cannot be made.
    """
    # The mode is that of the last folder alone, and the state folder may be made here too.
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    safe = _UNSAFE.sub("_", profile)[:LONGEST_PROFILE].lstrip(".") or "deck"
    stem = f"{safe}-{moment:%Y%m%d-%H%M%S}"
    for number in range(1, 100):
        path = folder / f"{stem}{'' if number == 1 else f'-{number}'}{SUFFIX}"
        with suppress(FileExistsError):
            return path, _make(path)
    raise FileExistsError(17, "File exists", str(folder / stem))


def new_part(path: Path, part: int) -> tuple[Path, int]:
    """Make the file in which a session goes on, and delete the one with which it has more than `MOST_PARTS`.

    Returns:
        As `new_file`.

    Raises:
        OSError: it cannot be made.
    """
    _delete(part_of(path, part - MOST_PARTS))
    following = part_of(path, part)
    return following, _make(following)


def part_of(path: Path, part: int) -> Path:
    """Where a part of a session is, whichever of its parts `path` is."""
    stem = _PART.sub("", path.name.removesuffix(SUFFIX))
    return path.with_name(f"{stem}{f'.part{part}' if part != 1 else ''}{SUFFIX}")


def _make(path: Path) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with suppress(OSError):  # a file system without locks: pruning then goes by age alone
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def kept(folder: Path) -> list[Kept]:
    """What is in the folder and named like a recording, the newest first; symbolic links are left out."""
    found = []
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    state = entry.stat(follow_symlinks=False)
                    found.append(Kept(folder / entry.name, state.st_size, state.st_mtime))
    return sorted(found, key=lambda each: (each.changed_at, each.path.name), reverse=True)


def prune(
    folder: Path, *, most_bytes: int = MOST_BYTES - MOST_FILE_BYTES, most_files: int = MOST_FILES - 1
) -> list[Path]:
    """Delete the oldest recordings until so much is left at most.

    Nothing goes that is still written to or being read, that belongs to another user, or that is not what its
    name says.

    Returns:
        What was deleted.
    """
    gone = []
    have = kept(folder)
    bytes_left, files_left = sum(each.bytes for each in have), len(have)
    for each in reversed(have):
        if bytes_left <= most_bytes and files_left <= most_files:
            break
        if _delete(each.path):
            gone.append(each.path)
            bytes_left -= each.bytes
            files_left -= 1
    return gone


def _delete(path: Path) -> bool:
    from sql.recording.reader import header_of

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        state = os.fstat(descriptor)
        if state.st_uid != os.geteuid() or not stat.S_ISREG(state.st_mode):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        header_of(path)
        path.unlink()
    except (OSError, ConfigurationError):
        return False
    finally:
        os.close(descriptor)
    return True


def find(reference: str, folder: Path) -> Path:
    """The file that an operator means: a path, or the name of a recording in the folder.

    Of a session whose first part made room for others, it is the oldest part that is there.
    """
    path = Path(os.path.expanduser(reference))  # noqa: PTH111 - a user that is not there is no error
    if path.parent != Path() or path.exists():
        return path
    for name in (reference, f"{reference}{SUFFIX}"):
        if (folder / name).exists():
            return folder / name
    parts = [
        each.path for each in kept(folder) if part_of(each.path, 1).stem == reference.removesuffix(SUFFIX)
    ]
    return min(parts, key=lambda each: int(each.stem.rpartition(".part")[2]), default=path)
