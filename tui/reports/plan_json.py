"""The plan as JSON, version 1: fields are added freely, never renamed or removed."""

from __future__ import annotations

from sql.steps import plan_json
from sql.steps.preparing import Prepared
from tui.reports import json_report
from tui.reports.json_text import written


def render(prepared: Prepared) -> str:
    """One object; a step that its preview refuses stands in `steps`, and with the reason in `refused`."""
    profile = prepared.case.profile
    shape = plan_json.as_json(
        prepared.plan,
        prepared.previews,
        profile=profile.name,
        environment=profile.environment.value,
        server=json_report.server(prepared.server),
    )
    listings = {refusal.target: refusal.listing for refusal in prepared.plan.refused if refusal.listing}
    for refusal in shape["refused"]:
        refusal["listing"] = listings.get(refusal["target"])
    shape["refused"] += [
        {"target": step.id, "reason": step.sentence, "listing": step.listing or None}
        for step in prepared.refused
    ]
    shape["manifest"] = prepared.case.manifest.name
    shape["taken_at"] = json_report.moment(prepared.taken_at)
    shape["there"] = [
        {"id": step.id, "sentence": step.sentence} for step in prepared.steps if step.readiness == "there"
    ]
    shape["unavailable"] = [
        {"part": part.part, "reason": part.reason, "remedy": part.remedy} for part in prepared.unavailable
    ]
    return written(shape)
