"""Where passwords come from. A profile names the source; without one, libpq's own order holds."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping

from profiles.errors import CredentialError
from profiles.libpq import Target, password_at_hand, target_of
from profiles.model import Credentials, CredentialSource, Profile
from profiles.secret import Secret

COMMAND_TIME_LIMIT_S = 30.0
Ask = Callable[[str], str]
"""Asks the operator without echo; gets the question, gives the answer."""


def password_for(
    profile: Profile, *, ask: Ask | None = None, environ: Mapping[str, str] = os.environ
) -> Secret | None:
    """The password of a profile; None where none is at hand, which the server may not mind.

    Hosts with different passwords in a passfile also give None: `sql.connect` looks them up one by one.

    Args:
        ask: how to ask the operator; None where nobody can be asked.

    Raises:
        CredentialError: the source that the profile names has no password.
        ConfigurationError: the connection's parameters or its service are wrong.
    """
    credentials = profile.credentials
    if credentials is None:
        return password_at_hand(profile.connection, environ) or _one_for_all(target_of(profile, environ))
    if credentials.source is CredentialSource.KEYRING:
        return _from_keyring(profile, ask)
    if credentials.source is CredentialSource.PASSFILE:
        return _from_passfile(profile, environ)
    if credentials.source is CredentialSource.ENVIRONMENT:
        return _from_variable(profile, credentials, environ)
    if credentials.source is CredentialSource.COMMAND:
        return _from_command(profile, credentials)
    return _from_operator(profile, ask)


def console_password(profile: Profile) -> Secret | None:
    """The password of PgBouncer's console (`pool.pgbouncer`) in the keyring; None: see the passfile.

    Raises:
        CredentialError: the keyring is the source, and there is none or it refused.
    """
    if profile.credentials is None or profile.credentials.source is not CredentialSource.KEYRING:
        return None
    from profiles import keyring_entries

    return keyring_entries.read(console_key(profile.name))


def console_key(name: str) -> str:
    """The keyring's key for PgBouncer's console of a profile."""
    return f"{name}/pgbouncer"


def require_keyring() -> None:
    """Nothing, where passwords can be kept; asked before anybody types one.

    Raises:
        CredentialError: there is no keyring here, or it did not answer.
    """
    from profiles import keyring_entries

    keyring_entries.require()


def store(key: str, password: Secret) -> str:
    """Keep a password in the keyring under a profile's name (or `console_key`); returns the keyring's name.

    Raises:
        CredentialError: there is no keyring here, or it refused.
    """
    from profiles import keyring_entries

    return keyring_entries.write(key, password)


def forget(name: str) -> bool:
    """Remove a profile's entries from the keyring; whether there were any.

    Raises:
        CredentialError: there is no keyring here, or it refused.
    """
    from profiles import keyring_entries

    removed = [keyring_entries.delete(key) for key in (name, console_key(name))]
    return any(removed)


def _one_for_all(target: Target) -> Secret | None:
    """The passfile's password, where it is the same for every host."""
    answers = [target.passfile_answer(host).password for host in target.hosts]
    return answers[0] if all(answer == answers[0] for answer in answers) else None


def _from_keyring(profile: Profile, ask: Ask | None) -> Secret | None:
    from profiles import keyring_entries

    try:
        found = keyring_entries.read(profile.name)
        why = f"the keyring has no password for {profile.name}"
        remedy = f"store it with: pgdeck profile set-password {profile.name}"
    except CredentialError as error:
        if ask is None:
            raise
        found, (why, _, remedy) = None, str(error).partition("; ")
    if found is not None:
        return found
    if ask is None:
        raise CredentialError(f"{why}; {remedy}")
    return _asked(f"{why}.\nPassword of {profile.name}, for this time only: ", profile, ask)


def _from_passfile(profile: Profile, environ: Mapping[str, str]) -> Secret | None:
    target = target_of(profile, environ)
    answers = [target.passfile_answer(host) for host in target.hosts]
    if any(answer.password is not None for answer in answers):
        return _one_for_all(target)
    warning = next((answer.warning for answer in answers if answer.warning), "")
    if warning:
        raise CredentialError(f"no password for {profile.name}: {warning}")
    host = target.hosts[0]
    wanted = f"{host.name or host.address}:{host.port}:{target.dbname}:{target.user}"
    file = target.passfile or "~/.pgpass"
    raise CredentialError(
        f"no password for {profile.name}: {file} has no line for {wanted}; add {wanted}:PASSWORD"
    )


def _from_variable(profile: Profile, credentials: Credentials, environ: Mapping[str, str]) -> Secret:
    found = environ.get(credentials.variable or "", "")
    if not found:
        raise CredentialError(
            f"no password for {profile.name}: the variable {credentials.variable} is not set; set it"
        )
    return Secret(found)


def _from_command(profile: Profile, credentials: Credentials) -> Secret:
    """The first line that the command prints. Nothing of its output is shown: it may hold secrets."""
    program = credentials.command[0] if credentials.command else ""
    failed = f"no password for {profile.name}: the command {program}"
    try:
        done = subprocess.run(
            credentials.command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_TIME_LIMIT_S,
            check=False,
        )
    except FileNotFoundError:
        raise CredentialError(f"{failed} is not installed; correct credentials.command") from None
    except subprocess.TimeoutExpired:
        raise CredentialError(
            f"{failed} did not end within {COMMAND_TIME_LIMIT_S:g} s; run it by hand to see what it waits for"
        ) from None
    except (OSError, ValueError) as error:
        raise CredentialError(f"{failed} cannot be run ({type(error).__name__}); check it") from None
    if done.returncode != 0:
        raise CredentialError(f"{failed} failed with status {done.returncode}; run it by hand to see why")
    try:
        line = done.stdout.decode().split("\n", 1)[0].removesuffix("\r")
    except UnicodeDecodeError:
        raise CredentialError(f"{failed} printed no UTF-8; let it print the password as text") from None
    if not line:
        raise CredentialError(f"{failed} printed no password; run it by hand to see why")
    return Secret(line)


def _from_operator(profile: Profile, ask: Ask | None) -> Secret | None:
    if ask is None:
        raise CredentialError(
            f"no password for {profile.name}: it is asked for, and there is no terminal to ask on; "
            "run it in a terminal, or choose another credentials.source"
        )
    return _asked(f"Password of {profile.name}: ", profile, ask)


def _asked(question: str, profile: Profile, ask: Ask) -> Secret:
    answer = ask(question)
    if not answer:
        raise CredentialError(f"no password for {profile.name}: none was typed; try again")
    return Secret(answer)
