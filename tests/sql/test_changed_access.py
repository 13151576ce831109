"""Passwords, certificates and names that change under an open watch."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from profiles.secret import Secret
from sql.dial import look_up
from sql.poller import LOGIN_WAITS_S
from tests.servers import Database, administer
from tests.sql.life import Life, alive, hasty, profile_of
from tests.sql.secured import Secured, _give, secured
from tests.waiting import until

__all__ = ["hasty"]
USER = "oncall"
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgdeck watch'"
FAILED = "password authentication failed"


@pytest.fixture(scope="module")
def server() -> Iterator[Secured]:
    with secured() as made:
        yield made


@pytest.fixture
async def access(server: Secured) -> AsyncIterator[Secured]:
    """With a role whose password is `old`."""
    await administer(server.cluster, f"CREATE ROLE {USER} LOGIN PASSWORD 'old'")
    await administer(server.cluster, "CREATE ROLE certified LOGIN")
    yield server
    await restore(server)
    await administer(server.cluster, f"DROP ROLE {USER}; DROP ROLE certified")


def watch(server: Secured, password: str | None = "old", **more: str) -> Life:
    """A watch over TCP."""
    said = server.parameters(**{"user": USER, "sslmode": "disable", **more})
    return Life(profile_of(**said), Secret(password) if password else None)


async def change(server: Secured, *statements: str) -> None:
    """Change something, and end the sessions that were let in before."""
    for each in (*statements, END):
        await administer(server.cluster, each)


async def test_a_changed_password_is_tried_so_seldom_that_no_account_is_locked(access: Secured) -> None:
    async with alive(watch(access), access.cluster) as life:
        before = access.cluster.log.read_text(errors="replace").count(FAILED)
        await change(access, f"ALTER ROLE {USER} PASSWORD 'new'")
        await life.says(rf"refuses the password of {USER} \(password authentication failed")
        refused = access.cluster.log.read_text(errors="replace").count(FAILED) - before
        assert refused == 1
        # At most three refusals in any half an hour.
        assert life.waits[-1] == LOGIN_WAITS_S[0] >= 60
        assert sum(LOGIN_WAITS_S[:3]) > 1800 <= LOGIN_WAITS_S[-1]
        await administer(access.cluster, f"ALTER ROLE {USER} PASSWORD 'old'")
        await life.is_back()
        assert life.census is not None
        assert life.census.most == 1


async def replace_certificate(server: Secured, certificate: str, key: str = "server.key") -> None:
    """Give the server another certificate; it takes it at once."""
    _give(server.certificates / certificate, server.cluster.folder / "server.crt")
    _give(server.certificates / key, server.cluster.folder / "server.key")
    await _reload(server)


async def _reload(server: Secured) -> None:
    loaded = "SELECT pg_conf_load_time()"
    before = await _ask(server, loaded)
    await administer(server.cluster, "SELECT pg_reload_conf()")

    async def done() -> bool:
        return bool(await _ask(server, loaded) != before)

    await until(done)


async def _ask(server: Secured, sql: str) -> Any:
    connection = await asyncpg.connect(
        host=str(server.cluster.socket), port=server.cluster.port, user="postgres", database="postgres"
    )
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def restore(server: Secured) -> None:
    """As it was."""
    if server.cluster.settings["ssl"] == "off":
        await _restart(server, ssl="on")
    await replace_certificate(server, "server.crt")


async def _restart(server: Secured, **settings: str) -> None:
    await asyncio.to_thread(server.cluster.stop)
    server.cluster.settings = {**server.cluster.settings, **settings}
    await asyncio.to_thread(server.cluster.start)


def sign(folder: Path, request: str, name: str, *days: str) -> str:
    """Sign a request once more, for so long; the file's name."""
    words = ["x509", "-req", "-in", request, "-out", name, "-CA", "ca.crt", "-CAkey", "ca.key"]
    words += ["-CAcreateserial", *days]
    if request == "server.csr":
        (folder / "names").write_text("subjectAltName=DNS:localhost\n")
        words += ["-extfile", "names"]
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    return name


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("expired", r"does not verify: certificate has expired; renew it at the server"),
        ("stranger", r"does not verify: self.signed certificate; add it to sslrootcert"),
        ("off", "does not speak TLS, and sslmode=verify-full insists on it"),
    ],
)
async def test_what_becomes_of_the_servers_certificate(access: Secured, trouble: str, words: str) -> None:
    authority = {"sslmode": "verify-full", "sslrootcert": access.certificate("ca.crt")}
    async with alive(watch(access, **authority), access.cluster) as life:
        if trouble == "expired":
            # Negative days: valid until yesterday.
            name = sign(access.certificates, "server.csr", "expired.crt", "-days", "-1")
            await replace_certificate(access, name)
        elif trouble == "stranger":
            await replace_certificate(access, "stranger.crt", "stranger.key")
        else:
            await _restart(access, ssl="off")
        await change(access)
        await life.says(words)
        assert max(life.waits) <= 15
        await restore(access)
        await life.is_back()
        assert life.census is not None
        assert life.census.most == 1


async def test_our_own_certificate_runs_out(access: Secured, tmp_path: Path) -> None:
    own = tmp_path / "own.crt"
    key = tmp_path / "own.key"
    shutil.copy(access.certificate("client.crt"), own)
    shutil.copy(access.certificate("client.key"), key)
    key.chmod(0o600)
    life = watch(access, None, user="certified", sslmode="require", sslcert=str(own), sslkey=str(key))
    async with alive(life, access.cluster):
        name = sign(access.certificates, "client.csr", "old.crt", "-days", "-1")
        shutil.copy(access.certificate(name), own)
        await change(access)
        await life.says(r"refuses our client certificate \(.*certificate expired\); renew .*own\.crt")
        shutil.copy(access.certificate("client.crt"), own)
        await life.is_back()


class Resolver:
    """Stands in for the system's, in this process: one name, and where it leads."""

    NAME = "db.life.test"

    def __init__(self) -> None:
        self.answer: str | socket.gaierror = "127.0.0.1"
        self.asked = 0
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *more: Any, **named: Any) -> Any:
        if host != self.NAME:
            return self._real(host, port, *more, **named)
        self.asked += 1
        if isinstance(self.answer, socket.gaierror):
            raise self.answer
        return self._real(self.answer, port, *more, **named)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    return made


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (socket.EAI_NONAME, r"cannot be resolved; check the spelling and your DNS or VPN"),
        (socket.EAI_AGAIN, r"cannot be resolved \(no name server answers\); check network or VPN"),
    ],
)
async def test_a_name_that_is_gone_comes_back(
    access: Secured, resolver: Resolver, trouble: int, words: str
) -> None:
    async with alive(watch(access, host=Resolver.NAME, hostaddr=""), access.cluster) as life:
        resolver.answer = socket.gaierror(trouble, "as if")
        await change(access)
        await life.says(rf"the host name {Resolver.NAME} {words}")
        assert max(life.waits) <= 15
        resolver.answer = "127.0.0.1"
        await life.is_back()


async def test_a_name_that_leads_elsewhere_is_followed(access: Secured, resolver: Resolver) -> None:
    """Nothing listens at its first address any more: every attempt asks the resolver anew."""
    async with alive(watch(access, host=Resolver.NAME, hostaddr=""), access.cluster) as life:
        resolver.answer = "127.0.0.2"
        await change(access)
        await life.says(rf"nothing listens at {Resolver.NAME}")
        resolver.answer = "127.0.0.1"
        await life.is_back()
        assert resolver.asked == life.dialled


async def test_a_resolver_that_hangs_is_given_up_and_holds_up_nothing(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from profiles.libpq import Host, resolve
    from sql.errors import SessionError

    hangs = asyncio.Event()
    asked: list[str] = []
    loop = asyncio.get_running_loop()

    def never(host: str, *more: Any, **named: Any) -> Any:
        asked.append(host)
        asyncio.run_coroutine_threadsafe(hangs.wait(), loop).result()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", never)
    target = resolve({"host": "db.life.test", "connect_timeout": "2"}, {})
    with pytest.raises(SessionError, match="no name server answers"):
        await look_up(Host("db.life.test", "", 5432), target)
    assert asked == ["db.life.test"]
    # Not one of the threads that the loop waits for before it closes.
    assert not getattr(loop, "_default_executor", None)
    hangs.set()
