"""`pgdeck verify -e PROFILE`: check everything once; the exit code is the verdict."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profiles.errors import ConfigurationError, CredentialError, Problem
from profiles.secret import Secret
from tui.exit_codes import ExitCode
from tui.guard import add_options

if TYPE_CHECKING:
    from sql.check import Case
    from sql.report import Report

DEFAULT_DURATION_S = 10.0
LONGEST_DURATION_S = 86_400.0
FORMATS = ("text", "json", "markdown", "junit", "openmetrics")
EXAMPLES = """
examples:
  pgdeck verify -e staging
  pgdeck verify -e production --report-format markdown --output PERFORMANCE_REPORT.md
  pgdeck verify -e production --duration 0 --save-fix-script fix.sql
  pgdeck verify -e staging -e production --report-format json
  pgdeck verify -e staging --auto-fix --yes

exit codes: 0 ENTERPRISE READY, 1 NOT READY, 2 a mistake in the command, a profile or a manifest,
3 UNKNOWN: no connection, or something could not be read or measured; of several profiles the worst.
With --auto-fix also: 4 refused by a guard, 5 a step failed or did not verify, 130 interrupted.
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "verify",
        description="Check everything once: indexes, constraints, latency, pool, migration. Changes\n"
        "nothing without --auto-fix.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "-e", "--environment", metavar="PROFILE", action="append", required=True, dest="profiles",
        help="the profile to check; several are checked at the same time",
    )  # fmt: skip
    parser.add_argument("--report-format", choices=FORMATS, default="text")
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="write the report to FILE, not to standard output"
    )
    parser.add_argument(
        "--duration", metavar="S", type=_seconds, default=DEFAULT_DURATION_S,
        help="sample the probes for so many seconds (10); 0 checks the objects alone",
    )  # fmt: skip
    parser.add_argument(
        "--save-fix-script", metavar="FILE", type=Path, help="write the steps to the manifest, for psql -X -f"
    )
    parser.add_argument(
        "--save-rollback-script", metavar="FILE", type=Path, help="write the steps back, for psql -X -f"
    )
    parser.add_argument(
        "--auto-fix", action="store_true",
        help="first run every step of the plan, as pgdeck run would, up to the first that does not end well",
    )  # fmt: skip
    add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run it.

    Returns:
        OK, NOT_READY or UNKNOWN; of several profiles the worst.

    Raises:
        ConfigurationError: an option, a profile or a manifest is wrong.
    """
    _refuse(arguments)
    cases = _cases(arguments.profiles)
    passwords = [_password(case) for case in cases]
    fixed = ExitCode.OK
    if arguments.auto_fix and not isinstance(passwords[0], CredentialError):
        from tui.autofix import fix

        done = fix(cases[0], passwords[0], arguments)
        if done.stop:
            return done.code
        fixed, passwords[0] = done.code, done.password

    import asyncio

    reports = asyncio.run(_examined(cases, passwords, arguments))
    _deliver(arguments, reports)
    _remember(reports)
    return fixed or max(exit_code(report) for report in reports)


def exit_code(report: Report) -> ExitCode:
    """The verdict as an exit code."""
    from sql.findings import Verdict

    codes = {Verdict.READY: ExitCode.OK, Verdict.NOT_READY: ExitCode.NOT_READY}
    return codes.get(report.verdict, ExitCode.UNKNOWN)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_DURATION_S:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to a day")
    return seconds


def _refuse(arguments: argparse.Namespace) -> None:
    problems = []
    names = arguments.profiles
    if arguments.auto_fix and len(names) > 1:
        what, remedy = "mends one database at a time, and several profiles are given", "name one profile"
        problems.append(Problem("--auto-fix", "", what, remedy))
    for option in ("yes", "confirm", "plan_hash"):
        if getattr(arguments, option) and not arguments.auto_fix:
            what, remedy = "is for running steps, and verify runs none", "add --auto-fix, or leave it out"
            problems.append(Problem(f"--{option.replace('_', '-')}", "", what, remedy))
    if len(set(names)) < len(names):
        problems.append(Problem("--environment", "", "names a profile twice", "name each once"))
    for option in ("save_fix_script", "save_rollback_script"):
        if getattr(arguments, option) is not None and len(names) > 1:
            what = "a script belongs to one database, and several profiles are given"
            problems.append(Problem(f"--{option.replace('_', '-')}", "", what, "name one profile"))
    if problems:
        raise ConfigurationError(problems)


def _cases(names: Sequence[str]) -> list[Case]:
    """Every profile with its manifest; the problems of all of them together."""
    from sql.check import case_of

    cases: list[Case] = []
    problems: list[Problem] = []
    for name in names:
        try:
            cases.append(case_of(name))
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    return cases


def _password(case: Case) -> Secret | CredentialError | None:
    """The password; what went wrong is told in the report of this profile and leaves the others alone."""
    from profiles import vault
    from tui.asking import password_asker

    try:
        return vault.password_for(case.profile, ask=password_asker())
    except CredentialError as error:
        return error


async def _examined(
    cases: Sequence[Case], passwords: Sequence[Secret | CredentialError | None], arguments: argparse.Namespace
) -> list[Report]:
    import asyncio

    examined = [_one(case, password, arguments) for case, password in zip(cases, passwords, strict=True)]
    return list(await asyncio.gather(*examined))


async def _one(
    case: Case, password: Secret | CredentialError | None, arguments: argparse.Namespace
) -> Report:
    from sql.check import examine, out_of_reach
    from sql.errors import PasswordNeeded, SessionError

    duration_s: float = arguments.duration

    def tell(doing: str) -> None:
        if sys.stderr.isatty():
            _narrate(f"{case.profile.name}: {doing}")

    async def examined(secret: Secret | None) -> Report:
        way_back = arguments.save_rollback_script is not None
        return await examine(case, secret, duration_s=duration_s, with_rollback=way_back, on_progress=tell)

    if isinstance(password, CredentialError):
        return out_of_reach(case, str(password), duration_s)
    try:
        try:
            return await examined(password)
        except PasswordNeeded:
            typed = None if password is not None else await _typed(case)
            if typed is None:
                raise
        return await examined(typed)
    except SessionError as error:
        return out_of_reach(case, str(error), duration_s)


async def _typed(case: Case) -> Secret | None:
    """What the operator types when the server asks for a password and no source has one, as with psql."""
    import asyncio

    from tui.asking import password_asker

    asker = password_asker()
    if asker is None:
        return None
    return Secret(await asyncio.to_thread(asker, f"Password of {case.profile.name}: "))


def _deliver(arguments: argparse.Namespace, reports: Sequence[Report]) -> None:
    from tui.reports import render
    from tui.reports.delivery import save, show

    text = render(arguments.report_format, reports)
    if arguments.output is None:
        show(text)
    else:
        save(arguments.output, text, "--output")
        _narrate(f"wrote {arguments.output}")
    for report in reports:
        if report.server is None:
            _narrate(f"{report.profile}: {report.reasons[0]}")
    (first, *_) = reports
    for option, path in (
        ("--save-fix-script", arguments.save_fix_script),
        ("--save-rollback-script", arguments.save_rollback_script),
    ):
        if path is not None:
            _save_script(option, path, first)


def _save_script(option: str, path: Path, report: Report) -> None:
    from sql.steps.scripts import Origin, script
    from tui.reports.delivery import save

    if report.server is None:
        _narrate(f"{path} is not written: the server is out of reach")
        return
    chosen = report.plan if option == "--save-fix-script" else report.rollback
    origin = Origin(report.profile, report.manifest, report.server, report.taken_at)
    save(path, script(chosen, origin), option)
    refused = f", {len(chosen.refused)} refused (see its end)" if chosen.refused else ""
    _narrate(f"wrote {path}: {len(chosen.steps)} steps{refused}")


def _remember(reports: Sequence[Report]) -> None:
    from profiles import verdicts

    for report in reports:
        verdicts.remember(report.profile, report.verdict, report.taken_at)


def _narrate(sentence: str) -> None:
    from sql.printable import one_line

    print(f"pgdeck: {one_line(sentence)}", file=sys.stderr)  # noqa: T201
