"""The password of a profile for a headless command: from its source, or typed where the server wants one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from profiles.model import Profile
from profiles.secret import Secret

Done = TypeVar("Done")


def password_of(profile: Profile) -> Secret | None:
    """What the profile's source gives.

    Raises:
        CredentialError: it gives none.
    """
    from profiles import vault
    from tui.asking import password_asker

    return vault.password_for(profile, ask=password_asker())


async def logged_in(
    profile: Profile, password: Secret | None, doing: Callable[[Secret | None], Awaitable[Done]]
) -> tuple[Done, Secret | None]:
    """What `doing` gives, and the password that let it in: typed, where none was known, as with psql.

    Raises:
        PasswordNeeded: nobody could be asked.
    """
    import asyncio

    from sql.errors import PasswordNeeded
    from tui.asking import password_asker

    try:
        return await doing(password), password
    except PasswordNeeded:
        asker = password_asker()
        if password is not None or asker is None:
            raise
    typed = Secret(await asyncio.to_thread(asker, f"Password of {profile.name}: "))
    return await doing(typed), typed
