"""The system's keyring: asked with a time limit, and never a store that keeps passwords in plain text."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from profiles.errors import CredentialError
from profiles.secret import Secret

SERVICE = "pgdeck"
TIME_LIMIT_S = 30.0
"""Long enough for an unlock dialog to be answered; a D-Bus that is dead hangs for ever."""

REMEDIES = "use a passfile, an environment variable or a command instead (credentials.source), or prompt"
Answer = TypeVar("Answer")


class NoKeyring(CredentialError):
    """This machine has no keyring that may be used."""


def read(key: str) -> Secret | None:
    """The password under a key; None where there is none.

    Raises:
        CredentialError: no keyring here (NoKeyring), or it did not answer.
    """

    def first_found() -> str | None:
        for backend in _backends():
            if (found := backend.get_password(SERVICE, key)) is not None:
                return str(found)
        return None

    found = _in_time(first_found)
    return None if found is None else Secret(found)


def write(key: str, password: Secret) -> str:
    """Store a password under a key; returns the keyring's name.

    Raises:
        CredentialError: no keyring here (NoKeyring), or it refused.
    """

    def stored() -> str:
        backend = _backends()[0]
        backend.set_password(SERVICE, key, password.reveal())
        return str(backend.name)

    return _in_time(stored)


def require() -> None:
    """Nothing, where there is a keyring that may be used.

    Raises:
        CredentialError: no keyring here (NoKeyring), or it did not answer.
    """
    _in_time(_backends)


def delete(key: str) -> bool:
    """Remove what is under a key; whether there was something.

    Raises:
        CredentialError: no keyring here (NoKeyring), or it refused.
    """

    def removed() -> bool:
        gone = False
        for backend in _backends():
            if backend.get_password(SERVICE, key) is not None:
                backend.delete_password(SERVICE, key)
                gone = True
        return gone

    return _in_time(removed)


def _backends() -> list[Any]:
    """The keyrings that may be used, best first.

    Raises:
        NoKeyring: there is none.
    """
    import keyring
    import keyring.backends.chainer

    chosen = keyring.get_keyring()
    if isinstance(chosen, keyring.backends.chainer.ChainerBackend):
        candidates = list(chosen.backends)
    else:
        candidates = [chosen]
    usable = [backend for backend in candidates if _reason_against(backend) == ""]
    if usable:
        return usable
    reasons = [reason for backend in candidates if (reason := _reason_against(backend))]
    why = reasons[0] if reasons else "no backend works on this machine"
    raise NoKeyring(f"there is no keyring here ({why}); {REMEDIES}")


def _reason_against(backend: Any) -> str:
    """Why a backend may not be used; empty where it may."""
    module = type(backend).__module__
    if module.startswith(("keyring.backends.fail", "keyring.backends.null")):
        return "no backend works on this machine"
    if module.startswith("keyrings.alt"):
        return f"{module} keeps passwords in a file"
    try:
        priority = float(backend.priority)
    except Exception:
        return f"{module} does not work here"
    return "" if priority > 0 else f"{module} does not work here"


def _in_time(work: Callable[[], Answer]) -> Answer:
    """Run it in a thread that cannot hold up the process, and say in our words what went wrong."""
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="keyring", daemon=True)
    thread.start()
    thread.join(TIME_LIMIT_S)
    if answers:
        return answers[0]
    if not errors:
        raise CredentialError(
            f"the keyring did not answer within {TIME_LIMIT_S:g} s; unlock it, or {REMEDIES}"
        )
    if isinstance(errors[0], CredentialError):
        raise errors[0] from None
    # The backend's own text may hold what it was given.
    raise CredentialError(
        f"the keyring refused ({type(errors[0]).__name__}); unlock it, or {REMEDIES}"
    ) from None
