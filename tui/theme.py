"""The deck's own colours; every stylesheet goes through their names."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

from profiles.model import EnvironmentClass

MUTED = "muted"
"""Our own variable: the colour of what stands back."""
_CALM = {
    "foreground": "#c8ccd4",
    "background": "#14171c",
    "surface": "#14171c",
    "panel": "#1d222a",
    "boost": "#252b35",
    "success": "#7fb88a",
    "warning": "#d9b36c",
    "error": "#e07a74",
}


def _theme(name: str, accent: str) -> Theme:
    return Theme(
        name=name,
        primary=accent,
        secondary="#7f93ad",
        accent=accent,
        dark=True,
        variables={"border": "#39424f", "footer-key-foreground": accent, MUTED: "#7d8694"},
        **_CALM,  # type: ignore[arg-type]
    )


THEMES: Mapping[EnvironmentClass, Theme] = {
    EnvironmentClass.DEVELOPMENT: _theme("pgdeck-development", "#6ea8d8"),
    EnvironmentClass.STAGING: _theme("pgdeck-staging", "#c9a0dc"),
    EnvironmentClass.PRODUCTION: _theme("pgdeck-production", "#ff4f7b"),
}
