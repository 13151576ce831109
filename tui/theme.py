"""The deck's own colours; every stylesheet goes through their names."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

from profiles.model import EnvironmentClass

OWN_VARIABLES: Mapping[str, str] = {"muted": "#7d8694", "cursor-row": "#2a3240"}
"""Variables that Textual's own themes lack: what stands back, and the selected row."""
_CALM = {
    "foreground": "#c8ccd4",
    "background": "#14171c",
    "surface": "#14171c",
    "panel": "#1d222a",
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
        variables={"border": "#39424f", "footer-key-foreground": accent, **OWN_VARIABLES},
        **_CALM,  # type: ignore[arg-type]
    )


THEMES: Mapping[EnvironmentClass, Theme] = {
    EnvironmentClass.DEVELOPMENT: _theme("pgdeck-development", "#6ea8d8"),
    EnvironmentClass.STAGING: _theme("pgdeck-staging", "#c9a0dc"),
    EnvironmentClass.PRODUCTION: _theme("pgdeck-production", "#ff4f7b"),
}
