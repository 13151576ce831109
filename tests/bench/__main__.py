"""`python -m tests.bench`: measure, print goal beside figure, and end with 1 where a goal is missed."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.bench.figures import HEAD, Figure
from tests.bench.headless import command_costs, five_thousand_indexes
from tests.bench.screen import keys_over_five_thousand_rows, starts
from tests.bench.setting import Setting
from tests.bench.watching import costs
from tests.bench.writers import longest_waits


def main() -> int:
    """Every measurement in turn, on one server of its own."""
    with tempfile.TemporaryDirectory(prefix="pgdeck-bench-") as folder, Setting(Path(folder)) as setting:
        asyncio.run(setting.fill())
        figures: list[Figure] = []
        print(f"load of this machine: {os.getloadavg()[0]:.1f}; from 1 on trust ratios and CPU times only")
        print(HEAD)
        measures = (command_costs, five_thousand_indexes, starts, keys_over_five_thousand_rows, costs)
        for measure in (*measures, longest_waits):
            for figure in measure(setting):
                print(figure.line(), flush=True)
                figures.append(figure)
    return int(any(figure.missed for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
