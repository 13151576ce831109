"""`pgdeck verify` from the command line, against real servers."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from profiles import store, verdicts
from profiles.model import Credentials, CredentialSource, EnvironmentClass, Profile
from tests.servers import Database
from tests.sql.steps.schemas import PERFORMANCE, psql
from tests.waiting import until
from tui import cli
from tui.exit_codes import ExitCode

ROOT = Path(__file__).parents[2]

MANIFEST = """
title = "One index"

[[index]]
priority = "critical"
definition = "CREATE INDEX i ON t (a)"

[[probe]]
name = "lookup"
class = "Lists"
sql = "SELECT * FROM t WHERE a = 1"
target = { p50_ms = 60000 }
"""


def saved(database: Database | None, name: str = "here", manifest: str = MANIFEST, **more: object) -> None:
    """A profile, with its manifest beside it."""
    parameters = database.parameters() if database else {"host": "/nowhere", "dbname": "x", "user": "x"}
    profile = Profile(
        name, EnvironmentClass.STAGING, f"./{name}-manifest.toml", connection=parameters, **more
    )  # type: ignore[arg-type]
    path = store.save(profile)
    (path.parent / f"{name}-manifest.toml").write_text(manifest)


def verify(*words: str, name: str = "here") -> int:
    return cli.main(["verify", "-e", name, *words])


async def ready(database: Database) -> None:
    await database.execute("CREATE TABLE t (a int); CREATE INDEX i ON t (a)")


def in_thread(function: object, *arguments: object) -> object:
    """verify runs a loop of its own, so a test with a loop calls it elsewhere."""
    return asyncio.to_thread(function, *arguments)  # type: ignore[arg-type]


async def test_ready_is_0_and_remembered(newest: Database, capsys: pytest.CaptureFixture[str]) -> None:
    await ready(newest)
    saved(newest)
    assert await in_thread(verify, "--duration", "0.5") == ExitCode.OK  # type: ignore[misc]
    captured = capsys.readouterr()
    assert captured.out.startswith("✓ ENTERPRISE READY · here (staging)\n")
    assert captured.err == ""
    last = verdicts.last("here")
    assert last is not None and last.verdict == "ENTERPRISE READY"


async def test_not_ready_is_1(newest: Database, capsys: pytest.CaptureFixture[str]) -> None:
    await newest.execute("CREATE TABLE t (a int)")
    saved(newest)
    assert await in_thread(verify, "--duration", "0") == ExitCode.NOT_READY  # type: ignore[misc]
    assert "critical index i is missing" in capsys.readouterr().out


async def test_objects_only_says_so_and_measures_nothing(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await ready(newest)
    saved(newest)
    code = await in_thread(verify, "--duration", "0", "--report-format", "json")  # type: ignore[misc]
    value = json.loads(capsys.readouterr().out)
    assert (code, value["verdict"], value["scope"]) == (0, "ENTERPRISE READY", "objects")
    assert [probe["finding"] for probe in value["probes"]] == ["not_measured"]


def test_a_server_out_of_reach_is_3_and_still_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    saved(None)
    assert verify("--report-format", "json") == ExitCode.UNKNOWN
    captured = capsys.readouterr()
    value = json.loads(captured.out)
    assert (value["verdict"], value["server"]) == ("UNKNOWN", None)
    assert value["unavailable"][0]["part"] == "server"
    assert value["reasons"][0].startswith("the server is out of reach: ")
    assert captured.err.startswith("pgdeck: here: the server is out of reach: ")


def test_no_password_is_3_and_says_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_PASSWORD", raising=False)
    saved(None, credentials=Credentials(CredentialSource.ENVIRONMENT, variable="NO_SUCH_PASSWORD"))
    assert verify() == ExitCode.UNKNOWN
    assert "NO_SUCH_PASSWORD" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-e", "other", "--auto-fix"), "pgdeck: --auto-fix: mends one database at a time"),
        (("--yes",), "pgdeck: --yes: is for running steps"),
        (("--plan-hash", "x"), "pgdeck: --plan-hash: is for running steps"),
        (("-e", "here"), "names a profile twice"),
        (("-e", "other", "--save-fix-script", "x.sql"), "several profiles are given"),
        (("--duration", "nan"), "'nan' is no number of seconds"),
        (("--duration", "-1"), "'-1' is no number of seconds"),
    ],
)
def test_wrong_use_is_2(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(*words) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_a_broken_manifest_and_a_missing_profile_are_2_together(capsys: pytest.CaptureFixture[str]) -> None:
    saved(None, manifest=MANIFEST.replace("(a)", "(a"))
    assert cli.main(["verify", "-e", "here", "-e", "nobody"]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert "here-manifest.toml:6: index[1].definition" in error
    assert "nobody: there is no such profile" in error


async def test_several_profiles_are_a_list_and_the_worst_code(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await ready(newest)
    saved(newest)
    saved(None, "gone")
    code = await in_thread(verify, "-e", "gone", "--duration", "0", "--report-format", "json")  # type: ignore[misc]
    values = json.loads(capsys.readouterr().out)
    assert code == ExitCode.UNKNOWN
    assert [(value["profile"], value["verdict"]) for value in values] == [
        ("here", "ENTERPRISE READY"),
        ("gone", "UNKNOWN"),
    ]


async def test_a_report_is_written_whole_and_readable(newest: Database, tmp_path: Path) -> None:
    await ready(newest)
    saved(newest)
    file = tmp_path / "report.xml"
    file.write_text("old")
    await in_thread(verify, "--duration", "0", "--report-format", "junit", "--output", str(file))  # type: ignore[misc]
    assert ElementTree.parse(file).getroot().tag == "testsuites"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert not list(tmp_path.glob(".*"))  # noqa: ASYNC240


def test_a_report_that_cannot_be_written_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(None)
    assert verify("--output", str(tmp_path / "none" / "report.txt")) == ExitCode.USAGE
    assert "pgdeck: --output: " in capsys.readouterr().err


async def test_both_scripts_are_saved_and_run(
    newest: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(PERFORMANCE)
    store.save(
        Profile("leads", EnvironmentClass.STAGING, "performance-indexes", connection=newest.parameters())
    )
    fix, back = tmp_path / "fix.sql", tmp_path / "back.sql"
    words = ("--duration", "0", "--save-fix-script", str(fix), "--save-rollback-script", str(back))
    assert await in_thread(lambda: verify(*words, name="leads")) == ExitCode.NOT_READY  # type: ignore[misc]
    assert f"pgdeck: wrote {fix}: 19 steps" in capsys.readouterr().err
    assert psql(newest, fix.read_text(), tmp_path).returncode == 0
    assert await in_thread(lambda: verify(*words, name="leads")) == ExitCode.OK  # type: ignore[misc]
    assert "19 steps" not in capsys.readouterr().err
    assert psql(newest, back.read_text(), tmp_path).returncode == 0
    assert await in_thread(lambda: verify("--duration", "0", name="leads")) == ExitCode.NOT_READY  # type: ignore[misc]


async def test_an_interrupt_while_measuring_is_130_and_quiet(newest: Database) -> None:
    await ready(newest)
    saved(newest)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tui.cli", "verify", "-e", "here", "--duration", "60",
        cwd=ROOT, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    connection = await newest.connect()
    probing = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgdeck probe%'"
    await until(lambda: connection.fetchval(probing))
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    await connection.close()
    assert (process.returncode, out, err) == (130, b"", b"")


def test_no_script_without_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(None)
    assert verify("--save-fix-script", str(tmp_path / "fix.sql")) == ExitCode.UNKNOWN
    assert "fix.sql is not written: the server is out of reach" in capsys.readouterr().err
    assert not (tmp_path / "fix.sql").exists()
