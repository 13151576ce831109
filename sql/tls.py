"""TLS as libpq does it: which files, which checks, for which sslmode (fe-secure-openssl.c)."""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path
from typing import Any

from profiles.libpq import Host, Target
from profiles.secret import Secret
from sql.errors import SessionError

ALPN = ["postgresql"]
"""Required by 17+ for direct TLS."""

VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


class HostContext(ssl.SSLContext):
    """Verifies the host's name although the connection goes to its address, as libpq does with hostaddr."""

    verified_name: str | None = None

    def wrap_bio(self, incoming: Any, outgoing: Any, *arguments: Any, **named: Any) -> ssl.SSLObject:
        """As in the base class, for `verified_name`."""
        named["server_hostname"] = self.verified_name
        return super().wrap_bio(incoming, outgoing, *arguments[:1], **named)


def attempts(target: Target, host: Host, key_password: Secret | None) -> tuple[HostContext | None, ...]:
    """The ways to dial a host, in order; None is without TLS.

    Raises:
        SessionError: a certificate or key is missing or unusable (stage `tls`).
    """
    if host.is_socket or target.sslmode == "disable":
        return (None,)
    context = _context(target, host, key_password)
    if target.sslmode == "allow":
        return None, context
    if target.sslmode == "prefer":
        return context, None
    return (context,)


def _context(target: Target, host: Host, key_password: Secret | None) -> HostContext:
    context = HostContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(ALPN)
    _set_versions(context, target)
    _trust(context, target)
    _present_certificate(context, target, key_password)
    context.check_hostname = target.sslmode == "verify-full"
    if context.check_hostname and not host.name:
        raise _refused("sslmode=verify-full needs host beside hostaddr: the name that the certificate is for")
    context.verified_name = (host.name or host.address) if target.sslsni or context.check_hostname else None
    return context


def _set_versions(context: ssl.SSLContext, target: Target) -> None:
    context.minimum_version = VERSIONS[target.ssl_min_protocol_version]
    if target.ssl_max_protocol_version:
        context.maximum_version = VERSIONS[target.ssl_max_protocol_version]
        if context.maximum_version < context.minimum_version:
            raise _refused("ssl_max_protocol_version is older than ssl_min_protocol_version")


def _trust(context: ssl.SSLContext, target: Target) -> None:
    """A root certificate that is there is verified against in every sslmode; verify-* insists on one."""
    if target.sslrootcert == "system":
        context.set_default_verify_paths()
    elif target.sslrootcert and Path(target.sslrootcert).exists():
        _load(context, Path(target.sslrootcert), "sslrootcert")
    elif target.sslmode.startswith("verify-"):
        named = target.sslrootcert or "~/.postgresql/root.crt"
        raise _refused(
            f"sslmode={target.sslmode} needs the root certificate {named}, which does not exist; "
            "write sslrootcert (or sslrootcert=system for a public authority)"
        )
    else:
        return
    context.verify_mode = ssl.CERT_REQUIRED
    if target.sslcrl is not None:
        _load(context, target.sslcrl, "sslcrl")
    if target.sslcrldir is not None:
        context.load_verify_locations(capath=str(target.sslcrldir))
    if target.sslcrl is not None or target.sslcrldir is not None:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN


def _load(context: ssl.SSLContext, path: Path, key: str) -> None:
    try:
        context.load_verify_locations(cafile=str(path))
    except FileNotFoundError:
        raise _refused(f"{key}: {path} does not exist") from None
    except PermissionError:
        raise _refused(f"{key}: {path} may not be read by you") from None
    except (ssl.SSLError, OSError):
        raise _refused(f"{key}: {path} holds no certificate that can be read (PEM)") from None


def _present_certificate(context: ssl.SSLContext, target: Target, key_password: Secret | None) -> None:
    if target.sslcert is None or not target.sslcert.exists():
        return
    if target.sslkey is None or not target.sslkey.exists():
        raise _refused(f"the client certificate {target.sslcert} has no key; write sslkey")
    _check_private(target.sslkey)
    try:
        # Without a password OpenSSL would ask on the terminal.
        context.load_cert_chain(
            target.sslcert, target.sslkey, password=key_password.reveal if key_password else lambda: ""
        )
    except PermissionError:
        raise _refused(f"the client key {target.sslkey} may not be read by you") from None
    except (ssl.SSLError, OSError, ValueError):
        raise _refused(
            f"the client certificate {target.sslcert} and key {target.sslkey} cannot be used: they do not "
            "belong together, or the key has a password (sslpassword in the service file)"
        ) from None


def _check_private(key: Path) -> None:
    """libpq's rule: nothing for group and world, or group read where root owns it."""
    status = key.stat()
    shared = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO if status.st_uid == 0 else stat.S_IRWXG | stat.S_IRWXO
    if status.st_mode & shared or (status.st_uid not in (0, os.geteuid())):
        raise _refused(f"the client key {key} must be yours alone (chmod 0600), or root's with 0640")


def _refused(sentence: str) -> SessionError:
    return SessionError(sentence, stage="tls")
