"""What the operator must do before a step runs: by environment class and guard."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from profiles.model import EnvironmentClass, Guard, Profile
from sql.steps.step import MigrationAt, Step
from tui.present.text import clean

if TYPE_CHECKING:
    from sql.locks.reading import LockSession


class Asked(StrEnum):
    """How sure the operator must be."""

    RUN = "run"
    """Go to the button and press it."""
    YES = "yes"
    """Type y."""
    NAME = "name"
    """Type the object's name."""


@dataclass(frozen=True)
class Asking:
    """What the dialog wants."""

    kind: Asked
    expects: str
    """What must be typed; empty: nothing."""
    otherwise: str = ""
    """What does as well."""
    what: str = "its name"
    """What `expects` is."""

    @property
    def accepted(self) -> tuple[str, ...]:
        """All that may be typed."""
        return tuple(filter(None, (self.expects, self.otherwise)))


def asking(profile: Profile, step: Step) -> Asking:
    """What this class and this guard want for this step; production wants the name whatever the guard."""
    if profile.environment is EnvironmentClass.PRODUCTION or profile.guard is Guard.CONFIRM_NAME:
        return Asking(Asked.NAME, clean(object_name(step)))
    if profile.environment is EnvironmentClass.STAGING:
        return Asking(Asked.YES, "y")
    return Asking(Asked.RUN, "")


def asking_signal(profile: Profile, session: LockSession, elsewhere: str = "") -> Asking:
    """What this class and this guard want before a session is cancelled or terminated.

    Args:
        elsewhere: another database that the session is connected to. Nobody here knows its class: it is
            treated as production.
    """
    strict = profile.environment is EnvironmentClass.PRODUCTION or profile.guard is Guard.CONFIRM_NAME
    if strict or elsewhere:
        return Asking(Asked.NAME, str(session.pid), clean(session.application), "its pid")
    if profile.environment is EnvironmentClass.STAGING:
        return Asking(Asked.YES, "y")
    return Asking(Asked.RUN, "")


def object_name(step: Step) -> str:
    """The bare name of what a step acts on."""
    return step.end.revision if isinstance(step.end, MigrationAt) else step.end.name


def forbidden(profile: Profile) -> str:
    """Why no step runs on this profile at all; empty where they do."""
    if profile.guard is not Guard.FORBIDDEN:
        return ""
    where = profile.path.name if profile.path is not None else profile.name
    return f'steps are off on {clean(profile.name)}: {clean(where)} says [guard] steps = "forbidden"'
