"""From libpq parameters to where a server is.

Explicit parameter, then service file, then PG* variable, then default: the order of conninfo_add_defaults in
fe-connect.c. Nothing here holds a password but `password_at_hand` and `key_password`, which hand it out as a
`Secret`.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from profiles.errors import ConfigurationError, Problem
from profiles.libpq_parameters import SECRETS, VARIABLES, wrong_value
from profiles.model import Profile
from profiles.passfile import DEFAULT_SOCKET_FOLDERS, PassfileAnswer, default_passfile, look_up
from profiles.secret import Secret
from profiles.service_file import home_folder, service

DEFAULT_PORT = 5432
DEFAULT_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Host:
    """One place to try."""

    name: str
    """Host name, address, or the folder of a Unix socket (`/…` or `@…`); may be empty beside an address."""
    address: str
    """The numeric address of `hostaddr`; empty where the name is to be looked up."""
    port: int

    @property
    def is_socket(self) -> bool:
        """Whether it is reached through a Unix socket."""
        return not self.address and self.name.startswith(("/", "@"))

    @property
    def socket_path(self) -> str:
        """The socket's file, for a Unix socket."""
        return f"{self.name}/.s.PGSQL.{self.port}"

    @property
    def label(self) -> str:
        """`host:port` or the socket's path, for people."""
        if self.is_socket:
            return self.socket_path
        name = self.name or self.address
        return f"[{name}]:{self.port}" if ":" in name else f"{name}:{self.port}"


@dataclass(frozen=True)
class Target:
    """Where a server is and how to speak to it, all defaults filled in; never a password."""

    hosts: tuple[Host, ...]
    dbname: str
    user: str
    sslmode: str = "prefer"
    sslnegotiation: str = "postgres"
    sslcert: Path | None = None
    """None where there is none, also at the default place."""
    sslkey: Path | None = None
    sslrootcert: str = ""
    """A path, `system`, or empty where there is none, also at the default place."""
    sslcrl: Path | None = None
    sslcrldir: Path | None = None
    sslsni: bool = True
    ssl_min_protocol_version: str = "TLSv1.2"
    ssl_max_protocol_version: str = ""
    connect_timeout_s: float = DEFAULT_TIMEOUT_S
    """For each address tried."""
    options: str = ""
    target_session_attrs: str = "any"
    load_balance: bool = False
    krbsrvname: str = ""
    passfile: Path | None = None
    keepalives: bool = True
    keepalives_idle: int | None = None
    keepalives_interval: int | None = None
    keepalives_count: int | None = None
    tcp_user_timeout: int | None = None
    """In ms."""

    def passfile_answer(self, host: Host) -> PassfileAnswer:
        """What the passfile says of one of the hosts."""
        name = host.name or host.address
        return look_up(self.passfile, host=name, port=host.port, dbname=self.dbname, user=self.user)


def resolve(
    parameters: Mapping[str, str],
    environ: Mapping[str, str] = os.environ,
    *,
    origin: Path | str = "connection",
) -> Target:
    """All that libpq would know before it dials.

    Args:
        parameters: by libpq keyword.
        origin: what problems name as the file.

    Raises:
        ConfigurationError: with every wrong value, or a service that is not defined.
    """
    said = _merged(parameters, environ)
    _refuse_wrong_values(said, origin)
    user = said.get("user") or _system_user()
    hosts = _hosts(said, origin)
    rootcert = _root_certificate(said, environ)
    sslmode = said.get("sslmode") or ("verify-full" if rootcert == "system" else "prefer")
    if rootcert == "system" and sslmode != "verify-full":
        _refuse(origin, "sslmode", f'"{sslmode}" is too weak for sslrootcert=system', "use verify-full")
    return Target(
        hosts=hosts,
        dbname=said.get("dbname") or user,
        user=user,
        sslmode=sslmode,
        sslnegotiation=said.get("sslnegotiation") or "postgres",
        sslcert=_certificate(said, environ),
        sslkey=_file(said.get("sslkey", ""), _dot_postgresql(environ, "postgresql.key")),
        sslrootcert=rootcert,
        sslcrl=_file(
            said.get("sslcrl", ""), None if said.get("sslcrldir") else _dot_postgresql(environ, "root.crl")
        ),
        sslcrldir=Path(said["sslcrldir"]) if said.get("sslcrldir") else None,
        sslsni=said.get("sslsni", "1") != "0",
        ssl_min_protocol_version=said.get("ssl_min_protocol_version") or "TLSv1.2",
        ssl_max_protocol_version=said.get("ssl_max_protocol_version", ""),
        connect_timeout_s=_timeout(said.get("connect_timeout", "")),
        options=said.get("options", ""),
        target_session_attrs=said.get("target_session_attrs") or "any",
        load_balance=said.get("load_balance_hosts") == "random",
        krbsrvname=said.get("krbsrvname", ""),
        passfile=Path(said["passfile"]) if said.get("passfile") else default_passfile(environ),
        keepalives=said.get("keepalives", "1") != "0",
        keepalives_idle=_number(said, "keepalives_idle"),
        keepalives_interval=_number(said, "keepalives_interval"),
        keepalives_count=_number(said, "keepalives_count"),
        tcp_user_timeout=_number(said, "tcp_user_timeout"),
    )


def target_of(profile: Profile, environ: Mapping[str, str] = os.environ, *, direct: bool = False) -> Target:
    """Where a profile's server is; with `direct`, where its DDL goes.

    Raises:
        ConfigurationError: as `resolve`.
    """
    origin = profile.path or profile.name
    return resolve(parameters_of(profile, direct=direct), environ, origin=origin)


def parameters_of(profile: Profile, *, direct: bool = False) -> Mapping[str, str]:
    """`[connection]`, with what `[direct]` says instead where that is asked for."""
    if direct and profile.direct is not None:
        return overlaid(profile.connection, profile.direct)
    return profile.connection


def overlaid(base: Mapping[str, str], difference: Mapping[str, str]) -> dict[str, str]:
    """`base` with what `difference` says instead; a new host drops the old host's address and service."""
    kept = dict(base)
    if {"host", "hostaddr", "service"} & difference.keys():
        for keyword in ("host", "hostaddr"):
            kept.pop(keyword, None)
    return {**kept, **difference}


def password_at_hand(parameters: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> Secret | None:
    """The password of the service file or of PGPASSWORD, in libpq's order.

    Raises:
        ConfigurationError: a service that is not defined.
    """
    found = _merged(parameters, environ).get("password")
    return Secret(found) if found else None


def key_password(parameters: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> Secret | None:
    """The `sslpassword` of a service file, which opens an encrypted client key."""
    found = _merged(parameters, environ).get("sslpassword")
    return Secret(found) if found else None


def _merged(parameters: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    said = {keyword: value for keyword, value in parameters.items() if value != ""}
    name = said.get("service") or environ.get("PGSERVICE", "")
    if name:
        for keyword, value in service(name, environ, servicefile=said.get("servicefile", "")).items():
            said.setdefault(keyword, value)
    for keyword, variable in VARIABLES.items():
        if variable and variable in environ:
            said.setdefault(keyword, environ[variable])
    if environ.get("PGREQUIRESSL", "").startswith("1"):
        said.setdefault("sslmode", "require")
    return said


def _refuse_wrong_values(said: Mapping[str, str], origin: Path | str) -> None:
    problems = []
    for keyword, value in said.items():
        if keyword not in SECRETS and (wrong := wrong_value(keyword, value)) is not None:
            problems.append(Problem(origin, keyword, *wrong))
    if problems:
        raise ConfigurationError(problems)


def _hosts(said: Mapping[str, str], origin: Path | str) -> tuple[Host, ...]:
    """Host, hostaddr and port are comma lists that belong together (pqConnectOptions2)."""
    addresses = said["hostaddr"].split(",") if said.get("hostaddr") else []
    names = said["host"].split(",") if said.get("host") else []
    ports = said["port"].split(",") if said.get("port") else []
    count = len(addresses) or len(names) or 1
    if addresses and names and len(names) != len(addresses):
        what = f"{len(names)} host names do not fit {len(addresses)} addresses in hostaddr"
        _refuse(origin, "host", what, "name as many of one as of the other")
    if len(ports) > 1 and len(ports) != count:
        _refuse(
            origin, "port", f"{len(ports)} ports do not fit {count} hosts", "name one port, or one a host"
        )
    made = []
    for position in range(count):
        text = (ports[0] if len(ports) == 1 else ports[position]).strip() if ports else ""
        port = int(text) if text else DEFAULT_PORT
        address = addresses[position].strip() if addresses else ""
        name = names[position].strip() if names else ""
        made.append(Host(name or ("" if address else _default_socket_folder(port)), address, port))
    return tuple(made)


def _default_socket_folder(port: int) -> str:
    for folder in DEFAULT_SOCKET_FOLDERS:
        if (Path(folder) / f".s.PGSQL.{port}").exists():
            return folder
    return next((folder for folder in DEFAULT_SOCKET_FOLDERS if Path(folder).is_dir()), "/tmp")


def _system_user() -> str:
    """The name of the effective user, which libpq takes; not LOGNAME."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        what = f"the system does not know user {os.geteuid()}, whose name would be the default"
        _refuse("connection", "user", what, "write user")


def _dot_postgresql(environ: Mapping[str, str], name: str) -> Path | None:
    home = home_folder(environ)
    return None if home is None else home / ".postgresql" / name


def _file(said: str, default: Path | None) -> Path | None:
    """The named file, or the default one where it is there."""
    if said:
        return Path(said)
    return default if default is not None and default.exists() else None


def _certificate(said: Mapping[str, str], environ: Mapping[str, str]) -> Path | None:
    if said.get("sslcertmode") == "disable":
        return None
    return _file(said.get("sslcert", ""), _dot_postgresql(environ, "postgresql.crt"))


def _root_certificate(said: Mapping[str, str], environ: Mapping[str, str]) -> str:
    named = said.get("sslrootcert", "")
    if named == "system":
        return named
    path = _file(named, _dot_postgresql(environ, "root.crt"))
    return "" if path is None else str(path)


def _timeout(said: str) -> float:
    """Seconds for each address; libpq's endless 0 is bounded, and its 1 means 2."""
    seconds = int(said) if said else 0
    return DEFAULT_TIMEOUT_S if seconds <= 0 else float(max(seconds, 2))


def _number(said: Mapping[str, str], keyword: str) -> int | None:
    value = int(said.get(keyword) or 0)
    return value if value > 0 else None


def _refuse(origin: Path | str, key: str, what: str, remedy: str) -> NoReturn:
    raise ConfigurationError([Problem(origin, key, what, remedy)])
