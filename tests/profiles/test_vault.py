"""Passwords from every source, and what is said where there is none."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backends.chainer
import keyring.backends.fail
import keyring.backends.null
import pytest

from profiles import keyring_entries, vault
from profiles.errors import CredentialError
from profiles.model import Credentials, CredentialSource, EnvironmentClass, Profile
from profiles.secret import Secret


def profile_of(source: CredentialSource | None, **more: object) -> Profile:
    credentials = Credentials(source, **more) if source is not None else None  # type: ignore[arg-type]
    return Profile(
        "sales", EnvironmentClass.STAGING, "m", {"host": "h", "user": "u"}, credentials=credentials
    )


class Memory(keyring.backend.KeyringBackend):
    """A keyring as good as any."""

    priority = 5  # type: ignore[assignment]
    name = "memory"

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class PlainText(Memory):
    """Stands for keyrings.alt's plain files."""

    __module__ = "keyrings.alt.file"


@pytest.fixture
def restored() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


def test_kept_read_and_forgotten(restored: None) -> None:
    memory = Memory()
    keyring.set_keyring(memory)
    assert vault.store("sales", Secret("x")) == "memory"
    vault.store(vault.console_key("sales"), Secret("y"))
    assert memory.kept == {("pgdeck", "sales"): "x", ("pgdeck", "sales/pgbouncer"): "y"}
    profile = profile_of(CredentialSource.KEYRING)
    assert vault.password_for(profile) == Secret("x")
    assert vault.console_password(profile) == Secret("y")
    assert vault.forget("sales")
    assert memory.kept == {}
    assert not vault.forget("sales")
    with pytest.raises(
        CredentialError, match="no password for sales; store it with: pgdeck profile set-password"
    ):
        vault.password_for(profile)


@pytest.mark.parametrize("backend", [keyring.backends.fail.Keyring, keyring.backends.null.Keyring, PlainText])
def test_a_machine_without_a_keyring_says_so_and_stores_nothing(restored: None, backend: type) -> None:
    chosen = backend()
    keyring.set_keyring(chosen)
    for call in (
        lambda: vault.password_for(profile_of(CredentialSource.KEYRING)),
        lambda: vault.store("sales", Secret("hunter2")),
        lambda: vault.forget("sales"),
    ):
        with pytest.raises(keyring_entries.NoKeyring, match=r"there is no keyring here.*passfile") as refused:
            call()
        assert "\n" not in str(refused.value)
        assert "hunter2" not in str(refused.value)
    assert getattr(chosen, "kept", {}) == {}


def test_a_chain_never_falls_through_to_plain_text(restored: None, monkeypatch: pytest.MonkeyPatch) -> None:
    good, plain = Memory(), PlainText()
    chain = keyring.backends.chainer.ChainerBackend()
    monkeypatch.setattr(keyring.backends.chainer.ChainerBackend, "backends", [plain, good])
    keyring.set_keyring(chain)
    vault.store("sales", Secret("x"))
    assert (good.kept, plain.kept) == ({("pgdeck", "sales"): "x"}, {})
    monkeypatch.setattr(keyring.backends.chainer.ChainerBackend, "backends", [plain])
    with pytest.raises(keyring_entries.NoKeyring, match=r"keyrings\.alt\.file keeps passwords in a file"):
        vault.store("sales", Secret("x"))


def test_without_a_keyring_a_terminal_is_asked(restored: None) -> None:
    keyring.set_keyring(keyring.backends.fail.Keyring())
    questions = []

    def ask(question: str) -> str:
        questions.append(question)
        return "typed"

    assert vault.password_for(profile_of(CredentialSource.KEYRING), ask=ask) == Secret("typed")
    assert "there is no keyring here" in questions[0]
    assert "for this time only" in questions[0]


def test_a_keyring_that_hangs_is_given_up(restored: None, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    class Hanging(Memory):
        def get_password(self, service: str, username: str) -> str | None:
            released.wait()
            return None

    keyring.set_keyring(Hanging())
    monkeypatch.setattr(keyring_entries, "TIME_LIMIT_S", 0.05)
    with pytest.raises(CredentialError, match="did not answer"):
        vault.password_for(profile_of(CredentialSource.KEYRING))
    released.set()


def test_a_keyring_that_fails_is_told_without_its_words(restored: None) -> None:
    class Locked(Memory):
        def set_password(self, service: str, username: str, password: str) -> None:
            raise keyring.errors.KeyringLocked(f"cannot keep {password}")

    keyring.set_keyring(Locked())
    with pytest.raises(CredentialError, match="refused \\(KeyringLocked\\)") as refused:
        vault.store("sales", Secret("hunter2"))
    assert "hunter2" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = profile_of(CredentialSource.ENVIRONMENT, variable="SALES_PASSWORD")
    assert vault.password_for(profile, environ={"SALES_PASSWORD": " x "}) == Secret(" x ")
    with pytest.raises(CredentialError, match="variable SALES_PASSWORD is not set"):
        vault.password_for(profile, environ={})


def command(code: str) -> Profile:
    return profile_of(CredentialSource.COMMAND, command=(sys.executable, "-c", code))


def test_a_commands_first_line() -> None:
    assert vault.password_for(command("print('a b ü $x'); print('second')")) == Secret("a b ü $x")
    assert vault.password_for(command("print('x', end='\\r\\n')")) == Secret("x")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (
            "import sys; print('hunter2', file=sys.stderr); print('hunter2'); sys.exit(3)",
            "failed with status 3",
        ),
        ("pass", "printed no password"),
        ("import os; os.write(1, b'\\xff\\n')", "printed no UTF-8"),
    ],
)
def test_a_command_that_fails_is_told_without_its_output(code: str, why: str) -> None:
    with pytest.raises(CredentialError, match=why) as refused:
        vault.password_for(command(code))
    shown = str(refused.value).replace(code, "")
    assert "hunter2" not in shown


def test_a_command_is_no_shell(tmp_path: Path) -> None:
    made = tmp_path / "made"
    profile = profile_of(CredentialSource.COMMAND, command=("echo", f"$(touch {made})"))
    assert vault.password_for(profile) == Secret(f"$(touch {made})")
    assert not made.exists()


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(CredentialError, match="nowhere-to-be-found is not installed"):
        vault.password_for(profile_of(CredentialSource.COMMAND, command=("nowhere-to-be-found",)))


def test_a_command_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "COMMAND_TIME_LIMIT_S", 0.2)
    with pytest.raises(CredentialError, match="did not end"):
        vault.password_for(command("import threading; threading.Event().wait()"))


def test_a_prompt_needs_somebody() -> None:
    profile = profile_of(CredentialSource.PROMPT)
    assert vault.password_for(profile, ask=lambda _question: "x") == Secret("x")
    with pytest.raises(CredentialError, match="no terminal to ask on"):
        vault.password_for(profile)
    with pytest.raises(CredentialError, match="none was typed"):
        vault.password_for(profile, ask=lambda _question: "")


def test_as_libpq_never_asks(tmp_path: Path) -> None:
    def ask(question: str) -> str:
        raise AssertionError(question)

    assert vault.password_for(profile_of(None), ask=ask, environ={"HOME": str(tmp_path)}) is None
    assert vault.password_for(profile_of(None), ask=ask, environ={"PGPASSWORD": "x"}) == Secret("x")


def test_a_passfile_without_a_line_names_the_one_it_needs(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    profile = profile_of(CredentialSource.PASSFILE)
    with pytest.raises(CredentialError, match=r"\.pgpass has no line for h:5432:u:u"):
        vault.password_for(profile, environ=environ)
    (tmp_path / ".pgpass").write_text("*:*:*:*:x\n")
    (tmp_path / ".pgpass").chmod(0o644)
    with pytest.raises(CredentialError, match="group or world access"):
        vault.password_for(profile, environ=environ)
    (tmp_path / ".pgpass").chmod(0o600)
    assert vault.password_for(profile, environ=environ) == Secret("x")


def test_the_console_has_no_password_in_a_keyring_that_is_not_the_source() -> None:
    assert vault.console_password(profile_of(None)) is None
