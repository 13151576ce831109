"""libpq's connection parameters: keyword, environment variable, and what they mean to a session of ours.

From PQconninfoOptions in PostgreSQL 18's fe-connect.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "service": "PGSERVICE",
        "servicefile": "PGSERVICEFILE",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "passfile": "PGPASSFILE",
        "channel_binding": "PGCHANNELBINDING",
        "connect_timeout": "PGCONNECT_TIMEOUT",
        "dbname": "PGDATABASE",
        "host": "PGHOST",
        "hostaddr": "PGHOSTADDR",
        "port": "PGPORT",
        "client_encoding": "PGCLIENTENCODING",
        "options": "PGOPTIONS",
        "application_name": "PGAPPNAME",
        "fallback_application_name": "",
        "keepalives": "",
        "keepalives_idle": "",
        "keepalives_interval": "",
        "keepalives_count": "",
        "tcp_user_timeout": "",
        "sslmode": "PGSSLMODE",
        "sslnegotiation": "PGSSLNEGOTIATION",
        "sslcompression": "PGSSLCOMPRESSION",
        "sslcert": "PGSSLCERT",
        "sslkey": "PGSSLKEY",
        "sslcertmode": "PGSSLCERTMODE",
        "sslpassword": "",
        "sslrootcert": "PGSSLROOTCERT",
        "sslcrl": "PGSSLCRL",
        "sslcrldir": "PGSSLCRLDIR",
        "sslsni": "PGSSLSNI",
        "sslkeylogfile": "",
        "requirepeer": "PGREQUIREPEER",
        "require_auth": "PGREQUIREAUTH",
        "min_protocol_version": "PGMINPROTOCOLVERSION",
        "max_protocol_version": "PGMAXPROTOCOLVERSION",
        "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
        "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
        "gssencmode": "PGGSSENCMODE",
        "krbsrvname": "PGKRBSRVNAME",
        "gsslib": "PGGSSLIB",
        "gssdelegation": "PGGSSDELEGATION",
        "replication": "",
        "target_session_attrs": "PGTARGETSESSIONATTRS",
        "load_balance_hosts": "PGLOADBALANCEHOSTS",
        "scram_client_key": "",
        "scram_server_key": "",
        "oauth_issuer": "",
        "oauth_client_id": "",
        "oauth_client_secret": "",
        "oauth_scope": "",
    }
)
"""Every keyword of libpq, with the variable that it is read from; empty for none."""

SECRETS = frozenset(
    {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)
"""Keywords whose value may stand in no file of ours."""

WITHOUT_EFFECT = frozenset(
    {
        "client_encoding",
        "fallback_application_name",
        "application_name",
        "sslcompression",
        "sslkeylogfile",
        "min_protocol_version",
        "max_protocol_version",
        "gsslib",
        "gssdelegation",
        "oauth_issuer",
        "oauth_client_id",
        "oauth_scope",
    }
)
"""Accepted, and without effect: a session of pgdeck fixes what they ask for, or they weaken nothing."""

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
        "sslnegotiation": ("postgres", "direct"),
        "sslcertmode": ("disable", "allow", "require"),
        "sslsni": ("0", "1"),
        "target_session_attrs": (
            "any",
            "read-write",
            "read-only",
            "primary",
            "standby",
            "prefer-standby",
        ),
        "load_balance_hosts": ("disable", "random"),
        "channel_binding": ("disable", "prefer", "require"),
        "gssencmode": ("disable", "prefer", "require"),
        "ssl_min_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
        "ssl_max_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
        "keepalives": ("0", "1"),
    }
)
"""The values that a keyword takes, in libpq's spelling."""

NUMBERS = frozenset(
    {"connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"}
)
"""Keywords that take a whole number."""

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "require_auth": "cannot be enforced here, and dropping it silently would weaken the login",
        "requirepeer": "cannot be enforced here, and dropping it silently would weaken the login",
        "replication": "makes a replication connection, on which nothing can be read",
    }
)
"""Refused whatever their value, with the reason."""

REFUSED_VALUES: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        (
            "channel_binding",
            "require",
        ): "cannot be enforced here, and dropping it silently would weaken the login",
        ("gssencmode", "require"): "cannot be honoured here: there is no GSSAPI encryption",
        (
            "sslcertmode",
            "require",
        ): "cannot be enforced here, and dropping it silently would weaken the login",
    }
)
"""Refused with one value only."""


def wrong_value(keyword: str, value: str) -> tuple[str, str] | None:
    """What is wrong with the value of a parameter, and the remedy; None where it is right."""
    if keyword in REFUSED and value:
        return REFUSED[keyword], f"remove {keyword}"
    if (reason := REFUSED_VALUES.get((keyword, value))) is not None:
        return f'"{value}" {reason}', f"remove {keyword}, or use psql for this server"
    if (choices := CHOICES.get(keyword)) is not None and value and value not in choices:
        return f'"{value}" is not known', f"choose one of {', '.join(choices)}"
    if keyword in NUMBERS and value and not _is_whole(value):
        return f'"{value}" is not a whole number', "write a whole number"
    if keyword == "port":
        return _wrong_ports(value)
    if any(character in value for character in "\0\n\r"):
        return "holds a control character", "write it on one line"
    return None


def _is_whole(value: str) -> bool:
    text = value.strip()
    return text.removeprefix("-").isascii() and text.removeprefix("-").isdigit()


def _wrong_ports(value: str) -> tuple[str, str] | None:
    for part in value.split(","):
        text = part.strip()
        if text and not (_is_whole(text) and 1 <= int(text) <= 65535):
            return (
                f'"{text}" is not a port',
                "write a number from 1 to 65535 (a comma list for several hosts)",
            )
    return None
