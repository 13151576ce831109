"""When Python looks for cycles: not while a command starts, and seldom among what stays."""

from __future__ import annotations

import atexit
import gc

STARTING = 500_000
"""New objects between two looks; with Python's 700 the looks are a tenth of every start."""
STARTED = 10_000


def start() -> None:
    """At the begin of a process that imports much."""
    gc.set_threshold(STARTING, 20, 50)
    # An interpreter that ends would look through every object once more: a fifth of what quitting takes.
    atexit.register(gc.freeze)


def settle() -> None:
    """All is imported and stays: what is there now is looked at no more."""
    gc.freeze()
    gc.set_threshold(STARTED, 20, 50)
