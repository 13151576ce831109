"""The palette: the key registry, found by name."""

from __future__ import annotations

from functools import partial

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.widgets import Input

from tui import keys
from tui.screens.deck import DeckScreen


class DeckCommands(Provider):
    """Every key of the deck; what is off just now is there too, and says why when it is chosen."""

    @property
    def _deck(self) -> DeckScreen | None:
        return self.screen if isinstance(self.screen, DeckScreen) else None

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        deck = self._deck
        for each in _offered() if deck is not None else ():
            assert deck is not None
            act = partial(deck.action_key, each.action)
            yield DiscoveryHit(f"{each.help} ({each.label})", act, text=each.help)

    async def search(self, query: str) -> Hits:
        """Those whose help holds the letters."""
        deck, matcher = self._deck, self.matcher(query)
        for each in _offered() if deck is not None else ():
            assert deck is not None
            score = matcher.match(each.help)
            if score > 0:
                act = partial(deck.action_key, each.action)
                yield Hit(score, matcher.highlight(each.help), act, text=each.help, help=each.label)


def _offered() -> list[keys.Key]:
    return [each for each in keys.of_scope(keys.Scope.DECK) if each.palette]


class Palette(CommandPalette):
    """Textual's palette over our registry, without a blinking cursor."""

    def __init__(self) -> None:
        super().__init__(
            providers=[DeckCommands], placeholder="find an action by its name", id="--command-palette"
        )

    def on_mount(self) -> None:
        """Nothing on the screen moves by itself."""
        self.query_one(Input).cursor_blink = False
