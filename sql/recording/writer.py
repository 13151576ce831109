"""Writes one recording: lines in a gzip stream, flushed so that a killed deck loses seconds at most."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from sql.recording.entries import Encoder, Ended, Entry, Header, encode_header
from sql.recording.folder import MOST_FILE_BYTES, new_file, new_part, prune
from sql.recording.tape import BEGUN, GZIP
from sql.recording.values import UnrecordableError

ROOM_FOR_THE_END = 2**17
"""Bytes: zlib holds back what it has not compressed yet, and there is a last word."""


class FullError(Exception):
    """The file has reached its bound; its end is written."""


class Writer:
    """One file, from its header to its end. Belongs to one thread; every call may block on the disk."""

    def __init__(
        self, folder: Path, header: Header, most_bytes: int = MOST_FILE_BYTES, *, after: Path | None = None
    ) -> None:
        """Make room among the old ones, make the file, and write the header.

        Args:
            after: another part of the session, where the header's part is not the first.

        Raises:
            OSError: it cannot be written.
            UnrecordableError: the header holds something that no recording can hold.
        """
        first = encode_header(header)
        prune(folder)
        # Named by the clock on the wall of whoever looks for it.
        self.path, self._descriptor = (
            new_file(folder, header.profile, header.started_at.astimezone())
            if after is None
            else new_part(after, header.part)
        )
        self.part = header.part
        self._most = most_bytes
        self._encoder = Encoder()
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, GZIP)
        self._pending = b""
        self.bytes = 0
        self._write(self._deflate.compress(first))
        self.flush()

    def add(self, entry: Entry) -> None:
        """Take an entry in; on disk after the next `flush`.

        Raises:
            FullError: the file is as large as it may be: it is closed, with this entry and a last word.
            OSError: it cannot be written.
            UnrecordableError: the entry holds something that no recording can hold; it is left out.
        """
        self._pending += self._deflate.compress(self._encoder.encode(entry))
        if self.bytes + len(self._pending) > self._most - ROOM_FOR_THE_END:
            self.close("continued", entry.at)
            raise FullError

    def repeat(self, entries: Iterable[Entry]) -> None:
        """Say what was known when this part began, for who has this file alone.

        Raises:
            OSError: it cannot be written.
        """
        for entry in entries:
            if self.bytes + len(self._pending) > self._most / 2:
                break
            with suppress(UnrecordableError):
                self._pending += self._deflate.compress(self._encoder.encode(entry))
        self._pending += self._deflate.compress(BEGUN)
        self.flush()

    def flush(self) -> None:
        """Let everything so far survive the death of this process.

        Raises:
            OSError: it cannot be written.
        """
        self._write(self._pending + self._deflate.flush(zlib.Z_SYNC_FLUSH))
        self._pending = b""

    def close(self, why: str, at: float) -> None:
        """Write the last word and close the file; closing twice does nothing.

        Raises:
            OSError: it cannot be written; it is closed all the same.
        """
        if self._descriptor < 0:
            return
        try:
            last = self._deflate.compress(self._encoder.encode(Ended(at, why)))
            self._write(self._pending + last + self._deflate.flush(zlib.Z_FINISH))
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file as it is."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _write(self, data: bytes) -> None:
        while data:
            written = os.write(self._descriptor, data)
            data = data[written:]
            self.bytes += written
