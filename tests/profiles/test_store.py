"""Saved profiles: names that are safe as file names, files that are written whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from profiles import store, verdicts
from profiles.errors import ConfigurationError
from profiles.locations import locations
from profiles.model import EnvironmentClass, Profile

PROFILE = Profile("sales", EnvironmentClass.STAGING, "m", {"host": "h"})
HOSTILE = [
    "", " ", ".", "..", "../sales", "a/b", "a\\b", "/etc/passwd", "-e", ".hidden", "a\nb", "a\0b", "a\x1b[2J",
    "a\u202eb", "a\u200bb", "a\ud800", " a", "a ", "x" * 101, "ü" * 60,
]  # fmt: skip


def test_saved_is_loaded_listed_and_removed() -> None:
    path = store.save(PROFILE)
    assert store.names() == ["sales"]
    assert store.load("sales") == replace(PROFILE, path=path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    store.remove("sales")
    assert store.names() == []
    assert not path.exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_never_becomes_a_file(name: str, own_home: Path) -> None:
    for call in (store.path_of, store.load, store.remove, lambda n: store.save(replace(PROFILE, name=n))):
        with pytest.raises(ConfigurationError) as refused:
            call(name)
        assert refused.value.user_message().isprintable()
    assert [path for path in own_home.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["sales", "Sales EU", "büro-1_x.y", "北京", "[b] $x {y}", "a'\"b"])
def test_other_names_work(name: str) -> None:
    store.save(replace(PROFILE, name=name))
    assert store.names() == [name]
    assert store.load(name).name == name


def test_an_unknown_name_names_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match="pgdeck profile add"):
        store.load("sales")
    store.save(PROFILE)
    with pytest.raises(ConfigurationError, match="choose one of sales"):
        store.load("other")


def test_a_wrong_profile_is_not_saved() -> None:
    with pytest.raises(ConfigurationError, match=r"connection\.port"):
        store.save(replace(PROFILE, connection={"port": "0"}))
    assert store.names() == []


def test_foreign_files_in_the_folder_are_left_alone() -> None:
    store.save(PROFILE)
    folder = locations().profiles
    (folder / "notes.txt").write_text("x")
    (folder / ".sales.toml.swp").write_text("x")
    (folder / ".toml").write_text("x")
    assert store.names() == ["sales"]


def test_the_last_verdict_is_remembered() -> None:
    assert verdicts.last("sales") is None
    when = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    verdicts.remember("sales", "NOT READY", when)
    verdicts.remember("a.b 'c'", "UNKNOWN", when)
    found = verdicts.last("sales")
    assert found is not None
    assert (found.verdict, found.taken_at) == ("NOT READY", when)
    verdicts.forget("sales")
    assert verdicts.last("sales") is None
    assert verdicts.last("a.b 'c'") is not None


def test_a_spoilt_file_of_verdicts_costs_nothing_but_them() -> None:
    verdicts.remember("sales", "NOT READY", datetime.now(UTC))
    (locations().state / verdicts.FILE).write_text("[sales\n")
    assert verdicts.last("sales") is None
    verdicts.remember("sales", "UNKNOWN", datetime.now(UTC))
    assert verdicts.last("sales") is not None
