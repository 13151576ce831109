"""Password files as libpq reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.passfile import look_up
from profiles.secret import Secret

WHERE = {"host": "db.example.com", "port": 5432, "dbname": "sales", "user": "oncall"}


def passfile(tmp_path: Path, *lines: str, mode: int = 0o600) -> Path:
    path = tmp_path / "pgpass"
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("db.example.com:5432:sales:oncall:x", "x"),
        ("*:*:*:*:x", "x"),
        ("db.example.com:5432:sales:oncall:a\\:b\\\\c", "a:b\\c"),
        ("db.example.com:5432:sales:oncall:a:b", "a"),
        ("db.example.com:5432:sales:oncall: spaces kept ", " spaces kept "),
        ("db.example.com:5432:sales:oncall:#'\"@?&=%$ü", "#'\"@?&=%$ü"),
        ("db.example.com:5432:sales:oncall:x\r", "x"),
        ("db\\.example.com:5432:sales:oncall:x", "x"),
        ("db.example.com:5432:sales:oncall:", ""),
    ],
)
def test_a_line_that_fits(tmp_path: Path, line: str, password: str) -> None:
    assert look_up(passfile(tmp_path, line), **WHERE).password == Secret(password)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "#db.example.com:5432:sales:oncall:x",
        "db.example.com:5433:sales:oncall:x",
        "db.example.com:5432:sales:onc:x",
        "db.example.com:5432:sales:oncall2:x",
        " *:*:*:*:x",
        "**:*:*:*:x",
        "db.example.com",
        "db.example.com:5432:sales:oncall",
    ],
)
def test_a_line_that_does_not(tmp_path: Path, line: str) -> None:
    assert look_up(passfile(tmp_path, line), **WHERE).password is None


def test_the_first_line_that_fits_wins(tmp_path: Path) -> None:
    path = passfile(
        tmp_path, "other:*:*:*:no", "*:*:sales:*:first", "db.example.com:5432:sales:oncall:second"
    )
    assert look_up(path, **WHERE).password == Secret("first")


def test_names_with_colons_are_escaped(tmp_path: Path) -> None:
    path = passfile(tmp_path, "\\:\\:1:5432:a\\:b:c\\\\d:x")
    assert look_up(path, host="::1", port=5432, dbname="a:b", user="c\\d").password == Secret("x")


@pytest.mark.parametrize("host", ["", "/var/run/postgresql", "/tmp"])
def test_a_default_socket_is_localhost(tmp_path: Path, host: str) -> None:
    path = passfile(tmp_path, "localhost:5432:*:*:x")
    assert look_up(path, **{**WHERE, "host": host}).password == Secret("x")
    assert look_up(path, **{**WHERE, "host": "/elsewhere"}).password is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_file_that_others_reach_is_ignored_and_said(tmp_path: Path, mode: int) -> None:
    answer = look_up(passfile(tmp_path, "*:*:*:*:x", mode=mode), **WHERE)
    assert answer.password is None
    assert "group or world access and was ignored" in answer.warning
    assert "chmod 0600" in answer.warning


def test_no_file_is_no_password(tmp_path: Path) -> None:
    assert look_up(tmp_path / "none", **WHERE) == look_up(None, **WHERE)
    assert "not a plain file" in look_up(tmp_path, **WHERE).warning
