"""The deck's own colours; every stylesheet goes through their names."""

from __future__ import annotations

from collections.abc import Mapping

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from profiles.model import EnvironmentClass
from tui.looks import Look, ThemeChoice
from tui.present.view import Tone

OWN_VARIABLES: Mapping[str, str] = {"muted": "#7d8694", "cursor-row": "#2a3240"}
"""Variables that Textual's own themes lack: what stands back, and the selected row."""
CALM = {
    "foreground": "#c8ccd4",
    "background": "#14171c",
    "surface": "#14171c",
    "panel": "#1d222a",
    "success": "#7fb88a",
    "warning": "#d9b36c",
    "error": "#e07a74",
}


ACCENTS: Mapping[EnvironmentClass, str] = {
    EnvironmentClass.DEVELOPMENT: "#6ea8d8",
    EnvironmentClass.STAGING: "#c9a0dc",
    EnvironmentClass.PRODUCTION: "#ff4f7b",
}
HIGH_CONTRAST = {
    "foreground": "#ffffff",
    "background": "#000000",
    "surface": "#000000",
    "panel": "#262626",
    "success": "#5fff87",
    "warning": "#ffff00",
    "error": "#ff8787",
    "secondary": "#d0d0d0",
}
# Blue for good, orange for bad: apart for every common kind of colour blindness (Okabe and Ito).
COLOUR_BLIND = {**CALM, "success": "#56b4e9", "warning": "#f0e442", "error": "#ff8c42"}
SIXTEEN = {
    "foreground": "ansi_default",
    "background": "ansi_default",
    "surface": "ansi_default",
    "panel": "ansi_default",
    "boost": "ansi_default",
    "success": "ansi_green",
    "warning": "ansi_yellow",
    "error": "ansi_red",
    "secondary": "ansi_cyan",
}
PLAIN_VARIABLES = {
    "ansi-background": "ansi_black",
    "ansi-foreground": "ansi_white",
    "foreground-disabled": "ansi_default",
    "surface-active": "ansi_default",
    "muted": "ansi_default",
    "cursor-row": "ansi_bright_black",
    "border": "ansi_default",
    "border-blurred": "ansi_default",
    "block-cursor-foreground": "ansi_black",
    "block-cursor-background": "ansi_white",
    "input-cursor-background": "ansi_white",
    "input-cursor-foreground": "ansi_black",
    "input-cursor-text-style": "none",
    "input-selection-background": "ansi_blue",
    "input-selection-foreground": "ansi_white",
    "screen-selection-background": "ansi_blue",
    "screen-selection-foreground": "ansi_white",
}


def _theme(environment: EnvironmentClass, look: Look) -> Theme:
    accent = ACCENTS[environment]
    colours: Mapping[str, str] = CALM
    variables = {"border": "#39424f", **OWN_VARIABLES}
    if look.plain:
        colours, variables = SIXTEEN, dict(PLAIN_VARIABLES)
        accent = _PLAIN_ACCENTS[environment]
    elif look.theme is ThemeChoice.HIGH_CONTRAST:
        colours = HIGH_CONTRAST
        variables = {"border": "#ffffff", "muted": "#d0d0d0", "cursor-row": "#00307a"}
        accent = _STRONG_ACCENTS[environment]
    elif look.theme is ThemeChoice.COLOUR_BLIND:
        colours = COLOUR_BLIND
        accent = _APART_ACCENTS[environment]
    return Theme(
        name=f"pgdeck-{environment.value}",
        primary=accent,
        accent=accent,
        dark=True,
        ansi=look.plain,
        variables={"footer-key-foreground": accent, **variables},
        **{"secondary": "#7f93ad", **colours},  # type: ignore[arg-type]
    )


_PLAIN_ACCENTS: Mapping[EnvironmentClass, str] = {
    EnvironmentClass.DEVELOPMENT: "ansi_cyan",
    EnvironmentClass.STAGING: "ansi_yellow",
    EnvironmentClass.PRODUCTION: "ansi_magenta",
}
_STRONG_ACCENTS: Mapping[EnvironmentClass, str] = {
    EnvironmentClass.DEVELOPMENT: "#87d7ff",
    EnvironmentClass.STAGING: "#d7afff",
    EnvironmentClass.PRODUCTION: "#ff5faf",
}
_APART_ACCENTS: Mapping[EnvironmentClass, str] = {
    EnvironmentClass.DEVELOPMENT: "#6ea8d8",
    EnvironmentClass.STAGING: "#cc79a7",
    EnvironmentClass.PRODUCTION: "#ffa14a",
}


def themes_of(look: Look) -> Mapping[EnvironmentClass, Theme]:
    """A theme for each class; the names are the same for every look."""
    return {environment: _theme(environment, look) for environment in EnvironmentClass}


THEMES: Mapping[EnvironmentClass, Theme] = themes_of(Look())

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
