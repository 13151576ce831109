"""The list of profiles and its form, driven by keys alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input
from textual.worker import Worker, WorkerState

from profiles import manifest_file, profile_file, store, vault, verdicts
from profiles.errors import CredentialError
from profiles.locations import locations
from profiles.model import (
    Credentials,
    CredentialSource,
    EnvironmentClass,
    Guard,
    PoolOverride,
    Profile,
)
from profiles.secret import Secret
from tests.servers import Database
from tests.waiting import until
from tui.app import DeckApp
from tui.present.profiles import CLASS_SPANS
from tui.present.signs import BADGES
from tui.screens.confirm import ConfirmScreen
from tui.screens.password import PasswordScreen
from tui.screens.profile_fields import read_form, texts_of
from tui.screens.profile_form import ProfileForm
from tui.screens.profiles import ProfilesScreen
from tui.screens.set_password import SetPasswordScreen

SIZES = [(80, 24), (120, 40)]
SALES = Profile(
    "sales",
    EnvironmentClass.PRODUCTION,
    "enterprise-demo",
    {"host": "db.example.com", "port": "5432", "dbname": "sales"},
    guard=Guard.CONFIRM_NAME,
)
FULL = Profile(
    "full",
    EnvironmentClass.STAGING,
    "performance-indexes",
    {"host": "a,b", "port": "1,2", "dbname": "d b", "user": "it's", "sslmode": "require", "service": "s",
     "options": "-c x=1", "connect_timeout": "5"},
    {"port": "5433", "host": "direct host"},
    Credentials(CredentialSource.COMMAND, "UNUSED", ("pass", "show", "a 'b' \\")),
    Guard.CONFIRM,
    True,
    PoolOverride(20, 0, 1.5, 1800.0, 10.0, ("api%", "other app"), "host=b port=6432"),
    ({"host": "r1"}, {"host": "r 2", "port": "9"}),
)  # fmt: skip


class ListApp(DeckApp):
    """The app without a profile; remembers what was chosen and what failed."""

    def __init__(self) -> None:
        super().__init__()
        self.chosen: list[str | None] = []
        self.failed: list[BaseException | None] = []

    def _chosen(self, name: str | None) -> None:
        self.chosen.append(name)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Remember what failed."""
        if event.state is WorkerState.ERROR:
            self.failed.append(event.worker.error)


def own_manifest(name: str) -> None:
    """Keep a manifest of this name."""
    folder = locations().manifests
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text(manifest_file.find("performance-indexes").read_text())


class Driver:
    """What a test types, and what it sees."""

    def __init__(self, app: ListApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    async def press(self, *names: str) -> None:
        for name in names:
            await self.pilot.press(name)
            await self.pilot.pause()

    async def type(self, text: str) -> None:
        assert isinstance(self.app.focused, Input)
        for character in text:
            await self.pilot.press({" ": "space"}.get(character, character))
        await self.pilot.pause()

    async def shows(self, *texts: str) -> None:
        """Wait until all of them stand on the screen."""
        for text in texts:
            await until(lambda text=text: any(text in row for row in self.rows()))  # type: ignore[misc]

    async def up(self, kind: type) -> None:
        """Wait until a screen of this kind is up."""
        await until(lambda: isinstance(self.app.screen, kind))
        await self.pilot.pause()

    async def go_to(self, field: str) -> None:
        """Walk to a field by key."""
        for _ in range(60):
            if self.app.focused is not None and self.app.focused.id == field:
                return
            await self.press("tab")
        raise AssertionError(f"no way to {field}")

    async def listening(self) -> None:
        """Wait for the question, and until it hears keys."""
        await self.up(ConfirmScreen)
        screen = self.app.screen
        assert isinstance(screen, ConfirmScreen)
        await until(lambda: screen.listening)

    def rows(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip) for strip in strips]


@asynccontextmanager
async def listed(*profiles: Profile, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Driver]:
    for profile in profiles:
        store.save(profile)
    app = ListApp()
    async with app.run_test(size=size) as pilot:
        driver = Driver(app, pilot)
        await driver.up(ProfilesScreen)
        await driver.shows(f"{len(store.names())} profile")
        yield driver
        assert app.failed == []
    assert app.return_code in (None, 0), app.last_words


@pytest.mark.parametrize("size", SIZES)
async def test_the_list_says_class_and_verdict_in_words(size: tuple[int, int]) -> None:
    verdicts.remember("sales", "NOT READY", datetime.now(UTC))
    async with listed(
        SALES, replace(SALES, name="dev", environment=EnvironmentClass.DEVELOPMENT), size=size
    ) as driver:
        await driver.shows(
            "▲ PRODUCTION", "○ development", "✗ NOT READY", "– never checked", "now", "enter open"
        )
        assert all(len(row) == size[0] for row in driver.rows())


async def test_enter_opens_what_the_cursor_is_on() -> None:
    async with listed(replace(SALES, name="a"), replace(SALES, name="b")) as driver:
        await driver.press("down", "enter")
        assert driver.app.chosen == ["b"]


async def test_escape_opens_nothing() -> None:
    async with listed(SALES) as driver:
        await driver.press("escape")
        assert driver.app.chosen == [None]


async def test_without_a_profile_it_says_how_to_get_one() -> None:
    async with listed() as driver:
        await driver.shows("no profile is saved yet", "pgdeck demo")
        await driver.press("enter")
        await driver.shows("there is no profile yet; a adds one")
        assert driver.app.chosen == []


async def test_a_broken_file_says_why_and_is_not_opened() -> None:
    store.save(SALES)
    (locations().profiles / "broken.toml").write_text("environment = 3\n")
    async with listed() as driver:
        await driver.shows("✗ unusable", "1 file cannot be used")
        await driver.press("enter")
        await driver.shows("broken cannot be used", "environment: must be a text")
        assert driver.app.chosen == []
        await driver.press("escape")
        assert isinstance(driver.app.screen, ProfilesScreen)


async def test_hostile_texts_are_shown_as_they_are() -> None:
    hostile = replace(
        SALES, name="[b] $x [@click=app.quit]", connection={"host": "[red]h", "dbname": "a\u202eb"}
    )
    async with listed(hostile) as driver:
        await driver.shows("[b] $x [@click=app.quit]", "[red]h")
        assert not any("\u202e" in row for row in driver.rows())
        await driver.press("d")
        await driver.listening()
        await driver.shows("[b] $x [@click=app.quit]")


# -- test -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_a_connection_test_shows_every_stage(newest: Database, size: tuple[int, int]) -> None:
    async with listed(replace(SALES, connection=newest.parameters()), size=size) as driver:
        await driver.press("t")
        await driver.shows(
            "sales can be reached", "✓ profile", "✓ name", "✓ address", "✓ tls", "✓ login", "✓ rights"
        )
        assert all(len(row) == size[0] for row in driver.rows())
        await driver.press("escape")
        assert isinstance(driver.app.screen, ProfilesScreen)
        assert not any("✓ login" in row for row in driver.rows())


async def test_a_failed_test_names_the_stage_and_why() -> None:
    async with listed(replace(SALES, connection={"host": "/nowhere"})) as driver:
        await driver.press("t")
        await driver.shows("sales failed", "✓ name", "✗ address", "there is no server socket /nowhere")


async def test_a_test_asks_for_a_password_where_the_source_is_the_operator(newest: Database) -> None:
    asking = replace(SALES, connection=newest.parameters(), credentials=Credentials(CredentialSource.PROMPT))
    async with listed(asking) as driver:
        await driver.press("t")
        await driver.up(PasswordScreen)
        await driver.type("hunter2")
        assert not any("hunter2" in row for row in driver.rows())
        await driver.press("enter")
        await driver.shows("sales can be reached")
        await driver.press("t")
        await driver.up(PasswordScreen)
        await driver.press("escape")
        await driver.shows("no password was typed")


async def test_without_a_keyring_the_test_says_so_and_asks(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(profile: Profile) -> Secret:
        raise CredentialError("there is no keyring here; use a passfile")

    monkeypatch.setattr(vault, "password_for", none)
    headless = replace(
        SALES, connection=newest.parameters(), credentials=Credentials(CredentialSource.KEYRING)
    )
    async with listed(headless) as driver:
        await driver.press("t")
        await driver.up(PasswordScreen)
        await driver.shows("there is no keyring")


# -- password and removal -------------------------------------------------------------------------------


async def test_a_password_is_typed_twice_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Secret] = {}
    monkeypatch.setattr(vault, "require_keyring", lambda: None)
    monkeypatch.setattr(vault, "store", lambda key, secret: kept.update({key: secret}) or "memory")
    async with listed(replace(SALES, credentials=Credentials(CredentialSource.KEYRING))) as driver:
        await driver.press("p")
        await driver.up(SetPasswordScreen)
        await driver.type("one")
        await driver.press("enter")
        await driver.type("two")
        await driver.press("enter")
        await driver.shows("the two are not the same")
        for _ in range(2):
            await driver.type("hunter2")
            assert not any("hunter2" in row for row in driver.rows())
            await driver.press("enter")
        await driver.shows("kept in memory")
        assert kept == {"sales": Secret("hunter2")}


async def test_a_keyring_that_is_not_there_is_said_before_a_password_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> None:
        raise CredentialError("there is no keyring here; use a passfile, a variable or a command")

    monkeypatch.setattr(vault, "require_keyring", none)
    async with listed(SALES) as driver:
        await driver.press("p")
        await driver.shows("the password of sales is not kept", "use a passfile, a variable or a command")
        assert isinstance(driver.app.screen, ProfilesScreen)


async def test_removing_asks_and_cancel_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[str] = []
    monkeypatch.setattr(vault, "forget", lambda name: bool(forgotten.append(name)) or True)
    async with listed(SALES) as driver:
        for answer in (["enter"], ["escape"]):
            await driver.press("d")
            await driver.listening()
            await driver.press(*answer)
            await driver.up(ProfilesScreen)
            assert store.names() == ["sales"]
        await driver.press("d")
        await driver.listening()
        await driver.press("right", "enter")
        await driver.shows("sales is removed, and its password", "no profile is saved yet")
        assert store.names() == []
        assert forgotten == ["sales"]


async def test_keys_typed_before_the_question_do_not_answer_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.widgets.question.DEAF_S", 3600.0)
    async with listed(SALES) as driver:
        await driver.press("d")
        await driver.up(ConfirmScreen)
        screen = driver.app.screen
        assert isinstance(screen, ConfirmScreen)
        await driver.press("right", "enter", "escape")
        assert driver.app.screen is screen
        assert store.names() == ["sales"]


async def test_two_hasty_presses_open_one_question() -> None:
    async with listed(SALES) as driver:
        await driver.pilot.press("d", "d")
        await driver.listening()
        await driver.press("escape")
        await driver.up(ProfilesScreen)
        assert len(driver.app.screen_stack) == 2


# -- form -----------------------------------------------------------------------------------------------


def test_the_form_loses_no_key() -> None:
    profile, wrong = read_form(texts_of(FULL), new=True)
    assert wrong == {}
    assert profile is not None
    assert profile_file.as_toml(profile) == profile_file.as_toml(FULL)


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("name", "a/b", "path separator"),
        ("port", "x", "is not a port"),
        ("parameters", "hots=h", "is no libpq parameter"),
        ("parameters", "host=h", "has a field of its own"),
        ("parameters", "password=hunter2", "holds no password"),
        ("dbname", "postgres://u:hunter2@h/d", "holds a password"),
        ("direct", "nonsense", "keyword=value"),
        ("variable", "", "needs variable"),
        ("command", "'open", "a quote is not closed"),
        ("size", "0", "greater than 0"),
        ("size", "x", "must be a number"),
        ("timeout_s", "inf", "must be a number of seconds"),
        ("pgbouncer", "host=h password=hunter2", "holds a password"),
        ("replica-2", "sslmode=x", "is not known"),
        ("manifest", "", "is missing"),
    ],
)
def test_each_mistake_is_told_at_its_field(field: str, text: str, sentence: str) -> None:
    texts = {**texts_of(SALES), "replica-1": "", field: text}
    if field == "variable":
        texts["source"] = "environment"
    profile, wrong = read_form(texts, new=True)
    assert profile is None
    assert list(wrong) == [field]
    assert sentence in wrong[field]
    assert "hunter2" not in wrong[field]


async def test_a_profile_is_added_by_keyboard_alone() -> None:
    async with listed() as driver:
        await driver.press("a")
        await driver.up(ProfileForm)
        await driver.shows("New profile", "save (not yet)")
        await driver.press("f2")
        assert store.names() == []
        own_manifest("m")
        await driver.type("a b")
        await driver.press("down")
        await driver.press("right")
        await driver.shows("‹ development ›")
        await driver.press("enter")
        await driver.type("m")
        await driver.press("tab")
        await driver.type("db")
        await driver.press("tab")
        await driver.type("54x")
        await driver.shows('port: "54x" is not a port')
        await driver.press("backspace")
        await driver.type("32")
        await driver.go_to("source")
        await driver.press("right")
        await driver.go_to("replica-1")
        await driver.type("host=r1")
        await driver.go_to("replica-2")
        await driver.type("host=r2")
        assert driver.app.focused is not None
        assert driver.app.focused.region.bottom <= 24 - 3
        await driver.shows("can be saved")
        await driver.press("f2")
        await driver.up(ProfilesScreen)
        await driver.shows("a b is saved", "○ development")
        saved = profile_file.as_toml(store.load("a b"))
        assert saved == {
            "environment": "development",
            "manifest": "m",
            "connection": {"host": "db", "port": 5432},
            "credentials": {"source": "keyring"},
            "replica": [{"host": "r1"}, {"host": "r2"}],
        }


async def test_keys_that_come_at_once_reach_the_fields_that_they_are_meant_for() -> None:
    own_manifest("mf")
    async with listed() as driver:
        await driver.press("a")
        await driver.up(ProfileForm)
        named = (*"nmx", "backspace", "tab", "right", "right", "enter", *"mf", "down", *"hst")
        at_once = (*named, "tab", *"54", "tab", *"db", "f2")
        for name in at_once:
            driver.app.post_message(events.Key(name, name if len(name) == 1 else None))
        await driver.up(ProfilesScreen)
        saved = profile_file.as_toml(store.load("nm"))
        assert saved["manifest"] == "mf"
        assert saved["connection"] == {"host": "hst", "port": 54, "database": "db"}
        assert saved["environment"] != "production"


async def test_editing_one_field_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listed(FULL) as driver:
        await driver.press("e")
        await driver.up(ProfileForm)
        await driver.shows("nothing was changed")
        own_manifest("2")
        await driver.go_to("manifest")
        await driver.type("2")
        await driver.press("f2")
        await driver.shows("full is saved")
        expected = replace(FULL, manifest=store.load("full").manifest)
        assert expected.manifest != FULL.manifest
        assert profile_file.as_toml(store.load("full")) == profile_file.as_toml(expected)


async def test_a_manifest_that_is_not_there_is_said_before_it_is_saved_and_by_the_test() -> None:
    async with listed(replace(SALES, connection={"host": "/nowhere"}), size=(120, 40)) as driver:
        await driver.press("e")
        await driver.up(ProfileForm)
        await driver.go_to("manifest")
        await driver.type("x")
        await driver.press("f2")
        await driver.listening()
        await driver.shows("The manifest cannot be used", "the same?")
        await driver.press("enter")
        await driver.up(ProfileForm)
        assert store.load("sales").manifest == "enterprise-demo"
        assert driver.app.focused is not None
        assert driver.app.focused.id == "manifest"
        await driver.press("f2")
        await driver.listening()
        await driver.press("right", "enter")
        await driver.shows("sales is saved")
        await driver.press("t")
        await driver.shows("! its manifest cannot be used: ")


@pytest.mark.parametrize("size", SIZES)
async def test_a_long_host_is_whole_where_nothing_is_wrong_with_it(size: tuple[int, int]) -> None:
    host = "sales-primary.cluster-abcdefghij.eu-1.example.com"
    async with listed(replace(SALES, connection={"host": host}), size=size) as driver:
        await driver.press("e")
        await driver.up(ProfileForm)
        await driver.shows(host)
        await driver.go_to("port")
        await driver.type("54x")
        await driver.shows('✗ "54x"')


async def test_leaving_a_changed_form_asks() -> None:
    async with listed(SALES) as driver:
        await driver.press("e")
        await driver.up(ProfileForm)
        await driver.go_to("host")
        await driver.type("x")
        await driver.press("escape")
        await driver.listening()
        await driver.press("enter")
        await driver.up(ProfileForm)
        await driver.press("escape")
        await driver.listening()
        await driver.press("right", "enter")
        await driver.up(ProfilesScreen)
        assert store.load("sales").connection["host"] == "db.example.com"


async def test_a_name_that_is_taken_is_refused_while_typing() -> None:
    async with listed(SALES) as driver:
        await driver.press("a")
        await driver.up(ProfileForm)
        await driver.type("sales")
        await driver.shows("there is such a profile already")


def test_the_list_comes_up_without_a_database_driver() -> None:
    code = (
        "import sys, tui.app, tui.screens.profiles, tui.screens.profile_form;"
        "print([name for name in ('asyncpg', 'keyring') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"


def test_a_class_has_the_sign_of_its_badge() -> None:
    for each, badge in BADGES.items():
        text, _ = CLASS_SPANS[each]
        assert text.lower().split() == badge.lower().split()[:2]
