"""Passwords with every special character: they work from every source, and appear nowhere."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from profiles import keyring_entries, store, vault
from profiles.model import Credentials, CredentialSource, EnvironmentClass, Profile
from profiles.secret import Secret
from sql.connect import connect
from sql.errors import LoginError, PasswordNeeded, SessionError
from sql.quoting import literal
from tests import servers
from tests.servers import administer
from tests.sql.secured import TLS_MAJOR, Secured, secured

HOSTILE = "'\"\\:/@#%?&= $x${HOME}`id`*;ü→\u00a0秘\u202e" + "Tr0ub4dor"
USER = "hostile"


@pytest.fixture(scope="module")
def server() -> Iterator[Secured]:
    if servers.binaries(TLS_MAJOR) is None:
        pytest.skip(servers.how_to_get(TLS_MAJOR))
    with secured() as made:
        yield made


@pytest.fixture
async def scram(server: Secured) -> AsyncIterator[Secured]:
    await administer(server.cluster, f"DROP ROLE IF EXISTS {USER}")
    # The statement that sets the password is the one thing that would log it.
    connection = await asyncpg.connect(
        host=str(server.cluster.socket),
        port=server.cluster.port,
        user="postgres",
        database="postgres",
        server_settings={"log_statement": "none"},
    )
    await connection.execute(f"CREATE ROLE {USER} LOGIN PASSWORD {literal(HOSTILE)}")
    await connection.close()
    yield server


class Memory:
    """A keyring as good as any."""

    priority = 5
    name = "memory"

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, key: str) -> str | None:
        return self.kept.get((service, key))

    def set_password(self, service: str, key: str, password: str) -> None:
        self.kept[service, key] = password

    def delete_password(self, service: str, key: str) -> None:
        del self.kept[service, key]


def profile_of(server: Secured, credentials: Credentials | None, **more: str) -> Profile:
    said = server.parameters(user=USER, sslmode="disable", **more)
    return Profile("sales", EnvironmentClass.STAGING, "m", said, credentials=credentials)


async def logs_in(profile: Profile) -> None:
    """From the saved file on: load, find the password, connect."""
    store.save(profile)
    loaded = store.load(profile.name)
    session = await connect(loaded, vault.password_for(loaded, ask=lambda _question: HOSTILE))
    assert session.identity.user == USER
    await session.close()


def passfile_line(profile: Profile, password: str) -> str:
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    return f"{profile.connection['host']}:{profile.connection['port']}:*:{USER}:{escaped}\n"


async def test_from_the_keyring(scram: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = Memory()
    monkeypatch.setattr(keyring_entries, "_backends", lambda: [keyring])
    vault.store("sales", Secret(HOSTILE))
    await logs_in(profile_of(scram, Credentials(CredentialSource.KEYRING)))


async def test_from_a_passfile(scram: Secured, own_home: Path) -> None:
    profile = profile_of(scram, Credentials(CredentialSource.PASSFILE))
    passfile = own_home / ".pgpass"
    passfile.touch(0o600)
    passfile.write_text(passfile_line(profile, HOSTILE))
    await logs_in(profile)


async def test_from_a_variable(scram: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_PASSWORD", HOSTILE)
    await logs_in(profile_of(scram, Credentials(CredentialSource.ENVIRONMENT, variable="SALES_PASSWORD")))


async def test_from_a_command(scram: Secured, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text(f"{HOSTILE}\nuser: {USER}\n")
    await logs_in(profile_of(scram, Credentials(CredentialSource.COMMAND, command=("cat", str(kept)))))


async def test_from_the_operator(scram: Secured) -> None:
    await logs_in(profile_of(scram, Credentials(CredentialSource.PROMPT)))


async def test_as_libpq_would(scram: Secured, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", HOSTILE)
    await logs_in(profile_of(scram, None))
    monkeypatch.delenv("PGPASSWORD")
    (own_home / ".pg_service.conf").write_text(f"[sales]\npassword={HOSTILE}\n")
    await logs_in(profile_of(scram, None, service="sales"))


async def test_each_host_takes_its_own_line_of_the_passfile(scram: Secured, own_home: Path) -> None:
    port = str(scram.cluster.port)
    passfile = own_home / ".pgpass"
    passfile.touch(0o600)
    escaped = HOSTILE.replace("\\", "\\\\").replace(":", "\\:")
    passfile.write_text(f"localhost:1:*:*:another\nlocalhost:{port}:*:{USER}:{escaped}\n")
    profile = profile_of(
        scram, None, host="localhost,localhost", hostaddr="127.0.0.1,127.0.0.1", port=f"1,{port}"
    )
    assert vault.password_for(profile) is None
    session = await connect(profile, None)
    assert session.identity.address == f"localhost:{port}"
    await session.close()


async def test_a_passfile_that_others_may_read_is_ignored_and_said(scram: Secured, own_home: Path) -> None:
    profile = profile_of(scram, None)
    passfile = own_home / ".pgpass"
    passfile.write_text(passfile_line(profile, HOSTILE))
    passfile.chmod(0o644)
    with pytest.raises(PasswordNeeded, match=r"group or world access and was ignored.*chmod 0600"):
        await connect(profile, vault.password_for(profile))


async def test_a_wrong_password_is_refused_without_being_shown(scram: Secured) -> None:
    with pytest.raises(LoginError, match="refuses the password of hostile") as refused:
        await connect(profile_of(scram, None), Secret(HOSTILE + "!"))
    assert refused.value.sqlstate == "28P01"
    assert not isinstance(refused.value, PasswordNeeded)
    shown = "".join(traceback.format_exception(refused.value))
    assert "Tr0ub4dor" not in shown
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


async def test_no_password_says_that_one_is_needed(scram: Secured) -> None:
    with pytest.raises(PasswordNeeded, match="asks for the password of hostile, and none was found"):
        await connect(profile_of(scram, None), None)


async def test_nothing_holds_the_password_afterwards(scram: Secured, own_home: Path) -> None:
    """Not a file of ours, not the server's log, not what asyncpg keeps."""
    secret = Secret(HOSTILE)
    profile = profile_of(scram, Credentials(CredentialSource.PROMPT))
    store.save(profile)
    session = await connect(profile, secret)
    kept = session._connection._params
    assert "Tr0ub4dor" not in repr(kept)
    await session.close()
    with pytest.raises(LoginError):
        await connect(profile, Secret("not-" + HOSTILE))
    written = [path for path in own_home.rglob("*") if path.is_file()]  # noqa: ASYNC240
    assert written
    assert not [path for path in written if "Tr0ub4dor" in path.read_text()]
    assert "Tr0ub4dor" not in scram.cluster.log.read_text(errors="replace")


CRASH = """
import asyncio, os, sys
from profiles.model import EnvironmentClass, Profile
from profiles.secret import Secret
from sql import connect
async def main():
    secret = Secret(os.environ.pop("HANDED_OVER"))
    parameters = dict(pair.split("=", 1) for pair in sys.argv[1:])
    profile = Profile("sales", EnvironmentClass.STAGING, "m", parameters)
    session = await connect.connect(profile, secret)
    print(open("/proc/self/cmdline").read())
    raise RuntimeError(f"{secret} {secret!r} {session._connection._params}")
from rich.traceback import install
install(show_locals=True)
asyncio.run(main())
"""


@pytest.mark.hazard("SEC-02")
async def test_a_crash_with_all_locals_does_not_print_it(scram: Secured) -> None:
    parameters = profile_of(scram, None).connection
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CRASH,
        *[f"{key}={value}" for key, value in parameters.items()],
        env={**os.environ, "HANDED_OVER": HOSTILE},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert b"RuntimeError" in output
    assert b"Secret(****)" in output
    assert b"Tr0ub4dor" not in output


@pytest.mark.hazard("SEC-01")
async def test_every_failure_of_the_driver_is_put_in_our_words(
    scram: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(**arguments: object) -> object:
        raise asyncpg.InterfaceError(f"could not use {HOSTILE}")

    monkeypatch.setattr(asyncpg, "connect", fail)
    with pytest.raises(SessionError) as refused:
        await connect(profile_of(scram, None), Secret(HOSTILE))
    assert "Tr0ub4dor" not in "".join(traceback.format_exception(refused.value))
