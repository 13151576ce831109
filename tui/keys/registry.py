"""What a key is, where it works, and why it may be off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


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
    SLOW_STATEMENTS = "In the list of slow statements"
    STATEMENT = "On a slow statement"
    LATENCY = "On the latency screen"
    REPLAY = "In a replay"
    DEMO_WATCH = "In the demo watch"
    WARMING = "While the data is warmed up"
    LOCKS = "In the locks"
    REPLICAS = "In the list of replicas"
    POOL = "On the pool screen"
    INCIDENTS = "In the list of incidents"
    EVIDENCE = "In the evidence of an incident"
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
    probes: bool = True
    """The manifest has a probe."""
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


def needs_row(facts: Facts) -> str:
    """Off without a selected row."""
    return "" if facts.row else f"no row is selected in {facts.pane or 'this pane'}"


def needs_sql(facts: Facts) -> str:
    """Off where the selected row has no SQL."""
    return needs_row(facts) or ("" if facts.sql else "this row has no SQL of its own to copy")


def needs_watch(facts: Facts) -> str:
    """Off where nothing is watched."""
    return "" if facts.watching else "nothing is being watched; e opens a profile"


def needs_probes(facts: Facts) -> str:
    """Off where nothing is measured."""
    return "" if facts.probes else "the manifest has no probe"


def can_refresh(facts: Facts) -> str:
    """Off where nothing is read."""
    return needs_watch(facts) or ("the watch is paused; space goes on" if facts.paused else "")


MENDABLE = ("Indexes", "Constraints")


def needs_object(facts: Facts) -> str:
    """Off where no step can be previewed."""
    if facts.pane not in MENDABLE:
        return f"steps are for rows of Indexes and Constraints, not of {facts.pane}"
    return needs_row(facts) or facts.standby or ("the watch is paused; space goes on" if facts.paused else "")


def needs_fault(facts: Facts) -> str:
    """Off where there is nothing to mend."""
    return needs_object(facts) or ("it is as the manifest asks; r takes it away" if facts.good else "")


def why(facts: Facts) -> str:
    """Off for the reason that the screen gives."""
    return facts.why


def reading_keys(scope: Scope, *, space: bool = True) -> tuple[Key, ...]:
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


def help_key(scope: Scope, footer: int) -> Key:
    """The key that opens the help."""
    name = scope.name.lower()
    return Key(
        f"{name}.help", ("question_mark", "f1"), "? or F1", "help", "All keys", scope, footer, stays=True
    )
