"""Plain mode and themes: what is sent, to which terminal, and that no state is said by colour alone."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from textual.color import Color

from profiles.model import EnvironmentClass
from tests.tui import samples
from tests.tui.deck import Driver, StillApp
from tests.tui.emulator import Emulator
from tests.tui.slow_terminal import BUSY, SlowTerminal
from tests.tui.terminal import ROOT
from tests.tui.test_frames import tour_of_the_screens
from tui import looks
from tui.looks import Colours, Look, ThemeChoice, look_of
from tui.present.signs import BADGES, SIGNS
from tui.theme import themes_of
from tui.widgets import lines

UTF8 = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "NO_COLOR": ""}


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder of the test's own."""
    monkeypatch.setenv("PGDECK_HOME", str(tmp_path))


def flags(*words: str) -> argparse.Namespace:
    """What the command line makes of these words."""
    parser = argparse.ArgumentParser()
    looks.add_flags(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("words", "environ", "colours", "drawing", "letters"),
    [
        ((), {"TERM": "xterm-256color", "LANG": "de_DE.UTF-8"}, Colours.ALL, False, False),
        ((), {"TERM": "tmux-256color", "LC_CTYPE": "C.UTF-8"}, Colours.ALL, False, False),
        ((), {"TERM": "tmux-256color"}, Colours.ALL, True, True),
        ((), {"TERM": "xterm", "LANG": "POSIX"}, Colours.ALL, True, True),
        ((), {"TERM": "xterm", "LANG": "C", "PYTHONUTF8": "1"}, Colours.ALL, False, False),
        (("--plain",), {"TERM": "xterm-256color", "LANG": "de_DE.utf8"}, Colours.SIXTEEN, True, False),
        ((), {"TERM": "linux", "LANG": "C.UTF-8"}, Colours.SIXTEEN, True, False),
        ((), {"TERM": "vt100", "LANG": "C.UTF-8"}, Colours.NONE, True, False),
        ((), {"TERM": "dumb", "LANG": "C.UTF-8"}, Colours.NONE, True, False),
        ((), {}, Colours.NONE, True, True),
        ((), {"TERM": "xterm-256color", "NO_COLOR": "1", "LANG": "C.UTF-8"}, Colours.NONE, True, False),
        (("--plain",), {"TERM": "xterm", "NO_COLOR": "1", "LANG": "C.UTF-8"}, Colours.NONE, True, False),
        ((), {"TERM": "xterm", "NO_COLOR": "", "LANG": "C.UTF-8"}, Colours.ALL, False, False),
        ((), {"TERM": "xterm", "LC_ALL": "C", "LANG": "de_DE.UTF-8"}, Colours.ALL, True, True),
        ((), {"TERM": "xterm", "LANG": "de_DE.ISO-8859-1"}, Colours.ALL, True, True),
    ],
)
def test_flags_and_environment_choose_the_look(
    words: tuple[str, ...], environ: Mapping[str, str], colours: Colours, drawing: bool, letters: bool
) -> None:
    look = look_of(flags(*words), environ)
    assert (look.colours, look.ascii_drawing, look.ascii_letters) == (colours, drawing, letters)


@pytest.mark.parametrize(
    ("said", "ascii_only"),
    [
        ({}, True),
        ({"LANG": "C"}, True),
        ({"LC_CTYPE": "POSIX"}, True),
        ({"LC_ALL": "C", "LANG": "C.UTF-8"}, True),
        ({"LANG": "C.UTF-8"}, False),
        ({"LC_CTYPE": "C.UTF-8"}, False),
        ({"LC_ALL": "C", "PYTHONUTF8": "1"}, False),
    ],
    ids=str,
)
def test_the_locale_that_python_makes_up_for_itself_is_nobodys_word(
    said: Mapping[str, str], ascii_only: bool
) -> None:
    """Python turns the locale C into UTF-8 for itself and its children; the terminal did not change."""
    asked = "from tui.looks import look_of; import argparse; look = look_of(argparse.Namespace());"
    told = subprocess.run(
        [sys.executable, "-c", f"{asked} print(look.ascii_drawing, look.ascii_letters)"],
        env={"TERM": "xterm-256color", "PATH": os.environ["PATH"], **said},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told.split() == [str(ascii_only)] * 2


def test_a_theme_is_remembered_and_a_broken_memory_is_none() -> None:
    environ = {"TERM": "xterm"}
    assert look_of(flags(), environ).theme is ThemeChoice.DEFAULT
    assert look_of(flags("--theme", "high-contrast"), environ).theme is ThemeChoice.HIGH_CONTRAST
    assert look_of(flags(), environ).theme is ThemeChoice.HIGH_CONTRAST
    assert look_of(flags("--theme", "default"), environ).theme is ThemeChoice.DEFAULT
    looks._file().write_text("no such theme")
    assert look_of(flags(), environ).theme is ThemeChoice.DEFAULT
    assert look_of(flags("--no-mouse"), environ).mouse is False


def show(tmp_path: Path, *words: str, **variables: str) -> tuple[SlowTerminal, Emulator]:
    """The deck in a terminal, until it is complete; the terminal is ended, its picture stays."""
    arguments = ["-c", BUSY, str(tmp_path / "turns"), "0", *words]
    with SlowTerminal(arguments, variables={**UTF8, **variables}) as terminal:
        terminal.wait_for("q quit")
        terminal.read_all()
        screen = terminal.emulated()
        terminal.type("q")
        assert terminal.end() == 0
        terminal.read_all()
    return terminal, screen


def drawn(terminal: SlowTerminal) -> str:
    """What was sent, in words and sequences."""
    return terminal.written.decode("utf-8")


def colours_in(sent: str) -> set[str]:
    """SGR parameters that set a colour."""
    found: set[str] = set()
    for sequence in re.findall(r"\x1b\[([\d;]*)m", sent):
        parts = sequence.split(";")
        found |= {part for part in parts if len(part) > 1 and part[0] in "349" and part not in ("39", "49")}
        found |= {part for part in parts if part.startswith("10") and len(part) == 3}
    return found


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "vt100"}, {"TERM": "dumb"}], ids=str)
def test_without_colours_none_is_sent_and_everything_is_ascii(
    tmp_path: Path, variables: Mapping[str, str]
) -> None:
    terminal, screen = show(tmp_path, **variables)
    sent = drawn(terminal)
    assert sent.isascii()
    assert colours_in(sent) == set()
    text = "\n".join(screen.display)
    assert "PRODUCTION" in text
    assert "NOT READY" in text
    assert "x missing" in text
    # The selected row and the badge stand out without a colour.
    assert any(cell.reverse for line in screen.snapshot() for cell in line)
    # So does the title of the pane that takes the keys, also where it has no row.
    (title,) = [at for at, line in enumerate(screen.display) if " 1 Indexes " in line]
    begin = screen.display[title].index("1 Indexes")
    assert all(cell.reverse for cell in screen.snapshot()[title][begin : begin + 9])


def test_plain_sends_sixteen_colours_and_ascii_lines(tmp_path: Path) -> None:
    terminal, screen = show(tmp_path, "--plain")
    sent = drawn(terminal)
    assert sent.isascii()
    assert not re.search(r"[34]8;[25];", sent)
    assert colours_in(sent)
    assert any("+-" in each for each in screen.display)


def test_a_locale_without_utf8_gets_ascii_in_all_colours(tmp_path: Path) -> None:
    terminal, _ = show(tmp_path, LC_ALL="C")
    assert drawn(terminal).isascii()
    assert "38;5;" in drawn(terminal)


def test_no_mouse_leaves_the_mouse_alone(tmp_path: Path) -> None:
    with_mouse, _ = show(tmp_path)
    without, _ = show(tmp_path, "--no-mouse")
    assert b"\x1b[?1000h" in with_mouse.written
    assert b"\x1b[?100" not in without.written.replace(b"\x1b[?1004", b"")


def test_plain_costs_less_than_the_default(tmp_path: Path) -> None:
    usual, _ = show(tmp_path)
    plain, _ = show(tmp_path, "--plain")
    assert len(plain.written) < len(usual.written)


def _contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in Color.parse(colour).normalized
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("environment", list(EnvironmentClass))
@pytest.mark.parametrize(
    ("theme", "least"),
    [(ThemeChoice.DEFAULT, 4.5), (ThemeChoice.COLOUR_BLIND, 4.5), (ThemeChoice.HIGH_CONTRAST, 7.0)],
)
def test_every_colour_can_be_read(theme: ThemeChoice, least: float, environment: EnvironmentClass) -> None:
    worn = themes_of(Look(theme=theme))[environment]
    for background in (worn.background, worn.panel, worn.variables["cursor-row"]):
        for colour in (worn.foreground, worn.success, worn.warning, worn.error, worn.accent):
            assert background is not None
            assert colour is not None
            ratio = _contrast(colour, background)
            assert ratio >= (least if background == worn.background else 4.0), (colour, background, ratio)


def _as_seen(colour: str, matrix: tuple[tuple[float, ...], ...]) -> tuple[float, ...]:
    red_green_blue = Color.parse(colour).normalized
    return tuple(
        sum(part * weight for part, weight in zip(red_green_blue, row, strict=True)) for row in matrix
    )


@pytest.mark.parametrize(
    "matrix",
    [
        ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
        ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    ],
    ids=["protanopia", "deuteranopia"],
)
def test_good_and_bad_are_apart_for_the_colour_blind(matrix: tuple[tuple[float, ...], ...]) -> None:
    """Simulated after Machado, Oliveira and Fernandes 2009, severity 1."""

    def distance(theme: ThemeChoice) -> float:
        worn = themes_of(Look(theme=theme))[EnvironmentClass.PRODUCTION]
        assert worn.success is not None
        assert worn.error is not None
        good, bad = _as_seen(worn.success, matrix), _as_seen(worn.error, matrix)
        return sum((a - b) ** 2 for a, b in zip(good, bad, strict=True)) ** 0.5

    assert distance(ThemeChoice.COLOUR_BLIND) > 0.5
    assert distance(ThemeChoice.COLOUR_BLIND) > 1.5 * distance(ThemeChoice.DEFAULT)


def test_every_state_has_words_and_every_sign_an_ascii_twin() -> None:
    from tui.cells import DRAWN

    assert all(finding.value.strip() for finding in SIGNS)
    signs = {sign for sign, _ in SIGNS.values()} | {each for badge in BADGES.values() for each in badge}
    assert all(each.isascii() or each in DRAWN for each in signs)
    assert all(len(each) == 1 and each.isascii() for each in DRAWN.values())


def test_what_is_cut_reads_as_cut_and_the_help_says_so() -> None:
    from tui.cells import Ink, inked
    from tui.present.text import fit, fit_middle
    from tui.screens.help import help_lines

    plain = Ink(ascii_drawing=True)
    assert "".join(inked(fit("idx_leads_status", 10), plain)[1]) == "idx_leads~"
    assert "".join(inked(fit_middle("idx_leads_status", 9), plain)[1]) == "idx_~atus"
    explained = ["".join(inked("".join(text for text, _ in each), plain)[1]) for each in help_lines(78)]
    assert [each for each in explained if each.startswith("  ~ ")] == [
        "  ~           there is more: cut for want of room (enter or more columns"
    ]


@pytest.mark.parametrize(
    "look", [Look(colours=Colours.NONE, ascii_drawing=True), Look(ThemeChoice.HIGH_CONTRAST)]
)
async def test_every_screen_is_drawn_in_it(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_STYLES", {})
    app = StillApp()
    app.wear(look)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        driver = Driver(app, pilot)
        driver.deck._clock = lambda: app.now
        await driver.publish(*samples.EVERYTHING)
        await tour_of_the_screens(driver)
        assert driver.shows("PRODUCTION")
        assert app.failed == []
