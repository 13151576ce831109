"""The last question before a step runs."""

from __future__ import annotations

from profiles.model import Profile
from sql.steps.step import Step
from tui.present.confirming import asking
from tui.present.step import facts_of
from tui.widgets.typed_question import TypedQuestion


class ConfirmStepScreen(TypedQuestion):
    """Shows the step's exact SQL, its lock, and whom it would wait for."""

    def __init__(self, profile: Profile, step: Step, where: str, wait: str = "") -> None:
        """
        Args:
            where: the server, as it said who it is.
            wait: whom it would wait for, as the preview has it; empty: nobody.
        """
        super().__init__(profile, asking(profile, step), step.verb, where, step.sql, facts_of(step), wait)
