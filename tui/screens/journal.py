"""The journal: who previewed, confirmed and ran what, and how it ended; read from the file alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType

from profiles.locations import locations
from profiles.model import Profile
from tui import keys
from tui.messages import Copied
from tui.present.header import trail
from tui.present.journal import Story, journal_view, stories, story_lines, story_text
from tui.present.view import Line, Tone, View, line
from tui.reports.events import signalled
from tui.screens.listing import Listing
from tui.screens.reader import Reader

if TYPE_CHECKING:
    from sql.steps.journal import JournalEntry

FOLLOW_S = 1.0


class JournalScreen(Listing):
    """One row a run, the latest first."""

    SCOPE = keys.Scope.JOURNAL
    NAME = "journal"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.JOURNAL)]

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self._entries: list[JournalEntry] = []
        self._stories: tuple[Story, ...] = ()
        self._view = View(summary=line(("reading …", Tone.DIM)))

    def on_mount(self) -> None:
        """Read the file once the frame is out, and go on while the screen is up."""
        self.call_after_refresh(self.read_on)

    def view(self) -> View:
        """What was read so far."""
        return self._view

    @work(group="journal", exclusive=True, description="read the journal", exit_on_error=False)
    async def read_on(self) -> None:
        """Read on until the screen is left."""
        tail = await asyncio.to_thread(_tail)
        first, trouble_before = True, ""
        while True:
            trouble = ""
            try:
                new = await asyncio.to_thread(tail.new)
            except OSError as error:
                new, trouble = [], f"the journal cannot be read: {error.strerror}"
            mine = [entry for entry in new if entry.profile == self.profile.name]
            if mine or first or trouble != trouble_before:
                self._entries += mine
                self._stories = stories(self._entries)
                self._view = journal_view(self._stories, trouble)
                self.follow()
            first, trouble_before = False, trouble
            await asyncio.sleep(FOLLOW_S)

    @property
    def story(self) -> Story | None:
        """The one that the cursor is on."""
        row = self.pane.row
        return next((each for each in self._stories if row is not None and each.key == row.key), None)

    def act(self, name: str) -> None:
        """The whole story, a copy of it, or the note."""
        story = self.story
        if name == "note":
            self._write_note()
        elif story is not None and name == "open":
            self.app.push_screen(StoryScreen(self.profile, story))
        elif story is not None:
            self.post_message(Copied(story_text(story)))

    @work(group="note", exclusive=True, description="write the hand-over note", exit_on_error=False)
    async def _write_note(self) -> None:
        try:
            path = await asyncio.to_thread(write_note, self.profile.name, datetime.now(UTC))
        except OSError as error:
            self.say(f"the note cannot be written: {error.strerror}", Tone.BAD)
        else:
            self.say(f"written: {path.name} in {path.parent}", Tone.GOOD)


class StoryScreen(Reader):
    """Everything that the journal says of one run."""

    KEYS = keys.Scope.STORY
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.STORY)]

    def __init__(self, profile: Profile, story: Story) -> None:
        super().__init__()
        self._profile = profile
        self._story = story

    def title_text(self) -> Line:
        """Whose run this is."""
        first = self._story.first
        what = f"{first.step or signalled(first)} {first.run or 'previewed'}"
        return trail(self._profile.environment, "journal", what)

    def lines(self, width: int) -> Sequence[Line]:
        """Its entries."""
        return story_lines(self._story, width)

    def action_key(self, name: str) -> None:
        """Copying; the rest as in every text."""
        if name == "copy":
            self.post_message(Copied(story_text(self._story)))
        else:
            super().action_key(name)


def write_note(profile: str, now: datetime) -> Path:
    """Write what the journal says of a profile as Markdown; where.

    Raises:
        OSError: it could not be written, or the journal not be read.
    """
    from sql.steps.journal import Journal, Tail
    from sql.steps.runs import runs
    from tui.reports import journal_markdown

    places = locations()
    tail = Tail(places.journal)
    entries = [entry for entry in tail.new() if entry.profile == profile]
    states = sorted(runs(Journal(places.journal), profile), key=lambda state: state.run)
    text = journal_markdown.render(entries, states, tail.skipped)
    folder = places.state
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"handover-{profile}-{now:%Y%m%d-%H%M%S}.md"
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def _tail():  # type: ignore[no-untyped-def]
    from sql.steps.journal import Tail

    return Tail(locations().journal)
