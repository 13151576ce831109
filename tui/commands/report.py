"""`pgdeck report FILE`: the performance report of a recorded session, with a plot for those who sell."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from tui.exit_codes import ExitCode

FORMATS = ("markdown", "json")
EXAMPLES = """
examples:
  pgdeck report sales-20261122-234500 --output report.md --svg latency.svg
  pgdeck report sales-20261122-234500 --report-format json

The recordings are listed by: pgdeck replay
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "report",
        description="The performance report of a recorded session. Needs no server.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="a recording's path, or its name in the list")
    parser.add_argument("--report-format", choices=FORMATS, default="markdown")
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="write the report to FILE, not to standard output"
    )
    parser.add_argument(
        "--svg", metavar="FILE", type=Path, help="draw latency over time into FILE; the Markdown shows it"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run it.

    Returns:
        OK, whatever the verdicts were.

    Raises:
        ConfigurationError: there is no such recording, it cannot be read, or a file cannot be written.
    """
    from sql.recording.folder import find
    from sql.recording.reader import Recording
    from tui.recordings import folder
    from tui.reports import delivery
    from tui.reports.session import read_session

    with Recording(find(arguments.file, folder())) as recording:
        session = read_session(recording)
    if arguments.svg is not None:
        from tui.reports import session_plot

        delivery.save(arguments.svg, session_plot.render(session), "--svg")
    if arguments.report_format == "json":
        from tui.reports import session_json

        text = session_json.render(session)
    else:
        from tui.reports import session_markdown

        text = session_markdown.render(session, _relative(arguments.svg, arguments.output))
    if arguments.output is None:
        delivery.show(text)
    else:
        delivery.save(arguments.output, text, "--output")
    return ExitCode.OK


def _relative(plot: Path | None, report: Path | None) -> str:
    """Where the plot is, as seen from the report."""
    if plot is None:
        return ""
    beside = report.parent if report is not None else Path()
    return os.path.relpath(plot.absolute(), beside.absolute())
