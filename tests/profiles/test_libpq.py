"""Where a server is, as libpq would find it; compared with the real psql where there is one."""

from __future__ import annotations

import getpass
import os
import pwd
from pathlib import Path

import pytest

from profiles import libpq
from profiles.errors import ConfigurationError
from profiles.libpq import Host, overlaid, password_at_hand, resolve
from profiles.secret import Secret

ME = pwd.getpwuid(os.geteuid()).pw_name


def home(path: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(path), **more}


def test_nothing_said_is_the_local_socket_the_user_and_a_database_of_that_name(tmp_path: Path) -> None:
    target = resolve({}, home(tmp_path))
    assert target.user == target.dbname == ME
    assert target.hosts[0].is_socket
    assert target.hosts[0].port == 5432
    assert target.sslmode == "prefer"
    assert target.passfile == tmp_path / ".pgpass"


def test_a_parameter_beats_the_service_beats_the_variable(tmp_path: Path) -> None:
    (tmp_path / ".pg_service.conf").write_text(
        "# x\n[other]\nuser=o\n[sales]\nhost=h\nuser=s\nport=1\n[more]\nuser=m\n"
    )
    environ = home(tmp_path, PGUSER="e", PGPORT="3", PGDATABASE="d", PGSERVICE="other")
    target = resolve({"service": "sales", "port": "2"}, environ)
    assert (target.hosts, target.user, target.dbname) == ((Host("h", "", 2),), "s", "d")
    assert resolve({}, environ).user == "o"
    assert resolve({"user": "p"}, environ).user == "p"


def test_the_system_wide_service_file_comes_after_ones_own(tmp_path: Path) -> None:
    (tmp_path / "system").mkdir()
    (tmp_path / "system" / "pg_service.conf").write_text("[sales]\nhost=system\n[only]\nhost=only-system\n")
    (tmp_path / ".pg_service.conf").write_text("[sales]\nhost=own\n")
    environ = home(tmp_path, PGSYSCONFDIR=str(tmp_path / "system"))
    assert resolve({"service": "sales"}, environ).hosts[0].name == "own"
    assert resolve({"service": "only"}, environ).hosts[0].name == "only-system"
    with pytest.raises(ConfigurationError, match="none: this service is not defined"):
        resolve({"service": "none"}, environ)


@pytest.mark.parametrize("line", ["host = h", "nonsense", "unknown=1", "service=other", "ldap://x"])
def test_a_malformed_service_is_refused_without_its_text(tmp_path: Path, line: str) -> None:
    (tmp_path / ".pg_service.conf").write_text(f"[sales]\npassword=hunter2\n{line}\n")
    with pytest.raises(ConfigurationError, match=r"pg_service\.conf:3: ") as wrong:
        resolve({"service": "sales"}, home(tmp_path))
    assert "hunter2" not in str(wrong.value)


def test_pgservicefile_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        resolve({"service": "x"}, home(tmp_path, PGSERVICEFILE=str(tmp_path / "none")))


def test_hosts_addresses_and_ports_go_together(tmp_path: Path) -> None:
    environ = home(tmp_path)
    several = resolve({"host": "a,/tmp,b", "port": "1,2,3"}, environ).hosts
    assert [(host.label, host.is_socket) for host in several] == [
        ("a:1", False), ("/tmp/.s.PGSQL.2", True), ("b:3", False),
    ]  # fmt: skip
    assert {host.port for host in resolve({"host": "a,b", "port": "7"}, environ).hosts} == {7}
    named = resolve({"host": "db", "hostaddr": "10.0.0.1"}, environ).hosts[0]
    assert (named.name, named.address, named.is_socket) == ("db", "10.0.0.1", False)
    assert resolve({"hostaddr": "::1"}, environ).hosts[0].label == "[::1]:5432"
    assert resolve({"host": "@abstract"}, environ).hosts[0].is_socket
    with pytest.raises(ConfigurationError, match="2 ports do not fit 3 hosts"):
        resolve({"host": "a,b,c", "port": "1,2"}, environ)
    with pytest.raises(ConfigurationError, match="hostaddr"):
        resolve({"host": "a,b", "hostaddr": "10.0.0.1"}, environ)


def test_wrong_variables_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        resolve({}, home(tmp_path, PGPORT="x", PGSSLMODE="y", PGREQUIREAUTH="md5"))
    assert {problem.key for problem in wrong.value.problems} == {"port", "sslmode", "require_auth"}


def test_certificates_at_home_are_found(tmp_path: Path) -> None:
    folder = tmp_path / ".postgresql"
    folder.mkdir()
    assert resolve({}, home(tmp_path)).sslrootcert == ""
    for name in ("root.crt", "root.crl", "postgresql.crt", "postgresql.key"):
        (folder / name).touch()
    target = resolve({}, home(tmp_path))
    assert target.sslrootcert == str(folder / "root.crt")
    assert target.sslcert == folder / "postgresql.crt"
    assert target.sslkey == folder / "postgresql.key"
    assert target.sslcrl == folder / "root.crl"
    assert resolve({"sslcertmode": "disable"}, home(tmp_path)).sslcert is None


def test_system_authorities_insist_on_verify_full(tmp_path: Path) -> None:
    assert resolve({"sslrootcert": "system"}, home(tmp_path)).sslmode == "verify-full"
    with pytest.raises(ConfigurationError, match="too weak"):
        resolve({"sslrootcert": "system", "sslmode": "require"}, home(tmp_path))


def test_waiting_is_bounded(tmp_path: Path) -> None:
    for said, seconds in (("", 10), ("0", 10), ("-1", 10), ("1", 2), ("30", 30)):
        assert resolve({"connect_timeout": said}, home(tmp_path)).connect_timeout_s == seconds


def test_the_password_at_hand_follows_libpqs_order(tmp_path: Path) -> None:
    (tmp_path / ".pg_service.conf").write_text("[sales]\npassword=from service\n[bare]\nhost=h\n")
    environ = home(tmp_path, PGPASSWORD="from variable")
    assert password_at_hand({"service": "sales"}, environ) == Secret("from service")
    assert password_at_hand({"service": "bare"}, environ) == Secret("from variable")
    assert password_at_hand({}, home(tmp_path)) is None
    assert "from" not in repr(resolve({"service": "sales"}, environ))


def test_another_host_drops_the_address_of_the_first() -> None:
    base = {"host": "a", "hostaddr": "10.0.0.1", "port": "1", "user": "u"}
    assert overlaid(base, {"host": "b"}) == {"host": "b", "port": "1", "user": "u"}
    assert overlaid(base, {"port": "2"}) == {**base, "port": "2"}


def test_the_user_is_the_effective_one_not_logname(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody_else")
    assert getpass.getuser() == "somebody_else"
    assert libpq.resolve({}, home(tmp_path, LOGNAME="somebody_else")).user == ME
