"""Names as SQL writes them, read without a parser: enough for the names in a manifest's structure."""

from __future__ import annotations

import re

# What a name must not hold is said, not what it may: compiling a range of a million characters takes 17 ms.
_NAME = r'(?:"(?:[^"]|"")+"|[^\x00-@\[-^`{-\x7f][^\x00-#%-/:-@\[-^`{-\x7f]*)'
_QUALIFIED = re.compile(rf"\s*({_NAME})\s*(?:\.\s*({_NAME})\s*)?")
_BLANK = r"(?:\s|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)"
_CREATE_INDEX = re.compile(
    rf"{_BLANK}*CREATE{_BLANK}+(?:UNIQUE{_BLANK}+)?INDEX{_BLANK}+(?:CONCURRENTLY{_BLANK}+)?"
    rf"(?:IF{_BLANK}+NOT{_BLANK}+EXISTS{_BLANK}+)?({_NAME}){_BLANK}*(?<![\w$])ON{_BLANK}",
    re.IGNORECASE,
)


def name_parts(sql: str) -> tuple[str, ...] | None:
    """`name` or `schema.name` as the catalog has them: unquoted ones folded; None for anything else."""
    found = _QUALIFIED.fullmatch(sql)
    return tuple(unquoted(part) for part in found.groups() if part) if found else None


def index_name(definition: str) -> str | None:
    """The name that a CREATE INDEX statement gives; None where this is no such statement, or has no name."""
    found = _CREATE_INDEX.match(definition)
    return unquoted(found[1]) if found else None


def unquoted(name: str) -> str:
    """One SQL name as the catalog has it (ASCII lower case, as PostgreSQL folds in multi-byte encodings)."""
    if name.startswith('"'):
        return name[1:-1].replace('""', '"')
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)
