"""The first picture says where this is, swallows what is typed, and leaves the terminal as it was."""

from __future__ import annotations

import re
import signal
import textwrap
from dataclasses import replace

import pytest

from tests.servers import Database
from tests.tui import samples
from tests.tui.live import write_profile
from tests.tui.terminal import Terminal
from tui.curtain import picture
from tui.present.header import Banner, banner_lines, target_of

SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
TYPED = "what was typed"


def under_the_curtain(body: str, look: str = "Look()") -> list[str]:
    """A program that does something while the curtain is down."""
    imports = ("import sys", "from tests.tui import samples", "from tui.curtain import curtain")
    head = "\n".join([*imports, "from tui.looks import *\n"])
    inside = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    return ["-c", f"{head}with curtain(samples.PROFILE, {look}):\n{inside}\nprint('afterwards')\n"]


@pytest.mark.parametrize("width", [80, 120])
def test_it_shows_what_the_header_will_show(width: int) -> None:
    profile = samples.PROFILE
    banner = Banner(profile.environment, profile.name, target_of(profile), trouble="starting …")
    shown = SEQUENCE.sub("", picture(profile, width)).split("\r\n")
    assert shown == ["".join(text for text, _ in each) for each in banner_lines(banner, width)]


def test_what_stands_in_a_profile_moves_no_cursor() -> None:
    hostile = replace(samples.PROFILE, connection={"host": "\x1b[2J\x07\r\n", "dbname": "\x9b31m"})
    assert not set(SEQUENCE.sub("", picture(hostile, 120)).replace("\r\n", "")) & set("\x1b\x07\r\n\x9b")


def test_keys_are_not_echoed_and_not_lost() -> None:
    program = under_the_curtain("line = input()\nsys.exit(0 if line == 'what was typed' else 5)")
    with Terminal(program) as terminal:
        terminal.wait_for("starting")
        terminal.type(f"{TYPED}\n")
        assert terminal.end() == 0
        assert TYPED not in terminal.written.decode()
        assert terminal.restored()


def test_a_failure_is_told_on_the_screen_that_was_there() -> None:
    with Terminal(under_the_curtain("raise ValueError('it failed')")) as terminal:
        assert terminal.end() == 1
        _, _, after = terminal.written.decode().rpartition("\x1b[?1049l")
        assert "it failed" in after
        assert terminal.restored()


def test_lifted_it_leaves_the_screen_to_whoever_draws_next() -> None:
    program = under_the_curtain("from tui.curtain import lift\nlift()\nsys.stdout.write('drawn next')")
    with Terminal(program) as terminal:
        assert terminal.end() == 0
        assert "\x1b[?1049l" not in terminal.written.decode()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_finds_the_terminal_restored(ending: signal.Signals) -> None:
    with Terminal(under_the_curtain("input()")) as terminal:
        terminal.wait_for("starting")
        terminal.process.send_signal(ending)
        assert terminal.end() in (128 + ending, -ending)
        assert terminal.restored()
        assert "afterwards" not in terminal.written.decode()


def test_a_hangup_that_is_to_be_ignored_is_ignored() -> None:
    with Terminal(under_the_curtain("input()"), ignore_hangup=True) as terminal:
        terminal.wait_for("starting")
        terminal.process.send_signal(signal.SIGHUP)
        terminal.type("\n")
        assert terminal.end() == 0
        assert "afterwards" in terminal.written.decode()


@pytest.mark.parametrize("look", ["Look(colours=Colours.NONE)", "Look(ascii_drawing=True)"])
def test_a_plain_terminal_gets_none(look: str) -> None:
    with Terminal(under_the_curtain("pass", look)) as terminal:
        assert terminal.end() == 0
        assert terminal.written.split() == [b"afterwards"]


def test_a_key_that_was_typed_ahead_reaches_the_deck(newest: Database) -> None:
    with Terminal(["-m", "tui.cli", write_profile(newest)]) as terminal:
        terminal.wait_for("starting")
        terminal.type("q")
        assert terminal.end() == 0
        assert terminal.restored()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["start_application_mode", "_enable_bracketed_paste"])
def test_a_signal_between_the_first_picture_and_the_deck_finds_the_terminal_restored(
    ending: signal.Signals, moment: str
) -> None:
    program = under_the_curtain(
        f"""
        import os
        from tests.tui.deck import StillApp
        from tui.line_driver import LineDriver
        then = LineDriver.{moment}
        def signalled(driver):
            if "{moment}" == "start_application_mode":
                then(driver)
            os.kill(os.getpid(), {int(ending)})
            if "{moment}" != "start_application_mode":
                then(driver)
        LineDriver.{moment} = signalled
        sys.exit(StillApp(samples.PROFILE).run())
        """
    )
    with Terminal(program) as terminal:
        assert terminal.end() == 128 + ending
        assert terminal.restored()
