"""The fields of the profile form: a profile as the texts that a person types, without losing a key."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from profiles import conninfo, manifest_file, profile_file, store
from profiles.errors import ConfigurationError, Problem
from profiles.libpq_parameters import CHOICES
from profiles.model import CredentialSource, EnvironmentClass, Guard, Profile

UNSAID = "–"
"""A choice that begins so leaves the key out of the file."""
BY_DEFAULT = {
    "sslmode": f"{UNSAID} as libpq",
    "source": f"{UNSAID} as libpq finds it",
    "guard": f"{UNSAID} as the class says",
}
"""The first choice of a field that need not be said."""


@dataclass(frozen=True)
class Field:
    """One line of the form."""

    id: str
    label: str
    hint: str = ""
    """Shown in an empty text field."""
    choices: tuple[str, ...] = ()
    """The values to choose from; empty for a text field."""


@dataclass(frozen=True)
class Group:
    """Fields under one heading."""

    title: str
    fields: tuple[Field, ...]


PLAIN_PARAMETERS = ("host", "port", "dbname", "user", "sslmode", "service")
"""Parameters of [connection] with a field of their own."""
POOL_WHOLE = ("size", "max_overflow")
POOL_SECONDS = ("timeout_s", "recycle_s", "query_timeout_s")
GROUPS = (
    Group(
        "Profile",
        (
            Field("name", "name", "e.g. sales-production"),
            Field("environment", "class", choices=tuple(member.value for member in EnvironmentClass)),
            Field("manifest", "manifest", "e.g. enterprise-demo, or a file"),
        ),
    ),
    Group(
        "Connection",
        (
            Field("host", "host", "(the local socket)"),
            Field("port", "port", "(5432)"),
            Field("dbname", "database", "(named as the user)"),
            Field("user", "user", "(your own name)"),
            Field("sslmode", "sslmode", choices=(BY_DEFAULT["sslmode"], *CHOICES["sslmode"])),
            Field("service", "service", "(none) of pg_service.conf"),
            Field("parameters", "more", "e.g. connect_timeout=5"),
            Field("direct", "direct (DDL)", "e.g. port=5433"),
        ),
    ),
    Group(
        "Password",
        (
            Field(
                "source",
                "comes from",
                choices=(BY_DEFAULT["source"], *(member.value for member in CredentialSource)),
            ),
            Field("variable", "variable", "e.g. SALES_PASSWORD"),
            Field("command", "command", "e.g. pass show sales"),
        ),
    ),
    Group(
        "Guard",
        (Field("guard", "steps", choices=(BY_DEFAULT["guard"], *(member.value for member in Guard))),),
    ),
    Group(
        "Pool, in place of the manifest's budget",
        (
            Field("size", "size", "(as the manifest)"),
            Field("max_overflow", "max overflow", "(as the manifest)"),
            Field("timeout_s", "timeout s", "(as the manifest)"),
            Field("recycle_s", "recycle s", "(as the manifest)"),
            Field("query_timeout_s", "query timeout s", "(as the manifest)"),
            Field("applications", "applications", "e.g. sales-api% 'other app'"),
            Field("pgbouncer", "pgbouncer", "e.g. host=127.0.0.1 port=6432"),
        ),
    ),
)


def manifest_trouble(profile: Profile) -> str:
    """Why the profile's manifest cannot be used, in one sentence; empty where it can. Reads its file."""
    try:
        manifest_file.load(profile.manifest, beside=store.path_of(profile.name).parent)
    except ConfigurationError as error:
        return error.problems[0].sentence()
    return ""


def replica_field(number: int) -> Field:
    """The field of one `[[replica]]`, counted from 1."""
    return Field(f"replica-{number}", f"replica {number}", "e.g. host=replica-1.example.com")


def texts_of(profile: Profile) -> dict[str, str]:
    """What stands in each field for a profile."""
    said = profile_file.as_toml(profile)
    credentials, pool = said.get("credentials", {}), said.get("pool", {})
    others = {key: value for key, value in profile.connection.items() if key not in PLAIN_PARAMETERS}
    texts = {
        "name": profile.name,
        "environment": profile.environment.value,
        "manifest": profile.manifest,
        **{key: profile.connection.get(key, "") for key in PLAIN_PARAMETERS},
        "parameters": conninfo.compose(others),
        "direct": conninfo.compose(profile.direct or {}),
        "source": credentials.get("source", BY_DEFAULT["source"]),
        "variable": credentials.get("variable", ""),
        "command": shlex.join(credentials.get("command", [])),
        "guard": said.get("guard", {}).get("steps", BY_DEFAULT["guard"]),
        **{key: str(pool.get(key, "")) for key in (*POOL_WHOLE, *POOL_SECONDS, "pgbouncer")},
        "applications": shlex.join(pool.get("applications", [])),
    }
    texts["sslmode"] = texts["sslmode"] or BY_DEFAULT["sslmode"]
    for number, replica in enumerate(profile.replicas, 1):
        texts[f"replica-{number}"] = conninfo.compose(replica)
    return texts


def read_form(texts: Mapping[str, str], *, new: bool) -> tuple[Profile | None, dict[str, str]]:
    """The profile that the form describes, or the sentence for each field that is wrong.

    Args:
        new: the name must not be taken.
    """
    wrong: dict[str, str] = {}
    data = _tables(texts, wrong)
    name = texts.get("name", "")
    if (reason := store.wrong_name(name)) is not None:
        wrong["name"] = f"{reason[0]}; {reason[1]}"
    elif new and store.path_of(name).exists():
        wrong["name"] = "there is such a profile already; choose another name"
    try:
        profile = profile_file.parse(data, name, "form")
    except ConfigurationError as error:
        for problem in error.problems:
            wrong.setdefault(_field_of(problem, data, texts), f"{problem.what}; {problem.remedy}")
        return None, wrong
    return (None if wrong else profile), wrong


def _tables(texts: Mapping[str, str], wrong: dict[str, str]) -> dict[str, Any]:
    data: dict[str, Any] = {"environment": texts["environment"], "connection": {}}
    if manifest := texts.get("manifest", "").strip():
        data["manifest"] = manifest
    for key in PLAIN_PARAMETERS:
        if value := _said(texts, key):
            data["connection"][key] = value
    others = _parameters(texts, "parameters", wrong)
    for key in others.keys() & data["connection"].keys():
        wrong["parameters"] = f"{key} has a field of its own; say it there alone"
    data["connection"] |= others
    if direct := _parameters(texts, "direct", wrong):
        data["direct"] = direct
    credentials = {key: value for key in ("source", "variable") if (value := _said(texts, key))}
    if command := _words(texts, "command", wrong):
        credentials["command"] = command
    if credentials:
        data["credentials"] = credentials
    if guard := _said(texts, "guard"):
        data["guard"] = {"steps": guard}
    if pool := _pool(texts, wrong):
        data["pool"] = pool
    data["replica"] = [_parameters(texts, key, wrong) for key in _filled_replicas(texts)]
    return data


def replica_ids(texts: Mapping[str, str]) -> list[str]:
    """The ids of the replica fields, in their order."""
    return sorted((key for key in texts if key.startswith("replica-")), key=lambda key: int(key[8:]))


def _filled_replicas(texts: Mapping[str, str]) -> list[str]:
    return [key for key in replica_ids(texts) if texts[key].strip()]


def _said(texts: Mapping[str, str], key: str) -> Any:
    value = texts.get(key, "").strip()
    return "" if value.startswith(UNSAID) else value


def _parameters(texts: Mapping[str, str], key: str, wrong: dict[str, str]) -> dict[str, str]:
    text = texts.get(key, "")
    if conninfo.password_keys(text):
        wrong[key] = "a profile holds no password; press p in the list of profiles to store it"
        return {}
    try:
        return conninfo.parse(text)
    except conninfo.NotConninfo as error:
        wrong[key] = f"{error}; write keyword=value pairs"
        return {}


def _words(texts: Mapping[str, str], key: str, wrong: dict[str, str]) -> list[str]:
    try:
        return shlex.split(texts.get(key, ""))
    except ValueError:
        wrong[key] = "a quote is not closed; close it"
        return []


def _pool(texts: Mapping[str, str], wrong: dict[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key in (*POOL_WHOLE, *POOL_SECONDS):
        text = texts.get(key, "").strip()
        if not text:
            continue
        try:
            made[key] = int(text) if text.isdigit() or key in POOL_WHOLE else float(text)
        except ValueError:
            wrong[key] = f"must be a number; write {key} as digits"
    if applications := _words(texts, "applications", wrong):
        made["applications"] = applications
    if console := texts.get("pgbouncer", "").strip():
        made["pgbouncer"] = console
    return made


def _field_of(problem: Problem, data: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    """The field that a problem's key belongs to."""
    first, _, rest = problem.key.partition(".")
    if first.startswith("replica["):
        return _filled_replicas(texts)[int(first[8:-1]) - 1]
    if first == "connection":
        return rest if rest in PLAIN_PARAMETERS else "parameters"
    if first == "credentials":
        return rest or ("command" if data.get("credentials", {}).get("source") == "command" else "variable")
    return {"guard": "guard", "pool": rest, "direct": "direct"}.get(first, first)
