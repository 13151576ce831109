"""The command line: which command runs, what is imported for it, how errors are told."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from profiles.errors import ConfigurationError, CredentialError, Problem
from profiles.secret import Secret
from sql.errors import SessionError
from tui import cli
from tui.exit_codes import ExitCode

ROOT = Path(__file__).parents[2]


def pgdeck(*words: str, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui.cli", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=stdin,
        timeout=60,
    )


def standing_in(monkeypatch: pytest.MonkeyPatch, outcome: BaseException | int) -> list[object]:
    """`pgdeck manifest` ends this way; gives what it was called with."""
    calls: list[object] = []

    def run(arguments: object) -> int:
        calls.append(arguments)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    module = SimpleNamespace(add_parser=lambda subparsers: subparsers.add_parser("manifest"), run=run)
    monkeypatch.setattr(cli, "import_module", lambda name: module)
    return calls


def test_the_version_costs_no_heavy_import() -> None:
    heavy = ("asyncio", "asyncpg", "keyring", "postgast", "rich", "textual", "tui.commands.deck")
    code = (
        "import sys; from tui.cli import main; code = main(['--version']);"
        f" print([name for name in {heavy!r} if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    version, loaded = done.stdout.splitlines()
    assert version.startswith("pgdeck ")
    assert (loaded, done.returncode) == ("[]", 0)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == ExitCode.OK
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in cli.COMMANDS)


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_every_command_explains_itself_without_textual(command: str) -> None:
    code = (
        f"import sys; from tui.cli import main; code = main([{command!r}, '--help']);"
        " print('textual' in sys.modules, 'asyncpg' in sys.modules); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: pgdeck {command} ")
    assert done.stdout.splitlines()[-1] == "False False"


@pytest.mark.parametrize("words", [[], ["production"], ["--", "verify"]])
def test_a_deck_without_a_terminal_names_the_command_that_needs_none(words: list[str]) -> None:
    done = pgdeck(*words)
    assert done.returncode == ExitCode.USAGE
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "needs a terminal, and standard input and standard error are none" in done.stderr
    assert "pgdeck verify -e PROFILE" in done.stderr


@pytest.mark.parametrize(
    "words", [["--nonsense"], ["verify"], ["verify", "-e", "x", "--report-format", "pdf"], ["a", "b"]]
)
def test_a_usage_error_is_one_sentence(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert error.startswith("pgdeck: ")
    assert error.count("\n") == 1
    assert error.endswith("--help\n")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["profile", "add", "x", "--class", "staging", "--nonsense"], "pgdeck profile add"),
        (["profile", "list", "extra"], "pgdeck profile list"),
        (["verify", "-e", "x", "--nonsense"], "pgdeck verify"),
    ],
)
def test_a_wrong_option_names_the_help_of_its_command(
    words: list[str], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == ExitCode.USAGE
    assert capsys.readouterr().err.endswith(f"; see: {command} --help\n")


def test_every_problem_of_a_configuration_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    problems = [
        Problem("a.toml", "port", "is no number", "write 5432", 3),
        Problem("b.toml", "", "is gone", "x"),
    ]
    standing_in(monkeypatch, ConfigurationError(problems))
    assert cli.main(["manifest"]) == ExitCode.USAGE
    expected = "pgdeck: a.toml:3: port: is no number; write 5432\npgdeck: b.toml: is gone; x\n"
    assert capsys.readouterr().err == expected


def test_a_hostile_name_stays_on_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing_in(monkeypatch, ConfigurationError([Problem("a\x1b[2J.toml", "k\nl", "is wrong", "mend it")]))
    assert cli.main(["manifest"]) == ExitCode.USAGE
    assert capsys.readouterr().err == "pgdeck: a\\x1b[2J.toml: k\\x0al: is wrong; mend it\n"


@pytest.mark.parametrize("error", [CredentialError("no password"), SessionError("no server")])
def test_no_password_and_no_server_are_unknown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    standing_in(monkeypatch, error)
    assert cli.main(["manifest"]) == ExitCode.UNKNOWN
    assert capsys.readouterr().err == f"pgdeck: {error}\n"


def test_a_mistake_of_ours_is_unknown_and_tells_no_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = Secret("S3cr3t-value")
    standing_in(monkeypatch, ValueError(f"bad {secret.reveal()}"))
    assert cli.main(["manifest"]) == ExitCode.UNKNOWN
    plain = capsys.readouterr().err
    assert plain == (
        "pgdeck: a mistake in pgdeck itself (ValueError); repeat the command with --debug to see where\n"
    )
    assert cli.main(["manifest", "--debug"]) == ExitCode.UNKNOWN
    debug = capsys.readouterr().err
    assert 'File "' in debug
    assert debug.endswith("ValueError\n")
    assert "S3cr3t-value" not in debug


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    standing_in(monkeypatch, KeyboardInterrupt())
    assert cli.main(["manifest"]) == ExitCode.INTERRUPTED


def test_the_code_of_the_command_is_the_code_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = standing_in(monkeypatch, ExitCode.NOT_READY)
    assert cli.main(["manifest"]) == ExitCode.NOT_READY
    assert len(calls) == 1


def test_a_reader_that_went_away_is_no_error() -> None:
    code = "import sys; sys.stdin.readline(); from tui.cli import main; sys.exit(main(['--help']))"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stdin is not None and process.stderr is not None
    process.stdout.close()
    process.stdin.write(b"go\n")
    process.stdin.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=30) == 0
    process.stderr.close()


def test_exit_codes_are_the_contract() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "NOT_READY": 1,
        "USAGE": 2,
        "UNKNOWN": 3,
        "REFUSED": 4,
        "STEP_FAILED": 5,
        "INTERRUPTED": 130,
    }


def test_json_goes_to_stdout_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["manifest", "list", "--report-format", "json"]) == ExitCode.OK
    captured = capsys.readouterr()
    assert json.loads(captured.out)
    assert captured.err == ""


def test_complaints_come_after_what_was_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    both = io.StringIO()
    monkeypatch.setattr(sys, "stdout", both)
    monkeypatch.setattr(sys, "stderr", both)
    print("data")
    cli.complain("narration")
    assert both.getvalue() == "data\npgdeck: narration\n"
