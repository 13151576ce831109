"""TOML files: what is wrong with them, on which line each key stands, and that they are written whole."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from profiles import toml_file
from profiles.errors import ConfigurationError, Problem
from profiles.toml_lines import KeyPath
from tests.profiles.toml_documents import Document


def problem_of(path: Path) -> Problem:
    with pytest.raises(ConfigurationError) as raised:
        toml_file.read(path)
    (problem,) = raised.value.problems
    assert problem.remedy
    return problem


def paths(value: Any, here: KeyPath = ()) -> Iterator[KeyPath]:
    """Every key path of a parsed document."""
    children: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(value, dict):
        children = iter(value.items())
    elif isinstance(value, list):
        children = iter(enumerate(value))
    for key, child in children:
        yield (*here, key)
        yield from paths(child, (*here, key))


def file_of(tmp_path: Path, text: str) -> toml_file.TomlFile:
    path = tmp_path / "some.toml"
    path.write_bytes(text.encode())
    return toml_file.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    problem = problem_of(tmp_path / "none.toml")
    assert problem.sentence().startswith(f"{tmp_path}/none.toml: does not exist; ")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert problem_of(tmp_path).what == "is a folder"


def test_a_path_through_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert problem_of(tmp_path / "file" / "x.toml").what == "cannot be read: not a directory"


@contextmanager
def not_root() -> Iterator[None]:
    """Root may read everything, so it is nobody here."""
    was_root = os.geteuid() == 0
    os.seteuid(65534 if was_root else os.geteuid())
    try:
        yield
    finally:
        os.seteuid(0 if was_root else os.geteuid())


def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "locked.toml"
    path.touch(mode=0)
    with not_root():
        assert problem_of(path).what == "may not be read by you"


def test_a_name_with_nul_is_no_file_name() -> None:
    assert problem_of(Path("a\0b.toml")).what == "is no file name"


def test_a_device_without_end_is_refused() -> None:
    assert problem_of(Path("/dev/zero")).what == "is larger than 16 MiB"


def test_what_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b'a = 1\nb = "caf\xe9"\n')
    problem = problem_of(path)
    assert (problem.what, problem.line) == ("is not UTF-8 (byte 0xe9)", 2)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = \n", 2),
        ("a = 1\n\na = 2\n", 3),
        ("[t]\nx = 1\n[t]\n", 3),
        ('a = 1\nb = "open\nc = 3\n', 2),
        ("a = 1\nb = [1,\n2\n\n", 3),
        ('a = """\nnever closed\n', 2),
        ("a = 1\n\nnonsense", 3),
        ('a = "\x1b"', 1),
    ],
)
def test_a_syntax_error_has_its_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text)
    problem = problem_of(path)
    assert problem.what.startswith("is not valid TOML: ")
    assert "line" not in problem.what
    assert problem.line == line


def test_a_number_that_python_refuses_is_an_error_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "number.toml"
    path.write_text(f"a = {'9' * 5000}")
    assert problem_of(path).what.startswith("is not valid TOML: ")


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "{ b = " * 100_000])
def test_brackets_without_end_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "deep.toml"
    path.write_text(text)
    assert problem_of(path).what == "is nested too deeply"


def test_any_depth_is_read_with_its_lines_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.toml"
    outcomes = set()
    for depth in range(10, 600, 7):
        path.write_text(f"a = {'[' * depth}{']' * depth}\nb = 1\n")
        try:
            outcomes.add(toml_file.read(path).line_of("b"))
        except ConfigurationError as error:
            outcomes.add(error.problems[0].what)
    assert outcomes == {2, "is nested too deeply"}


@pytest.mark.parametrize("text", ["{} = 1", "[{}]", "[[{}]]"])
def test_keys_of_hundreds_of_levels_are_refused(tmp_path: Path, text: str) -> None:
    file = file_of(tmp_path, text.format(".".join(["a"] * 300)))
    with pytest.raises(ConfigurationError, match="is nested too deeply"):
        file.line_of("a")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert file_of(tmp_path, "\ufeffa = 1\n").data == {"a": 1}


def test_positions_count_from_zero_as_in_the_data(tmp_path: Path) -> None:
    file = file_of(tmp_path, '\n[[index]]\na = 1\n\n[[index]]\n\na = """\n\n"""\nb = 2\n')
    assert file.data["index"][1]["b"] == 2
    assert file.line_of("index") == 2
    assert file.line_of("index", 1) == 5
    assert file.line_of("index", 1, "a") == 7
    assert file.line_of("index", 1, "b") == 10
    assert file.line_of("index", 2) is None
    assert file.line_of("index", 0, "b") is None


def test_lines_end_in_either_way(tmp_path: Path) -> None:
    file = file_of(tmp_path, 'a = """\r\n\r\n"""\r\n[t]\r\nb = 1\r\n')
    assert (file.line_of("t"), file.line_of("t", "b")) == (4, 5)


@pytest.mark.parametrize("seed", range(300))
def test_every_key_of_any_document_has_its_line(tmp_path: Path, seed: int) -> None:
    document = Document(seed)
    file = file_of(tmp_path, document.text)
    assert file.data == tomllib.loads(document.text)
    assert set(paths(file.data)) == set(document.lines) == set(file.lines)
    assert file.lines == document.lines


CONTENT = {
    "title": "quotes \" ' \\ and \x1b, \u202e, ü\n",
    "numbers": [1, 2.5, True],
    "connection": {"host": "db.example.com", "odd key": ""},
    "replica": [{"host": "one"}, {"host": "two"}],
}


def test_what_was_written_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    toml_file.write(path, CONTENT)
    assert toml_file.read(path).data == CONTENT


def test_nobody_else_may_read_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.toml"
    toml_file.write(path, CONTENT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)] == [
        0o700
    ] * 2


def test_a_file_that_was_open_to_all_is_closed_by_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.touch(mode=0o644)
    toml_file.write(path, CONTENT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, real = tmp_path / "a.toml", tmp_path / "elsewhere" / "real.toml"
    path.symlink_to(real)
    toml_file.write(path, CONTENT)
    assert path.is_symlink()
    assert toml_file.read(real).data == CONTENT


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "a.toml"
    toml_file.write(path, {"old": 1})

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync", fail) if step == "fsync" else (Path, "replace", fail)))
    with pytest.raises(ConfigurationError) as raised:
        toml_file.write(path, CONTENT)
    assert raised.value.problems[0].what == "cannot be written: no space left on device"
    assert toml_file.read(path).data == {"old": 1}
    assert list(tmp_path.glob("*.toml*")) == [path]
    assert not list(tmp_path.glob(".a*"))


def test_what_toml_cannot_say_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        toml_file.write(tmp_path / "a.toml", {"a": None})
    assert not list(tmp_path.glob("*a.toml*"))


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        toml_file.write(tmp_path / "file" / "a.toml", CONTENT)
