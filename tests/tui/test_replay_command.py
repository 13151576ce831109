"""`pgdeck replay` and `pgdeck report`: the list, the files that are no recordings, where a report goes."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from xml.dom import minidom

import pytest

from sql.recording.entries import MARK
from tests.sql.recording.made import Live, write
from tests.tui import samples
from tui import cli, looks
from tui.exit_codes import ExitCode
from tui.recordings import folder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path() -> Path:
    """A recording of half a minute, in its folder."""
    live = Live()
    events = list(samples.EVERYTHING[:-1])
    return write(folder(), (each for s in range(30) for each in live.second(s, events=() if s else events)))


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    code = cli.main(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_without_a_file_it_lists_the_newest_first(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    live = Live()
    newer = write(folder(), (each for s in range(3) for each in live.second(s)))
    os.utime(path, (1000, 1000))
    (folder() / "broken-20260101-000000.pgdeck").write_bytes(b"x")
    os.utime(folder() / "broken-20260101-000000.pgdeck", (10, 10))
    code, out, err = said(capsys, "replay")
    head, first, second, third = out.splitlines()
    assert (code, err) == (ExitCode.OK, "")
    assert head.split() == ["RECORDING", "PROFILE", "DATABASE", "BEGAN", "(UTC)", "LASTED", "SIZE"]
    assert first.startswith(newer.name)
    assert second.startswith(path.name)
    assert "demo-production (production)" in second
    assert "sales at db.example.com:5432" in second
    assert "2026-11-22 20:00:00" in second
    assert "? is no recording of pgdeck" in third


def test_no_recordings_yet(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "replay")
    assert code == ExitCode.OK
    assert out.startswith("no recordings yet in ")


@pytest.mark.parametrize("command", ["replay", "report"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"hello", "is no recording of pgdeck; name another; they are listed by: pgdeck replay"),
        (
            gzip.compress(json.dumps({MARK: 99}).encode() + b"\n"),
            "was recorded by a newer pgdeck (format 99); update",
        ),
        (None, "there is no such recording; see: pgdeck replay"),
    ],
    ids=["foreign", "newer", "absent"],
)
def test_what_cannot_be_played_is_one_sentence_and_exit_2(
    tmp_path: Path, command: str, content: bytes | None, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.pgdeck"
    if content is not None:
        file.write_bytes(content)
    code, out, err = said(capsys, command, str(file))
    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith(f"pgdeck: {file}: ")
    assert sentence in err
    assert err.count("\n") == 1


def test_damage_is_one_sentence_and_exit_2(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = path.read_bytes()
    place = len(whole) * 2 // 3
    path.write_bytes(whole[:place] + bytes(20) + whole[place + 20 :])
    for command in ("replay", "report"):
        code, out, err = said(capsys, command, path.stem)
        assert (code, out) == (ExitCode.USAGE, "")
        assert "is damaged; take a copy that is whole" in err


def test_a_replay_needs_a_terminal_and_says_so(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", "replay", str(path)],
        cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert done.returncode == ExitCode.USAGE
    assert "needs a terminal" in done.stderr


def test_a_report_by_name_goes_to_standard_output(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "report", path.stem)
    assert (code, err) == (ExitCode.OK, "")
    assert out.startswith("# Performance of a session: demo-production\n")
    assert "![" not in out
    code, out, _ = said(capsys, "report", str(path), "--report-format", "json")
    assert code == ExitCode.OK
    assert json.loads(out)["profile"] == "demo-production"


def test_a_report_shows_its_plot_from_where_it_stands(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "reports").mkdir()
    plot, report = tmp_path / "latency plot.svg", tmp_path / "reports" / "r.md"
    code, out, err = said(capsys, "report", path.stem, "--svg", str(plot), "--output", str(report))
    assert (code, out, err) == (ExitCode.OK, "", "")
    assert "](<../latency%20plot.svg>)" in report.read_text()
    assert minidom.parse(str(plot)).documentElement.tagName == "svg"


def test_a_place_that_cannot_be_written_is_one_sentence(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = said(capsys, "report", path.stem, "--svg", str(tmp_path / "nowhere" / "x.svg"))
    assert code == ExitCode.USAGE
    assert err.startswith("pgdeck: --svg: ")


@pytest.mark.parametrize("command", [["replay"], ["report", "x.pgdeck"]], ids=" ".join)
def test_neither_loads_what_speaks_to_servers_or_draws(command: list[str]) -> None:
    heavy = ("asyncpg", "keyring", "textual")
    code = (
        f"import sys; from tui.cli import main; main({command!r});"
        f" print([name for name in {heavy!r} if name in sys.modules], file=sys.stdout)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_deck_can_be_opened_without_a_recording() -> None:
    live, replayed = ArgumentParser(), ArgumentParser(exit_on_error=False)
    looks.add_flags(live)
    looks.add_flags(replayed, live=False)
    assert live.parse_args(["--no-record"]).no_record is True
    assert live.parse_args([]).no_record is False
    assert not hasattr(replayed.parse_args([]), "no_record")
