"""Every sslmode with generated certificates, as libpq has it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from profiles.model import EnvironmentClass, Profile
from profiles.secret import Secret
from sql.connect import Purpose, open_link
from sql.errors import LoginError, SessionError
from tests import servers
from tests.servers import administer
from tests.sql.secured import Secured, secured

PASSWORD = "tls password"
ROLES = ("oncall", "certified", "tls_only", "plain_only")


@pytest.fixture(scope="module")
def server() -> Iterator[Secured]:
    with secured() as made:
        yield made


@pytest.fixture
async def roles(server: Secured) -> AsyncIterator[Secured]:
    for role in ROLES:
        await administer(
            server.cluster,
            f"DO $$ BEGIN CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}';"
            " EXCEPTION WHEN duplicate_object THEN END $$",
        )
    yield server


async def tls_version(server: Secured, password: str | None = PASSWORD, **parameters: str) -> str | None:
    """Connect; the TLS version in use, None for none."""
    said = server.parameters(**{"user": "oncall", **parameters})
    profile = Profile("tls", EnvironmentClass.STAGING, "m", {k: v for k, v in said.items() if v})
    link = await open_link(profile, Secret(password) if password else None, Purpose.WATCH)
    try:
        tls = link.connection._transport.get_extra_info("ssl_object")
        on_server = await link.connection.fetchval(
            "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        )
        assert on_server == (tls.version() if tls else None)
        return str(on_server) if on_server else None
    finally:
        await link.connection.close()


@pytest.mark.parametrize("mode", ["disable", "allow"])
async def test_without_insisting_it_goes_unencrypted(roles: Secured, mode: str) -> None:
    assert await tls_version(roles, sslmode=mode) is None


@pytest.mark.parametrize("mode", ["prefer", "require"])
async def test_without_a_root_certificate_it_encrypts_and_verifies_nothing(roles: Secured, mode: str) -> None:
    assert await tls_version(roles, sslmode=mode) == "TLSv1.3"


async def test_allow_and_prefer_fall_back_where_the_server_admits_only_the_other(roles: Secured) -> None:
    assert await tls_version(roles, sslmode="allow", user="tls_only") == "TLSv1.3"
    assert await tls_version(roles, sslmode="prefer", user="plain_only") is None
    with pytest.raises(LoginError) as refused:
        await tls_version(roles, sslmode="require", user="plain_only")
    assert refused.value.stage == "login"


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_the_right_authority_is_accepted(roles: Secured, mode: str) -> None:
    assert await tls_version(roles, sslmode=mode, sslrootcert=roles.certificate("ca.crt")) == "TLSv1.3"


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_another_authority_is_refused(roles: Secured, mode: str) -> None:
    with pytest.raises(SessionError, match="does not verify") as refused:
        await tls_version(roles, sslmode=mode, sslrootcert=roles.certificate("stranger.crt"))
    assert refused.value.stage == "tls"


async def test_only_verify_full_looks_at_the_name(roles: Secured) -> None:
    other = {"host": "db.example.com", "sslrootcert": roles.certificate("ca.crt")}
    assert await tls_version(roles, sslmode="verify-ca", **other) == "TLSv1.3"
    with pytest.raises(SessionError, match=r"db\.example\.com.*does not verify"):
        await tls_version(roles, sslmode="verify-full", **other)


async def test_the_name_is_verified_without_hostaddr_too(roles: Secured) -> None:
    found = await tls_version(
        roles, hostaddr="", sslmode="verify-full", sslrootcert=roles.certificate("ca.crt")
    )
    assert found == "TLSv1.3"


async def test_verifying_needs_a_root_certificate(roles: Secured) -> None:
    with pytest.raises(SessionError, match="needs the root certificate") as refused:
        await tls_version(roles, sslmode="verify-full")
    assert refused.value.stage == "tls"


async def test_system_authorities_do_not_know_ours(roles: Secured) -> None:
    with pytest.raises(SessionError, match="does not verify"):
        await tls_version(roles, sslrootcert="system")


async def test_require_verifies_once_there_is_a_root_certificate_at_home(
    roles: Secured, own_home: Path
) -> None:
    folder = own_home / ".postgresql"
    folder.mkdir()
    shutil.copy(roles.certificate("stranger.crt"), folder / "root.crt")
    with pytest.raises(SessionError, match="does not verify"):
        await tls_version(roles, sslmode="require")
    shutil.copy(roles.certificate("ca.crt"), folder / "root.crt")
    assert await tls_version(roles, sslmode="require") == "TLSv1.3"


async def test_a_revoked_certificate_is_refused(roles: Secured) -> None:
    authority = {"sslmode": "verify-ca", "sslrootcert": roles.certificate("ca.crt")}
    assert await tls_version(roles, sslcrl=roles.certificate("empty.crl"), **authority) == "TLSv1.3"
    with pytest.raises(SessionError, match="revoked"):
        await tls_version(roles, sslcrl=roles.certificate("revoked.crl"), **authority)
    with pytest.raises(SessionError, match="does not exist"):
        await tls_version(roles, sslcrl=roles.certificate("none.crl"), **authority)


async def test_a_client_certificate_is_the_login(roles: Secured) -> None:
    files = {"sslcert": roles.certificate("client.crt"), "sslkey": roles.certificate("client.key")}
    assert await tls_version(roles, None, user="certified", sslmode="require", **files) == "TLSv1.3"
    with pytest.raises(LoginError):
        await tls_version(roles, None, user="certified", sslmode="require")
    with pytest.raises(LoginError):
        await tls_version(roles, None, user="certified", sslmode="require", sslcertmode="disable", **files)


async def test_a_client_key_that_others_may_read_is_refused(roles: Secured, tmp_path: Path) -> None:
    key = tmp_path / "client.key"
    shutil.copy(roles.certificate("client.key"), key)
    key.chmod(0o644)
    with pytest.raises(SessionError, match="chmod 0600"):
        await tls_version(roles, sslmode="require", sslcert=roles.certificate("client.crt"), sslkey=str(key))


async def test_protocol_versions_are_kept_to(roles: Secured) -> None:
    assert await tls_version(roles, sslmode="require", ssl_max_protocol_version="TLSv1.2") == "TLSv1.2"
    with pytest.raises(SessionError, match="older than"):
        await tls_version(
            roles, sslmode="require", ssl_min_protocol_version="TLSv1.3", ssl_max_protocol_version="TLSv1.2"
        )


async def test_sslmode_means_nothing_on_a_unix_socket(newest: servers.Database) -> None:
    said = newest.parameters() | {"sslmode": "verify-full"}
    link = await open_link(Profile("socket", EnvironmentClass.STAGING, "m", said), None)
    assert link.identity.read_only
    await link.connection.close()
