"""The journal as JSON, version 1: its entries exactly as they were written."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sql.steps.journal import JournalEntry
from tui.reports.json_text import written

FORMAT_VERSION = 1


def render(entries: Sequence[JournalEntry], skipped: int) -> str:
    """One object."""
    shape = {
        "journal": FORMAT_VERSION,
        "entries": [json.loads(entry.as_line()) for entry in entries],
        "skipped": skipped,
    }
    return written(shape)
