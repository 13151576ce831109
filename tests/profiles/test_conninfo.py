"""Connection strings in both forms."""

from __future__ import annotations

import pytest

from profiles.conninfo import NotConninfo, compose, parse, password_keys


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("", {}),
        ("host=h port=6432", {"host": "h", "port": "6432"}),
        ("host = h  user= 'a b'", {"host": "h", "user": "a b"}),
        (r"user='it\'s' options=-c\ x=1", {"user": "it's", "options": "-c x=1"}),
        ("database=d", {"dbname": "d"}),
        ("postgresql://", {}),
        ("postgres://u@h:1/d", {"user": "u", "host": "h", "port": "1", "dbname": "d"}),
        ("postgres://h1:1,h2/d%20b", {"host": "h1,h2", "port": "1,", "dbname": "d b"}),
        ("postgres://h?sslmode=require", {"host": "h", "sslmode": "require"}),
        ("postgres://[::1]:2", {"host": "::1", "port": "2"}),
        ("postgres://%2Ftmp/d", {"host": "/tmp", "dbname": "d"}),
        ("postgres://u:p%40x@h", {"user": "u", "password": "p@x", "host": "h"}),
    ],
)  # fmt: skip
def test_what_it_says(text: str, parameters: dict[str, str]) -> None:
    assert parse(text) == parameters


@pytest.mark.parametrize(
    "text", ["host", "=x", "nonsense=1", "host='open", "postgres://h?x", "postgres://[::1"]
)
def test_malformed(text: str) -> None:
    with pytest.raises(NotConninfo):
        parse(text)


def test_a_complaint_holds_nothing_of_a_password() -> None:
    with pytest.raises(NotConninfo) as wrong:
        parse("host=h password=hun qzx=2")
    assert "qzx" not in str(wrong.value)


@pytest.mark.parametrize("value", ["", "a b", "it's", "back\\slash", "ü→", "a=b", "'", "\\"])
def test_composed_is_parsed_back(value: str) -> None:
    assert parse(compose({"user": value, "host": "h"})) == {"user": value, "host": "h"}


@pytest.mark.parametrize(
    "text", ["sales", "a?b&c", "host=h user=password", "postgres://h:1/d", "postgres://u@h:1"]
)
def test_no_password_is_seen_where_there_is_none(text: str) -> None:
    assert password_keys(text) == []
