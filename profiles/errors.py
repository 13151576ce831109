"""Errors that an operator can mend, each one clear sentence.

ConfigurationError          a profile, manifest or argument is wrong (exit 2)
CredentialError             no password could be had from the named source (exit 3)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in one file, and what to do about it."""

    file: Path | str
    """The file (or `--option`) in which the mistake stands."""
    key: str
    """Dotted TOML key, such as `connection.port` or `index[3].definition`; empty for the whole file."""
    what: str
    """What is wrong, without a full stop."""
    remedy: str
    """What to do, an imperative without a full stop."""
    line: int | None = None
    """1-based line of the key, where it is known."""

    def sentence(self) -> str:
        """`FILE:LINE: KEY: what is wrong; what to do`."""
        place = f"{self.file}:{self.line}" if self.line else f"{self.file}"
        return ": ".join(part for part in (place, self.key, self.what) if part) + f"; {self.remedy}"


class ConfigurationError(Exception):
    """One or more problems in a profile, a manifest or an argument."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.user_message())

    def user_message(self) -> str:
        """Every problem, one sentence a line."""
        return "\n".join(problem.sentence() for problem in self.problems)


class CredentialError(Exception):
    """The password could not be had; says from where, why, and the remedies. Never holds a secret."""

    def user_message(self) -> str:
        """The sentence for the operator."""
        return str(self)
