"""`pgdeck profile`, as a user calls it: what is on stdout, what is on disk, and the exit code."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from profiles import store, vault, verdicts
from profiles.errors import CredentialError
from profiles.locations import locations
from profiles.model import CredentialSource, EnvironmentClass, Guard
from profiles.secret import Secret
from tests import servers
from tests.servers import Database, administer
from tests.sql.secured import TLS_MAJOR, secured
from tui.cli import main
from tui.exit_codes import ExitCode

ROOT = Path(__file__).parents[2]
LEAST = ["--class", "staging", "--manifest", "enterprise-demo"]


def add(name: str, *words: str) -> int:
    return main(["profile", "add", name, *LEAST, *words])


def test_every_key_of_the_file_has_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--host", "db", "--port", "5433", "--database", "d", "--user", "u", "--sslmode", "require",
        "--set", "connect_timeout=5", "--direct", "port=5434",
        "--replica", "host=r1 port=1", "--replica", "host=r2",
        "--credentials", "command", "--command", "pass show 'a b'", "--guard", "forbidden",
        "--pool-size", "5", "--pool-max-overflow", "0", "--pool-timeout-s", "1.5",
        "--pool-recycle-s", "9", "--pool-query-timeout-s", "2",
        "--pool-application", "api%", "--pool-application", "web", "--pool-pgbouncer", "host=b port=6432",
    ]  # fmt: skip
    assert add("sales", *words) == ExitCode.OK
    profile = store.load("sales")
    assert profile.environment is EnvironmentClass.STAGING
    assert profile.connection == {
        "host": "db", "port": "5433", "dbname": "d", "user": "u",
        "sslmode": "require", "connect_timeout": "5",
    }  # fmt: skip
    assert profile.direct == {"port": "5434"}
    assert profile.replicas == ({"host": "r1", "port": "1"}, {"host": "r2"})
    assert profile.credentials is not None
    assert profile.credentials.command == ("pass", "show", "a b")
    assert profile.guard is Guard.FORBIDDEN
    assert (profile.pool.size, profile.pool.max_overflow, profile.pool.timeout_s) == (5, 0, 1.5)
    assert profile.pool.applications == ("api%", "web")
    assert profile.pool.pgbouncer == "host=b port=6432"
    assert capsys.readouterr().out == ""


def test_all_mistakes_are_said_and_nothing_is_saved(capsys: pytest.CaptureFixture[str]) -> None:
    assert add("sales", "--port", "x", "--set", "hots=h", "--set", "password=hunter2") == ExitCode.USAGE
    said = capsys.readouterr().err
    assert [line.split(": ")[2] for line in said.splitlines()] == [
        "connection.port", "connection.hots", "connection.password",
    ]  # fmt: skip
    assert "hunter2" not in said
    assert store.names() == []


def test_an_existing_profile_is_replaced_only_when_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert add("sales", "--host", "a") == ExitCode.OK
    assert add("sales", "--host", "b") == ExitCode.USAGE
    assert "--replace" in capsys.readouterr().err
    assert add("sales", "--host", "b", "--replace") == ExitCode.OK
    assert store.load("sales").connection["host"] == "b"


def test_an_unknown_manifest_is_only_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "add", "sales", "--class", "staging", "--manifest", "not-there"]) == ExitCode.OK
    assert "not-there" in capsys.readouterr().err


def test_the_list_shows_class_place_and_last_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    add("sales", "--host", "db", "--database", "d")
    add("[b]local", "--service", "x")
    verdicts.remember("sales", "NOT READY", datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
    capsys.readouterr()
    assert main(["profile", "list"]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["[b]local", "staging", "service", "x", "never", "checked"]
    assert "db/d" in lines[1]
    assert lines[1].endswith("NOT READY 2026-03-01T12:00:00+00:00")
    assert main(["profile", "list", "--report-format", "json"]) == ExitCode.OK
    rows = json.loads(capsys.readouterr().out)["profiles"]
    assert rows[1]["verdict"] == "NOT READY"
    assert rows[0]["verdict"] is None


def test_a_broken_file_hides_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    add("sales")
    (locations().profiles / "broken.toml").write_text("environment = 3\n")
    capsys.readouterr()
    assert main(["profile", "list"]) == ExitCode.USAGE
    said = capsys.readouterr()
    assert "broken" in said.out
    assert "sales" in said.out
    assert "broken.toml:1: environment" in said.err


def test_show_prints_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    add("sales", "--host", "db")
    capsys.readouterr()
    assert main(["profile", "show", "sales"]) == ExitCode.OK
    assert capsys.readouterr().out == store.path_of("sales").read_text()
    assert main(["profile", "show", "sales", "--report-format", "json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["connection"] == {"host": "db"}
    assert main(["profile", "show", "other"]) == ExitCode.USAGE


def test_remove_asks_or_wants_to_be_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add("sales")
    forgotten = []
    monkeypatch.setattr(vault, "forget", lambda name: bool(forgotten.append(name)) or True)
    assert main(["profile", "remove", "sales"]) == ExitCode.REFUSED
    assert store.names() == ["sales"]
    assert main(["profile", "remove", "sales", "--yes"]) == ExitCode.OK
    assert store.names() == []
    assert forgotten == ["sales"]
    assert "keyring entry" in capsys.readouterr().err
    assert main(["profile", "remove", "sales", "--yes"]) == ExitCode.USAGE


@pytest.mark.parametrize("source", ["keyring", "passfile"])
def test_a_missing_keyring_is_said_only_where_the_profile_used_one(
    source: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(name: str) -> bool:
        raise CredentialError("there is no keyring here; use a passfile")

    monkeypatch.setattr(vault, "forget", none)
    assert add("sales", "--credentials", source) == ExitCode.OK
    capsys.readouterr()
    assert main(["profile", "remove", "sales", "--yes"]) == ExitCode.OK
    assert ("its keyring entry was not removed" in capsys.readouterr().err) is (source == "keyring")


def test_a_password_is_kept_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add("sales", "--credentials", "keyring")
    kept: dict[str, Secret] = {}
    monkeypatch.setattr(vault, "store", lambda key, secret: kept.update({key: secret}) or "memory")
    monkeypatch.setattr(sys, "stdin", io.StringIO(" hunter2 '\"\\ \nsecond\n"))
    assert main(["profile", "set-password", "sales", "--stdin"]) == ExitCode.OK
    monkeypatch.setattr(sys, "stdin", io.StringIO("console"))
    assert main(["profile", "set-password", "sales", "--stdin", "--pgbouncer"]) == ExitCode.OK
    assert kept == {"sales": Secret(" hunter2 '\"\\ "), "sales/pgbouncer": Secret("console")}
    said = capsys.readouterr()
    assert "hunter2" not in said.out + said.err


def test_without_terminal_or_keyring_it_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add("sales")
    capsys.readouterr()
    assert main(["profile", "set-password", "sales"]) == ExitCode.UNKNOWN
    assert "--stdin" in capsys.readouterr().err

    def none(key: str, secret: Secret) -> str:
        raise CredentialError("there is no keyring here; use a passfile")

    monkeypatch.setattr(vault, "store", none)
    monkeypatch.setattr(sys, "stdin", io.StringIO("x"))
    assert main(["profile", "set-password", "sales", "--stdin"]) == ExitCode.UNKNOWN
    assert "there is no keyring here" in capsys.readouterr().err


def test_the_password_is_typed_twice_and_not_shown(tmp_path: Path) -> None:
    """On a real terminal, with a keyring that writes down what it gets."""
    add("sales", "--credentials", "keyring")
    backend = tmp_path / "noting.py"
    backend.write_text(
        "import keyring.backend, pathlib\n"
        "class Noting(keyring.backend.KeyringBackend):\n"
        "    priority = 5\n    name = 'noting'\n"
        "    def get_password(self, service, username): return None\n"
        "    def delete_password(self, service, username): pass\n"
        "    def set_password(self, service, username, password):\n"
        "        (pathlib.Path(__file__).parent / 'noted').write_text(f'{service}|{username}|{password}')\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "PYTHON_KEYRING_BACKEND": "noting.Noting",
    }
    command = [sys.executable, "-m", "tui.cli", "profile", "set-password", "sales"]
    seen = on_a_terminal(command, environment, [b"Password of sales: ", b"Again: "], b"hunter2\n")
    assert (tmp_path / "noted").read_text() == "pgdeck|sales|hunter2"
    assert b"stored in noting" in seen
    assert b"hunter2" not in seen


def on_a_terminal(
    command: list[str], environment: dict[str, str], questions: list[bytes], answer: bytes
) -> bytes:
    """Run it on a pseudo-terminal, answer each question when it is asked; everything that was shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=ROOT, start_new_session=True
    )
    os.close(theirs)
    seen = b""
    try:
        while True:
            seen += os.read(ours, 4096)
            if questions and seen.endswith(questions[0]):
                questions.pop(0)
                os.write(ours, answer)
    except OSError:
        assert process.wait() == 0, seen
    finally:
        os.close(ours)
    return seen


def test_test_prints_every_stage(newest: Database, capsys: pytest.CaptureFixture[str]) -> None:
    said = newest.parameters()
    add(
        "sales",
        "--host",
        said["host"],
        "--port",
        said["port"],
        "--database",
        said["dbname"],
        "--user",
        said["user"],
    )
    capsys.readouterr()
    assert main(["profile", "test", "sales"]) == ExitCode.OK
    stages = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    names = ["profile", "name", "address", "tls", "login", "database", "limit", "rights"]
    assert stages == [["ok", name] for name in names]
    assert main(["profile", "test", "sales", "--report-format", "json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["passed"] is True


def test_test_stops_at_the_stage_that_fails(newest: Database, capsys: pytest.CaptureFixture[str]) -> None:
    said = newest.parameters()
    add(
        "sales", "--host", said["host"], "--port", said["port"], "--database", "nowhere", "--user", "postgres"
    )
    add("unset", "--credentials", "environment", "--variable", "NOT_SET_HERE")
    capsys.readouterr()
    assert main(["profile", "test", "sales"]) == ExitCode.UNKNOWN
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("FAILED  database  there is no database nowhere")
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert main(["profile", "test", "unset"]) == ExitCode.UNKNOWN
    assert "NOT_SET_HERE is not set" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["../sales", "a/b", "", "a\nb", "\x1b[2J"])
@pytest.mark.parametrize("action", ["show", "test", "remove", "set-password"])
def test_a_hostile_name_is_a_sentence(name: str, action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", action, name]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "\x1b" not in said


def test_a_terminal_of_another_encoding_gets_escapes() -> None:
    add("büro", "--host", "→")
    command = [sys.executable, "-m", "tui.cli", "profile", "list"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=False
    )
    assert done.returncode == ExitCode.OK, done.stderr
    assert b"b\\xfcro" in done.stdout


def test_the_light_commands_load_nothing_heavy() -> None:
    add("sales", "--credentials", CredentialSource.KEYRING.value)
    code = (
        "import sys; from tui.cli import main; main(['profile', 'list']); main(['profile', 'show', 'sales']);"
        "heavy = ('keyring', 'asyncpg', 'asyncio', 'textual', 'rich');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_server_that_wants_a_password_gets_one_typed() -> None:
    if servers.binaries(TLS_MAJOR) is None or shutil.which("openssl") is None:
        pytest.skip(f"{servers.how_to_get(TLS_MAJOR)}, and openssl")
    with secured() as server:
        asyncio.run(administer(server.cluster, "CREATE ROLE oncall LOGIN PASSWORD 'hunter2'"))
        place = ["--host", "localhost", "--port", str(server.cluster.port), "--database", "postgres"]
        add("sales", *place, "--user", "oncall")
        command = [sys.executable, "-m", "tui.cli", "profile", "test", "sales"]
        seen = on_a_terminal(command, dict(os.environ), [b"for this time only: "], b"hunter2\n")
    before, after = seen.split(b"for this time only: ")
    assert b"asks for the password of oncall, and none was found; add a line to" in before
    assert b"FAILED" not in after
    assert b"TLSv1.3, certificate not verified" in after
    assert b"hunter2" not in seen
