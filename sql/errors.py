"""What can go wrong when talking to PostgreSQL, as sentences for an operator.

SessionError            could not connect, or lost the connection (exit 3)
  LoginError            the server refused the login
    PasswordNeeded      it asks for a password, and none was found
ReadingError            one part could not be read: privilege, extension, time limit
"""

from __future__ import annotations


class SessionError(Exception):
    """No connection, or the connection was lost. `stage` is the step that failed. Never holds a secret."""

    def __init__(self, sentence: str, *, stage: str = "", sqlstate: str | None = None) -> None:
        super().__init__(sentence)
        self.stage = stage
        """`name`, `address`, `tls`, `login`, `database`, `limit` or `` for one that was lost later."""
        self.sqlstate = sqlstate

    def user_message(self) -> str:
        """The sentence for the operator."""
        return str(self)


class LoginError(SessionError):
    """The server refused the login: trying again would not help."""

    def __init__(
        self, sentence: str, *, stage: str = "", sqlstate: str | None = None, password_may_help: bool = True
    ) -> None:
        super().__init__(sentence, stage=stage, sqlstate=sqlstate)
        self.password_may_help = password_may_help
        """Whether it was the password that was refused."""

    @property
    def credentials_refused(self) -> bool:
        """Whether role or password were: servers lock accounts that try these again and again."""
        return self.stage in ("login", "")


class PasswordNeeded(LoginError):
    """The server asks for a password and none was found: a prompt may help."""


class ReadingError(Exception):
    """A part could not be read; `remedy` names the grant or setting that mends it."""

    def __init__(self, reason: str, *, remedy: str = "", sqlstate: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.sqlstate = sqlstate
