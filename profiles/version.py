"""Which pgdeck this is."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

UNKNOWN = "unknown"


@cache
def version() -> str:
    """The installed distribution's version, such as `0.1.0`; `unknown` where none is installed.

    It stands in the name of the distribution's folder (PEP 376); `importlib.metadata` takes a megabyte.
    """
    for folder in filter(None, sys.path):
        for found in Path(folder).glob("pgdeck-*.dist-info"):
            return found.name.removeprefix("pgdeck-").removesuffix(".dist-info")
    return UNKNOWN
