"""`python -m tests.bench`: measure, print goal beside figure, and end with 1 where a must is missed."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.bench import figures, frames, headless, keys, plot, probes, screen, slow_line, watching, writers
from tests.bench.figures import Figure
from tests.bench.setting import Setting

MEASURES: Mapping[str, Callable[[Setting], Iterable[Figure]]] = {
    "commands": headless.command_costs,
    "verify": headless.five_thousand_indexes,
    "start": screen.starts,
    "rows": screen.keys_over_five_thousand_rows,
    "watching": watching.costs,
    "load": watching.costs_under_load,
    "frames": frames.bytes_a_frame,
    "keys": keys.answers,
    "slow-line": slow_line.answers,
    "plot": plot.bytes_of_the_plot,
    "probes": probes.accuracy,
    "percentiles": probes.percentiles,
    "writers": writers.longest_waits,
}


def main() -> int:
    """Every measurement in turn, or those that are asked for, on one server of its own."""
    arguments = _arguments()
    missed = False
    with tempfile.TemporaryDirectory(prefix="pgdeck-bench-") as folder, Setting(Path(folder)) as setting:
        asyncio.run(setting.fill())
        load = f"load of this machine: {os.getloadavg()[0]:.1f}"
        print(f"{load}; from 1 on trust ratios and CPU times only", file=sys.stderr)
        print(figures.MARKDOWN_HEAD if arguments.markdown else figures.HEAD)
        for name in arguments.only or MEASURES:
            for figure in MEASURES[name](setting):
                print(figure.markdown() if arguments.markdown else figure.line(), flush=True)
                missed = missed or figure.missed
    return int(missed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=MEASURES, metavar="NAME", help=f"one of: {', '.join(MEASURES)}"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table of the README")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
