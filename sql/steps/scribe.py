"""Writes journal entries, with the fields that do not change during a run filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from profiles.model import Profile
from profiles.version import version
from sql.snapshots import ServerIdentity
from sql.steps.journal import Event, Journal, JournalEntry
from sql.steps.operator import Operator, acting
from sql.steps.step import Step

LONGEST_FOREIGN_QUERY = 200
"""Characters kept of another session's query."""
_SECRET_WORDS = re.compile(
    r"password|passwd|passphrase|\bpwd\b|secret|token|credential|bearer|(api|private)_?key"
    # Functions of pgcrypto, the password in a URL, and commands, which have passwords of their own.
    r"|pgp_sym_|\bcrypt\s*\(|://[^\s'\"/@]*:[^\s'\"@]*@|\bprogram\s+e?'",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Scribe:
    """Knows who acts, on which profile and server, in which run."""

    journal: Journal
    profile: Profile
    run: str | None = None
    plan_hash: str | None = None
    operator: Operator | None = None
    identity: ServerIdentity | None = None

    def on(self, identity: ServerIdentity) -> Scribe:
        """The same, once the server is known."""
        return replace(self, identity=identity)

    def write(
        self,
        event: Event,
        step: Step | None = None,
        detail: Mapping[str, Any] | None = None,
        *,
        sql: str | None = None,
    ) -> None:
        """Append one entry; returns when it is on disk.

        Args:
            sql: what was or will be sent, where it is not the step's own SQL.

        Raises:
            OSError: it could not be written.
        """
        self.journal.append(self.entry(event, step, detail, sql=sql))

    def entry(
        self,
        event: Event,
        step: Step | None = None,
        detail: Mapping[str, Any] | None = None,
        *,
        sql: str | None = None,
    ) -> JournalEntry:
        """What `write` would append."""
        operator = self.operator or acting()
        return JournalEntry(
            event=event,
            time=datetime.now(UTC),
            run=self.run,
            operator=operator.label,
            host=operator.host,
            profile=self.profile.name,
            environment=self.profile.environment,
            server=server_fields(self.identity) if self.identity else None,
            step=step.id if step else None,
            sql=sql if sql is not None else step.sql if step else None,
            hash=self.plan_hash,
            pgdeck=version(),
            detail=detail or {},
        )

    def note(self, event: Event, step: Step, detail: Mapping[str, Any]) -> None:
        """Append an entry that announces nothing: a full disk must not end a build."""
        with suppress(OSError):
            self.write(event, step, detail)


def server_fields(identity: ServerIdentity) -> dict[str, str | None]:
    """The server as the journal names it."""
    return {
        "system_identifier": identity.system_identifier,
        "database": identity.database,
        "address": identity.address,
        "version": identity.version,
        "user": identity.user,
    }


def foreign_query(query: str | None) -> str:
    """Another session's query as it may be kept: cut short, and not at all where it may hold a secret."""
    if not query:
        return ""
    if _SECRET_WORDS.search(query):
        return "(not kept: it may hold a secret)"
    return query[:LONGEST_FOREIGN_QUERY]
