"""What was seen after a run: the catalog, the plans, the latency before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.present.blocks import heading, points, prose
from tui.present.text import NOTHING, clean, ms
from tui.present.view import BLANK, Line, Tone, line


def verification_lines(verified: Mapping[str, Any], width: int) -> list[Line]:
    """What was seen afterwards: catalog, plan, latency before and after."""
    reached = bool(verified.get("reached"))
    sign, tone = ("✓", Tone.GOOD) if reached else ("✗", Tone.BAD)
    after = str(verified.get("catalog_after") or verified.get("sentence") or "")
    lines: list[Line] = [heading("verified"), *points([after], width, tone, sign)]
    if verified.get("catalog_before"):
        lines += prose(f"before: {verified['catalog_before']}", width, Tone.DIM, indent=4)
    if verified.get("definition"):
        lines += prose(str(verified["definition"]), width, Tone.DIM, indent=4)
    uses = verified.get("uses_index")
    if uses is True:
        lines += points(["the plans of its probes use the index"], width, Tone.GOOD, "✓")
    elif uses is False:
        why = f": {verified['why_not']}" if verified.get("why_not") else ""
        lines += points([f"a plan does not use the index{why}"], width, Tone.WARN, "!")
    if verified.get("analyze"):
        lines += points([f"the planner lacks statistics: {verified['analyze']}"], width, Tone.WARN, "!")
    lines.append(BLANK)
    return [*lines, *_latencies(verified, width)]


def _latencies(verified: Mapping[str, Any], width: int) -> list[Line]:
    before, after = _figures(verified, "latency_before"), _figures(verified, "latency_after")
    probes = list(dict.fromkeys([*before, *after]))
    if not probes:
        return []
    label = min(max(len(clean(probe)) for probe in probes), max(width - 34, 12))
    lines: list[Line] = [
        heading("latency of its probes, p50 in ms"),
        line((f"  {'':<{label}}{'before':>10}{'after':>10}", Tone.DIM)),
    ]
    for probe in probes:
        was, now = before.get(probe), after.get(probe)
        faster = was is not None and now is not None and now < was
        times = f"  {was / now:.3g} times faster" if faster and was and now else ""
        name = clean(probe)[:label]
        lines.append(
            line(
                f"  {name:<{label}}",
                f"{ms(was) if was is not None else NOTHING:>10}",
                (f"{ms(now) if now is not None else NOTHING:>10}", Tone.GOOD if faster else Tone.PLAIN),
                (times, Tone.GOOD),
            )
        )
    return [*lines, BLANK]


def _figures(verified: Mapping[str, Any], key: str) -> dict[str, float | None]:
    found = verified.get(key)
    if not isinstance(found, Mapping):
        return {}
    return {
        str(probe): figures.get("p50_ms") for probe, figures in found.items() if isinstance(figures, Mapping)
    }
