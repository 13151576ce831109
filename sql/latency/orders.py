"""What the deck tells its prober: one line of JSON on a pipe, the only place where a password is written."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from profiles.manifest import ProbeEntry, Target
from profiles.model import Credentials, CredentialSource, EnvironmentClass, Profile
from profiles.secret import Secret


@dataclass(frozen=True)
class Order:
    """Where to measure, what, and under which settings."""

    profile: Profile
    password: Secret | None
    probes: tuple[ProbeEntry, ...]
    search_path: str = "public"
    query_timeout_s: float | None = None
    system_identifier: str | None = None
    """Of the server that is watched: on another one nothing is measured. None: on any."""


def encode_order(order: Order) -> bytes:
    """The line for the pipe."""
    profile = order.profile
    credentials = profile.credentials
    fields = {
        "name": profile.name,
        "environment": profile.environment,
        "manifest": profile.manifest,
        "connection": dict(profile.connection),
        "source": None if credentials is None else credentials.source,
        "path": None if profile.path is None else str(profile.path),
        "probes": [asdict(entry) for entry in order.probes],
        "search_path": order.search_path,
        "query_timeout_s": order.query_timeout_s,
        "system_identifier": order.system_identifier,
        "password": None if order.password is None else order.password.reveal(),
    }
    return json.dumps(fields).encode() + b"\n"


def decode_order(line: bytes) -> Order:
    """The order of a line that `encode_order` made."""
    fields: dict[str, Any] = json.loads(line)
    password = fields["password"]
    source = fields["source"]
    profile = Profile(
        name=fields["name"],
        environment=EnvironmentClass(fields["environment"]),
        manifest=fields["manifest"],
        connection=fields["connection"],
        credentials=None if source is None else Credentials(CredentialSource(source)),
        path=None if fields["path"] is None else Path(fields["path"]),
    )
    return Order(
        profile=profile,
        password=None if password is None else Secret(password),
        probes=tuple(
            ProbeEntry(**{**entry, "target": Target(**entry["target"])}) for entry in fields["probes"]
        ),
        search_path=fields["search_path"],
        query_timeout_s=fields["query_timeout_s"],
        system_identifier=fields["system_identifier"],
    )
