"""The demo's profiles and its own manifest, written where the user's are, never over one of the user's."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from profiles import store
from profiles.errors import ConfigurationError, Problem
from profiles.locations import locations
from profiles.model import DEFAULT_GUARD, Profile
from sql.demo.faults import DATABASES, DemoDatabase
from sql.demo.tables import STAGING_MANIFEST

MARK = STAGING_MANIFEST.read_text().splitlines()[0]
"""The first line of a manifest that the demo wrote."""
SOCKET_ENDING = ("server", "socket")
"""How the socket's folder ends wherever the demo is kept: such a profile is ours to replace."""


def write_profiles(connection: Mapping[str, str]) -> list[str]:
    """Write the four profiles and the manifest of demo-staging.

    Args:
        connection: libpq parameters of the demo's server, without the database.

    Returns:
        Names of profiles and manifests that were left alone, because they are the user's own.

    Raises:
        ConfigurationError: a file cannot be written.
    """
    kept = [] if _write_manifest() else [f"manifest {STAGING_MANIFEST.stem}"]
    for demo in DATABASES.values():
        path = store.path_of(demo.profile)
        if path.exists() and not _ours(path, demo):
            kept.append(f"profile {demo.profile}")
            continue
        profile = _profile(demo, connection)
        if not path.exists() or _differs(demo.profile, profile):
            store.save(profile)
    return kept


def _profile(demo: DemoDatabase, connection: Mapping[str, str]) -> Profile:
    return Profile(
        name=demo.profile,
        environment=demo.environment,
        manifest=demo.manifest,
        connection={**connection, "dbname": demo.database},
        guard=DEFAULT_GUARD[demo.environment],
    )


def _ours(path: Path, demo: DemoDatabase) -> bool:
    try:
        said = tomllib.loads(path.read_text()).get("connection", {})
    except (OSError, ValueError, AttributeError):
        return False
    host = Path(str(said.get("host", "")))
    database = said.get("database", said.get("dbname"))
    return host.parts[-2:] == SOCKET_ENDING and database == demo.database


def _differs(name: str, profile: Profile) -> bool:
    try:
        here = store.load(name)
    except ConfigurationError:
        return True
    return dict(here.connection) != dict(profile.connection) or (
        (here.environment, here.manifest) != (profile.environment, profile.manifest)
    )


def _write_manifest() -> bool:
    path = locations().manifests / STAGING_MANIFEST.name
    text = STAGING_MANIFEST.read_text()
    try:
        if path.exists():
            here = path.read_text()
            if here == text:
                return True
            if not here.startswith(MARK):
                return False
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = path.with_name(f".{path.name}.new")
        new.write_text(text)
        new.chmod(0o600)
        new.replace(path)
    except OSError as error:
        remedy = "make it writable for you"
        raise ConfigurationError(
            [Problem(path, "", f"cannot be written ({error.strerror})", remedy)]
        ) from None
    return True
