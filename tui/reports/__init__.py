"""The report in five formats; each module has `render(reports) -> str`, complete with its last newline."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from sql.report import Report

FORMATS = ("text", "json", "markdown", "junit", "openmetrics")


def render(format_name: str, reports: Sequence[Report]) -> str:
    """The reports in one of `FORMATS`."""
    text: str = import_module(f"tui.reports.{format_name}_report").render(reports)
    return text
