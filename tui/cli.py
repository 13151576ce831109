"""The command line: imports the one command that is asked for; errors become a sentence and an exit code.

Each command is a module of `tui.commands` with `add_parser(subparsers)` and `run(arguments) -> int`, and no
heavy import at module level. A word that is no command is a profile's name: `pgdeck PROFILE` opens the deck.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Any, NoReturn

from profiles.errors import ConfigurationError, CredentialError
from sql.printable import one_line
from tui import collector, looks
from tui.exit_codes import ExitCode
from tui.terminal import require_terminal
from tui.version import version

COMMANDS = {
    "demo": "start an embedded PostgreSQL with half a million leads and open the deck on it",
    "watch": "the deck, opened on the large figures for during a demo",
    "verify": "check everything once and report; the exit code is the verdict",
    "plan": "the steps that take a database to its manifest",
    "run": "run steps, each verified",
    "warm": "run the probes cold and warm, so that the demo does not begin cold",
    "journal": "what was previewed, confirmed, run and verified",
    "replay": "play a recorded session; without a file, list the recordings",
    "report": "the performance report of a recorded session, with a plot",
    "profile": "list, show, add, test and remove profiles; set a password",
    "manifest": "list, show and check manifests; needs no server",
}


class Parser(argparse.ArgumentParser):
    """Says what is wrong in the form of every other error."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Every command refuses what it does not know itself, and so names its own --help."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        """One sentence on stderr, exit 2."""
        complain(f"{message}; see: {self.prog} --help")
        raise SystemExit(ExitCode.USAGE)


def complain(sentence: str) -> None:
    """One line of narration, whatever names are in it; stdout is flushed first, so that the order holds."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    print(f"pgdeck: {one_line(sentence)}", file=sys.stderr)  # noqa: T201


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code, one of `ExitCode`.
    """
    collector.start()
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    _accept_every_character()
    try:
        code = _run([word for word in words if word != "--debug"])
        sys.stdout.flush()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return ExitCode.OK
    except Exception as error:
        code = _explain(error, debug=debug)
        if debug:
            _show_frames(error)
    return code


def _run(words: list[str]) -> int:
    command = next((word for word in words if not word.startswith("-")), None)
    parser = _parser()
    if command in COMMANDS and "--" not in words[: words.index(command)]:
        module = import_module(f"tui.commands.{command}")
        module.add_parser(parser.add_subparsers(metavar="COMMAND", prog="pgdeck"))
        arguments = parser.parse_args(words)
    else:
        parser.add_argument("profile", nargs="?", metavar="PROFILE", help=argparse.SUPPRESS)
        looks.add_flags(parser)
        arguments = parser.parse_args(words)
        require_terminal()
        module = import_module("tui.commands.deck")
    code: int = module.run(arguments)
    return code


def _parser() -> Parser:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items()]
    parser = Parser(
        prog="pgdeck",
        usage="pgdeck [PROFILE] | pgdeck COMMAND …",
        description="The flight deck of a PostgreSQL database that is about to be shown to a customer.",
        epilog="\n".join(
            [
                "commands:",
                "  [PROFILE]".ljust(width + 4) + "open the deck; without a profile, the list of profiles",
                *lines,
                "",
                "pgdeck COMMAND --help says more.",
            ]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    parser.add_argument(
        "--debug", action="store_true", help="on an error, also print where it arose, without values"
    )
    return parser


class _Version(argparse.Action):
    """Reads the version only when asked: importing package metadata takes longer than all the rest."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, *_: object, **__: object) -> NoReturn:
        print(f"pgdeck {version()}")  # noqa: T201
        sys.stdout.flush()
        raise SystemExit(ExitCode.OK)


def _explain(error: Exception, *, debug: bool) -> int:
    """Say what went wrong; the exit code that goes with it."""
    if isinstance(error, ConfigurationError):
        for problem in error.problems:
            complain(problem.sentence())
        return ExitCode.USAGE
    if isinstance(error, CredentialError) or _is_session_error(error):
        complain(str(error))
        return ExitCode.UNKNOWN
    more = "" if debug else "; repeat the command with --debug to see where"
    # A bug measured nothing: UNKNOWN, never a pass, and the closed list of exit codes stays closed.
    complain(f"a mistake in pgdeck itself ({type(error).__name__}){more}")
    return ExitCode.UNKNOWN


def _is_session_error(error: Exception) -> bool:
    from sql.errors import SessionError

    return isinstance(error, SessionError)


def _show_frames(error: BaseException) -> None:
    """Where it arose: files, lines and types, never messages or locals, which may hold values."""
    import traceback

    frames = "".join(traceback.format_tb(error.__traceback__))
    print(f"{frames}{type(error).__module__}.{type(error).__qualname__}", file=sys.stderr)  # noqa: T201


def _accept_every_character() -> None:
    """What the terminal's encoding lacks, and bytes of file names that are no UTF-8, become escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _forget_stdout() -> None:
    """The reader is gone; without this the interpreter complains once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
