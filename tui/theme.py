"""The deck's own colours; every stylesheet goes through their names."""

from __future__ import annotations

from collections.abc import Mapping

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from profiles.model import EnvironmentClass
from tui.present.view import Tone

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

_COLOURS: Mapping[Tone, str] = {
    Tone.DIM: "muted",
    Tone.SPARK: "secondary",
    Tone.GOOD: "success",
    Tone.WARN: "warning",
    Tone.BAD: "error",
    Tone.ACCENT: "accent",
    Tone.BADGE: "background",
    Tone.CHANGED: "warning",
}
_BACKGROUNDS: Mapping[Tone, str] = {Tone.BADGE: "accent", Tone.CURSOR: "cursor-row"}
_BOLD = frozenset({Tone.STRONG, Tone.BADGE})
_UNDERLINED = frozenset({Tone.CHANGED})


def tone_styles(variables: Mapping[str, str]) -> Mapping[Tone, Style]:
    """What each tone adds to the style of its line, in the colours of a theme.

    No component classes of the stylesheet: Textual styles eleven of them anew for each widget and change.
    """
    return {tone: _tone_style(tone, variables) for tone in Tone}


def _tone_style(tone: Tone, variables: Mapping[str, str]) -> Style:
    def colour(names: Mapping[Tone, str]) -> RichColor | None:
        return Color.parse(variables[names[tone]]).rich_color if tone in names else None

    return Style(
        color=colour(_COLOURS),
        bgcolor=colour(_BACKGROUNDS),
        bold=True if tone in _BOLD else None,
        underline=True if tone in _UNDERLINED else None,
    )
