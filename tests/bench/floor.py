"""The smallest Textual app that watches: a table of 30 x 6, 60 cells of it changing, a sparkline, at 1 Hz.

What no program on Textual can be below, as long as it draws with Textual's own means.
"""

from __future__ import annotations

import random

from textual.app import App, ComposeResult
from textual.coordinate import Coordinate
from textual.widgets import DataTable, Sparkline

ROWS = 30
COLUMNS = 6
CHANGED = 60
"""Cells a second."""


class Floor(App[None]):
    """Needs nothing but Textual."""

    BINDINGS = [("q", "quit", "quit")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        """A table and a sparkline."""
        yield DataTable()
        yield Sparkline([0.0] * 100)

    def on_mount(self) -> None:
        """Fill it, then change it each second."""
        table = self.query_one(DataTable)
        table.cursor_type = "row"
        table.add_columns(*(f"column {number}" for number in range(COLUMNS)))
        for row in range(ROWS):
            table.add_row(*(f"value {row}.{column}" for column in range(COLUMNS)))
        self.set_interval(1.0, self.change)

    def change(self) -> None:
        """New values in some cells, one more in the sparkline."""
        table = self.query_one(DataTable)
        for place in random.sample(range(ROWS * COLUMNS), CHANGED):
            table.update_cell_at(Coordinate(*divmod(place, COLUMNS)), f"{random.random():.6f}")
        spark = self.query_one(Sparkline)
        spark.data = [*list(spark.data or ())[1:], random.random()]


if __name__ == "__main__":
    Floor().run()
