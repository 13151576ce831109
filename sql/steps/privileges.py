"""What a role lacks to run a step, each with the statement that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sql.quoting import identifier
from sql.session import Session
from sql.steps.step import Step, Verb

CREATES_NAME = frozenset({Verb.CREATE_INDEX, Verb.SWAP_INDEX, Verb.RENAME_INDEX})
"""A new name in a schema needs CREATE on it, also from the owner of the table (indexcmds.c, tablecmds.c)."""


async def missing_privileges(session: Session, step: Step, table_oid: int) -> tuple[str, ...]:
    """Sentences, one a right that the session's role lacks; empty: it has all.

    Raises:
        ReadingError, SessionError: as `Session.fetch`.
    """
    rows = await session.fetch("preview_privileges", table_oid)
    if not rows:
        return ()
    row, user = rows[0], identifier(session.identity.user)
    found = []
    if not row["schema_usage"]:
        found.append(_lacks(user, f"USAGE on schema {row['schema']}", _on_schema("USAGE", row, user)))
    if step.verb is Verb.SET_MIGRATION:
        for right in ("SELECT", "UPDATE"):
            if not row[f"may_{right.lower()}"]:
                grant = f"GRANT {right} ON {step.table} TO {user}"
                found.append(_lacks(user, f"{right} on {step.table}", grant))
        return tuple(found)
    maintains = step.verb is Verb.ANALYZE and row["may_maintain"]
    if not row["owns"] and not maintains:
        found.append(_not_owner(step, row, user))
    if step.verb in CREATES_NAME and not row["schema_create"]:
        found.append(_lacks(user, f"CREATE on schema {row['schema']}", _on_schema("CREATE", row, user)))
    return tuple(found)


def _not_owner(step: Step, row: Mapping[str, Any], user: str) -> str:
    owner = identifier(row["owner"])
    what = f"only the owner of {step.table}, {owner}, may do this"
    if row["may_become_owner"]:
        return f"{what}; {user} is a member that does not inherit: ALTER ROLE {user} SET role = {owner}."
    return f"{what}; GRANT {owner} TO {user} makes {user} one of its members."


def _lacks(user: str, what: str, grant: str) -> str:
    return f"{user} lacks {what}; {grant} mends it."


def _on_schema(right: str, row: Mapping[str, Any], user: str) -> str:
    return f"GRANT {right} ON SCHEMA {identifier(row['schema'])} TO {user}"
