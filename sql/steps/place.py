"""Whether steps may run by way of the connection that a profile gives, and what to know of it."""

from __future__ import annotations

from profiles.model import Profile
from sql.pooling import SESSION
from sql.snapshots import ServerIdentity

THROUGH_A_POOLER = (
    "The run goes through a pooler, which pools sessions: it takes two of its server connections, and a time "
    "limit (query_timeout) or a restart of the pooler would cut it off; [direct] in the profile goes around."
)


def wrong_place(server: ServerIdentity, profile: Profile) -> str:
    """Why nothing can be run by way of this connection; empty where it can."""
    if server.pooler is not None and server.pooler.kind != SESSION and profile.direct is None:
        remedy = "say in [direct] of the profile how to reach the server itself"
        return f"{server.address} is a pooler ({server.pooler.evidence}); {remedy}"
    if server.in_recovery and profile.direct is None:
        return f"{server.address} is a standby, which takes no writes; connect to its primary"
    return ""


def of_place(server: ServerIdentity, profile: Profile) -> tuple[str, ...]:
    """What to know of a connection by way of which a step would run."""
    return (THROUGH_A_POOLER,) if server.pooler is not None and profile.direct is None else ()
