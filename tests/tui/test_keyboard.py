"""Keys through a real terminal: an escape alone, sequences and characters in pieces, and what is no text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.slow_terminal import BUSY
from tests.tui.terminal import Terminal

HELP = "esc back"


@pytest.fixture
def deck(tmp_path: Path) -> Iterator[Terminal]:
    """A deck that changes nothing by itself."""
    with Terminal(["-c", BUSY, str(tmp_path / "turns"), "0"]) as terminal:
        terminal.wait_for("q quit")
        yield terminal


def test_an_escape_alone_is_a_key(deck: Terminal) -> None:
    deck.type("?")
    deck.wait_for(HELP)
    deck.type("\x1b")
    deck.wait_for("q quit")


def test_a_sequence_that_comes_in_pieces_is_one_key(deck: Terminal) -> None:
    for piece in ("\x1b", "O", "P"):  # F1
        deck.type(piece)
    deck.wait_for(HELP)


def test_a_character_that_comes_in_pieces_is_one(deck: Terminal) -> None:
    deck.type("/")
    deck.wait_for("show only")
    for piece in ("ö".encode()[:1], "ö".encode()[1:]):
        deck.send(piece)
    deck.wait_for('filter "ö"')


def test_bytes_that_are_no_text_end_nothing(deck: Terminal) -> None:
    deck.send(b"\xff\xfe\xc3")
    deck.type("?")
    deck.wait_for(HELP)


def test_it_ends_while_nobody_types(deck: Terminal) -> None:
    deck.type("q")
    assert deck.end() == 0
    assert deck.restored()
