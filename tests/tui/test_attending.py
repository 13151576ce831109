"""What an answer to Ctrl-C means."""

from __future__ import annotations

import pytest

from tui.attending import Choice, choice_of


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        ("s", Choice.STAY),
        ("Stay", Choice.STAY),
        ("l", Choice.LEAVE),
        (" leave ", Choice.LEAVE),
        ("c", Choice.CANCEL),
        ("CANCEL", Choice.CANCEL),
        ("", None),
        ("y", None),
        ("cancel it", None),
    ],
)
def test_the_first_letter_suffices_and_nothing_else_is_guessed(answer: str, choice: Choice | None) -> None:
    assert choice_of(answer) is choice
