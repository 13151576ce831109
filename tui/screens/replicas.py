"""Replicas and slots of the watched server; on a standby, the way to its primary."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.message import Message

from profiles.model import Profile
from sql.replicas.values import ReplicasSnapshot
from sql.snapshots import IdentitySnapshot, IndexesSnapshot, ServerIdentity
from tui import keys
from tui.messages import Copied
from tui.present.replicas import replicas_view
from tui.present.view import Line, Tone, View, line
from tui.screens.listing import Listing, age_of, doubt
from tui.watching import Readings

if TYPE_CHECKING:
    from sql.replicas.primary import Primary
    from tui.feed import Feed

PART = "replicas"
UNKNOWN_PRIMARY = (
    "its primary is not known here: no other server that the profile names takes writes; "
    'say them all in [connection], as host = "a,b" with target_session_attrs = "primary"'
)


class ReplicasScreen(Listing):
    """Who streams from this server, and what is kept for whom."""

    SCOPE = keys.Scope.REPLICAS
    NAME = "replicas"
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.REPLICAS)]

    class Wanted(Message):
        """The deck is to be opened on the primary."""

        def __init__(self, profile: Profile) -> None:
            super().__init__()
            self.profile = profile

    def __init__(self, profile: Profile, readings: Readings, feed: Feed | None) -> None:
        """
        Args:
            feed: reads them; None where nothing is watched.
        """
        super().__init__(profile)
        self._readings = readings
        self._feed = feed
        self._primary: Primary | None = None
        self._sought: ServerIdentity | None = None
        """The standby whose primary was sought."""
        self._seeking = ""
        """How far that search is, a sentence."""

    def on_mount(self) -> None:
        """Begin to read."""
        if self._feed is not None and self._feed.replicas is not None:
            self._feed.join(self._feed.replicas.on_screen)

    def on_unmount(self) -> None:
        """Read them no more."""
        if self._feed is not None:
            self._feed.leave(PART)

    @property
    def _server(self) -> ServerIdentity | None:
        snapshot = self._readings.known("server").snapshot
        return snapshot.server if isinstance(snapshot, IdentitySnapshot) else None

    def view(self) -> View:
        """The rows as they are known now."""
        snapshot = self._readings.known(PART).snapshot
        if not isinstance(snapshot, ReplicasSnapshot):
            return View(summary=line(("waiting for the first reading", Tone.DIM)))
        if snapshot.replicas.in_recovery:
            self._seek()
        indexes = self._readings.known("indexes").snapshot
        read = indexes.indexes if isinstance(indexes, IndexesSnapshot) else ()
        names = {index.oid: index.name for index in read if index.oid is not None}
        seeking = self._seeking if snapshot.replicas.in_recovery else ""
        return replicas_view(snapshot.replicas, names, seeking)

    def age(self) -> str:
        """How old the reading is."""
        return age_of(self._readings, PART)

    def note(self) -> Line:
        """Why they are old or cannot be read, and what mends it."""
        return doubt(self._readings, PART)

    def idle_keys(self) -> Collection[str]:
        """Only a standby has a primary to go to."""
        snapshot = self._readings.known(PART).snapshot
        stands_by = isinstance(snapshot, ReplicasSnapshot) and snapshot.replicas.in_recovery
        return super().idle_keys() if stands_by else (*super().idle_keys(), "primary")

    def facts(self, name: str) -> keys.Facts:  # noqa: ARG002
        """What decides whether the key `name` is off."""
        why = "" if self._primary is not None else self._seeking or "this server is the primary"
        return keys.Facts(
            pane="the replicas", row=self.pane.row is not None, why=why, paused=self._readings.paused
        )

    def act(self, name: str) -> None:
        """Look again, copy, or go to the primary."""
        row = self.pane.row
        if name == "primary" and self._primary is not None:
            self.post_message(self.Wanted(self._primary.profile))
        elif name == "refresh" and self._feed is not None:
            self._sought = None
            self._feed.refresh()
            self.say("asking every replica again")
        elif name == "copy" and row is not None:
            self.post_message(Copied(row.sql))

    # -- the primary of a standby -----------------------------------------------------------------------

    def _seek(self) -> None:
        """Look for the primary once for each standby that is watched."""
        server = self._server
        if server is None or server == self._sought or self._feed is None:
            return
        self._sought, self._primary = server, None
        self._seeking = "looking for its primary among the servers that the profile names …"
        self.run_worker(
            self._find(server), group="primary", description="look for the primary", exit_on_error=False
        )

    async def _find(self, standby: ServerIdentity) -> None:
        from sql.replicas.primary import find_primary

        assert self._feed is not None
        found = await find_primary(self.profile, self._feed.password, standby)
        self._primary = found
        self._seeking = UNKNOWN_PRIMARY
        if found is not None:
            self._seeking = f"o opens the deck on its primary, {found.address} ({found.said} of the profile)"
        self.follow()
