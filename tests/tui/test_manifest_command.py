"""`pgdeck manifest`, as a user calls it: what is on stdout, and the exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from profiles.locations import locations
from tui.cli import main
from tui.exit_codes import ExitCode

ROOT = Path(__file__).parents[2]
SOUND = """\
title = "Mine"
[[index]]
definition = "CREATE INDEX i ON t (a)"
"""
BROKEN = """\
title = "Broken"

[[index]]
priority = "urgent"
definition = "CREATE INDX i ON t (a)"

[[index]]
definition = "CREATE INDEX j ON t (a); DROP TABLE t"

[[probe]]
name = "p"
sql = "DELETE FROM t"
target = { p50_ms = -1 }
"""


@pytest.fixture
def own_folder() -> Path:
    folder = locations().manifests
    folder.mkdir(parents=True)
    return folder


def test_list_names_shipped_manifests_and_ones_own(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_folder / "mine.toml").write_text(SOUND)
    (own_folder / "broken.toml").write_text(BROKEN)
    (own_folder / "unreadable.toml").write_text("[")
    assert main(["manifest", "list"]) == ExitCode.OK
    rows = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert [(name, source) for name, source, _ in rows] == [
        ("enterprise-demo", "shipped"),
        ("performance-indexes", "shipped"),
        ("broken", "own"),
        ("mine", "own"),
        ("unreadable", "own"),
    ]
    assert rows[0][2].startswith("5 indexes, 7 probes, pool ")
    assert rows[0][2].endswith(" Enterprise demo readiness")
    assert rows[2][2].startswith("2 problems; see: pgdeck manifest check broken ")
    assert rows[3][2].startswith("1 index ")
    assert rows[4][2].startswith("1 problem; see: ")


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifest", "list", "--report-format", "json"]) == ExitCode.OK
    first, _ = json.loads(capsys.readouterr().out)["manifests"]
    assert (first["name"], first["source"], first["title"]) == (
        "enterprise-demo",
        "shipped",
        "Enterprise demo readiness",
    )
    assert Path(first["file"]).is_file()


def test_show_tells_everything_that_a_manifest_asks_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifest", "show", "performance-indexes"]) == ExitCode.OK
    shown = capsys.readouterr().out
    for said in (
        "CREATE INDEX ix_leads_created_at ON leads (created_at DESC)",
        "leads: ck_leads_qualification_score_range",
        "rejects:         qualification_score = 150; qualification_score = 100.01",
        "target:          p50 15 ms, p95 30 ms, p99 100 ms",
        "rollback_to:     af36f48fb48c",
    ):
        assert said in shown


def test_show_as_json_has_the_keys_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifest", "show", "enterprise-demo", "--report-format", "json"]) == ExitCode.OK
    shown = json.loads(capsys.readouterr().out)
    assert shown["manifest"] == "enterprise-demo"
    assert shown["indexes"][0]["priority"] == "critical"
    assert shown["probes"][0]["class"] == "Lead Dashboard"
    assert shown["probes"][0]["target"] == {"p50_ms": 25, "p95_ms": 35, "p99_ms": 50}
    assert shown["pool"]["applications"] == ["sales-api%", "sales-worker%"]
    assert shown["migration"] is None


def test_show_of_a_broken_manifest_names_its_problems(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.toml").write_text(BROKEN)
    assert main(["manifest", "show", str(tmp_path / "broken.toml")]) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert "index[1].priority" in err


def test_show_keeps_hostile_text_from_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = "\\u001b[2J\\u202e[/red]\\u0007"
    (tmp_path / "odd.toml").write_text(
        f'title = "{odd}"\n[[index]]\npurpose = "{odd}"\ndemo_query = "{odd}"\n'
        f'definition = """CREATE INDEX i ON t (a) -- {odd}\n WHERE b"""\n'
        f'[[constraint]]\ntable = \'"t"\'\nname = "{odd}"\ndefinition = "CHECK (a > 0)"\n'
        f'accepts = [{{ "{odd}" = "{odd}" }}]\n[pool]\napplications = ["{odd}"]\n'
    )
    assert main(["manifest", "show", str(tmp_path / "odd.toml")]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert all(line.isprintable() for line in lines)
    assert any("\\x1b[2J\\u202e[/red]\\x07" in line for line in lines)


def test_check_of_the_shipped_manifests_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifest", "check"]) == ExitCode.OK
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("enterprise-demo.toml: 5 indexes, 7 probes, pool: no problems")
    assert second.endswith(": no problems")


def test_check_reports_structure_and_sql_in_the_order_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(BROKEN)
    assert main(["manifest", "check", str(path)]) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.removeprefix(f"{path}:").split(": ")[:2] for line in out.splitlines()] == [
        ["4", "index[1].priority"],
        ["5", "index[1].definition"],
        ["8", "index[2].definition"],
        ["12", "probe[1].sql"],
        ["13", "probe[1].target.p50_ms"],
    ]
    assert all("; " in line for line in out.splitlines())


def test_check_says_a_thing_once_where_structure_and_sql_both_find_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "empty.toml"
    path.write_text('title = "x"\n[[index]]\ndefinition = ""\n[[constraint]]\n')
    assert main(["manifest", "check", str(path)]) == ExitCode.USAGE
    keys = [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()]
    assert keys == [
        "index[1].definition",
        "constraint[1].definition",
        "constraint[1].name",
        "constraint[1].table",
    ]


def test_check_warns_of_what_depends_on_the_session(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "doubtful.toml"
    path.write_text(
        'title = "x"\n\n[[constraint]]\ntable = "t"\nname = "c"\n\ndefinition = "CHECK (a < now())"\n'
    )
    assert main(["manifest", "check", str(path)]) == ExitCode.OK
    warning, summary = capsys.readouterr().out.splitlines()
    assert warning.startswith(f"warning: {path}:7: constraint[1].definition: ")
    assert summary == f"{path}: 1 constraint: no problems"


def test_check_goes_on_after_a_file_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none.toml"
    assert main(["manifest", "check", str(path), "nowhere", "enterprise-demo"]) == ExitCode.USAGE
    missing, unknown, sound = capsys.readouterr().out.splitlines()
    assert missing.startswith(f"{path}: does not exist; ")
    assert unknown.startswith("manifest 'nowhere': there is none of this name; ")
    assert sound.endswith(": no problems")


def test_check_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(BROKEN)
    assert main(["manifest", "check", str(path), "--report-format", "json"]) == ExitCode.USAGE
    (result,) = json.loads(capsys.readouterr().out)["manifests"]
    assert result["file"] == str(path)
    assert result["problems"][0] == {
        "file": str(path),
        "key": "index[1].priority",
        "line": 4,
        "what": "'urgent' is none of critical, high, normal",
        "remedy": "write one of: critical, high, normal",
        "sentence": f"{path}:4: index[1].priority: 'urgent' is none of critical, high, normal; "
        "write one of: critical, high, normal",
    }
    assert len(result["problems"]) == 5


@pytest.mark.parametrize("name", [b"\xff.toml", "naïve.toml".encode()])
def test_a_terminal_of_another_encoding_gets_escapes(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_text(BROKEN)
    command = [sys.executable, "-m", "tui.cli", "manifest", "check", os.fsencode(path)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True)
    assert done.returncode == ExitCode.USAGE, done.stderr
    assert len(done.stdout.decode("ascii").splitlines()) == 5


@pytest.mark.parametrize("words", [[], ["show"], ["show", "a", "b"], ["list", "x"], ["nonsense"]])
def test_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifest", *words]) == ExitCode.USAGE
    assert capsys.readouterr().out == ""
