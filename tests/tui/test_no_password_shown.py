"""A whole session of the deck under each source of passwords: the password works, and stands nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from profiles import store
from profiles.model import Credentials, CredentialSource, EnvironmentClass, Profile
from sql.quoting import literal
from tests import servers
from tests.sql.secured import TLS_MAJOR, Secured, secured
from tests.tui.terminal import Terminal

MARK = "Tr0ub4dor"
HOSTILE = "'\"\\:/@#%?&= $x${HOME}`id`*;[b]ü→秘" + MARK
USER = "hostile"
MANIFEST = """
title = "One probe"
[[probe]]
name = "lookup"
sql = "SELECT 1"
target = { p50_ms = 60000 }
"""
SOURCES = {
    "variable": Credentials(CredentialSource.ENVIRONMENT, variable="SALES_PASSWORD"),
    "PGPASSWORD": None,
    "passfile": Credentials(CredentialSource.PASSFILE),
    "command": Credentials(CredentialSource.COMMAND, command=("cat", "kept")),
    "prompt": Credentials(CredentialSource.PROMPT),
    "keyring": Credentials(CredentialSource.KEYRING),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Secured]:
    if servers.binaries(TLS_MAJOR) is None:
        pytest.skip(servers.how_to_get(TLS_MAJOR))
    with secured() as made:
        asyncio.run(create_role(made))
        yield made


async def create_role(server: Secured) -> None:
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


def provide(source: str, server: Secured, home: Path, monkeypatch: pytest.MonkeyPatch) -> Credentials | None:
    """Put the password where the source looks for it; the profile's [credentials]."""
    kept = home.parent / "kept"
    if source == "variable":
        monkeypatch.setenv("SALES_PASSWORD", HOSTILE)
    elif source == "PGPASSWORD":
        monkeypatch.setenv("PGPASSWORD", HOSTILE)
    elif source == "passfile":
        escaped = HOSTILE.replace("\\", "\\\\").replace(":", "\\:")
        kept.touch(0o600)
        kept.write_text(f"localhost:{server.cluster.port}:*:{USER}:{escaped}\n")
        monkeypatch.setenv("PGPASSFILE", str(kept))
    elif source == "command":
        kept.write_text(f"{HOSTILE}\n")
        return Credentials(CredentialSource.COMMAND, command=("cat", str(kept)))
    elif source == "keyring":
        # As on a headless machine: there is none, and the deck asks.
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    return SOURCES[source]


@pytest.mark.hazard("SEC-02")
@pytest.mark.parametrize("source", SOURCES)
def test_the_password_opens_the_deck_and_is_nowhere_to_be_seen(
    source: str, server: Secured, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = provide(source, server, own_home, monkeypatch)
    parameters = server.parameters(user=USER, sslmode="disable")
    profile = Profile("sales", EnvironmentClass.STAGING, "./one.toml", parameters, credentials=credentials)
    path = store.save(profile)
    (path.parent / "one.toml").write_text(MANIFEST)
    with Terminal(["-m", "tui.cli", "sales"]) as terminal:
        if source in ("prompt", "keyring"):
            terminal.wait_for("Password of sales")
            terminal.type(HOSTILE + "\r")
        terminal.wait_for("1 of 1 met")
        probers = terminal.children()
        assert probers
        seen = [f"/proc/{terminal.process.pid}/cmdline"]
        seen += [f"/proc/{pid}/{file}" for pid in probers for file in ("cmdline", "environ")]
        assert [file for file in seen if MARK in Path(file).read_text(errors="replace")] == []
        terminal.type("4\r")
        terminal.wait_for("percentiles count")
        terminal.type("q")
        terminal.wait_for("oldest reading")
        terminal.type("q")
        assert terminal.end() == 0
        assert MARK not in terminal.written.decode(errors="replace")
    kept = [
        file for file in own_home.rglob("*") if file.is_file() and MARK in file.read_text(errors="replace")
    ]
    assert kept == []
    assert MARK not in server.cluster.log.read_text(errors="replace")
