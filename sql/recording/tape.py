"""The lines of a recording, however many files it has, from some place on."""

from __future__ import annotations

import json
import os
import zlib
from collections import deque
from collections.abc import Sequence

from sql.recording.entries import NewerFormatError, NotAHeaderError, decode_header

GZIP = 31
"""zlib's window bits for a gzip stream."""
CHUNK = 2**16
BEGUN = b'["b",0]\n'
"""The line in a later part behind what it says again: a reader of the whole passes that over."""
LONGEST_LINE = 2**24


class DamagedError(Exception):
    """What is read is not what was written."""


class Tape:
    """The lines of a recording from some place on. A copy goes on from the same place."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        """
        Args:
            descriptors: of its files, in their order. The header of each but the first becomes the entry
                with which a part begins.
        """
        self._descriptors = descriptors
        self._part = 0
        self._lines: deque[bytes] = deque()
        self._open()

    def _open(self) -> None:
        self._offset, self._rest = 0, b""
        self._inflate = zlib.decompressobj(GZIP)
        self._headed = self._part == 0

    def copy(self) -> Tape:
        """Another one at the same place."""
        twin = Tape(self._descriptors)
        twin._part, twin._headed = self._part, self._headed
        twin._offset, twin._rest, twin._lines = self._offset, self._rest, self._lines.copy()
        twin._inflate = self._inflate.copy()
        return twin

    def next(self) -> bytes | None:
        """The next whole line; None at the end of what is there.

        Raises:
            DamagedError: a file is not what a recorder wrote.
            OSError: it cannot be read.
        """
        while not self._lines:
            chunk = os.pread(self._descriptors[self._part], CHUNK, self._offset)
            if chunk and not self._inflate.eof:
                self._offset += len(chunk)
                self._take(chunk)
            elif self._part + 1 < len(self._descriptors):
                self._part += 1
                self._open()
            else:
                return None
        return self._lines.popleft()

    def _take(self, chunk: bytes) -> None:
        try:
            text = self._rest + self._inflate.decompress(chunk)
        except zlib.error:
            raise DamagedError("its checksum or its compression is wrong") from None
        *whole, self._rest = text.split(b"\n")
        if whole and not self._headed:
            whole[0], self._headed = _beginning(whole[0]), True
        self._lines.extend(whole)
        if len(self._rest) > LONGEST_LINE:
            raise DamagedError("a line has no end")


def _beginning(header: bytes) -> bytes:
    try:
        return json.dumps(["n", decode_header(header).clock]).encode()
    except (NotAHeaderError, NewerFormatError):
        raise DamagedError("a part has no header") from None
