"""Text on one line."""

from __future__ import annotations

import pytest

from sql.printable import one_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain [text]", "plain [text]"),
        ("größe 表", "größe 表"),
        ("a\nb\r\x1b\x7f", r"a\x0ab\x0d\x1b\x7f"),
        ("\u202eevil\u2028", r"\u202eevil\u2028"),
        ("\ud800 \U000e0001", r"\ud800 \U000e0001"),
    ],
)
def test_what_would_leave_the_line_is_an_escape(text: str, expected: str) -> None:
    assert one_line(text) == expected
