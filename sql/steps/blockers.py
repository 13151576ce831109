"""Backends that stand in the way, as values and as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sql.durations import duration
from sql.steps.scribe import foreign_query


@dataclass(frozen=True)
class Blocker:
    """A backend, or a prepared transaction, that somebody waits for."""

    pid: int | None
    """None for a prepared transaction."""
    depth: int = 1
    """1 keeps us waiting; 2 keeps the first one waiting, and so on: mend the deepest."""
    waiter: int | None = None
    backend_start: datetime | None = None
    query_start: datetime | None = None
    xact_start: datetime | None = None
    """None also where nobody asked for it."""
    user: str | None = None
    application: str | None = None
    client: str | None = None
    backend_type: str | None = None
    state: str | None = None
    age_s: float | None = None
    """Of its transaction."""
    state_age_s: float | None = None
    query: str = ""
    """Its last query, cut; empty where it is hidden from us."""
    gid: str | None = None
    """Of a prepared transaction: only its owner can end it, by COMMIT PREPARED or ROLLBACK PREPARED."""
    builds: bool = False
    """It builds an index: whoever queues behind it on its table kills it by a deadlock."""
    mode: str | None = None
    """The lock in the way, where that is known."""
    of_superuser: bool = False
    may_signal: bool | None = None
    """Whether the server lets us cancel or terminate it; None: nobody asked."""

    @property
    def is_autovacuum(self) -> bool:
        """Whether the server moves it aside by itself after deadlock_timeout."""
        return self.backend_type == "autovacuum worker" and not self.prevents_wraparound

    @property
    def prevents_wraparound(self) -> bool:
        """Whether it is the autovacuum that never yields."""
        return self.backend_type == "autovacuum worker" and "to prevent wraparound" in self.query

    @property
    def sentence(self) -> str:
        """Who it is and what it does, for the operator."""
        if self.gid is not None:
            return f"prepared transaction {self.gid!r} of {self.user}"
        if self.pid is None:
            return "a prepared transaction"
        known = [part for part in (self.user, self.application, self.client) if part]
        who = f"pid {self.pid}" + (f" ({', '.join(known)})" if known else "")
        if self.state is None and self.backend_type is None:
            return f"{who}, details hidden"
        age = f" for {duration(self.state_age_s)}" if self.state_age_s is not None else ""
        doing = self.state or self.backend_type
        query = f": {self.query}" if self.query else ""
        return f"{who}, {doing}{age}{query}"

    @property
    def short(self) -> str:
        """The same without ages and query, for one line that changes seldom."""
        if self.gid is not None or self.pid is None:
            return self.sentence
        doing = self.state or self.backend_type or "details hidden"
        return " ".join(filter(None, (f"pid {self.pid}", self.application or self.user, f"({doing})")))

    def as_json(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "pid": self.pid,
            "depth": self.depth,
            "backend_start": self.backend_start.isoformat() if self.backend_start else None,
            "user": self.user,
            "application": self.application,
            "client": self.client,
            "state": self.state or self.backend_type,
            "age_s": self.age_s,
            "query": self.query,
            "gid": self.gid,
        }


def from_row(row: Mapping[str, Any]) -> Blocker:
    """From any of the run_*.sql that list backends; columns that a file lacks stay None."""
    value = dict(row)
    gid = value.get("gid")
    return Blocker(
        pid=value["pid"] or None,
        depth=value.get("depth", 1),
        waiter=value.get("waiter"),
        backend_start=value.get("backend_start"),
        query_start=value.get("query_start"),
        user=value.get("gid_owner") if gid is not None else value.get("usename"),
        application=value.get("application_name"),
        client=value.get("client"),
        backend_type=value.get("backend_type"),
        state=value.get("state"),
        age_s=value.get("prepared_age_s") if gid is not None else value.get("age_s"),
        state_age_s=value.get("state_age_s"),
        query=foreign_query(value.get("query")),
        gid=gid,
        builds=bool(value.get("builds")),
        mode=value.get("mode"),
        of_superuser=bool(value.get("of_superuser")),
        may_signal=value.get("may_signal"),
    )
