"""Manifests on disk: found by name or path, read with every structural problem collected.

What the SQL in them means is judged in `sql.requirements`.
"""

from __future__ import annotations

import os
from pathlib import Path

from profiles.errors import ConfigurationError, Problem
from profiles.locations import locations
from profiles.manifest import ConstraintEntry, Manifest, ProbeEntry
from profiles.manifest_entries import (
    read_constraint,
    read_index,
    read_migration,
    read_pool,
    read_probe,
)
from profiles.sql_names import index_name, name_parts
from profiles.toml_file import read as read_toml
from profiles.toml_table import Table, did_you_mean, label, quoted

SHIPPED = Path(__file__).parent / "manifests"
SUFFIX = ".toml"
MOST_SUGGESTIONS = 20
"""Looking for the nearest name among thousands takes milliseconds."""


def shipped() -> list[str]:
    """Names of the manifests that come with pgdeck."""
    return _names(SHIPPED)


def own() -> list[str]:
    """Names of the operator's manifests."""
    return _names(locations().manifests)


def summary(manifest: Manifest) -> str:
    """What it asks for, in a few words: `5 indexes, 7 probes, pool`."""
    counts = (("index", "indexes"), ("constraint", "constraints"), ("probe", "probes"))
    entries = (manifest.indexes, manifest.constraints, manifest.probes)
    words = [
        f"{len(found)} {one if len(found) == 1 else many}"
        for (one, many), found in zip(counts, entries, strict=True)
        if found
    ]
    words += ["pool"] if manifest.pool else []
    words += [f"migration {manifest.migration.expected}"] if manifest.migration else []
    return ", ".join(words) or "nothing"


def load(reference: str, *, beside: Path | None = None) -> Manifest:
    """The manifest of this name or path.

    Args:
        reference: a shipped manifest's name, one of the operator's, or a path.
        beside: the folder to which a relative path refers (that of the profile's file); else the current one.

    Raises:
        ConfigurationError: there is none, it cannot be read, or it holds structural problems: all of them.
    """
    manifest, problems = inspect(find(reference, beside=beside))
    if problems:
        raise ConfigurationError(problems)
    return manifest


def find(reference: str, *, beside: Path | None = None) -> Path:
    """The file of a manifest; see `load`.

    Raises:
        ConfigurationError: there is no manifest of this name, or two.
    """
    # os.path answers where pathlib raises: a user that is not there, a name that is too long.
    path = (beside or Path()) / os.path.expanduser(reference)  # noqa: PTH111
    if "/" in reference or reference.endswith(SUFFIX):
        return path
    mine = locations().manifests / f"{reference}{SUFFIX}"
    if reference in shipped():
        if reference in own():
            what = "is the name of a shipped manifest and of one of yours"
            raise _refused(mine, what, "rename your file, or name a manifest by its path")
        return SHIPPED / f"{reference}{SUFFIX}"
    if reference in own():
        return mine
    if os.path.isfile(path):  # noqa: PTH113
        return path
    nearest = did_you_mean(reference, [*shipped(), *own()])
    raise _refused(
        f"manifest {quoted(reference)}",
        "there is none of this name",
        f"{nearest + ' ' if nearest else ''}see: pgdeck manifest list",
    )


def inspect(path: Path) -> tuple[Manifest, tuple[Problem, ...]]:
    """The manifest, with empty text where a required key is missing or wrong; and every problem, by line.

    Raises:
        ConfigurationError: the file cannot be read, or is not TOML.
    """
    file = read_toml(path)
    problems: list[Problem] = []
    root = Table(file, (), file.data, problems)
    title = root.text("title", required='write title = "…", what this manifest is for')
    search_path = root.text("search_path")
    indexes = root.tables("index")
    constraints = root.tables("constraint")
    probes = root.tables("probe")
    pool = root.table("pool")
    migration = root.table("migration")
    root.finish()
    manifest = Manifest(
        name=path.stem if path.suffix == SUFFIX else path.name,
        title=title or "",
        origin=path,
        search_path=search_path or "public",
        indexes=tuple(map(read_index, indexes)),
        constraints=tuple(map(read_constraint, constraints)),
        probes=tuple(map(read_probe, probes)),
        pool=read_pool(pool) if pool else None,
        migration=read_migration(migration) if migration else None,
        lines={label(path): line for path, line in file.lines.items()},
    )
    _refuse_constraints_twice(manifest.constraints, constraints)
    _refuse_probes_twice(manifest.probes, probes)
    declared = [index_name(entry.definition) for entry in manifest.indexes]
    if None not in declared:
        _refuse_undeclared(manifest.probes, probes, [name for name in declared if name])
    return manifest, tuple(sorted(problems, key=place))


def place(problem: Problem) -> tuple[int, str]:
    """By which problems of one file are sorted."""
    return problem.line or 0, problem.key


def _refuse_constraints_twice(entries: tuple[ConstraintEntry, ...], tables: list[Table]) -> None:
    """Names of constraints are unique for each table, not for each schema (pg_constraint.h)."""
    first: dict[tuple[object, str], int] = {}
    for entry, table in zip(entries, tables, strict=True):
        if not entry.name:
            continue
        earlier = first.setdefault((name_parts(entry.table), entry.name), entry.position)
        if earlier != entry.position:
            what = f"{quoted(entry.name)} is also that of constraint[{earlier}] on the same table"
            table.refuse("name", what, "remove one, or give it another name")


def _refuse_probes_twice(entries: tuple[ProbeEntry, ...], tables: list[Table]) -> None:
    first: dict[str, int] = {}
    for entry, table in zip(entries, tables, strict=True):
        if not entry.name:
            continue
        earlier = first.setdefault(entry.name, entry.position)
        if earlier != entry.position:
            what = f"{quoted(entry.name)} is also that of probe[{earlier}]"
            table.refuse("name", what, "give each probe a name of its own")


def _refuse_undeclared(entries: tuple[ProbeEntry, ...], tables: list[Table], declared: list[str]) -> None:
    known, suggestions = set(declared), MOST_SUGGESTIONS
    for entry, table in zip(entries, tables, strict=True):
        if entry.index is not None and entry.index not in known:
            what = f"no [[index]] of this manifest declares {quoted(entry.index)}"
            near = did_you_mean(entry.index, declared) if suggestions > 0 else ""
            table.refuse("index", what, near or "declare it with [[index]], or leave the key out")
            suggestions -= 1


def _names(folder: Path) -> list[str]:
    try:
        return sorted(file.stem for file in folder.iterdir() if file.suffix == SUFFIX and file.stem)
    except OSError:
        return []


def _refused(place: Path | str, what: str, remedy: str) -> ConfigurationError:
    return ConfigurationError([Problem(place, "", what, remedy)])
