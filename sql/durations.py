"""How long something took or has lasted, as every sentence and every screen says it."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A span of time in its two largest units: `3 s`, `2 min 5 s`, `1 h 12 min`, `3 d`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d"
