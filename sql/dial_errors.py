"""Why a connection could not be had, as one clause with the remedy and the stage that failed."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping

import asyncpg

from profiles.libpq import Host, Target
from sql.errors import LoginError, PasswordNeeded, SessionError

STAGE_OF: Mapping[str, str] = {
    "28000": "login",
    "28P01": "login",
    "3D000": "database",
    "42501": "database",
    "53300": "limit",
    "57P03": "address",
}
"""The stage at which a SQLSTATE ends the attempt; `login` for all others."""


CERTIFICATE_REMEDIES: Mapping[int, str] = {
    9: "check the clock of this machine",
    10: "renew it at the server",
    18: "add it to sslrootcert if it is the right one",
    19: "add its authority to sslrootcert if it is the right one",
    20: "add its authority to sslrootcert if it is the right one",
    23: "have the server given a new one",
    62: "check host, or have the certificate name it",
    64: "check host, or have the certificate name it",
}
"""By X509_V_ERR_* (openssl/x509_vfy.h)."""


def dial_error(error: BaseException, target: Target, host: Host, *, had_password: bool) -> SessionError:
    """The error for the operator; holds nothing of what was sent."""
    if isinstance(error, asyncpg.ConnectionDoesNotExistError) and isinstance(error.__cause__, ssl.SSLError):
        # With TLS 1.3 the server says only after the handshake what it thinks of our certificate.
        return SessionError(_tls_sentence(error.__cause__, target, host), stage="tls")
    if isinstance(error, asyncpg.PostgresError):
        return _refusal(error, target, host, had_password)
    if isinstance(error, ssl.SSLError):
        return SessionError(_tls_sentence(error, target, host), stage="tls")
    if isinstance(error, TimeoutError):
        sentence = f"{host.label} did not answer within {target.connect_timeout_s:g} s"
        remedy = "check address and firewall, or raise connect_timeout"
        return SessionError(f"{sentence}; {remedy}", stage="address")
    if isinstance(error, OSError):
        return _unreachable(error, target, host)
    return SessionError(f"{host.label}: the connection failed ({type(error).__name__})", stage="login")


def _unreachable(error: OSError, target: Target, host: Host) -> SessionError:
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return SessionError(
            f"the host name {host.name} cannot be resolved (no name server answers); check network or VPN",
            stage="name",
        )
    if isinstance(error, socket.gaierror):
        return SessionError(
            f"the host name {host.name} cannot be resolved; check the spelling and your DNS or VPN",
            stage="name",
        )
    if "rejected SSL upgrade" in str(error):
        return SessionError(
            f"{host.label} does not speak TLS, and sslmode={target.sslmode} insists on it; "
            "turn ssl on at the server, or choose another sslmode",
            stage="tls",
        )
    if "during SSL exchange" in str(error):
        return SessionError(f"{host.label} broke off the TLS request; read the server's log", stage="tls")
    if host.is_socket and isinstance(error, FileNotFoundError):
        sentence = (
            f"there is no server socket {host.label}; is the server running, and is this its folder and port?"
        )
    elif host.is_socket and isinstance(error, PermissionError):
        sentence = f"you may not use the server socket {host.label}; ask for access to its folder"
    elif isinstance(error, ConnectionRefusedError):
        sentence = f"nothing listens at {host.label}; is the server running, and is the port right?"
    elif isinstance(error, ConnectionResetError | BrokenPipeError):
        sentence = (
            f"{host.label} closed the connection at once; is it a PostgreSQL server that admits this address?"
        )
    else:
        sentence = f"{host.label} cannot be reached ({(error.strerror or type(error).__name__).lower()})"
    return SessionError(sentence, stage="address")


def _tls_sentence(error: ssl.SSLError, target: Target, host: Host) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        remedy = CERTIFICATE_REMEDIES.get(error.verify_code, "check host and sslrootcert")
        return (
            f"the certificate of {host.label} does not verify: {error.verify_message}; "
            f"{remedy} (sslmode={target.sslmode})"
        )
    reason = (error.reason or type(error).__name__).lower().replace("_", " ")
    if "alert certificate" in reason or "alert unknown ca" in reason:
        return f"{host.label} refuses our client certificate ({reason}); renew {target.sslcert or 'sslcert'}"
    return f"TLS with {host.label} failed ({reason}); check certificates and protocol versions"


def _refusal(error: asyncpg.PostgresError, target: Target, host: Host, had_password: bool) -> SessionError:
    state = error.sqlstate or ""
    stage = STAGE_OF.get(state, "login")
    said = str(error.args[0]) if error.args else type(error).__name__
    if state == "28P01":
        if not had_password:
            sentence = f"the server asks for the password of {target.user}, and none was found"
            return PasswordNeeded(sentence, stage=stage, sqlstate=state)
        sentence = f"the server refuses the password of {target.user} ({said})"
        return LoginError(sentence, stage=stage, sqlstate=state)
    if state == "28000":
        # LDAP, PAM and RADIUS refuse a password with this state too (auth.c, auth_failed).
        tried = had_password and error.server_source_function == "auth_failed"
        sentence = f"the server refuses {target.user} ({said})"
        return LoginError(sentence, stage=stage, sqlstate=state, password_may_help=tried)
    if state == "3D000":
        sentence = f"there is no database {target.dbname} at {host.label}; correct database"
        return LoginError(sentence, stage=stage, sqlstate=state, password_may_help=False)
    if state == "42501":
        sentence = (
            f"{target.user} may not connect to {target.dbname} ({said}); GRANT CONNECT ON DATABASE mends it"
        )
        return LoginError(sentence, stage=stage, sqlstate=state, password_may_help=False)
    if state == "53300":
        sentence = f"{host.label} has no connection left ({said}); free one, or try again"
        return SessionError(sentence, stage=stage, sqlstate=state)
    if state == "57P03":
        sentence = f"{host.label} is not ready ({said}); try again in a moment"
        return SessionError(sentence, stage=stage, sqlstate=state)
    if state == "08003":
        sentence = f"{host.label} closed the connection during the login; read the server's log"
        return SessionError(sentence, stage=stage, sqlstate=state)
    return SessionError(f"{host.label} refuses the connection: {said} ({state})", stage=stage, sqlstate=state)
