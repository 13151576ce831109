"""A short look at each replica that the profile names: connected to, read, and left again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from profiles.errors import ConfigurationError
from profiles.libpq import overlaid, resolve
from profiles.model import Profile
from profiles.secret import Secret
from sql.errors import ReadingError, SessionError
from sql.replicas.values import Recovery
from sql.snapshots import IndexesSnapshot, ServerIdentity

if TYPE_CHECKING:
    from sql.session import Session

LIMIT_S = 8.0
"""For one replica: connecting and reading."""
CHOOSY = ("target_session_attrs", "load_balance_hosts")
"""What [connection] says to find its primary would keep us from a replica."""


@dataclass(frozen=True)
class Look:
    """What one replica of the profile said, or why it could not be asked."""

    name: str
    """`host:port`, as the profile says it."""
    recovery: Recovery | None = None
    """None: it was not reached, or is no standby."""
    is_primary: bool = False
    behind_bytes: int | None = None
    """Of the watched server's WAL, not replayed there."""
    cluster_name: str = ""
    server_address: str = ""
    slot: str = ""
    trouble: str = ""
    scans: Mapping[int, int] = field(default_factory=dict)
    stats_since: datetime | None = None


def profile_of(profile: Profile, parameters: Mapping[str, str]) -> Profile:
    """The profile with one of its replicas in place of its server."""
    inherited = {key: value for key, value in profile.connection.items() if key not in CHOOSY}
    if {"host", "hostaddr"} & parameters.keys() and "," in inherited.get("port", ""):
        # A port for each host of [connection] is none for this one.
        inherited.pop("port")
    return replace(profile, connection=overlaid(inherited, parameters), direct=None, replicas=())


def name_of(profile: Profile, parameters: Mapping[str, str]) -> str:
    """`host:port` of a replica; what the profile says of it where that resolves to nothing."""
    try:
        hosts = resolve(profile_of(profile, parameters).connection).hosts
    except ConfigurationError:
        return parameters.get("host", "replica")
    return ",".join(host.label for host in hosts)


async def look_at_replicas(
    profile: Profile,
    password: Secret | None,
    watched: Session,
    indexes: Sequence[int] = (),
) -> tuple[Look, ...]:
    """Ask the replicas that the profile names, one after the other, on one connection at a time.

    Args:
        watched: the session on the profile's server, for where its WAL ends.
        indexes: oids of those whose scans are wanted.

    Raises:
        ReadingError, SessionError: the watched server could not be asked.
    """
    return tuple([await _look(profile, each, password, watched, indexes) for each in profile.replicas])


def with_scans(indexes: IndexesSnapshot, looks: Sequence[Look]) -> IndexesSnapshot:
    """The indexes with their scans on the replicas: each server counts its own."""
    if not looks:
        return indexes
    return replace(
        indexes,
        indexes=tuple(
            replace(
                index,
                replica_scans=tuple((look.name, look.scans.get(index.oid)) for look in looks),
            )
            if index.oid is not None
            else index
            for index in indexes.indexes
        ),
    )


async def _look(
    profile: Profile,
    parameters: Mapping[str, str],
    password: Secret | None,
    watched: Session,
    indexes: Sequence[int],
) -> Look:
    from sql.connect import connect

    name = name_of(profile, parameters)
    end: str = (await watched.fetch("replicas_here"))[0]["lsn"]
    try:
        async with asyncio.timeout(LIMIT_S):
            session = await connect(profile_of(profile, parameters), password)
            try:
                return await _asked(session, name, watched.identity, end, indexes)
            finally:
                await session.close()
    except TimeoutError:
        return Look(name, trouble=f"it did not answer within {LIMIT_S:g} s")
    except (SessionError, ReadingError) as error:
        return Look(name, trouble=str(error).rstrip(". ").removeprefix(f"{name} "))
    except ConfigurationError as error:
        return Look(name, trouble=error.problems[0].sentence())


async def _asked(
    session: Session, name: str, watched: ServerIdentity, end: str, indexes: Sequence[int]
) -> Look:
    from sql.replicas.reading import own_recovery, positive

    identity = session.identity
    known = (watched.system_identifier, identity.system_identifier)
    if None not in known and known[0] != known[1]:
        return Look(name, trouble=f"it is another cluster (system identifier {known[1]}), no replica of this")
    row = (await session.fetch("replicas_recovery", end))[0]
    if not row["in_recovery"]:
        trouble = "" if watched.in_recovery else "it takes writes: it is no replica (any more)"
        return Look(name, is_primary=True, trouble=trouble)
    # Oids are those of one database; of another one they would name something else.
    asks = bool(indexes) and identity.database == watched.database
    scans = await session.fetch("replicas_scans", list(indexes)) if asks else []
    return Look(
        name,
        recovery=own_recovery(row),
        behind_bytes=positive(row["behind_bytes"]),
        cluster_name=row["cluster_name"],
        server_address=row["address"],
        slot=row["slot"] or "",
        scans={each["oid"]: each["scans"] for each in scans},
        stats_since=scans[0]["stats_since"] if scans else None,
    )
