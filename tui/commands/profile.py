"""`pgdeck profile list|show|add|test|remove|set-password`: profiles without the full screen."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Any

from profiles import profile_file, store, verdicts
from profiles.errors import ConfigurationError, CredentialError, Problem
from profiles.model import Profile
from profiles.places import place_of
from tui.commands.profile_flags import add_flags, tables_from
from tui.exit_codes import ExitCode
from tui.reports.json_text import written


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "profile", description="The saved environments. A profile never holds a password."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="every profile with class, place and last verdict")
    showing = actions.add_parser("show", help="one profile, as its file says it")
    adding = actions.add_parser("add", help="save a new profile; every key of the file has a flag")
    testing = actions.add_parser("test", help="connect, stage by stage; exit 3 where one fails")
    removing = actions.add_parser("remove", help="delete a profile and its passwords in the keyring")
    setting = actions.add_parser("set-password", help="keep a password in the keyring")
    for action in (showing, adding, testing, removing, setting):
        action.add_argument("name", metavar="PROFILE")
    for action in (listing, showing, testing):
        action.add_argument("--report-format", choices=("text", "json"), default="text")
    add_flags(adding)
    removing.add_argument("--yes", action="store_true", help="do not ask")
    setting.add_argument("--stdin", action="store_true", help="read it from standard input, one line")
    setting.add_argument("--pgbouncer", action="store_true", help="the one of PgBouncer's console")


def run(arguments: argparse.Namespace) -> int:
    """Run it.

    Returns:
        OK; USAGE: `list` met a file that is wrong; UNKNOWN: `test` failed; REFUSED: nobody agreed.

    Raises:
        ConfigurationError: the profile is not there or wrong.
        CredentialError: the keyring or another source of passwords refused.
    """
    actions: Mapping[str, Callable[[argparse.Namespace], int]] = {
        "list": _list,
        "show": _show,
        "add": _add,
        "test": _test,
        "remove": _remove,
        "set-password": _set_password,
    }
    return actions[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    rows: list[dict[str, str]] = []
    problems: list[Problem] = []
    for name in store.names():
        try:
            profile = store.load(name)
        except ConfigurationError as error:
            problems += error.problems
            row = {"name": name, "environment": "unusable", "place": "see standard error"}
        else:
            row = {"name": name, "environment": profile.environment.value, "place": place_of(profile)}
            row["manifest"] = profile.manifest
        last = verdicts.last(name)
        row["verdict"] = last.verdict if last else ""
        row["taken_at"] = last.taken_at.isoformat(timespec="seconds") if last else ""
        rows.append(row)
    if arguments.report_format == "json":
        sys.stdout.write(written({"profiles": [_json_row(row) for row in rows]}))
    elif rows:
        _write_table(rows)
    else:
        _say("no profile is saved; add one with: pgdeck profile add PROFILE")
    for problem in problems:
        _say(problem.sentence())
    return ExitCode.USAGE if problems else ExitCode.OK


def _json_row(row: Mapping[str, str]) -> dict[str, str | None]:
    return {key: value or None for key, value in row.items()}


def _write_table(rows: list[dict[str, str]]) -> None:
    shown = [
        (
            row["name"],
            row["environment"],
            row["place"],
            f"{row['verdict'] or 'never checked'} {row['taken_at']}",
        )
        for row in rows
    ]
    widths = [max(len(printable(row[column])) for row in shown) for column in range(4)]
    for row in shown:
        cells = (printable(cell).ljust(width) for cell, width in zip(row, widths, strict=True))
        _write("  ".join(cells).rstrip())


def _show(arguments: argparse.Namespace) -> int:
    profile = store.load(arguments.name)
    tables = profile_file.as_toml(profile)
    if arguments.report_format == "json":
        sys.stdout.write(written({"name": profile.name, "path": str(profile.path), **tables}))
    else:
        import tomli_w

        _say(str(profile.path))
        _write(tomli_w.dumps(tables).rstrip("\n"))
    return ExitCode.OK


def _add(arguments: argparse.Namespace) -> int:
    path = store.path_of(arguments.name)
    if path.exists() and not arguments.replace:
        what, remedy = "there is such a profile already", "choose another name, or say --replace"
        raise ConfigurationError([Problem("profile", arguments.name, what, remedy)])
    profile = profile_file.parse(tables_from(arguments), arguments.name, "pgdeck profile add")
    _say(f"saved {store.save(profile)}")
    _warn_of_manifest(profile)
    credentials = profile.credentials
    if credentials is not None and credentials.source.value == "keyring":
        _say(f"store its password with: pgdeck profile set-password {profile.name}")
    return ExitCode.OK


def _warn_of_manifest(profile: Profile) -> None:
    from profiles import manifest_file

    try:
        manifest_file.load(profile.manifest, beside=store.path_of(profile.name).parent)
    except ConfigurationError as error:
        for problem in error.problems:
            _say(problem.sentence())


def _test(arguments: argparse.Namespace) -> int:
    import asyncio

    from profiles import vault
    from profiles.secret import Secret
    from sql.examine import Stage, StageName, stages
    from tui.asking import password_asker

    profile = store.load(arguments.name)
    asker = password_asker()
    seen: list[Stage] = []

    def show(stage: Stage) -> None:
        seen.append(stage)
        if arguments.report_format == "text":
            word = "ok" if stage.passed else "FAILED"
            _write(f"{word:<6}  {stage.name.value:<8}  {printable(stage.detail)}".rstrip())

    async def examine(password: Secret | None) -> None:
        async for stage in stages(profile, password):
            show(stage)

    try:
        password = vault.password_for(profile, ask=asker)
    except CredentialError as error:
        show(Stage(StageName.LOGIN, False, str(error)))
    except ConfigurationError as error:
        show(Stage(StageName.PROFILE, False, error.user_message()))
    else:
        asyncio.run(examine(password))
        if seen[-1].needs_password and asker is not None:
            typed = asker(f"Password of {printable(profile.name)}, for this time only: ")
            seen.clear()
            asyncio.run(examine(Secret(typed)))
    passed = all(stage.passed for stage in seen)
    if arguments.report_format == "json":
        made = [{"stage": s.name.value, "passed": s.passed, "detail": s.detail} for s in seen]
        sys.stdout.write(written({"profile": profile.name, "passed": passed, "stages": made}))
    return ExitCode.OK if passed else ExitCode.UNKNOWN


def _remove(arguments: argparse.Namespace) -> int:
    from profiles import vault
    from tui.asking import ask, can_ask

    name = arguments.name
    path = store.path_of(name)
    if not path.exists():
        store.remove(name)
    if not arguments.yes:
        if not can_ask():
            _say(f"{name} is not removed: nobody can be asked here; say --yes")
            return ExitCode.REFUSED
        if ask(f"Remove the profile {name} and its passwords in the keyring? [y/N] ").lower() not in (
            "y",
            "yes",
        ):
            _say(f"{name} is not removed")
            return ExitCode.REFUSED
    used = _used_keyring(name)
    store.remove(name)
    verdicts.forget(name)
    try:
        held = vault.forget(name)
        word = (
            "; its keyring entry is gone too" if held else "; the keyring held nothing of it" if used else ""
        )
    except CredentialError as error:
        word = f"; its keyring entry was not removed: {str(error).partition('; ')[0]}" if used else ""
    _say(f"removed {path}{word}")
    return ExitCode.OK


def _used_keyring(name: str) -> bool:
    """Whether its password is in the keyring, as far as its file says; a file that is wrong says nothing."""
    try:
        credentials = store.load(name).credentials
    except ConfigurationError:
        return True
    return credentials is not None and credentials.source.value == "keyring"


def _set_password(arguments: argparse.Namespace) -> int:
    from profiles import vault
    from profiles.secret import Secret

    profile = store.load(arguments.name)
    typed = (
        sys.stdin.readline().removesuffix("\n").removesuffix("\r")
        if arguments.stdin
        else _typed_twice(profile)
    )
    if not typed:
        raise CredentialError(f"no password for {profile.name}: none was given; try again")
    key = vault.console_key(profile.name) if arguments.pgbouncer else profile.name
    _say(f"stored in {vault.store(key, Secret(typed))}")
    if profile.credentials is None or profile.credentials.source.value != "keyring":
        _say(f'{profile.name} does not read the keyring yet; write source = "keyring" in its [credentials]')
    return ExitCode.OK


def _typed_twice(profile: Profile) -> str:
    from profiles import vault
    from tui.asking import password_asker

    asker = password_asker()
    if asker is None:
        raise CredentialError(
            f"no password for {profile.name}: there is no terminal to ask on; pipe it in and say --stdin"
        )
    vault.require_keyring()
    first = asker(f"Password of {profile.name}: ")
    if first and asker("Again: ") != first:
        raise CredentialError(f"no password for {profile.name}: the two were not the same; try again")
    return first


def printable(text: str) -> str:
    """One line without anything that a terminal would obey."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _write(line: str) -> None:
    print(line)  # noqa: T201


def _say(sentence: str) -> None:
    from tui.cli import complain

    complain(sentence)
