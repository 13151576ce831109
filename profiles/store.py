"""The saved profiles: one file each in the profiles folder."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from profiles import profile_file
from profiles.errors import ConfigurationError, Problem
from profiles.locations import locations
from profiles.model import Profile

ENDING = ".toml"
LONGEST_NAME_BYTES = 100
"""Short enough for a file name, a temporary name beside it, and a keyring's key."""


def names() -> list[str]:
    """The names of all saved profiles, sorted; also of those that do not load."""
    folder = locations().profiles
    try:
        found = [path.name.removesuffix(ENDING) for path in folder.iterdir() if path.name.endswith(ENDING)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        remedy = "make the folder readable for you"
        raise ConfigurationError(
            [Problem(folder, "", f"cannot be read ({error.strerror})", remedy)]
        ) from None
    return sorted(name for name in found if name and wrong_name(name) is None)


def load(name: str) -> Profile:
    """The profile of that name.

    Raises:
        ConfigurationError: there is none, or its file is wrong; with every problem.
    """
    path = path_of(name)
    if not path.exists():
        known = names()
        remedy = f"choose one of {', '.join(known)}" if known else "add it with: pgdeck profile add"
        raise ConfigurationError([Problem("profile", name, "there is no such profile", remedy)])
    return profile_file.read(path, name)


def save(profile: Profile) -> Path:
    """Write the profile's file, whole or not at all, mode 0600 in a folder of mode 0700.

    Raises:
        ConfigurationError: its name or a value is wrong, or the file cannot be written.
    """
    path = path_of(profile.name)
    profile_file.parse(profile_file.as_toml(profile), profile.name, path)
    profile_file.write(path, profile)
    return path


def remove(name: str) -> None:
    """Delete the profile's file; its keyring entry is `vault.forget`'s.

    Raises:
        ConfigurationError: there is no such profile, or it cannot be deleted.
    """
    path = path_of(name)
    try:
        path.unlink()
    except FileNotFoundError:
        raise ConfigurationError(
            [Problem("profile", name, "there is no such profile", "see: pgdeck profile list")]
        ) from None
    except OSError as error:
        raise ConfigurationError(
            [Problem(path, "", f"cannot be deleted ({error.strerror})", "make its folder writable for you")]
        ) from None


def path_of(name: str) -> Path:
    """Where a profile of that name is kept, whether or not it exists.

    Raises:
        ConfigurationError: the name cannot be a profile's.
    """
    if (wrong := wrong_name(name)) is not None:
        raise ConfigurationError([Problem("profile", _shown(name), *wrong)])
    return locations().profiles / f"{name}{ENDING}"


def wrong_name(name: str) -> tuple[str, str] | None:
    """Why a profile cannot be called that, and the remedy; None where it can."""
    remedy = "use letters, digits, spaces, dots, dashes and underscores"
    if not name.strip():
        return "a profile's name is not empty", "name it"
    if name != name.strip():
        return "the name begins or ends with a space", remedy
    if name.startswith((".", "-")):
        return f'the name begins with "{name[0]}"', remedy
    if "/" in name or "\\" in name or os.sep in name:
        return "the name holds a path separator", remedy
    for character in name:
        if not (character == " " or unicodedata.category(character)[0] in "LMNPS"):
            return f"the name holds a character that cannot be seen (U+{ord(character):04X})", remedy
    if len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME_BYTES:
        return f"the name is longer than {LONGEST_NAME_BYTES} bytes", "shorten it"
    return None


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name[:LONGEST_NAME_BYTES])
