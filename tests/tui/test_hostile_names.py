"""Names that want to be markup, escape sequences or SQL: on a real server, in reports and in the deck."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from profiles import manifest_file, store
from profiles.model import EnvironmentClass, Profile
from sql.quoting import identifier, literal
from tests.servers import Database
from tests.sql.steps.schemas import psql
from tests.tui.terminal import Terminal
from tui import cli
from tui.reports import FORMATS

ESCAPES = "\x1b[2J\x1b]52;c;AAAA\x07\x9b31m\r\n\u202e"
"""Clears the screen, writes the clipboard, turns red, breaks lines, turns the writing round."""
NAMES = {
    "index": "[/b] [@click=app.quit]i[/] | `x` <b> 'q' \"d\"" + ESCAPES[:4],
    "wide": "日本語📦e\u0301索引索引索引索引索引",  # close to the 63 bytes of a name
    "table": "t [/b]; DROP TABLE x; --\n\u202e",
    "column": "c [x]",
    "constraint": "ck [/b] | `x` 'q'\x1b[31m",
    "probe": "p [/b] | \x1b[31m\u202e",
    "application": "a [/b]\x07 | <x> 'q'",
}
READY = "ENTERPRISE READY"


def words(text: str) -> str:
    """As a TOML string."""
    return json.dumps(text, ensure_ascii=False)


def manifest() -> str:
    table, column = identifier(NAMES["table"]), identifier(NAMES["column"])
    indexes = "\n".join(
        f"[[index]]\npurpose = {words(ESCAPES + '[/b]')}\n"
        f"definition = {words(f'CREATE INDEX {identifier(NAMES[name])} ON {table} ({column})')}"
        for name in ("index", "wide")
    )
    return f"""
title = {words("[/b]" + ESCAPES)}
{indexes}
[[constraint]]
table = {words(table)}
name = {words(NAMES["constraint"])}
purpose = {words(ESCAPES)}
definition = {words(f"CHECK ({column} > 0)")}
rejects = [{{ {words(NAMES["column"])} = -1 }}]
accepts = [{{ {words(NAMES["column"])} = 1 }}]
[[probe]]
name = {words(NAMES["probe"])}
class = {words("[red]" + ESCAPES)}
sql = {words(f"SELECT count(*) FROM {table}")}
target = {{ p50_ms = 60000 }}
[pool]
size = 30
applications = [{words(NAMES["application"])}]
"""


@pytest.fixture
async def hostile(newest: Database) -> Database:
    """A table with a row that breaks its constraint, and a profile `here` that asks for what is missing."""
    table, column = identifier(NAMES["table"]), identifier(NAMES["column"])
    await newest.execute(f"CREATE TABLE {table} ({column} int); INSERT INTO {table} VALUES (1), (2)")
    connection = newest.parameters()
    path = store.save(Profile("here", EnvironmentClass.STAGING, "./m.toml", connection=connection))
    (path.parent / "m.toml").write_text(manifest())
    return newest


def harmless(shown: str) -> bool:
    """Whether a text can do nothing to the terminal that shows it."""
    return not any((ord(each) < 32 and each != "\n") or each in "\x7f\x9b\u202e" for each in shown)


@pytest.mark.parametrize("name", FORMATS)
async def test_a_report_holds_them_as_text(
    name: str, hostile: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["verify", "-e", "here", "--duration", "0.5", "--report-format", name]
    assert await asyncio.to_thread(cli.main, arguments) == 1
    said = capsys.readouterr()
    assert said.err == ""
    assert harmless(said.out)
    if name == "json":
        report = json.loads(said.out)
        assert {each["name"] for each in report["indexes"]} == {NAMES["index"], NAMES["wide"]}
        assert [each["finding"] for each in report["indexes"]] == ["missing", "missing"]
    if name == "junit":
        ElementTree.fromstring(said.out)


async def test_the_scripts_make_and_unmake_exactly_these_objects(hostile: Database, tmp_path: Path) -> None:
    fix, back = tmp_path / "fix.sql", tmp_path / "back.sql"
    ask = ["verify", "-e", "here", "--duration", "0"]
    saved = [*ask, "--save-fix-script", str(fix)]
    assert await asyncio.to_thread(cli.main, saved) == 1
    done = await asyncio.to_thread(psql, hostile, fix.read_text(), tmp_path)
    assert done.returncode == 0, done.stderr
    assert await asyncio.to_thread(cli.main, [*ask, "--save-rollback-script", str(back)]) == 0
    done = await asyncio.to_thread(psql, hostile, back.read_text(), tmp_path)
    assert done.returncode == 0, done.stderr
    assert await asyncio.to_thread(cli.main, ask) == 1


def test_the_manifest_is_sound_and_shown_as_text(
    own_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "[b]m.toml"
    file.write_text(manifest())
    assert len(manifest_file.load(str(file)).indexes) == 2
    for action in ("check", "show"):
        assert cli.main(["manifest", action, str(file)]) == 0
    assert harmless(capsys.readouterr().out)


@pytest.mark.hazard("UI-01")
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_the_deck_shows_them_and_goes_on(hostile: Database, size: tuple[int, int]) -> None:
    application = await hostile.connect()
    try:
        await application.execute(f"SET application_name = {literal(NAMES['application'])}")
        await asyncio.to_thread(look_at_everything, size)
    finally:
        await application.close()


def look_at_everything(size: tuple[int, int]) -> None:
    with Terminal(["-m", "tui.cli", "here"], size=size) as terminal:
        terminal.wait_for("1 of 1 met")
        for pane, shown in (("1", "Indexes ›"), ("2", "Constraints ›"), ("3", "Pool ›"), ("4", "Latency ›")):
            terminal.type(f"{pane}\r")
            terminal.wait_for(shown)
            terminal.type("q")
            terminal.wait_for("oldest reading")
        terminal.type("1/click\r")
        terminal.wait_for("1 of 2")
        terminal.type("q")
        assert terminal.end() == 0
        pointer = "\x1b]22;default\x07"  # the one such sequence that the screen's own driver sends
        written = terminal.written.decode().replace(pointer, "")
        assert "\x1b]52" not in written
        assert "\x07" not in written
        assert "\u202e" not in written
