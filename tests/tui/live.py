"""A small database with a profile, and the real app on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from profiles.locations import locations
from tests.servers import Database
from tests.tui.deck import Driver, StillApp
from tui.app import DeckApp
from tui.commands.deck import load
from tui.scout import Scout

SCHEMA = """
    CREATE TABLE leads (id int PRIMARY KEY, status text, score int);
    INSERT INTO leads SELECT n, 'new', n FROM generate_series(1, 100) n;
    CREATE INDEX idx_leads_status ON leads (status);
    ALTER TABLE leads ADD CONSTRAINT ck_score CHECK (score >= 0);
"""
DEFINITION = "CREATE INDEX idx_leads_status ON leads (status)"


def write_profile(
    database: Database,
    name: str = "small",
    *,
    definition: str = DEFINITION,
    credentials: str = "",
    user: str = "",
    through: int | None = None,
) -> str:
    """Write a profile and its manifest; the profile's name.

    Args:
        through: the port of a proxy on 127.0.0.1 that leads to the database.
    """
    places = locations()
    for folder in (places.profiles, places.manifests):
        folder.mkdir(parents=True, exist_ok=True)
    (places.manifests / f"{name}.toml").write_text(
        f"""title = "Small"
[[index]]
priority = "critical"
definition = "{definition}"
[[constraint]]
table = "leads"
name = "ck_score"
definition = "CHECK (score >= 0)"
[[probe]]
name = "lead_dashboard"
sql = "SELECT 1"
target = {{ p50_ms = 1000 }}
[pool]
size = 20
"""
    )
    connection = {**database.parameters(), **({"user": user} if user else {})}
    if through is not None:
        connection |= {"host": "127.0.0.1", "port": str(through), "sslmode": "disable"}
    lines = "\n".join(f'{key} = "{value}"' for key, value in connection.items())
    (places.profiles / f"{name}.toml").write_text(
        f'environment = "staging"\nmanifest = "{name}"\n{credentials}\n[connection]\n{lines}\n'
    )
    return name


class LiveApp(StillApp):
    """The app with its watch."""

    def begin_watching(self) -> None:
        """Watch the server."""
        DeckApp.begin_watching(self)


@asynccontextmanager
async def live(
    name: str, size: tuple[int, int] = (120, 40), *, scout: Scout | None = None
) -> AsyncIterator[Driver]:
    """The real app on a profile; no worker may fail.

    Args:
        scout: was sent ahead.
    """
    app = LiveApp(*load(name))
    app.scout = scout
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        try:
            yield Driver(app, pilot)
        finally:
            await app.stop_watching()
        assert app.failed == []
