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
    watching: bool = True
    """The watch is running (or trying to)."""
    paused: bool = False


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


DECK, PANE, DETAILS, HELP, PROFILES, EVERYWHERE = Scope

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
    Key("deck.zoom", ("z",), "z", "zoom", "Give this pane the whole screen, or give it back", DECK, footer=4),
    Key(
        "deck.copy",
        ("y",),
        "y",
        "copy",
        "Copy the row's SQL: to the clipboard (OSC 52), and to a file",
        DECK,
        footer=5,
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
    Key("deck.profiles", ("e",), "e", "profiles", "Choose, test and edit profiles", DECK, footer=6),
    Key("deck.help", ("question_mark", "f1"), "? or F1", "help", "All keys", DECK, footer=7),
    Key("deck.palette", ("ctrl+p",), "ctrl+p", "palette", "Find an action by its name", DECK, palette=False),
    Key("deck.leave", ("escape",), "esc", "back", "Leave the filter, then the zoom", DECK, palette=False),
    Key(
        "deck.quit", ("q", "ctrl+q"), "q", "quit", "End pgdeck; the server keeps what it has", DECK, footer=8
    ),
    Key("pane.up", ("up", "k"), "↑ or k", "up", "One row up", PANE, palette=False),
    Key("pane.down", ("down", "j"), "↓ or j", "down", "One row down", PANE, palette=False),
    Key("pane.page_up", ("pageup",), "page up", "page up", "One page up", PANE, palette=False),
    Key("pane.page_down", ("pagedown",), "page down", "page down", "One page down", PANE, palette=False),
    Key("pane.first", ("home",), "home", "first", "The first row", PANE, palette=False),
    Key("pane.last", ("end",), "end", "last", "The last row", PANE, palette=False),
    Key("details.close", ("escape", "q", "enter"), "esc", "back", "Back to the deck", DETAILS, footer=1),
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
        "Back to the deck",
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
    Key("profiles.close", ("escape", "q"), "esc", "back", "Back to the deck, or out", PROFILES, footer=7),
    Key("help.last", ("end",), "end", "end", "The end", HELP),
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
