"""The list of profiles: open, test, add, edit, remove, and keep a password, by keyboard."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from profiles import store, vault
from profiles.errors import ConfigurationError, CredentialError
from profiles.model import CredentialSource, Profile
from profiles.secret import Secret
from tui import keys
from tui.panes.pane import Pane
from tui.present.profiles import Entry, entries, profiles_view, stage_lines, title_line
from tui.present.text import clean, wrap
from tui.present.view import Line, Tone, line
from tui.screens.confirm import ConfirmScreen
from tui.screens.help import open_help
from tui.screens.password import PasswordScreen
from tui.screens.set_password import SetPasswordScreen
from tui.widgets.footer import Footer
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from sql.examine import Stage

CAN_BE_TYPED = (CredentialSource.PROMPT, CredentialSource.KEYRING)


class ProfilesScreen(Screen[str | None]):
    """Dismisses with the name of the profile to open, or None."""

    CSS_PATH = "../styles/profiles.tcss"
    AUTO_FOCUS = "#profiles-list"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.PROFILES)]

    def __init__(self) -> None:
        super().__init__()
        self._entries: dict[str, Entry] = {}
        self._stages: list[Stage] = []
        self._manifest_trouble = ""
        self._tested = ""

    def compose(self) -> ComposeResult:
        """Title, list, the stages of a test, keys."""
        yield Lines(id="profiles-title")
        yield Pane(0, "Profiles", id="profiles-list")
        yield Lines(id="stages")
        yield Footer(keys.Scope.PROFILES, id="footer")

    def on_mount(self) -> None:
        """Read the files, once the frame is there; the cursor begins on the profile that is watched."""
        self.pane.border_title = "Profiles"
        watched: Profile | None = getattr(self.app, "profile", None)
        self.call_after_refresh(self.reload, watched.name if watched is not None else "")

    @property
    def pane(self) -> Pane:
        """The rows."""
        return self.query_one("#profiles-list", Pane)

    @property
    def selected(self) -> Entry | None:
        """The profile that the cursor is on."""
        row = self.pane.row
        return self._entries.get(row.key) if row is not None else None

    @work(group="reload", exclusive=True, description="read the profiles")
    async def reload(self, select: str = "") -> None:
        """Read all profiles again; the cursor goes to `select`."""
        found = await asyncio.to_thread(entries)
        self._entries = {entry.name: entry for entry in found}
        self.pane.show_view(profiles_view(found, datetime.now(UTC)), "")
        names = [row.key for row in self.pane.rows]
        if select in names:
            self.pane._select(names.index(select))
        self.query_one("#profiles-title", Lines).show([title_line(found)])

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in the footer for a while."""
        self.query_one("#footer", Footer).say(clean(text), tone)

    def on_resize(self) -> None:
        """Another width breaks the stages elsewhere."""
        self.call_after_refresh(self._draw_stages)

    def on_pane_opened(self) -> None:
        """A second click on a row opens it."""
        self.action_key("open")

    # -- keys -------------------------------------------------------------------------------------------

    def action_key(self, name: str) -> None:
        """Every key of the list comes through here."""
        if name == "close":
            self._close()
        elif name == "help":
            open_help(self.app)
        elif name == "add":
            self._edit(None)
        elif (entry := self.selected) is None:
            self.say("there is no profile yet; a adds one", Tone.WARN)
        elif name == "remove":
            self._remove(entry.name)
        elif entry.profile is None:
            self._show_problem(entry)
        elif name == "open":
            self.dismiss(entry.name)
        elif name == "edit":
            self._edit(entry.profile)
        elif name == "test":
            self._test(entry.profile)
        elif name == "password":
            self._set_password(entry.profile)

    def _close(self) -> None:
        if self.has_class("-testing"):
            self.workers.cancel_group(self, "test")
            self.remove_class("-testing")
            return
        self.dismiss(None)

    def _show_problem(self, entry: Entry) -> None:
        self._tested = f"{clean(entry.name)} cannot be used"
        self._stages = []
        self.add_class("-testing")
        self._draw_text(entry.problem)

    @work(group="ask", exclusive=True, description="add or edit a profile")
    async def _edit(self, profile: Profile | None) -> None:
        from tui.screens.profile_form import ProfileForm

        saved = await self.app.push_screen_wait(ProfileForm(profile))
        if saved is not None:
            self.reload(saved)
            self.say(f"{saved} is saved", Tone.GOOD)

    @work(group="ask", exclusive=True, description="ask before removing a profile")
    async def _remove(self, name: str) -> None:
        question = (
            f"Remove the profile {clean(name)} and its passwords in the keyring? The database is not touched."
        )
        if not await self.app.push_screen_wait(ConfirmScreen(question, "Remove")):
            return
        try:
            said = await asyncio.to_thread(_removed, name)
        except ConfigurationError as error:
            self.say(error.user_message(), Tone.BAD)
        else:
            self.say(said, Tone.GOOD)
        self.reload()

    @work(group="ask", exclusive=True, description="ask for a password to keep")
    async def _set_password(self, profile: Profile) -> None:
        try:
            await asyncio.to_thread(vault.require_keyring)
            secret = await self.app.push_screen_wait(SetPasswordScreen(clean(profile.name)))
            if secret is None:
                return
            keyring = await asyncio.to_thread(vault.store, profile.name, secret)
        except CredentialError as error:
            self._tested = f"the password of {clean(profile.name)} is not kept"
            self.add_class("-testing")
            self._stages = []
            self._draw_text(str(error))
            return
        reads = profile.credentials is not None and profile.credentials.source is CredentialSource.KEYRING
        more = "" if reads else "; edit it (e): its password does not come from the keyring yet"
        self.say(f"kept in {keyring}{more}", Tone.GOOD if reads else Tone.WARN)

    # -- test -------------------------------------------------------------------------------------------

    @work(group="test", exclusive=True, description="test a connection")
    async def _test(self, profile: Profile) -> None:
        from tui.screens.profile_fields import manifest_trouble

        self._tested = f"{clean(profile.name)}: connecting …"
        self._stages = []
        self._manifest_trouble = await asyncio.to_thread(manifest_trouble, profile)
        self.add_class("-testing")
        self._draw_stages()
        try:
            password = await self._password(profile)
        except (CredentialError, ConfigurationError) as error:
            self._tested = f"{clean(profile.name)} failed"
            self._draw_text(error.user_message())
            return
        if await self._examine(profile, password):
            asked = await self.app.push_screen_wait(PasswordScreen(f"Password of {clean(profile.name)}"))
            if asked is not None:
                await self._examine(profile, asked)

    async def _password(self, profile: Profile) -> Secret | None:
        try:
            return await asyncio.to_thread(vault.password_for, profile)
        except CredentialError as error:
            source = profile.credentials.source if profile.credentials is not None else None
            if source not in CAN_BE_TYPED:
                raise
            why = "" if source is CredentialSource.PROMPT else f" ({str(error).partition('; ')[0]})"
        question = f"Password of {clean(profile.name)}, for this time only{clean(why)}"
        asked = await self.app.push_screen_wait(PasswordScreen(question))
        if asked is None:
            raise CredentialError("no password was typed; press t to try again")
        return asked

    async def _examine(self, profile: Profile, password: Secret | None) -> bool:
        """Show the stages as they pass; whether a password is all that is missing."""
        from sql.examine import stages

        self._stages = []
        async for stage in stages(profile, password):
            self._stages.append(stage)
            self._draw_stages()
        passed = all(stage.passed for stage in self._stages)
        self._tested = f"{clean(profile.name)} {'can be reached' if passed else 'failed'}"
        self._draw_stages()
        return self._stages[-1].needs_password

    def _draw_stages(self) -> None:
        if self.has_class("-testing") and self._stages:
            lines = stage_lines(self._stages, self._width)
            self._show_lines([*lines, *self._manifest_lines()])
        elif self.has_class("-testing"):
            self._show_lines([line(("…", Tone.DIM))])

    def _manifest_lines(self) -> list[Line]:
        """A test of the connection alone would call a profile good that cannot be opened."""
        said = f"! its manifest cannot be used: {clean(self._manifest_trouble)}"
        return [line((part, Tone.WARN)) for part in wrap(said, self._width)] if self._manifest_trouble else []

    def _draw_text(self, text: str) -> None:
        self._show_lines([line((part, Tone.BAD)) for part in wrap(text, self._width)])

    @property
    def _width(self) -> int:
        return max(self.size.width - 4, 20)

    def _show_lines(self, lines: list[Line]) -> None:
        panel = self.query_one("#stages", Lines)
        panel.border_title = clean(self._tested)
        panel.show(lines)


def _removed(name: str) -> str:
    """Delete the file, what is remembered of it, and its passwords; what to say then."""
    from profiles import verdicts

    store.remove(name)
    verdicts.forget(name)
    try:
        return f"{name} is removed{', and its password' if vault.forget(name) else ''}"
    except CredentialError:
        return f"{name} is removed; there is no keyring that could hold its password"
