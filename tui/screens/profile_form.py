"""Add or edit a profile: every key of its file is a field, and what is wrong stands beside it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import Input

from profiles import store
from profiles.errors import ConfigurationError
from profiles.model import Profile
from tui.present.text import clean, wrap
from tui.present.view import Line, Tone, line, spread
from tui.screens.confirm import ConfirmScreen
from tui.screens.profile_fields import (
    BY_DEFAULT,
    GROUPS,
    Field,
    Group,
    manifest_trouble,
    read_form,
    replica_field,
    replica_ids,
    texts_of,
)
from tui.widgets.choice import Choice
from tui.widgets.lines import Lines
from tui.widgets.own_keys import TextField

NEW = {"environment": "production", **BY_DEFAULT}
"""What a new profile starts with: the class that is treated with most care."""


class Fields(VerticalScroll, inherit_bindings=False):
    """Scrolls to the field in focus; the arrows go from field to field, never to the scrollbar."""


class ProfileForm(Screen[str | None]):
    """Dismisses with the name of what was saved, or None."""

    CSS_PATH = "../styles/profiles.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority the focus moves when the key arrives: letters right behind it find the next field.
        Binding("tab,down,enter", "next", show=False, priority=True),
        Binding("shift+tab,up", "previous", show=False, priority=True),
        Binding("f2", "save", "save", show=False, priority=True),
        Binding("escape", "leave", "back", show=False),
    ]

    def __init__(self, profile: Profile | None = None) -> None:
        super().__init__()
        self._profile = profile
        self._texts = texts_of(profile) if profile is not None else dict(NEW)
        self._replicas = len(profile.replicas) + 1 if profile is not None else 1
        self._at_first = dict(self._texts)
        self._notes: dict[str, Lines] = {}
        self._wrong: dict[str, str] = {}
        self._valid: Profile | None = None

    def compose(self) -> ComposeResult:
        """Title, fields, the sentence for the field in focus, keys."""
        yield Lines(id="form-title")
        with Fields(id="form", can_focus=False):
            for group in self._groups():
                heading = Lines(classes="group")
                heading.show([line((group.title, Tone.ACCENT))])
                yield heading
                for field in group.fields:
                    yield self._row(field)
        yield Lines(id="form-status")
        yield Lines(id="form-keys")

    def _groups(self) -> tuple[Group, ...]:
        replicas = tuple(replica_field(number) for number in range(1, self._replicas + 1))
        return (*GROUPS, Group("Replicas", replicas))

    def _row(self, field: Field) -> Horizontal:
        value = self._texts.setdefault(field.id, "")
        self._at_first.setdefault(field.id, value)
        label = Lines(classes="label")
        label.show([line((field.label, Tone.DIM))])
        control: TextField | Choice
        if field.choices:
            control = Choice(field.choices, value, id=field.id)
        else:
            control = TextField(value, placeholder=field.hint, id=field.id, compact=True)
            control.cursor_blink = False
            control.disabled = field.id == "name" and self._profile is not None
        self._notes[field.id] = Lines(classes="note")
        return Horizontal(label, control, self._notes[field.id], classes="field")

    def on_mount(self) -> None:
        """Judge what stands in the fields, begin at the first that can be changed."""
        self.query_one("#name" if self._profile is None else "#environment").focus()
        self._judge()

    def on_resize(self) -> None:
        """Another width breaks the status elsewhere."""
        self.call_after_refresh(self._draw)

    # -- typing -----------------------------------------------------------------------------------------

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        assert event.input.id is not None
        self._take(event.input.id, event.value)

    @on(Choice.Changed)
    def _chose(self, event: Choice.Changed) -> None:
        assert event.choice.id is not None
        self._take(event.choice.id, event.choice.value)

    def _take(self, field: str, value: str) -> None:
        if self._texts.get(field) == value:
            return
        self._texts[field] = value
        last = replica_ids(self._texts)[-1]
        if field == last and value.strip():
            self._add_replica()
        self._judge()

    def _add_replica(self) -> None:
        self._replicas += 1
        self.query_one("#form").mount(self._row(replica_field(self._replicas)))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The sentence below is that of the field in focus; its whole row comes into sight."""
        self._draw()
        if event.widget.id in ("name", "environment"):
            self.query_one("#form").scroll_home(animate=False)

    # -- judging ----------------------------------------------------------------------------------------

    def _judge(self) -> None:
        self._valid, self._wrong = read_form(self._texts, new=self._profile is None)
        self._draw()

    @property
    def changed(self) -> bool:
        """Whether anything was typed that is not saved."""
        return {k: v for k, v in self._texts.items() if v} != {k: v for k, v in self._at_first.items() if v}

    @property
    def why_not_saved(self) -> str:
        """Why Save does nothing now; empty where it works."""
        if self._wrong:
            field, sentence = next(iter(self._wrong.items()))
            more = f" (and {len(self._wrong) - 1} more)" if len(self._wrong) > 1 else ""
            return f"{_label(field)}: {sentence}{more}"
        return "" if self.changed else "nothing was changed"

    def _draw(self) -> None:
        if not self.is_mounted or self.size.width == 0:
            return
        what = "New profile" if self._profile is None else f"Profile {clean(self._profile.name)}"
        self.query_one("#form-title", Lines).show([line((f" {what}", Tone.STRONG))])
        for field, note in self._notes.items():
            sentence = self._wrong.get(field, "")
            note.show([line((f"✗ {clean(sentence)}", Tone.BAD))] if sentence else [line()])
            if note.parent is not None:
                note.parent.set_class(bool(sentence), "-wrong")
        self.query_one("#form-status", Lines).show(self._status())
        self.query_one("#form-keys", Lines).show([self._keys()])

    def _status(self) -> list[Line]:
        focused = self.focused.id if self.focused is not None else None
        sentence = self._wrong.get(focused or "", "")
        said = f"{_label(focused)}: {sentence}" if sentence and focused else self.why_not_saved
        width = self.size.width - 4
        if not said:
            return [line((" ✓ can be saved", Tone.GOOD))]
        tone = Tone.BAD if self._wrong else Tone.DIM
        sign = "✗" if self._wrong else "·"
        return [
            line((f" {sign if at == 0 else ' '} {text}", tone))
            for at, text in enumerate(wrap(said, width)[:2])
        ]

    def _keys(self) -> Line:
        save = Tone.DIM if self.why_not_saved else Tone.ACCENT
        words = " save  " if not self.why_not_saved else " save (not yet)  "
        keys = line((" F2", save), (words, Tone.DIM), ("tab ↓ ↑", Tone.ACCENT), (" field  ", Tone.DIM))
        more = line(("← →", Tone.ACCENT), (" choose  ", Tone.DIM), ("esc", Tone.ACCENT), (" back ", Tone.DIM))
        return spread((*keys, *more), line(), self.size.width)

    # -- keys -------------------------------------------------------------------------------------------

    def action_next(self) -> None:
        """The next field."""
        self.focus_next()

    def action_previous(self) -> None:
        """The field before."""
        self.focus_previous()

    def action_save(self) -> None:
        """Save what was typed until now, or say why not."""
        self._save()

    @work(group="save", exclusive=True, description="save the profile")
    async def _save(self) -> None:
        await self._take_typed()
        profile = self._valid
        if self.why_not_saved or profile is None:
            self._draw()
            self.app.bell()
            return
        trouble = await asyncio.to_thread(manifest_trouble, profile)
        question = f"The manifest cannot be used: {clean(trouble)}. Save the profile all the same?"
        if trouble and not await self.app.push_screen_wait(ConfirmScreen(question, "Save")):
            self.query_one("#manifest").focus()
            return
        try:
            await asyncio.to_thread(store.save, replace(profile, path=None))
        except ConfigurationError as error:
            self._wrong = {problem.key or "name": problem.sentence() for problem in error.problems}
            self._draw()
            return
        self.dismiss(profile.name)

    async def _take_typed(self) -> None:
        """Wait until every key that came before has reached its field, and take what stands there."""
        controls = (*self.query(TextField), *self.query(Choice))
        for control in controls:
            reached = asyncio.Event()
            if control.call_later(reached.set):
                await reached.wait()
        self._texts |= {control.id or "": control.value for control in controls}
        self._judge()

    def action_leave(self) -> None:
        """Back, after a question where something would be lost."""
        if self.changed:
            self._ask()
        else:
            self.dismiss(None)

    @work(group="ask", exclusive=True, description="ask before leaving")
    async def _ask(self) -> None:
        if await self.app.push_screen_wait(ConfirmScreen("Leave without saving?", "Leave")):
            self.dismiss(None)


def _label(field: str | None) -> str:
    for group in GROUPS:
        for each in group.fields:
            if each.id == field:
                return each.label
    return (field or "").replace("-", " ")
