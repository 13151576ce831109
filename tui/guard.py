"""What it takes to run steps on a profile, as a value. Pure: nothing is asked or shown here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from profiles.model import EnvironmentClass, Guard, Profile

YES = frozenset({"y", "yes"})


@dataclass(frozen=True)
class Granted:
    """The words of the command suffice."""


@dataclass(frozen=True)
class Question:
    """Somebody must say so on the terminal."""

    text: str
    """With the blank after it."""
    name: str | None = None
    """What must be typed exactly; None: yes."""

    def accepts(self, answer: str) -> bool:
        """Whether that is the word; silence never is."""
        return answer == self.name if self.name is not None else answer.lower() in YES


@dataclass(frozen=True)
class Denied:
    """Nothing runs: why, and what would let it; one clause."""

    sentence: str


Answer: TypeAlias = Granted | Question | Denied


def ask(
    profile: Profile, what: str, *, terminal: bool, yes: bool = False, confirm: str | None = None
) -> Answer:
    """What the guard of a profile wants.

    Args:
        what: is to be run, such as `2 steps`.
        terminal: whether somebody can be asked.
        yes: `--yes` was given.
        confirm: what `--confirm` named; None: it was not given.
    """
    where = f"{profile.name} ({profile.environment})"
    if profile.guard is Guard.FORBIDDEN:
        return Denied(
            f"the guard of {where} is forbidden: nothing is run there (guard.steps in {_file(profile)})"
        )
    if confirm is not None and confirm != profile.name:
        return Denied(f"--confirm names {confirm}, and the profile is {profile.name}")
    if confirm is not None or (yes and profile.guard is Guard.CONFIRM):
        return Granted()
    if profile.guard is Guard.CONFIRM:
        if terminal:
            return Question(f"Run {what} on {where}? [y/N] ")
        return Denied(
            f"the guard of {where} wants a confirmation, and there is no terminal to ask on: add --yes"
        )
    if terminal:
        production = profile.environment is EnvironmentClass.PRODUCTION
        loud = f"{profile.name} (PRODUCTION)" if production else where
        return Question(f"Run {what} on {loud}? Type the name of the profile to run: ", profile.name)
    return Denied(
        f"the guard of {where} wants the name of the profile, and there is no terminal to ask on: "
        f"add --confirm {profile.name}"
    )


def add_options(parser: Any) -> None:
    """The words that a guard takes on the command line."""
    parser.add_argument("--yes", action="store_true", help="run without asking, where the guard is confirm")
    parser.add_argument(
        "--confirm", metavar="PROFILE",
        help="the profile's name, where the guard is confirm-name (the default of production)",
    )  # fmt: skip
    parser.add_argument(
        "--plan-hash", metavar="HASH", help="run nothing unless the plan still has this hash, which plan says"
    )


def _file(profile: Profile) -> str:
    return str(profile.path) if profile.path else "its profile"
