"""The OpenMetrics report, read by Prometheus' own strict parser."""

from __future__ import annotations

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.tui.reports.made import REPORT, hostile, out_of_reach
from tui.reports import render


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, key
            found[key] = sample.value
    return found


def value(text: str, name: str, **labels: str) -> float:
    matching = [
        number
        for (sample, pairs), number in samples(text).items()
        if sample == name and labels.items() <= dict(pairs).items()
    ]
    assert len(matching) == 1, (name, labels, matching)
    return matching[0]


def test_the_findings_are_gauges() -> None:
    text = render("openmetrics", [REPORT])
    assert value(text, "pgdeck_ready", profile="demo-production") == 0
    assert value(text, "pgdeck_verdict", pgdeck_verdict="NOT READY") == 1
    assert value(text, "pgdeck_verdict", pgdeck_verdict="UNKNOWN") == 0
    assert value(text, "pgdeck_index_ok", index="idx_leads_status_score", finding="missing") == 0
    assert value(text, "pgdeck_index_size_bytes", index="idx_b") == 20_000_000
    assert value(text, "pgdeck_constraint_violations", constraint="ck_score") == 3
    assert value(text, "pgdeck_probe_latency_seconds", quantile="0.95") == 0.18044
    assert value(text, "pgdeck_probe_target_seconds", quantile="0.95") == 0.035
    assert value(text, "pgdeck_pool_used", limit="max_connections") == 90
    assert value(text, "pgdeck_pool_ok") == 1
    assert value(text, "pgdeck_taken_timestamp_seconds") == REPORT.taken_at.timestamp()


def test_several_profiles_and_hostile_names_are_one_valid_exposition() -> None:
    text = render("openmetrics", [REPORT, hostile(), out_of_reach()])
    assert text.endswith("# EOF\n")
    assert value(text, "pgdeck_part_unavailable", profile="gone", part="server") == 1
    assert value(text, "pgdeck_verdict", profile="gone", pgdeck_verdict="UNKNOWN") == 1
    assert len(samples(text)) > 40
