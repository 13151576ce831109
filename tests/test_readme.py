"""The README says what the program does: keys from the registry, examples that pass the checks."""

from __future__ import annotations

import re
from pathlib import Path

from profiles.manifest_file import inspect
from profiles.model import EnvironmentClass, Guard
from profiles.profile_file import read
from tui.keys import markdown_table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SHOWN_SCOPES = ("on the deck",)


def block(language: str, containing: str) -> str:
    """The one fenced block of a language that holds a text."""
    [found] = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.S) if containing in text]
    return str(found)


def test_keys_are_those_of_the_registry() -> None:
    head, rule, *rows = markdown_table().splitlines()
    wanted = [
        head,
        rule,
        *(row for row in rows if row.endswith(tuple(f"{scope} |" for scope in SHOWN_SCOPES))),
    ]
    shown = README.split("<!-- keys -->\n")[1].split("<!-- /keys -->")[0]
    assert shown.splitlines() == wanted


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"\]\((screenshots/[^)]+)\)", README)
    assert pictures
    assert [name for name in pictures if not (ROOT / name).exists()] == []


def test_the_profile_is_one(tmp_path: Path) -> None:
    path = tmp_path / "production.toml"
    path.write_text(block("toml", "[connection]"))
    profile = read(path, "production")
    assert (profile.environment, profile.guard) == (EnvironmentClass.PRODUCTION, Guard.CONFIRM_NAME)


def test_the_manifest_passes_its_own_check(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(block("toml", "[[index]]"))
    _, problems = inspect(path)
    assert problems == ()
