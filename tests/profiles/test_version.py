"""The version is that of the installed distribution, told without what reads distributions."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from profiles.version import UNKNOWN, version


def test_it_is_what_the_distribution_says() -> None:
    assert version() == metadata.version("pgdeck")


def test_without_a_distribution_it_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), str(tmp_path / "missing")])
    assert version.__wrapped__() == UNKNOWN
