"""Not one cell differs from what Textual itself would draw, and far fewer bytes are sent."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter

import pyte
import pytest
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import DataTable, Static

from sql.findings import IndexFinding, ProbeFinding
from sql.latency.evidence import IncidentsSnapshot
from sql.latency.messages import Sample, Samples
from sql.locks.tree import Forest
from sql.steps.signals import Signal
from tests.tui import incidents, lock_samples, samples
from tests.tui.deck import Driver
from tests.tui.emulator import Emulator, differences
from tests.tui.slow_terminal import BUSY, SlowTerminal
from tests.tui.stepping import entry, first_step
from tests.tui.test_slow_statements_screen import SNAPSHOT as SLOW_STATEMENTS
from tests.tui.twin import Twin, twin
from tests.waiting import until
from tui import cells, frames, screens
from tui.messages import Arrived
from tui.screens.confirm import ConfirmScreen
from tui.screens.confirm_signal import ConfirmSignalScreen
from tui.screens.help import HelpScreen
from tui.screens.latency import LatencyScreen
from tui.screens.locks import LocksScreen
from tui.screens.password import PasswordScreen
from tui.screens.pool import PoolScreen
from tui.screens.profile_form import ProfileForm
from tui.screens.quit_run import QuitRunScreen
from tui.screens.replay import Place, ReplayScreen
from tui.screens.replicas import ReplicasScreen
from tui.screens.set_password import SetPasswordScreen

SIZES = [(80, 24), (120, 40), (200, 50)]
TEXTS = (
    "plain ASCII that is long enough to be cut at the right edge of a narrow screen, and more of it",
    "漢字かな交じり文、半角カナ ｱｲｳ と全角ＡＢＣ 混在",
    "한국어와 中文 and latin in one line",
    "e\u0301 a\u0308 n\u0303 combined, q\u0307\u0323 twice",
    "😀 🚀 emoji 🐘 elephants 🎉",
    "שלום עולם and العربية in between",
    "┌─┬─┐ ▁▂▃▄▅▆▇█ ░▒▓ ✓ ✗ » … –",
)
STYLES = (
    "default",
    "bold",
    "dim",
    "italic",
    "underline",
    "reverse",
    "strike",
    "bold dim italic",
    "red on blue",
    "bright_red on bright_blue",
    "color(123) on color(17)",
    "#123456 on #fedcba bold underline",
    "bold #ff0000",
    "dim on #00ff00",
)


class Torture(Widget):
    """Lines of every kind of text in every style; `shift` moves both."""

    shift = 0

    def render_line(self, y: int) -> Strip:
        """Several texts in several styles, padded to the width."""
        segments = []
        for turn in range(3):
            text = TEXTS[(y + turn + self.shift) % len(TEXTS)]
            style = Style.parse(STYLES[(y * 3 + turn * 5 + self.shift) % len(STYLES)])
            # A mark at the left edge would belong to the line above, says pyte; terminals disagree.
            segments.append(Segment(text[self.shift % 5 :].lstrip("\u0301\u0308\u0303"), style))
        return Strip(segments).adjust_cell_length(self.size.width)


class Overlay(ModalScreen[None]):
    """A dialog that lets the screen below shine through, and cuts wide characters at its edges."""

    DEFAULT_CSS = (
        "Overlay { align: center middle; background: black 40%; } Overlay Static { width: 31; height: 5; }"
    )

    def compose(self) -> ComposeResult:
        """One box."""
        yield Static("漢字の箱\nsecond line\n😀 third", markup=False)


class TortureScreen(Screen[None]):
    """Torture, a table and a list that scroll."""

    DEFAULT_CSS = (
        "TortureScreen Torture { height: 12; } TortureScreen #list { height: 1fr; } DataTable { height: 6; }"
    )

    def compose(self) -> ComposeResult:
        """Three parts."""
        yield Torture()
        yield DataTable()
        with VerticalScroll(id="list"):
            for turn in range(60):
                yield Static(f"{turn} {TEXTS[turn % len(TEXTS)]}", markup=False)

    def on_mount(self) -> None:
        """Fill the table."""
        table = self.query_one(DataTable)
        table.add_columns("name", "größe", "値")
        for turn in range(30):
            table.add_row(f"row {turn}", TEXTS[turn % len(TEXTS)][:12], "値" * (turn % 4))


async def tour_of_the_deck(driver: Twin) -> None:
    """Panes, zoom, filter, details, help, palette, changing values, a lost server."""
    await driver.press("2", "3", "4", "1", "down", "down", "up", "z", "z", "tab", "shift+tab", "1")
    await driver.press("slash", "l", "e", "a", "d", "enter", "escape")
    await driver.press("enter", "down", "end", "escape", "question_mark", "pagedown", "end", "escape")
    await driver.press("ctrl+p", "c", "o", "p", "escape", "space", "space", "y")
    indexes = [
        samples.index(f"idx_漢_{n}_😀", finding, detail="e\u0301 שלום")
        for n, finding in enumerate(list(IndexFinding) * 5)
    ]
    await driver.publish(replace(samples.INDEXES, indexes=tuple(indexes)))
    await driver.press("pagedown", "end", "home", "down")
    for turn in range(4):
        probes = (
            samples.probe("churn", p50=10.0 + turn),
            samples.probe("lead", ProbeFinding.MISSED, 60 + turn),
        )
        driver.app.now += timedelta(seconds=7)
        await driver.publish(replace(samples.PROBES, probes=probes))
        driver.deck.tick()
        await driver.pilot.pause()
    driver.app.notify("a toast 漢字 over the panes", markup=False, timeout=60)
    await driver.pilot.pause()
    await driver.press("down", "u", "escape", "l", "escape", "b", "escape", "r", "escape")


async def tour_of_the_screens(driver: Driver) -> None:
    """Every screen and dialog over the deck, typed into and left."""
    dialogs: list[Callable[[], Screen[object]]] = [
        lambda: PasswordScreen("Password of 漢字"),
        lambda: SetPasswordScreen("sales"),
        lambda: ConfirmScreen("Remove the profile sales-production-漢字?", "Remove"),
        HelpScreen,
        ProfileForm,
        lambda: ProfileForm(samples.PROFILE),
        Overlay,
        lambda: PoolScreen(samples.PROFILE, driver.deck.readings, None),
        lambda: LocksScreen(samples.PROFILE, driver.deck.readings, None),
        lambda: ReplicasScreen(samples.PROFILE, driver.deck.readings, None),
        lambda: ConfirmSignalScreen(
            samples.PROFILE, Signal.TERMINATE, lock_samples.ROOT, Forest(lock_samples.LOCKS), "sales at 漢字"
        ),
    ]
    await driver.publish(lock_samples.LOCKS)
    for make in dialogs:
        screen = make()
        driver.app.push_screen(screen)
        await driver.pilot.pause()
        await driver.press("a", "tab", "b", "down", "pagedown", "up")
        if screen in driver.app.screen_stack:
            screen.dismiss(None)
        await driver.pilot.pause()
    await driver.press("e", "down", "escape")


async def tour_of_latency(driver: Twin) -> None:
    """The plot grows, a spike changes its scale, another probe is chosen, and slow runs are listed."""
    await driver.publish(samples.PROBES)
    await driver.press("p")
    screen, history = driver.app.screen, driver.app.history
    assert isinstance(screen, LatencyScreen)
    for turn, latency_s in enumerate((0.001, 0.002, 0.04, 0.9, 0.001)):
        end = perf_counter()
        runs = tuple(Sample(end - latency_s, end - latency_s, end, answered=turn != 1) for _ in range(3))
        history.take(Samples(0, 3, 3, runs), end)
        history.timeline.pause(turn % 2 == 0, screen._clock())
        screen.draw()
        await driver.pilot.pause()
    await driver.press("left", "left", "right", "down", "up")
    await driver.press("i", "escape", "question_mark", "escape", "escape")


async def tour_of_incidents(driver: Twin) -> None:
    """The list of slow runs, the evidence of each, and one that grows while it is read."""
    await driver.publish(IncidentsSnapshot(samples.NOW, (incidents.RUNNING, incidents.UNSEEN)))
    await driver.press("i", "down", "enter", "end", "escape", "up", "enter")
    await driver.publish(incidents.SNAPSHOT)
    driver.app.follow_above()
    await driver.press("pagedown", "home", "escape", "slash", "c", "h", "enter", "escape", "escape")


async def tour_of_the_demo(driver: Twin) -> None:
    """Slow statements in every order, the warm-up's offer, and the large figures that change."""
    await driver.publish(SLOW_STATEMENTS)
    await driver.press("s", "enter", "end", "escape", "o", "o", "down", "slash", "l", "e", "enter", "escape")
    await driver.press("escape")
    await driver.press("w", "c", "down", "escape")
    await driver.press("d")
    for finding, p95 in ((ProbeFinding.MET, 12.5), (ProbeFinding.MISSED, 1234.0)):
        driver.app.now += timedelta(seconds=7)
        probes = (samples.probe("漢", finding, p95),)
        driver.app.post_message(Arrived(replace(samples.PROBES, probes=probes)))
        await driver.pilot.pause()
    await driver.press("m", "question_mark", "escape", "escape")


async def tour_of_a_replay(driver: Twin) -> None:
    """The deck of a recording, and how it moves on."""
    places = [Place(samples.NOW, 60.0 * turn, 3600.0, 1.0, seeking=turn == 1) for turn in range(3)]
    screen = ReplayScreen(samples.PROFILE, samples.MANIFEST, lambda: places[0])
    driver.app.push_screen(screen)
    await driver.pilot.pause()
    while len(places) > 1:
        places.pop(0)
        screen.take(samples.PROBES)
        screen.moved()
        await driver.press("down", "b")
    screen.forget()
    await driver.pilot.pause()
    await driver.app.pop_screen()


async def tour_of_steps(driver: Twin) -> None:
    """A step's preview and question, runs, the journal, and the question at the end."""
    await driver.press("1", "home")
    await driver.open_preview()
    await driver.press("pagedown", "end", "home", "c")
    await driver.settle()
    await driver.press("tab", "tab", "escape", "escape")
    await driver.journalled(
        entry("previewed", run=None), entry("confirmed"), entry("started", 1, backend_pid=4711)
    )
    await driver.press("u", "down", "enter", "end", "escape", "escape")
    await driver.press("l", "slash", "i", "d", "x", "enter", "enter", "end", "escape", "escape")
    driver.app.push_screen(QuitRunScreen((first_step().id,)))
    await driver.pilot.pause()
    await driver.press("right", "right", "escape")


async def tour_of_torture(driver: Twin) -> None:
    """Wide, combining, right-to-left and coloured text, scrolled, moved and covered."""
    screen = TortureScreen()
    driver.app.push_screen(screen)
    await driver.pilot.pause()
    torture, table = screen.query_one(Torture), screen.query_one(DataTable)
    for turn in range(12):
        torture.shift = turn
        torture.refresh()
        screen.query_one("#list").scroll_to(y=turn * 3, animate=False)
        table.move_cursor(row=turn * 2)
        table.update_cell_at((turn, 2), "値😀"[: turn % 3])
        await driver.pilot.pause()
    driver.app.push_screen(Overlay())
    await driver.pilot.pause()
    torture.shift = 20
    torture.refresh()
    await driver.pilot.pause()
    await driver.app.pop_screen()
    await driver.pilot.pause()
    await driver.app.pop_screen()
    await driver.pilot.pause()


async def tour(driver: Twin) -> None:
    """All of it, with the terminal resized in between."""
    width, height = driver.app.size
    await tour_of_the_deck(driver)
    await tour_of_the_screens(driver)
    await tour_of_latency(driver)
    await tour_of_incidents(driver)
    await tour_of_the_demo(driver)
    await tour_of_a_replay(driver)
    await tour_of_steps(driver)
    await driver.resize(20, 5)
    await driver.press("down", "tab")
    await driver.resize(width, height)
    await tour_of_torture(driver)
    await driver.resize(height * 2, width // 4)
    await driver.press("ctrl+l", "down", "question_mark", "escape")


def every_screen() -> set[str]:
    """The names of the deck's screens that can be shown."""
    found: set[str] = set()
    for module in pkgutil.iter_modules(screens.__path__):
        for each in vars(importlib.import_module(f"tui.screens.{module.name}")).values():
            if (
                isinstance(each, type)
                and issubclass(each, Screen)
                and each.__module__.startswith("tui.screens")
            ):
                found.add(each.__name__)
    return found - {"Reader", "Listing"}


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_no_cell_differs_on_a_tour_of_all_screens(
    size: tuple[int, int],
) -> None:
    async with twin(size) as driver:
        await tour(driver)
        driver.check()
        assert driver.app._frames is not None, "stepped aside"
        assert driver.app.seen >= every_screen()


async def test_a_few_changed_cells_cost_a_few_bytes() -> None:
    async with twin((120, 40)) as driver:
        app = driver.app
        await driver.press("2", "1")
        app.plain.written = app.ours.written = app.cells_changed = app.compared = 0
        for turn in range(5):
            probes = (
                samples.probe("churn", p50=10.0 + turn),
                samples.probe("lead", ProbeFinding.MISSED, 60 + turn),
            )
            await driver.publish(replace(samples.PROBES, probes=probes))
        driver.check()
        assert app.cells_changed > 20
        assert app.ours.written <= 10 * app.cells_changed + 100 * app.compared
        assert app.ours.written < app.plain.written


async def test_nothing_is_sent_where_nothing_changed() -> None:
    async with twin((120, 40)) as driver:
        driver.app.ours.written = 0
        driver.app.refresh(layout=True)
        driver.app.screen.refresh()
        await driver.pilot.pause()
        assert driver.app.ours.written == 0
        driver.check()


async def test_a_cache_that_is_wrong_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof can fail: one line that is taken for sent, and was not, shows."""

    def forgetful(wanted: cells.Grid, sent: cells.Grid, lines: list[int]) -> str:
        return cells.difference(wanted, sent, [y for y in lines if y != 5])

    async with twin((80, 24)) as driver:
        await driver.press("2")
        driver.check()
        monkeypatch.setattr(frames, "difference", forgetful)
        await driver.press("4", "question_mark")
        assert driver.app.first_difference


@pytest.mark.parametrize("what", ["ctrl+l", "resume", "resize"])
async def test_it_forgets_what_another_program_has_overwritten(what: str) -> None:
    async with twin((80, 24)) as driver:
        app = driver.app
        app.ours.stream.feed("\x1b[3;3Hgarbage of another program\x1b[31;7m")
        if what == "ctrl+l":
            await driver.press("ctrl+l")
        elif what == "resume":
            app.forget_frames()
        else:
            await driver.pilot.resize_terminal(81, 24)
            await driver.pilot.resize_terminal(80, 24)
        await until(lambda: not differences(app.plain.screen, app.ours.screen))


async def test_it_steps_aside_where_a_private_name_is_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(frames, "OURS", ("_display", "_no_longer_there"))
    async with twin((80, 24)) as driver:
        await driver.press("2", "enter", "escape")
        driver.check()
        assert driver.app._frames is None
        assert "_no_longer_there" in caplog.text


async def test_it_steps_aside_where_updates_look_different(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with twin((80, 24)) as driver:
        monkeypatch.setattr(frames, "ChopsUpdate", None)
        await driver.press("down", "2", "enter", "escape")
        await until(lambda: not differences(driver.app.plain.screen, driver.app.ours.screen))
        assert "Textual's own way" in caplog.text
        assert driver.app.ours.written > 0


def test_after_text_of_unsure_width_everything_stands_where_it_should() -> None:
    """Emoji with selectors and joined ones: a terminal that counts otherwise must not move the rest."""
    wanted, sent = cells.Grid(20, 1), cells.Grid(20, 1)
    wanted.put(0, 0, [Segment("❤️ 👩\u200d👧 end")], cells.Ink())
    screen = Emulator(20, 1)
    pyte.Stream(screen).feed(cells.difference(wanted, sent, [0]))
    assert "".join(wanted.texts[0]).startswith("❤️ 👩\u200d👧 end")
    assert "".join(cell.data for cell in screen.snapshot()[0][6:9]) == "end"


@pytest.mark.parametrize("before", STYLES)
@pytest.mark.parametrize("after", STYLES)
def test_the_shortest_change_of_pens_is_a_change_to_the_pen(before: str, after: str) -> None:
    pens = [cells.pen_of(Style.parse(each), ColorSystem.TRUECOLOR) for each in (before, after)]
    short, whole = Emulator(2, 1), Emulator(2, 1)
    pyte.Stream(short).feed(
        cells.change_of_pen(cells.PLAIN, pens[0]) + cells.change_of_pen(pens[0], pens[1]) + "x"
    )
    pyte.Stream(whole).feed(Style.parse(after).render("x", color_system=ColorSystem.TRUECOLOR))
    assert short.snapshot() == whole.snapshot()


def test_a_wide_character_is_overwritten_whole() -> None:
    wanted, sent = cells.Grid(10, 1), cells.Grid(10, 1)
    screen, direct = Emulator(10, 1), Emulator(10, 1)
    stream = pyte.Stream(screen)
    for text in (
        "漢字漢字漢",
        "a漢字漢字b",
        "漢字漢字漢",
        "字字字字字",
        "ab漢cd漢ef",
        "          ",
        "😀a😀b😀 漢",
    ):
        wanted.put(0, 0, [Segment(text)], cells.Ink())
        stream.feed(cells.difference(wanted, sent, [0]))
        pyte.Stream(direct).feed("\x1b[1;1H" + text)
        assert screen.snapshot() == direct.snapshot(), text


KEYS = (("?", "keys and signs"), ("\x1b", "q quit"), ("2", "q quit"), ("z", "1 Indexes  "))
"""What is typed, and what the screen then shows."""


def _typed(terminal: SlowTerminal) -> None:
    terminal.wait_for("q quit")
    for key, shows in KEYS:
        terminal.type(key)
        terminal.wait_for(shows)
        terminal.read_all()


async def test_in_a_real_terminal_the_bytes_draw_the_same_screen(tmp_path: Path) -> None:
    """The same keys typed at the real program, drawn in Textual's own way and in ours."""
    arguments = [str(tmp_path / "turns"), "0"]
    own_way = BUSY.replace("app.wear(look)\n", "app.wear(look)\napp._aside = True\n")
    assert own_way != BUSY
    with SlowTerminal(["-c", own_way, *arguments], size=(110, 35)) as plain:
        _typed(plain)
        wanted, cost = plain.emulated(), len(plain.written)
        plain.type("q")
        assert plain.end() == 0
    with SlowTerminal(["-c", BUSY, *arguments], size=(110, 35)) as ours:
        _typed(ours)
        await until(lambda: ours.read_for(0.05) or not differences(wanted, ours.emulated()))
        assert len(ours.written) < cost / 2
        ours.type("q")
        assert ours.end() == 0
