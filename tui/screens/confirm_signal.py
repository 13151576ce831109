"""The last question before a session in the way is cancelled or terminated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profiles.model import Profile
from tui.present.confirming import asking_signal
from tui.present.lock_details import signal_facts, signal_title
from tui.widgets.typed_question import TypedQuestion

if TYPE_CHECKING:
    from sql.locks.reading import LockSession
    from sql.locks.tree import Forest
    from sql.steps.signals import Signal


class ConfirmSignalScreen(TypedQuestion):
    """Shows who is meant, what would be sent, what it does, and to how many."""

    VERB = "Send"
    TO_DO_IT = "To send it"

    def __init__(
        self,
        profile: Profile,
        signal: Signal,
        session: LockSession,
        forest: Forest,
        where: str,
        elsewhere: str = "",
    ) -> None:
        """
        Args:
            where: the server, as it said who it is.
            elsewhere: another database than this profile's, to which the session is connected.
        """
        from sql.steps.signals import text_of

        super().__init__(
            profile,
            asking_signal(profile, session, elsewhere),
            signal_title(signal),
            where,
            text_of(signal, session.pid),
            signal_facts(signal, session, forest, elsewhere),
        )
