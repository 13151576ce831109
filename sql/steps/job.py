"""What a runner is told, as one JSON line: the step exactly as it was confirmed, and on whose behalf.

The line goes through a pipe, because it holds the password; the part without secrets is journalled too, so
that another runner can take the run over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from profiles.manifest import Priority
from profiles.model import Credentials, CredentialSource, EnvironmentClass, Guard, PoolOverride, Profile
from profiles.secret import Secret
from sql.steps.operator import Operator
from sql.steps.patience import Patience
from sql.steps.step import (
    ConstraintGone,
    ConstraintStands,
    EndState,
    IndexGone,
    IndexStands,
    MigrationAt,
    StatisticsStand,
    Step,
    Verb,
)

END_STATES: Mapping[str, type[EndState]] = {
    kind.__name__: kind
    for kind in (IndexStands, IndexGone, ConstraintStands, ConstraintGone, StatisticsStand, MigrationAt)
}


@dataclass(frozen=True)
class Job:
    """One confirmed step."""

    run: str
    profile: Profile
    step: Step
    operator: Operator
    plan_hash: str | None = None
    search_path: str = "public"
    """Under which functions, types and operators of the step's SQL are found."""
    system_identifier: str | None = None
    """Of the server that the step was planned on; None where it could not be read."""
    before: Mapping[str, Any] = field(default_factory=dict)
    """What was measured before the step, for the comparison afterwards."""
    adopts: bool = False
    """Take over a run whose runner died: start nothing, only watch, tidy up and verify."""
    patience: Patience = field(default_factory=Patience)

    def as_json(self) -> dict[str, Any]:
        """Everything but the passwords; `from_json` takes it back."""
        shape = {name: getattr(self, name) for name in ("run", "plan_hash", "search_path", "adopts")}
        return {
            **shape,
            "system_identifier": self.system_identifier,
            "before": dict(self.before),
            "patience": asdict(self.patience),
            "operator": asdict(self.operator),
            "profile": profile_as_json(self.profile),
            "step": step_as_json(self.step),
        }


@dataclass(frozen=True)
class Secrets:
    """What a runner must know and nobody else may."""

    password: Secret | None = None
    environ: Mapping[str, Secret] = field(default_factory=dict)
    """Variables that libpq takes secrets from; kept out of the environment that /proc shows."""


def as_line(job: Job, secrets: Secrets) -> bytes:
    """The line for the runner's stdin. Holds the password in clear: for the pipe only."""
    hidden = {
        "password": secrets.password.reveal() if secrets.password else None,
        "environ": {name: value.reveal() for name, value in secrets.environ.items()},
    }
    return json.dumps({"job": job.as_json(), "secrets": hidden}).encode() + b"\n"


def from_line(line: bytes) -> tuple[Job, Secrets]:
    """The other way.

    Raises:
        ValueError, KeyError, TypeError: it is no such line.
    """
    shape = json.loads(line)
    hidden = shape["secrets"]
    password = Secret(hidden["password"]) if hidden["password"] is not None else None
    return from_json(shape["job"]), Secrets(
        password, {name: Secret(value) for name, value in hidden["environ"].items()}
    )


def from_json(shape: Mapping[str, Any]) -> Job:
    """A job from `Job.as_json`.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    return Job(
        run=shape["run"],
        profile=profile_from_json(shape["profile"]),
        step=step_from_json(shape["step"]),
        operator=Operator(**shape["operator"]),
        plan_hash=shape["plan_hash"],
        search_path=shape["search_path"],
        system_identifier=shape["system_identifier"],
        before=shape["before"],
        adopts=shape["adopts"],
        patience=Patience(**shape["patience"]),
    )


def adopting(job: Job, profile: Profile, operator: Operator) -> Job:
    """The job of the runner that takes this one over, for who adopts it, on the profile as it is by now."""
    return replace(job, adopts=True, profile=profile, operator=operator)


def step_as_json(step: Step) -> dict[str, Any]:
    """A step as JSON; its end states carry their kind."""
    shape = {item.name: getattr(step, item.name) for item in fields(step)}
    shape["timeouts"] = dict(step.timeouts)
    shape["end"] = _end_as_json(step.end)
    shape["goal"] = _end_as_json(step.goal) if step.goal else None
    return shape


def step_from_json(shape: Mapping[str, Any]) -> Step:
    """The other way; what a newer version added is left out."""
    known = {item.name: shape[item.name] for item in fields(Step) if item.name in shape}
    known |= {
        "verb": Verb(shape["verb"]),
        "priority": Priority(shape["priority"]),
        "statements": tuple(shape["statements"]),
        "undo": tuple(shape["undo"]),
        "end": _end_from_json(shape["end"]),
        "goal": _end_from_json(shape["goal"]) if shape.get("goal") else None,
    }
    return Step(**known)


def profile_as_json(profile: Profile) -> dict[str, Any]:
    """What a runner needs of a profile."""
    return {
        "name": profile.name,
        "environment": profile.environment.value,
        "manifest": profile.manifest,
        "connection": dict(profile.connection),
        "direct": dict(profile.direct) if profile.direct is not None else None,
        "credentials": profile.credentials.source.value if profile.credentials else None,
        "guard": profile.guard.value,
        "pool": asdict(profile.pool),
        "path": str(profile.path) if profile.path else None,
    }


def profile_from_json(shape: Mapping[str, Any]) -> Profile:
    """The other way."""
    source = shape["credentials"]
    return Profile(
        name=shape["name"],
        environment=EnvironmentClass(shape["environment"]),
        manifest=shape["manifest"],
        connection=shape["connection"],
        direct=shape["direct"],
        credentials=Credentials(CredentialSource(source)) if source else None,
        guard=Guard(shape["guard"]),
        pool=PoolOverride(**{**shape["pool"], "applications": _tuple(shape["pool"]["applications"])}),
        path=Path(shape["path"]) if shape["path"] else None,
    )


def _tuple(words: list[str] | None) -> tuple[str, ...] | None:
    return tuple(words) if words is not None else None


def _end_as_json(end: EndState) -> dict[str, Any]:
    return {"kind": type(end).__name__, **asdict(end)}


def _end_from_json(shape: Mapping[str, Any]) -> EndState:
    kind = END_STATES[shape["kind"]]
    known: dict[str, Any] = {item.name: shape[item.name] for item in fields(kind) if item.name in shape}
    if "indexes" in known:
        known["indexes"] = tuple(known["indexes"])
    if known.get("was"):
        known["was"] = IndexStands(**known["was"])
    return kind(**known)
