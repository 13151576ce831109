"""Where pgdeck keeps its files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

APPLICATION = "pgdeck"


@dataclass(frozen=True)
class Locations:
    """The folders and files of one user; none of them need exist yet."""

    profiles: Path
    """Folder of `NAME.toml`."""
    manifests: Path
    """Folder of the user's own manifests."""
    journal: Path
    """The file `journal.jsonl`."""
    state: Path
    """Folder for what pgdeck remembers between runs, such as last verdicts."""
    cache: Path
    """Folder for what can be made again."""


def locations(environ: Mapping[str, str] = os.environ) -> Locations:
    """The places to use: those of platformdirs (XDG on Linux), or all in PGDECK_HOME where that is set."""
    if home := environ.get("PGDECK_HOME"):
        folder = Path(home).expanduser().absolute()
        return Locations(
            profiles=folder / "profiles",
            manifests=folder / "manifests",
            journal=folder / "journal.jsonl",
            state=folder / "state",
            cache=folder / "cache",
        )
    import platformdirs

    config = platformdirs.user_config_path(APPLICATION)
    state = platformdirs.user_state_path(APPLICATION)
    return Locations(
        profiles=config / "profiles",
        manifests=config / "manifests",
        journal=state / "journal.jsonl",
        state=state,
        cache=platformdirs.user_cache_path(APPLICATION),
    )
