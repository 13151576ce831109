"""Which pgdeck this is."""

from __future__ import annotations


def version() -> str:
    """The installed distribution's version, such as `0.1.0`; `unknown` where none is installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("pgdeck")
    except PackageNotFoundError:
        return "unknown"
