"""The Markdown report."""

from __future__ import annotations

import re
from dataclasses import replace

from sql.findings import ProbeFinding, Scope, Verdict
from tests.tui.reports.made import REPORT, hostile, out_of_reach
from tui.reports import render
from tui.reports.markdown_report import escape, name

PIPE = re.compile(r"(?<!\\)\|")


def test_it_reads_from_the_summary_to_what_to_do() -> None:
    text = render("markdown", [REPORT])
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    assert titles == [
        "Database performance report: Enterprise demo readiness",
        "Summary",
        "What a customer would notice",
        "Query speed",
        "Indexes",
        "Data integrity rules",
        "Room for connections",
        "Schema version",
        "What could not be read",
        "What to do next",
    ]
    assert "The database should not be shown to a customer yet:" in text
    assert "| Lead Dashboard | ✗ A noticeable delay, slower than promised: 19 of 20 answers" in text
    assert (
        "| critical | `idx_leads_status_score` | `public.leads` | ✗ missing | Lead dashboard ranking" in text
    )


def test_a_ready_database_is_praised_for_what_was_measured() -> None:
    (probe,) = REPORT.probes
    met = replace(probe, finding=ProbeFinding.MET, p95_ms=12.0)
    ready = replace(REPORT, verdict=Verdict.READY, reasons=(), probes=(met,))
    text = render("markdown", [ready])
    assert "has what it must have, and every measured query met its target." in text
    assert "✓ As fast as promised: 19 of 20 answers come within 12.0 ms" in text
    few_samples = replace(met, p95_ms=None, p50_ms=9.5)
    assert "half of the answers come within 9.50 ms" in render(
        "markdown", [replace(ready, probes=(few_samples,))]
    )
    unmeasured = render("markdown", [replace(ready, scope=Scope.OBJECTS)])
    assert "The database has what it must have.\n" in unmeasured


def test_a_missed_target_is_told_in_figures_also_beside_what_was_not_measured() -> None:
    (probe,) = REPORT.probes
    few = {"samples": 3, "p50_ms": None, "p95_ms": None, "p99_ms": None}
    missed = replace(probe, finding=ProbeFinding.MISSED, max_ms=251.0, **few)
    unmeasured = replace(probe, name="other", finding=ProbeFinding.NOT_MEASURED, max_ms=900.0, **few)
    text = render("markdown", [replace(REPORT, probes=(missed, unmeasured))])
    assert "| ✗ A noticeable delay, slower than promised: all 3 answers came within 251.0 ms |" in text
    text = render("markdown", [replace(REPORT, probes=(replace(missed, samples=1),))])
    assert "the one answer that was measured came within 251.0 ms" in text
    met = replace(probe, finding=ProbeFinding.MET)
    assert "| ? Not measured |" in render("markdown", [replace(REPORT, probes=(met, unmeasured))])


def test_every_row_of_a_table_has_the_cells_of_its_head_whatever_the_names() -> None:
    for report in (REPORT, hostile(), out_of_reach()):
        rows: list[str] = []
        for line in [*render("markdown", [report]).splitlines(), ""]:
            if line.startswith("|"):
                rows.append(line)
            elif rows:
                assert len({len(PIPE.findall(row)) for row in rows}) == 1, rows
                assert rows[1].startswith("| --- |")
                rows = []


def test_hostile_names_add_no_line() -> None:
    ordinary, attacked = (
        render("markdown", [replace(report, indexes=report.indexes[:1])]) for report in (REPORT, hostile())
    )
    details = 2 * 2  # below the tables of indexes and of rules: an empty line and what the reading says
    assert len(attacked.splitlines()) == len(ordinary.splitlines()) + details


def test_names_are_code_only_where_that_is_safe() -> None:
    assert name("idx_a") == "`idx_a`"
    assert name("a`b|c") == r"a\`b\|c"
    assert escape("*_x_* <b> a\nb") == r"\*\_x\_\* \<b\> a\\x0ab"
