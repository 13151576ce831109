"""Where reports go."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from profiles.errors import ConfigurationError
from tests.tui.reports.made import HOSTILE, hostile
from tui.reports import render
from tui.reports.delivery import save, show


def test_a_hostile_report_can_be_saved_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    save(file, render("json", [hostile()]), "--output")
    assert json.loads(file.read_text(encoding="utf-8"))["profile"] == HOSTILE


def test_a_hostile_report_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show(render("json", [hostile()]))
    assert json.loads(capsys.readouterr().out)["profile"] == HOSTILE


def test_the_umask_decides_who_may_read(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save(tmp_path / "report.txt", "text", "--output")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.txt").stat().st_mode) == 0o640


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    save(pipe, "text", "--output")
    reader.join(30)
    assert read == ["text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        save(folder, "text", "--output")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        save(tmp_path / "none" / "report.txt", "text", "--output")
    assert not list(tmp_path.glob("*report*")) and not list(folder.iterdir())
