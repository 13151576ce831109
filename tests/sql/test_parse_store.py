"""What the parser said is kept on disk, means the same when it comes back, and is never kept too long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from profiles import manifest_file
from sql import parse_store, requirements
from sql.parse_store import STORE, ParseStore
from sql.parsing import parse_check, parse_index, parse_name

ROOT = Path(__file__).parents[2]
READ_AGAIN = """
import sys
from pathlib import Path
from profiles import manifest_file
from sql.parse_store import STORE
from sql.requirements import read
STORE.open(Path(sys.argv[1]))
found = read(manifest_file.load("enterprise-demo"))
print("postgast" in sys.modules)
print(repr((found.indexes, found.constraints, found.lints)))
"""


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "cache" / "parsed.json"
    STORE.close()


def asked_twice(file: Path, function: Callable[[str], object], text: str) -> tuple[object, object]:
    """What a kept function says anew, and what it says out of the file."""
    bare = function.__wrapped__ if hasattr(function, "cache_info") else function
    STORE.open(file)
    first = bare(text)
    STORE.close()
    STORE.open(file)
    assert text in STORE._known[bare.__name__]
    return first, bare(text)


DEFINITIONS = [
    "CREATE INDEX i ON t (a)",
    'CREATE UNIQUE INDEX i ON s.t USING btree (a DESC NULLS LAST, lower(b) COLLATE "C" text_pattern_ops)'
    " INCLUDE (c, d) NULLS NOT DISTINCT WITH (fillfactor = 70) TABLESPACE fast WHERE a > 1",
    "CREATE INDEX i ON ONLY t USING gin (a gin_trgm_ops(siglen = 32)) WITH (fastupdate = off)",
]


@pytest.mark.parametrize("text", DEFINITIONS)
def test_an_index_comes_back_as_it_was(file: Path, text: str) -> None:
    first, again = asked_twice(file, parse_index, text)
    assert repr(again) == repr(first)


@pytest.mark.parametrize("text", ["CHECK (a > 0)", "CHECK (a > 0) NO INHERIT NOT VALID"])
def test_a_check_comes_back_as_it_was(file: Path, text: str) -> None:
    first, again = asked_twice(file, parse_check, text)
    assert repr(again) == repr(first)


@pytest.mark.parametrize("text", ["t", '"S"."T"'])
def test_a_name_comes_back_as_it_was(file: Path, text: str) -> None:
    first, again = asked_twice(file, parse_name, text)
    assert again == first


def in_a_process_of_its_own(file: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", READ_AGAIN, str(file)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return done.stdout.splitlines()


def test_a_known_manifest_needs_no_parser_and_means_the_same(file: Path) -> None:
    STORE.open(file)
    for function in (parse_index, parse_check):
        function.cache_clear()
    found = requirements.read(manifest_file.load("enterprise-demo"))
    STORE.close()
    loaded, said = in_a_process_of_its_own(file)
    assert loaded == "False"
    assert said == repr((found.indexes, found.constraints, found.lints))


def test_what_is_refused_is_refused_again(file: Path) -> None:
    for _ in range(2):
        STORE.open(file)
        with pytest.raises(ValueError, match="not a SELECT"):
            requirements.parameters_of("DELETE FROM t")
        STORE.close()
    assert not file.exists()


def test_values_of_an_older_program_do_not_count(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ParseStore()
    store.open(file)
    assert store.value("f", "text", len) == 4
    store.close()
    monkeypatch.setattr(parse_store, "MAKERS", ("declared",))
    store.open(file)
    assert store.value("f", "text", lambda text: -1) == -1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"makers": 1}', '{"values": {}}', "null", "\0"])
def test_a_broken_file_is_no_file(file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_text(content)
    store = ParseStore()
    store.open(file)
    assert store.value("f", "text", len) == 4
    store.close()
    assert json.loads(file.read_text())["values"] == {"f": {"text": 4}}


def test_a_text_that_is_no_longer_asked_for_is_forgotten(file: Path) -> None:
    store = ParseStore()
    for texts in (["old", "both"], ["both", "new"]):
        store.open(file)
        for text in texts:
            store.value("f", text, len)
        store.close()
    assert set(json.loads(file.read_text())["values"]["f"]) == {"both", "new"}


def test_the_file_is_for_its_owner_alone(file: Path) -> None:
    store = ParseStore()
    store.open(file)
    store.value("f", "text", len)
    store.close()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_no_trouble(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    store = ParseStore()
    store.open(tmp_path / "parsed.json")
    assert store.value("f", "text", len) == 4
    store.close()


def test_nothing_is_kept_unless_a_file_is_open() -> None:
    store = ParseStore()
    assert store.value("f", "text", len) == 4
    assert store.value("f", "text", lambda text: -1) == -1
