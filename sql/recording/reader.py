"""Reading recordings: from the beginning or a noted place, up to where a killed deck left them."""

from __future__ import annotations

import fcntl
import os
import stat
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from profiles.errors import ConfigurationError, Problem
from sql.recording.entries import (
    Decoder,
    Ended,
    Entry,
    Header,
    NewerFormatError,
    NotAHeaderError,
    decode_header,
)
from sql.recording.folder import part_of
from sql.recording.tape import GZIP, DamagedError, Tape

HEADER_CHUNK = 256
"""So small that damage further on is not taken for a header that is none."""
GOING_ON = "going on"
"""In place of an ending: the deck that writes it is still open."""
LONGEST_HEADER = 2**22


class Recording:
    """An open recording, with the parts that follow it. Close it, or use it in a `with`."""

    def __init__(self, path: Path) -> None:
        """Open and read it through once.

        Raises:
            ConfigurationError: it cannot be read, is no recording, is damaged, holds nothing, or was written
                by a newer pgdeck.
        """
        self.path = path
        self._descriptors = [_open(path)]
        locked = _lock(self._descriptors[0])
        try:
            self.header = _header(path, self._descriptors[0])
            for following in _following(path, self.header.part):
                self._descriptors.append(_open(following))
                locked = _lock(self._descriptors[-1])
            self.bytes = sum(os.fstat(each).st_size for each in self._descriptors)
            self.duration_s, self.ended = self._look_through()
            if not self.ended and not locked:
                self.ended = GOING_ON
        except BaseException:
            self.close()
            raise

    ended: str
    """As `Ended.why`, or `going on`; empty where the deck was killed."""
    duration_s: float
    """From the header to the last whole entry."""

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        descriptors, self._descriptors = self._descriptors, []
        for each in descriptors:
            os.close(each)

    def tape(self) -> Tape:
        """Its lines after the header."""
        tape = Tape(tuple(self._descriptors))
        tape.next()
        return tape

    def entries(self) -> Iterator[Entry]:
        """Every entry, in the order in which it was written.

        Raises:
            ConfigurationError: a line is none that a recorder writes.
        """
        tape, decoder = self.tape(), Decoder()
        while True:
            try:
                line = tape.next()
                entry = None if line is None else decoder.decode(line)
            except (ValueError, DamagedError):
                raise damaged(self.path) from None
            if line is None:
                return
            if entry is not None:
                yield entry

    def _look_through(self) -> tuple[float, str]:
        """How long it is, and how it ends. The checksum is tested on the way."""
        last: deque[bytes] = deque(maxlen=2)
        try:
            tape = self.tape()
            while (line := tape.next()) is not None:
                last.append(line)
        except DamagedError:
            raise damaged(self.path) from None
        if not last:
            raise _refused(
                self.path, "holds no reading yet", "name another; they are listed by: pgdeck replay"
            )
        try:
            # An entry that waited for the writer may stand behind a younger one.
            newest = max(map(_time_of, last))
            entry = Decoder().decode(last[-1])
        except ValueError:
            raise damaged(self.path) from None
        return max(newest - self.header.clock, 0.0), entry.why if isinstance(entry, Ended) else ""


def header_of(path: Path) -> Header:
    """The header alone.

    Raises:
        ConfigurationError: as `Recording`.
    """
    descriptor = _open(path)
    try:
        return _header(path, descriptor)
    finally:
        os.close(descriptor)


def damaged(path: Path) -> ConfigurationError:
    """The sentence for a file that is not what was written."""
    return _refused(path, "is damaged", "take a copy that is whole; a recording is a gzip file: gzip -t FILE")


def _following(path: Path, part: int) -> Iterator[Path]:
    """The files in which the session goes on, as far as none is missing."""
    while (following := part_of(path, part := part + 1)).exists():
        yield following


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _refused(path, "there is no such recording", "see: pgdeck replay") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file can be named so"
        raise _refused(path, f"cannot be read ({why})", "check its mode and its owner") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _refused(path, "is no file", "name a recording; they are listed by: pgdeck replay")
    return descriptor


def _lock(descriptor: int) -> bool:
    """Keep it from being pruned while it is read; False where a deck still writes it, which keeps it too."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _header(path: Path, descriptor: int) -> Header:
    what = "is no recording of pgdeck"
    try:
        line = _first_line(descriptor)
        if line is None:
            raise _refused(path, what, "name another; they are listed by: pgdeck replay")
        return decode_header(line)
    except NewerFormatError as error:
        newer = f"was recorded by a newer pgdeck (format {error})"
        raise _refused(path, newer, "update pgdeck: pip install -U pgdeck") from None
    except (NotAHeaderError, DamagedError):
        raise _refused(path, what, "name another; they are listed by: pgdeck replay") from None
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise _refused(path, what, "check the disk that it is on") from None


def _first_line(descriptor: int) -> bytes | None:
    """The first line, without reading a foreign file to its end for one."""
    inflate, text, offset = zlib.decompressobj(GZIP), b"", 0
    while b"\n" not in text:
        chunk = os.pread(descriptor, HEADER_CHUNK, offset)
        if not chunk or len(text) >= LONGEST_HEADER:
            return None
        offset += len(chunk)
        try:
            text += inflate.decompress(chunk, LONGEST_HEADER)
        except zlib.error:
            raise DamagedError("no gzip file") from None
        if inflate.eof and b"\n" not in text:
            return None
    return text.partition(b"\n")[0]


def _time_of(line: bytes) -> float:
    """When an entry was, whatever kind it is."""
    import json

    try:
        return float(json.loads(line)[1])
    except (TypeError, KeyError, IndexError):
        raise ValueError("no entry") from None


def _refused(path: Path, what: str, remedy: str) -> ConfigurationError:
    return ConfigurationError([Problem(path, "", what, remedy)])
