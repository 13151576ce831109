"""Where the parts of a definition lie in its source, by PostgreSQL's own tokens.

An expression is then the bytes as written. Everything here is of text that the parser has accepted.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Token:
    """A token's text and its place in the source, in bytes."""

    text: bytes
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """The tokens of SQL text, without comments."""
    import postgast

    source = text.encode()
    found = (Token(source[t.start : t.end], t.start, t.end) for t in postgast.scan(text).tokens)
    return [token for token in found if not token.text.startswith((b"--", b"/*"))]


class IndexExtents:
    """Where the parts of one CREATE INDEX lie in its source."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = tokens(source)
        while self._tokens and self._tokens[-1].text == b";":
            self._tokens.pop()
        self._after_table = self._skip_head()
        self._open = next(i for i in range(self._after_table, len(self._tokens)) if self._is(i, b"("))

    def tail(self) -> str:
        return source_of(self._source, self._tokens[self._after_table :])

    def key(self, position: int) -> list[Token]:
        """The tokens of one element of the key list."""
        elements: list[list[Token]] = [[]]
        depth = 0
        for token in between(self._tokens, self._open):
            depth += (token.text == b"(") - (token.text == b")")
            depth += (token.text == b"[") - (token.text == b"]")
            if token.text == b"," and depth == 0:
                elements.append([])
            else:
                elements[-1].append(token)
        return elements[position]

    def text(self, part: list[Token]) -> str:
        return source_of(self._source, part)

    def predicate(self) -> str:
        depth = 0
        for position in range(self._open, len(self._tokens)):
            token = self._tokens[position]
            depth += (token.text == b"(") - (token.text == b")")
            if depth == 0 and token.text.lower() == b"where":
                return source_of(self._source, self._tokens[position + 1 :])
        raise AssertionError("the parser saw a WHERE that the tokens do not have")

    def _is(self, position: int, *words: bytes) -> bool:
        return self._tokens[position].text.lower() in words

    def _skip_head(self) -> int:
        """The position of the first token after the table's name."""
        position = next(i for i in range(len(self._tokens)) if self._is(i, b"on")) + 1
        if self._is(position, b"only"):
            position += 1
        while self._is(position + 1, b"."):
            position += 2
        return position + 1


def expression_tokens(part: list[Token]) -> list[Token]:
    """The expression at the start of an element: what is in its parentheses, or the function call."""
    if part[0].text == b"(":
        return unwrapped(between(part, 0))
    opening = next((i for i, token in enumerate(part) if token.text == b"("), None)
    if opening is None:
        return part[:1]
    return part[: opening + len(between(part, opening)) + 2]


def unwrapped(part: list[Token]) -> list[Token]:
    while part and part[0].text == b"(" and len(between(part, 0)) == len(part) - 2:
        part = part[1:-1]
    return part


def between(part: list[Token], opening: int) -> list[Token]:
    """The tokens inside the parenthesis that opens at a position."""
    depth = 0
    for position in range(opening, len(part)):
        depth += (part[position].text == b"(") - (part[position].text == b")")
        if depth == 0:
            return part[opening + 1 : position]
    raise AssertionError("the parser saw a parenthesis that the tokens do not close")


def source_of(source: str, part: list[Token]) -> str:
    return source.encode()[part[0].start : part[-1].end].decode() if part else ""
