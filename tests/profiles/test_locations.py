"""Where files are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.locations import locations


def test_one_folder_holds_everything_where_pgdeck_home_is_set(tmp_path: Path) -> None:
    found = locations({"PGDECK_HOME": str(tmp_path)})
    assert found.profiles == tmp_path / "profiles"
    assert found.manifests == tmp_path / "manifests"
    assert found.journal == tmp_path / "journal.jsonl"
    assert found.state.is_relative_to(tmp_path)
    assert found.cache.is_relative_to(tmp_path)


def test_the_platforms_folders_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("PGDECK_HOME")
    found = locations()
    assert found.profiles == tmp_path / "config" / "pgdeck" / "profiles"
    assert found.journal == tmp_path / "state" / "pgdeck" / "journal.jsonl"
