"""Whether the server that answers is the one that was watched, and what has changed about it since."""

from __future__ import annotations

from sql.snapshots import ServerIdentity


class AnotherServerError(Exception):
    """Another server or database answers under the same name; the sentence says which."""


def difference(known: ServerIdentity, found: ServerIdentity) -> str | None:
    """The sentence that says why `found` is not the server or database that was watched; None where it is."""
    if known.database != found.database:
        return f"this is database {found.database!r}, and {known.database!r} was watched before"
    identifiers = (known.system_identifier, found.system_identifier)
    if None not in identifiers and identifiers[0] != identifiers[1]:
        return (
            f"ANOTHER SERVER answers at {found.address}: system identifier {identifiers[1]},"
            f" and {identifiers[0]} was watched before"
        )
    if None in (known.timeline, found.timeline) or found.in_recovery:
        return None
    # A standby may lag behind a switch of timelines; a primary never goes back.
    if (found.timeline or 0) < (known.timeline or 0):
        return (
            f"AN OLD PRIMARY answers at {found.address}: timeline {found.timeline},"
            f" and {known.timeline} was watched before"
        )
    return None


def movement(before: ServerIdentity, now: ServerIdentity) -> str:
    """What has changed about the same server: promoted, failed over, elsewhere; empty where nothing."""
    said: list[str] = []
    if before.in_recovery and not now.in_recovery:
        said.append("it was promoted: a primary now")
    elif now.in_recovery and not before.in_recovery:
        said.append("a standby answers now")
    if None not in (before.timeline, now.timeline) and before.timeline != now.timeline:
        said.append(f"timeline {before.timeline} → {now.timeline}")
    if before.address != now.address:
        said.append(f"at {now.address}, not {before.address}")
    return ", ".join(said)
