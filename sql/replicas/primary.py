"""From a standby to its primary, as far as the profile knows the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from profiles.errors import ConfigurationError
from profiles.libpq import Host, overlaid, parameters_of, resolve
from profiles.model import Profile
from profiles.secret import Secret
from sql.errors import SessionError
from sql.replicas.looks import LIMIT_S, profile_of
from sql.snapshots import ServerIdentity


@dataclass(frozen=True)
class Primary:
    """The server of the same cluster that takes writes."""

    profile: Profile
    """The profile, with that server in place of its own."""
    address: str
    """`host:port`, or the socket's path."""
    said: str
    """Where in the profile it stands, such as `[connection]`."""


async def find_primary(profile: Profile, password: Secret | None, standby: ServerIdentity) -> Primary | None:
    """Try the servers that the profile names, one after the other; each is left again at once.

    A standby says in primary_conninfo from where it streams, which only superusers may read, and which may
    be another standby.

    Args:
        standby: the server that is watched.
    """
    for said, other in _candidates(profile, standby.address):
        address = await _takes_writes(other, password, standby.system_identifier)
        if address is not None:
            return Primary(other, address, said)
    return None


def _candidates(profile: Profile, watched: str) -> Iterator[tuple[str, Profile]]:
    """Every other server that the profile names, alone."""
    seen = {watched}
    places: list[tuple[str, Mapping[str, str]]] = [("[connection]", parameters_of(profile))]
    if profile.direct is not None:
        places.append(("[direct]", parameters_of(profile, direct=True)))
    places += [("[[replica]]", profile_of(profile, each).connection) for each in profile.replicas]
    for said, parameters in places:
        try:
            hosts = resolve(parameters).hosts
        except ConfigurationError:
            continue
        for host in hosts:
            if host.label not in seen:
                seen.add(host.label)
                yield said, _at(profile, parameters, host)


def _at(profile: Profile, parameters: Mapping[str, str], host: Host) -> Profile:
    where = {"host": host.name, "hostaddr": host.address, "port": str(host.port)}
    kept = {key: value for key, value in parameters.items() if key != "target_session_attrs"}
    connection = overlaid(kept, {key: value for key, value in where.items() if value})
    return replace(profile, connection=connection)


async def _takes_writes(profile: Profile, password: Secret | None, cluster: str | None) -> str | None:
    """The address of a primary of this cluster; None where it is something else, or out of reach."""
    from sql.connect import connect

    try:
        async with asyncio.timeout(LIMIT_S):
            session = await connect(profile, password)
    except (SessionError, ConfigurationError, TimeoutError):
        return None
    await session.close()
    identity = session.identity
    is_other = None not in (cluster, identity.system_identifier) and cluster != identity.system_identifier
    return None if identity.in_recovery or is_other else identity.address
