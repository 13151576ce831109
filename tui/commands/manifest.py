"""`pgdeck manifest list|show|check`: what databases must have, without a server."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from profiles import manifest_file
from profiles.errors import ConfigurationError, Problem
from profiles.locations import locations
from profiles.manifest import Manifest
from sql.printable import one_line
from tui.exit_codes import ExitCode

_PERCENTILES = ("p50_ms", "p95_ms", "p99_ms")


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("manifest", description="What databases must have. Needs no server.")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the shipped manifests and yours")
    showing = actions.add_parser("show", help="what one manifest asks for")
    showing.add_argument("manifest", metavar="NAME|FILE")
    checking = actions.add_parser("check", help="every problem, with line, key and remedy; exit 2 if any")
    checking.add_argument("manifests", nargs="*", metavar="NAME|FILE", help="default: all that list names")
    for action in (listing, showing, checking):
        action.add_argument("--report-format", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    """Run it.

    Returns:
        OK, or USAGE when `check` found problems.

    Raises:
        ConfigurationError: the manifest to show is not there, or holds problems.
    """
    as_json = arguments.report_format == "json"
    if arguments.action == "list":
        return _list(as_json)
    if arguments.action == "show":
        return _show(manifest_file.load(arguments.manifest), as_json)
    return _check(arguments.manifests or [*manifest_file.shipped(), *manifest_file.own()], as_json)


def _list(as_json: bool) -> int:
    rows = [_row("shipped", manifest_file.SHIPPED, name) for name in manifest_file.shipped()]
    rows += [_row("own", locations().manifests, name) for name in manifest_file.own()]
    if as_json:
        _write(_json({"manifests": rows}))
        return ExitCode.OK
    columns = ("name", "source", "holds", "title")
    widths = [max(len(one_line(row[column])) for row in rows) for column in columns]
    for row in rows:
        cells = (one_line(row[column]).ljust(width) for column, width in zip(columns, widths, strict=True))
        _write("  ".join(cells).rstrip())
    return ExitCode.OK


def _row(source: str, folder: Path, name: str) -> dict[str, str]:
    path = folder / f"{name}{manifest_file.SUFFIX}"
    title = ""
    problems: tuple[Problem, ...]
    try:
        manifest, problems = manifest_file.inspect(path)
        title, holds = manifest.title, manifest_file.summary(manifest)
    except ConfigurationError as error:
        problems = error.problems
    if problems:
        holds = f"{_count(len(problems))}; see: pgdeck manifest check {name}"
    return {"name": name, "source": source, "file": str(path), "holds": holds, "title": title}


def _show(manifest: Manifest, as_json: bool) -> int:
    _write(_json(document(manifest)) if as_json else "\n".join(_text(manifest)))
    return ExitCode.OK


def document(manifest: Manifest) -> dict[str, Any]:
    """The manifest with the keys of its file, and every default filled in."""
    shown = asdict(replace(manifest, lines={}))
    del shown["lines"]
    shown = {"manifest": shown.pop("name"), **shown, "origin": str(manifest.origin)}
    for kind in ("indexes", "constraints", "probes"):
        for entry in shown[kind]:
            del entry["position"]
    for probe in shown["probes"]:
        probe["class"] = probe.pop("query_class")
    return shown


def _text(manifest: Manifest) -> Iterator[str]:
    yield one_line(f"{manifest.name}: {manifest.title}")
    yield one_line(f"{manifest.origin}: {manifest_file.summary(manifest)}")
    yield one_line(f"names are read with search_path = {manifest.search_path}")
    shown = document(manifest)
    for entry in shown["indexes"]:
        yield from _entry(entry["definition"], entry, ("priority", "purpose", "demo_query"))
    for entry in shown["constraints"]:
        headline = f"{entry['table']}: {entry['name']}"
        rows = {key: "; ".join(map(_sample, entry[key])) for key in ("rejects", "accepts")}
        yield from _entry(
            headline, {**entry, **rows}, ("definition", "priority", "purpose", "rejects", "accepts")
        )
    for entry in shown["probes"]:
        limits = {key: entry["target"][key] for key in _PERCENTILES if entry["target"][key] is not None}
        target = ", ".join(f"{key.removesuffix('_ms')} {limit:g} ms" for key, limit in limits.items())
        yield from _entry(
            entry["name"], {**entry, "target": target}, ("class", "target", "index", "sql", "arguments")
        )
    if manifest.pool:
        pool = {**shown["pool"], "applications": ", ".join(manifest.pool.applications)}
        yield from _entry("pool", pool, tuple(pool))
    if manifest.migration:
        yield from _entry("migration", shown["migration"], ("table", "expected", "rollback_to"))


def _entry(headline: str, values: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[str]:
    yield ""
    yield one_line(headline.strip())
    for key in keys:
        if (value := values[key]) not in (None, "", ()):
            lines = str(value).strip().split("\n")
            yield f"  {key + ':':<16} {one_line(lines[0])}"
            yield from (f"  {'':<16} {one_line(line)}" for line in lines[1:])


def _sample(row: Mapping[str, object]) -> str:
    return (
        ", ".join(f"{column} = {json.dumps(value, ensure_ascii=False)}" for column, value in row.items())
        or "all NULL"
    )


def _check(references: list[str], as_json: bool) -> int:
    results = [_checked(reference) for reference in references]
    if as_json:
        _write(_json({"manifests": results}))
    else:
        for result in results:
            for problem in result["problems"]:
                _write(one_line(problem["sentence"]))
            for warning in result["warnings"]:
                _write(one_line(f"warning: {warning['sentence']}"))
            if not result["problems"]:
                _write(one_line(f"{result['file']}: {result['holds']}: no problems"))
    return ExitCode.USAGE if any(result["problems"] for result in results) else ExitCode.OK


def _checked(reference: str) -> dict[str, Any]:
    from sql import requirements

    place, holds = reference, ""
    warnings: tuple[Problem, ...] = ()
    try:
        path = manifest_file.find(reference)
        place = str(path)
        manifest, problems = manifest_file.inspect(path)
        holds = manifest_file.summary(manifest)
        try:
            warnings = requirements.read(manifest).lints
        except ConfigurationError as error:
            known = {problem.key for problem in problems}
            problems += tuple(problem for problem in error.problems if problem.key not in known)
    except ConfigurationError as error:
        problems = error.problems
    return {
        "manifest": reference,
        "file": place,
        "holds": holds,
        "problems": [_problem(problem) for problem in sorted(problems, key=manifest_file.place)],
        "warnings": [_problem(warning) for warning in sorted(warnings, key=manifest_file.place)],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {**asdict(problem), "file": str(problem.file), "sentence": problem.sentence()}


def _count(problems: int) -> str:
    return f"{problems} problem{'s' * (problems != 1)}"


def _json(content: Any) -> str:
    from tui.reports.json_text import written

    return written(content).rstrip("\n")


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
