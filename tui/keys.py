"""Every key of the full screen, once: bindings, footer, help, palette and the README's table come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.binding import Binding


class Scope(StrEnum):
    """Where a key works; the value is the heading in the help."""

    DECK = "On the deck"
    PANE = "In a pane"
    DETAILS = "In the details"
    HELP = "In the help"
    PROFILES = "In the list of profiles"
    PREVIEW = "In the preview of a step"
    RUN = "While a step runs"
    RUNS = "In the list of runs"
    JOURNAL = "In the journal"
    STORY = "In what the journal says of a run"
    EVERYWHERE = "Everywhere"


@dataclass(frozen=True)
class Facts:
    """What decides whether a key does anything just now."""

    pane: str = ""
    """Title of the active pane."""
    row: bool = False
    """A row is selected."""
    sql: bool = False
    """The selected row has SQL of its own."""
    good: bool = False
    """The selected row is as the manifest asks."""
    why: str = ""
    """What stands in the way of the screen's own action; empty: nothing."""
    watching: bool = True
    """The watch is running (or trying to)."""
    paused: bool = False
    standby: str = ""
    """Why no step can run on this server; empty: it takes writes."""


@dataclass(frozen=True)
class Key:
    """One key, or several that do the same."""

    id: str
    """Names the action: `SCOPE.ACTION`, as in `deck.filter`."""
    keys: tuple[str, ...]
    """As Textual names them."""
    label: str
    """As a person writes it."""
    title: str
    """For the footer, one or two words."""
    help: str
    """One sentence without a full stop."""
    scope: Scope
    footer: int = 0
    """Place in the footer; 0 is only in the help."""
    off: Callable[[Facts], str] | None = None
    """Why it does nothing now; empty where it works."""
    palette: bool = True
    stays: bool = False
    """The footer drops the others first where it is too narrow for all."""

    @property
    def action(self) -> str:
        """The part of the id after the scope."""
        return self.id.partition(".")[2]

    def why_off(self, facts: Facts) -> str:
        """Why it does nothing now; empty where it works."""
        return self.off(facts) if self.off is not None else ""


def _needs_row(facts: Facts) -> str:
    return "" if facts.row else f"no row is selected in {facts.pane or 'this pane'}"


def _needs_sql(facts: Facts) -> str:
    return _needs_row(facts) or ("" if facts.sql else "this row has no SQL of its own to copy")


def _needs_watch(facts: Facts) -> str:
    return "" if facts.watching else "nothing is being watched; e opens a profile"


def _can_refresh(facts: Facts) -> str:
    return _needs_watch(facts) or ("the watch is paused; space goes on" if facts.paused else "")


MENDABLE = ("Indexes", "Constraints")


def _needs_object(facts: Facts) -> str:
    if facts.pane not in MENDABLE:
        return f"steps are for rows of Indexes and Constraints, not of {facts.pane}"
    return (
        _needs_row(facts) or facts.standby or ("the watch is paused; space goes on" if facts.paused else "")
    )


def _needs_fault(facts: Facts) -> str:
    return _needs_object(facts) or ("it is as the manifest asks; r takes it away" if facts.good else "")


def _why(facts: Facts) -> str:
    return facts.why


def _reading(scope: Scope, *, space: bool = True) -> tuple[Key, ...]:
    """The keys that move a text."""
    name = scope.name.lower()
    down = ("pagedown", "space") if space else ("pagedown",)
    return (
        Key(f"{name}.up", ("up", "k"), "↑ or k", "up", "One line up", scope),
        Key(f"{name}.down", ("down", "j"), "↓ or j", "down", "One line down", scope),
        Key(f"{name}.page_up", ("pageup",), "page up", "page up", "One page up", scope),
        Key(f"{name}.page_down", down, "page down", "page down", "One page down", scope),
        Key(f"{name}.first", ("home",), "home", "top", "The beginning", scope),
        Key(f"{name}.last", ("end",), "end", "end", "The end", scope),
    )


def _help(scope: Scope, footer: int) -> Key:
    name = scope.name.lower()
    return Key(
        f"{name}.help", ("question_mark", "f1"), "? or F1", "help", "All keys", scope, footer, stays=True
    )


DECK, PANE, DETAILS, HELP, PROFILES, PREVIEW, RUN, RUNS, JOURNAL, STORY, EVERYWHERE = Scope

KEYS: tuple[Key, ...] = (
    Key("deck.pane_1", ("1",), "1", "Indexes", "Go to the Indexes pane", DECK),
    Key("deck.pane_2", ("2",), "2", "Constraints", "Go to the Constraints pane", DECK),
    Key("deck.pane_3", ("3",), "3", "Pool", "Go to the Pool pane", DECK),
    Key("deck.pane_4", ("4",), "4", "Latency", "Go to the Latency pane", DECK),
    Key("deck.next_pane", ("tab",), "tab", "pane", "Go to the next pane", DECK, footer=1),
    Key("deck.previous_pane", ("shift+tab",), "shift+tab", "pane back", "Go to the pane before", DECK),
    Key(
        "deck.details",
        ("enter",),
        "enter",
        "details",
        "Everything about the selected row, and what to do",
        DECK,
        footer=2,
        off=_needs_row,
    ),
    Key(
        "deck.filter", ("slash",), "/", "filter", "Show only the rows of this pane that hold a text", DECK, 3
    ),
    Key(
        "deck.build",
        ("b",),
        "b",
        "build",
        "Preview the next step that mends the selected index or constraint",
        DECK,
        footer=4,
        off=_needs_fault,
    ),
    Key(
        "deck.roll_back",
        ("r",),
        "r",
        "roll back",
        "Preview the step that takes the selected index or constraint away",
        DECK,
        off=_needs_object,
    ),
    Key(
        "deck.runs",
        ("u",),
        "u",
        "runs",
        "Runs: going on, left alone, ended; builds of others",
        DECK,
        footer=5,
    ),
    Key(
        "deck.journal",
        ("l",),
        "l",
        "journal",
        "What was previewed, confirmed, run and verified",
        DECK,
        footer=10,
    ),
    Key("deck.zoom", ("z",), "z", "zoom", "Give this pane the whole screen, or give it back", DECK),
    Key(
        "deck.copy",
        ("y",),
        "y",
        "copy",
        "Copy the row's SQL: to the clipboard (OSC 52), and to a file",
        DECK,
        footer=11,
        off=_needs_sql,
    ),
    Key(
        "deck.pause",
        ("space",),
        "space",
        "pause",
        "Stop reading the server, or go on",
        DECK,
        off=_needs_watch,
    ),
    Key("deck.refresh", ("g",), "g", "read now", "Read everything again now", DECK, off=_can_refresh),
    Key("deck.profiles", ("e",), "e", "profiles", "Choose, test and edit profiles", DECK, footer=9),
    _help(DECK, footer=7),
    Key("deck.palette", ("ctrl+p",), "ctrl+p", "palette", "Find an action by its name", DECK, palette=False),
    Key("deck.leave", ("escape",), "esc", "back", "Leave the filter, then the zoom", DECK, palette=False),
    Key(
        "deck.quit",
        ("q", "ctrl+q"),
        "q",
        "quit",
        "End pgdeck; a run goes on unless you say otherwise",
        DECK,
        footer=8,
        stays=True,
    ),
    Key("pane.up", ("up", "k"), "↑ or k", "up", "One row up", PANE, palette=False),
    Key("pane.down", ("down", "j"), "↓ or j", "down", "One row down", PANE, palette=False),
    Key("pane.page_up", ("pageup",), "page up", "page up", "One page up", PANE, palette=False),
    Key("pane.page_down", ("pagedown",), "page down", "page down", "One page down", PANE, palette=False),
    Key("pane.first", ("home",), "home", "first", "The first row", PANE, palette=False),
    Key("pane.last", ("end",), "end", "last", "The last row", PANE, palette=False),
    Key(
        "details.close",
        ("escape", "q", "enter"),
        "esc",
        "back",
        "Back to the deck",
        DETAILS,
        footer=1,
        stays=True,
    ),
    _help(DETAILS, footer=9),
    Key(
        "details.copy",
        ("y",),
        "y",
        "copy",
        "Copy the SQL of the next step",
        DETAILS,
        footer=2,
        off=_needs_sql,
    ),
    Key(
        "details.build",
        ("b",),
        "b",
        "build",
        "Preview the next step that mends it",
        DETAILS,
        footer=3,
        off=_needs_fault,
    ),
    Key(
        "details.roll_back",
        ("r",),
        "r",
        "roll back",
        "Preview the step that takes it away",
        DETAILS,
        footer=4,
        off=_needs_object,
    ),
    Key("details.up", ("up", "k"), "↑ or k", "up", "One line up", DETAILS),
    Key("details.down", ("down", "j"), "↓ or j", "down", "One line down", DETAILS),
    Key("details.page_up", ("pageup",), "page up", "page up", "One page up", DETAILS),
    Key("details.page_down", ("pagedown", "space"), "page down", "page down", "One page down", DETAILS),
    Key("details.first", ("home",), "home", "top", "The beginning", DETAILS),
    Key("details.last", ("end",), "end", "end", "The end", DETAILS),
    Key(
        "help.close",
        ("escape", "q", "question_mark", "f1"),
        "esc",
        "back",
        "Back to where it was opened",
        HELP,
        footer=1,
    ),
    Key("help.up", ("up", "k"), "↑ or k", "up", "One line up", HELP),
    Key("help.down", ("down", "j"), "↓ or j", "down", "One line down", HELP),
    Key("help.page_up", ("pageup",), "page up", "page up", "One page up", HELP),
    Key("help.page_down", ("pagedown", "space"), "page down", "page down", "One page down", HELP),
    Key("help.first", ("home",), "home", "top", "The beginning", HELP),
    Key("profiles.open", ("enter",), "enter", "open", "Open the deck of the selected profile", PROFILES, 1),
    Key("profiles.test", ("t",), "t", "test", "Connect, stage by stage, and say what failed", PROFILES, 2),
    Key("profiles.add", ("a",), "a", "add", "Write a new profile", PROFILES, footer=3),
    Key("profiles.edit", ("e",), "e", "edit", "Change the selected profile", PROFILES, footer=4),
    Key("profiles.password", ("p",), "p", "password", "Keep its password in the keyring", PROFILES, footer=5),
    Key("profiles.remove", ("d",), "d", "remove", "Delete it, after a question", PROFILES, footer=6),
    Key(
        "profiles.close",
        ("escape", "q"),
        "esc",
        "back",
        "Back to the deck, or out",
        PROFILES,
        footer=7,
        stays=True,
    ),
    _help(PROFILES, footer=8),
    Key("help.last", ("end",), "end", "end", "The end", HELP),
    Key(
        "preview.confirm",
        ("c",),
        "c",
        "confirm",
        "Go on to the question, which runs it",
        PREVIEW,
        1,
        off=_why,
    ),
    Key("preview.refresh", ("g",), "g", "look again", "Look at the server once more", PREVIEW, footer=2),
    Key("preview.copy", ("y",), "y", "copy", "Copy the exact SQL", PREVIEW, footer=3, off=_needs_sql),
    Key(
        "preview.close", ("escape", "q"), "esc", "back", "Back; nothing is run", PREVIEW, footer=4, stays=True
    ),
    _help(PREVIEW, footer=5),
    *_reading(PREVIEW),
    Key("run.close", ("escape", "q"), "esc", "back", "Back to the deck; the run goes on", RUN, 1, stays=True),
    _help(RUN, footer=7),
    Key(
        "run.stop",
        ("x",),
        "x",
        "cancel it",
        "Cancel the run and clean up, after a question",
        RUN,
        2,
        off=_why,
    ),
    Key(
        "run.cancel_blocker",
        ("c",),
        "c",
        "cancel blocker",
        "Cancel the statement of the marked session in the way, after a question",
        RUN,
        footer=3,
        off=_needs_row,
    ),
    Key(
        "run.terminate_blocker",
        ("t",),
        "t",
        "terminate",
        "Terminate the marked session in the way, after a question",
        RUN,
        footer=4,
        off=_needs_row,
    ),
    Key(
        "run.mark",
        ("n", "tab"),
        "n",
        "mark",
        "Mark the next session in the way",
        RUN,
        footer=5,
        off=_needs_row,
    ),
    Key(
        "run.next", ("b",), "b", "next step", "After the end: preview the next step", RUN, footer=6, off=_why
    ),
    Key("run.copy", ("y",), "y", "copy", "Copy the exact SQL", RUN),
    *_reading(RUN),
    Key(
        "runs.open",
        ("enter",),
        "enter",
        "open",
        "Watch the selected run, or read how it ended",
        RUNS,
        1,
        off=_why,
    ),
    Key("runs.adopt", ("a",), "a", "adopt", "Take over a run whose runner died", RUNS, footer=2, off=_why),
    Key(
        "runs.stop",
        ("x",),
        "x",
        "cancel it",
        "Cancel the selected run and clean up",
        RUNS,
        footer=3,
        off=_why,
    ),
    Key("runs.close", ("escape", "q"), "esc", "back", "Back to the deck", RUNS, footer=4, stays=True),
    _help(RUNS, footer=5),
    Key(
        "journal.open",
        ("enter",),
        "enter",
        "open",
        "Everything that the journal says of it",
        JOURNAL,
        1,
        off=_needs_row,
    ),
    Key("journal.filter", ("slash",), "/", "filter", "Show only what holds a text", JOURNAL, footer=2),
    Key("journal.copy", ("y",), "y", "copy", "Copy what the journal says of it", JOURNAL, 3, off=_needs_row),
    Key(
        "journal.note",
        ("w",),
        "w",
        "write note",
        "Write the hand-over note of this profile as Markdown",
        JOURNAL,
        4,
    ),
    Key("journal.close", ("escape", "q"), "esc", "back", "Back to the deck", JOURNAL, footer=5, stays=True),
    _help(JOURNAL, footer=6),
    Key("story.copy", ("y",), "y", "copy", "Copy all of it", STORY, footer=2),
    Key(
        "story.close",
        ("escape", "q", "enter"),
        "esc",
        "back",
        "Back to the journal",
        STORY,
        footer=1,
        stays=True,
    ),
    _help(STORY, footer=3),
    *_reading(STORY),
    Key(
        "everywhere.redraw",
        ("ctrl+l",),
        "ctrl+l",
        "redraw",
        "Draw the whole screen again, after another program wrote on it",
        EVERYWHERE,
        palette=False,
    ),
    Key(
        "everywhere.suspend",
        ("ctrl+z",),
        "ctrl+z",
        "suspend",
        "Back to the shell; fg returns here",
        EVERYWHERE,
        palette=False,
    ),
)


def key(identifier: str) -> Key:
    """The key with this id."""
    return next(each for each in KEYS if each.id == identifier)


def of_scope(scope: Scope) -> Iterator[Key]:
    """The keys of a scope, in the order of the registry."""
    return (each for each in KEYS if each.scope is scope)


def footer_keys(scope: Scope) -> list[Key]:
    """The keys that the footer shows in a scope, in its order."""
    return sorted((each for each in of_scope(scope) if each.footer), key=lambda each: each.footer)


def bindings(scope: Scope, action: str = "key") -> list[Binding]:
    """Textual's bindings of a scope; every one calls `action_ACTION` with the id's last part."""
    from textual.binding import Binding

    return [
        Binding(",".join(each.keys), f"{action}('{each.action}')", each.title, show=False, id=each.id)
        for each in of_scope(scope)
    ]


def markdown_table() -> str:
    """The table of the README."""
    rows = ["| Key | Does | Where |", "|---|---|---|"]
    for each in KEYS:
        label = each.label.replace("|", "\\|")
        rows.append(f"| `{label}` | {each.help} | {each.scope.value.lower()} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(markdown_table(), end="")  # noqa: T201
