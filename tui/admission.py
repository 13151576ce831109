"""How the watch gets in: a password from its source or the operator, asked for again where it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Protocol

from profiles.errors import CredentialError
from profiles.model import CredentialSource, Profile
from profiles.secret import Secret
from sql.errors import LoginError, PasswordNeeded, SessionError
from tui.background import in_background

if TYPE_CHECKING:
    from sql.session import Session

NO_PASSWORD = "no password was given"


class Asking(Protocol):
    """What this needs of the app."""

    async def ask_password(self, question: str) -> Secret | None:
        """Show the password dialog; None where it was left."""


class Admission:
    """Logs in for one watch."""

    def __init__(self, profile: Profile, host: Asking) -> None:
        self._profile = profile
        self._host = host
        self._questions: set[asyncio.Task[Secret | None]] = set()
        self.password: Secret | None = None
        """What the watch logs in with."""
        self._refused: SessionError | None = None

    def refuse(self, error: SessionError) -> None:
        """Somebody else was refused just now: the next attempt would be, so it is not made."""
        self._refused = error

    async def connect(self) -> Session:
        """A watching session.

        Raises:
            SessionError, LoginError: as `sql.connect.connect`.
            CredentialError: the source gives no password, or the operator gave none.
        """
        fetched = False
        while True:
            try:
                return await self._connect()
            except PasswordNeeded as error:
                await self._ask_again(error)
            except LoginError as error:
                if not error.password_may_help:
                    raise
                if self._asked_for:
                    await self._ask_again(error)
                elif fetched or not await self._fetch_anew():
                    raise
                fetched = True

    async def _connect(self) -> Session:
        from sql.connect import connect

        refused, self._refused = self._refused, None
        if refused is not None:
            raise refused
        return await connect(self._profile, self.password)

    async def _fetch_anew(self) -> bool:
        """Ask the source once more: a password that was changed, or a token that ran out, is another now."""
        refused = self.password
        await self.fetch()
        return self.password != refused

    @property
    def _asked_for(self) -> bool:
        """Whether the password comes from the operator, who may have mistyped it."""
        credentials = self._profile.credentials
        return credentials is not None and credentials.source is CredentialSource.PROMPT

    async def _ask_again(self, error: LoginError) -> None:
        secret = await self._question(f"{error.user_message()}\nPassword of {self._profile.name}:")
        if secret is None:
            raise CredentialError(NO_PASSWORD)
        self.password = secret

    async def fetch(self) -> None:
        """Ask the profile's source for the password.

        Raises:
            CredentialError: it gives none.
        """
        from profiles.vault import password_for

        ask = self._asker()
        self.password = await in_background(lambda: password_for(self._profile, ask=ask), "pgdeck password")

    def close(self) -> None:
        """Take open questions away."""
        for question in tuple(self._questions):
            question.cancel()

    def _asker(self) -> Callable[[str], str]:
        """Asks in the loop from another thread; Textual finds its app by the context of this one."""
        loop, context = asyncio.get_running_loop(), copy_context()

        def ask(question: str) -> str:
            answered: Future[Secret | None] = Future()

            def start() -> None:
                asking = loop.create_task(self._question(question), name="ask for a password")
                asking.add_done_callback(lambda task: _settle(answered, task))

            loop.call_soon_threadsafe(start, context=context)
            secret = answered.result()
            if secret is None:
                raise CredentialError(NO_PASSWORD)
            return secret.reveal()

        return ask

    async def _question(self, question: str) -> Secret | None:
        asking = asyncio.ensure_future(self._host.ask_password(question))
        self._questions.add(asking)
        try:
            with suppress(asyncio.CancelledError):
                return await asking
            return None
        finally:
            self._questions.discard(asking)


def _settle(answered: Future[Secret | None], task: asyncio.Task[Secret | None]) -> None:
    if task.cancelled():
        answered.set_result(None)
    elif (error := task.exception()) is not None:
        answered.set_exception(error)
    else:
        answered.set_result(task.result())
