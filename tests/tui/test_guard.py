"""Every guard, with and without a terminal, with and without the words of the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.model import EnvironmentClass, Guard, Profile
from tui.guard import Denied, Granted, Question, ask


def profile(guard: Guard, environment: EnvironmentClass = EnvironmentClass.STAGING) -> Profile:
    return Profile("sales", environment, "m", guard=guard, path=Path("/p/sales.toml"))


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("confirm", [None, "sales"])
@pytest.mark.parametrize("yes", [True, False])
def test_forbidden_is_denied_whatever_is_said(terminal: bool, confirm: str | None, yes: bool) -> None:
    answer = ask(profile(Guard.FORBIDDEN), "1 step", terminal=terminal, yes=yes, confirm=confirm)
    assert isinstance(answer, Denied)
    assert "guard.steps in /p/sales.toml" in answer.sentence


@pytest.mark.parametrize("guard", [Guard.CONFIRM, Guard.CONFIRM_NAME])
@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("yes", [True, False])
def test_another_name_is_denied_by_every_guard(guard: Guard, terminal: bool, yes: bool) -> None:
    answer = ask(profile(guard), "1 step", terminal=terminal, yes=yes, confirm="Sales")
    assert answer == Denied("--confirm names Sales, and the profile is sales")


@pytest.mark.parametrize("guard", [Guard.CONFIRM, Guard.CONFIRM_NAME])
@pytest.mark.parametrize("terminal", [True, False])
def test_the_right_name_serves_as_yes(guard: Guard, terminal: bool) -> None:
    assert ask(profile(guard), "1 step", terminal=terminal, confirm="sales") == Granted()


def test_confirm_takes_yes_asks_on_a_terminal_and_names_the_option_without_one() -> None:
    own = profile(Guard.CONFIRM)
    assert ask(own, "1 step", terminal=False, yes=True) == Granted()
    denied = ask(own, "1 step", terminal=False)
    assert isinstance(denied, Denied) and denied.sentence.endswith("add --yes")
    question = ask(own, "2 steps", terminal=True)
    assert isinstance(question, Question)
    assert question.text == "Run 2 steps on sales (staging)? [y/N] "
    assert [question.accepts(word) for word in ("y", "Yes", "", "n", "sure", "sales")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("yes", [True, False])
def test_confirm_name_wants_the_name_and_yes_does_not_serve(yes: bool) -> None:
    own = profile(Guard.CONFIRM_NAME, EnvironmentClass.PRODUCTION)
    denied = ask(own, "1 step", terminal=False, yes=yes)
    assert isinstance(denied, Denied) and denied.sentence.endswith("add --confirm sales")
    question = ask(own, "1 step", terminal=True, yes=yes)
    assert isinstance(question, Question)
    assert question.text == "Run 1 step on sales (PRODUCTION)? Type the name of the profile to run: "
    assert [question.accepts(word) for word in ("sales", "yes", "y", "", "SALES")] == [
        True,
        False,
        False,
        False,
        False,
    ]
