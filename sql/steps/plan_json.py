"""A plan with its previews as JSON, version 1: what `pgdeck plan --report-format json` prints. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sql.snapshots import ServerIdentity
from sql.steps.fingerprint import plan_hash
from sql.steps.preview import Preview
from sql.steps.step import Plan, Step

VERSION = 1


def as_json(
    plan: Plan,
    previews: Mapping[str, Preview],
    *,
    profile: str,
    environment: str,
    server: Mapping[str, Any] | ServerIdentity | None = None,
) -> dict[str, Any]:
    """The document, with the design's field names.

    Args:
        previews: by step id; a step without one has `"preview": null`.
        server: as the report has it, or the identity that it is made from.
    """
    return {
        "plan": VERSION,
        "profile": profile,
        "environment": environment,
        "direction": plan.direction.value,
        "hash": plan_hash(plan),
        "server": server_json(server) if isinstance(server, ServerIdentity) else server and dict(server),
        "steps": [step_json(step, previews.get(step.id)) for step in plan.steps],
        "offered": [step_json(step, previews.get(step.id)) for step in plan.offered],
        "refused": [{"target": refusal.target, "reason": refusal.reason} for refusal in plan.refused],
    }


def step_json(step: Step, preview: Preview | None) -> dict[str, Any]:
    """One step."""
    return {
        "id": step.id,
        "verb": step.verb.value,
        "table": step.table,
        "sql": step.sql,
        "undo": step.undo_sql or None,
        "lock": step.lock,
        "blocks": step.blocks,
        "timeouts": dict(step.timeouts),
        "purpose": step.purpose,
        "note": step.note,
        "fingerprint": step.fingerprint,
        "preview": preview.as_json() if preview else None,
    }


def server_json(identity: ServerIdentity) -> dict[str, Any]:
    """The server as the report has it."""
    pooler = identity.pooler
    return {
        "version": identity.version,
        "version_num": identity.version_num,
        "database": identity.database,
        "address": identity.address,
        "system_identifier": identity.system_identifier,
        "in_recovery": identity.in_recovery,
        "pooler": {"kind": pooler.kind, "evidence": pooler.evidence} if pooler else None,
    }
