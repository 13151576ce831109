"""A server with passwords and TLS, and the certificates around it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sql.demo.cluster import Cluster, stand_in
from tests import servers

HBA = """
local   all  postgres           trust
local   all  all                scram-sha-256
hostssl all  certified  all     cert
hostnossl all tls_only  all     reject
hostssl all  plain_only all     reject
host    all  all        all     scram-sha-256
"""
TLS_MAJOR = 15


@dataclass(frozen=True)
class Secured:
    """The server and the folder of its certificates, readable by the tests."""

    cluster: Cluster
    certificates: Path

    def parameters(self, **more: str) -> dict[str, str]:
        return {
            "host": "localhost",
            "hostaddr": "127.0.0.1",
            "port": str(self.cluster.port),
            "dbname": "postgres",
        } | more

    def certificate(self, name: str) -> str:
        return str(self.certificates / name)


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def secured(**settings: str) -> Iterator[Secured]:
    """Start it, with an authority, a server certificate for `localhost`, and a client's for `certified`."""
    binaries = servers.binaries(TLS_MAJOR)
    if binaries is None:
        pytest.skip(servers.how_to_get(TLS_MAJOR))
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here; get it with: apt-get install openssl")
    home = Path(tempfile.mkdtemp(prefix="pgdeck-test-tls-", dir="/tmp"))
    home.chmod(0o755)
    certificates = home / "certificates"
    certificates.mkdir()
    _make_certificates(certificates)
    files = {
        "ssl": "on",
        "ssl_cert_file": str(home / "pg" / "server.crt"),
        "ssl_key_file": str(home / "pg" / "server.key"),
        "ssl_ca_file": str(home / "pg" / "ca.crt"),
    }
    words = {**servers.QUICK, **files, "log_connections": "on", "log_statement": "all", **settings}
    cluster = Cluster(binaries, home / "pg", port=free_port(), listen="localhost", settings=words)
    try:
        cluster.create()
        (cluster.data / "pg_hba.conf").write_text(HBA)
        for name in ("server.crt", "server.key", "ca.crt"):
            _give(certificates / name, cluster.folder / name)
        cluster.start()
        yield Secured(cluster, certificates)
    finally:
        cluster.remove()
        shutil.rmtree(home, ignore_errors=True)


def _give(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    target.chmod(0o600)
    user = stand_in()
    if user is not None:
        os.chown(target, user.pw_uid, user.pw_gid)


def _make_certificates(folder: Path) -> None:
    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    def authority(name: str) -> None:
        subject = ("-subj", f"/CN=test {name}", "-days", "30", "-nodes")
        openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-keyout", f"{name}.key", "-out", f"{name}.crt", *subject
        )

    def certificate(name: str, subject: str, alternative: str) -> None:
        openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            "-subj",
            subject,
        )
        (folder / "extension").write_text(f"subjectAltName={alternative}\n")
        signing = (
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "30",
            "-extfile",
            "extension",
        )
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signing)
        (folder / f"{name}.key").chmod(0o600)

    authority("ca")
    authority("stranger")
    certificate("server", "/CN=localhost", "DNS:localhost")
    certificate("client", "/CN=certified", "DNS:certified")
    _make_revocation_list(folder, openssl)


def _make_revocation_list(folder: Path, openssl: object) -> None:
    (folder / "index.txt").write_text("")
    (folder / "crlnumber").write_text("01\n")
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\n"
        "default_crl_days=30\ncertificate=ca.crt\nprivate_key=ca.key\nserial=serial\nnew_certs_dir=.\n"
    )
    assert callable(openssl)
    openssl("ca", "-config", "ca.cnf", "-gencrl", "-out", "empty.crl")
    openssl("ca", "-config", "ca.cnf", "-revoke", "server.crt")
    openssl("ca", "-config", "ca.cnf", "-gencrl", "-out", "revoked.crl")
