"""Text from servers and files, made fit for one line of a report or a comment."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


@lru_cache(4096)
def one_line(text: str) -> str:
    r"""`text` with what would break the line or turn its direction written as an escape, `\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(each) if unicodedata.category(each) in _UNSEEN else each for each in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
