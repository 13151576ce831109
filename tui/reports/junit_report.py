"""The report as JUnit XML: one test case for each thing that the manifest asks for.

A finding that makes NOT READY is a failure, one that makes UNKNOWN an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from sql.findings import PoolFinding, ProbeFinding, SampleFinding, Scope
from sql.latency.readings import ProbeReading
from sql.printable import one_line
from sql.report import Report
from sql.snapshots import ConstraintReading
from tui.present.signs import SIGNS
from tui.reports.wording import milliseconds, probe_targets, words


@dataclass(frozen=True)
class Case:
    """One test case; at most one of the three last fields says what is wrong."""

    kind: str
    name: str
    failure: str = ""
    error: str = ""
    skipped: str = ""
    body: str = ""
    """Several lines that say more."""


def render(reports: Sequence[Report]) -> str:
    """One test suite a report."""
    root = Element("testsuites", name="pgdeck verify")
    for report in reports:
        _suite(root, report)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, report: Report) -> None:
    cases = list(_cases(report))
    suite = SubElement(
        root,
        "testsuite",
        name=one_line(f"pgdeck {report.profile}"),
        tests=str(len(cases)),
        failures=str(sum(1 for case in cases if case.failure)),
        errors=str(sum(1 for case in cases if case.error)),
        skipped=str(sum(1 for case in cases if case.skipped)),
        timestamp=f"{report.taken_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
        time="0",
    )
    properties = SubElement(suite, "properties")
    for key, value in (
        ("verdict", report.verdict.value),
        ("scope", report.scope.value),
        ("manifest", report.manifest),
        ("environment", report.environment.value),
    ):
        SubElement(properties, "property", name=key, value=one_line(value))
    for case in cases:
        _case(suite, report, case)


def _case(suite: Element, report: Report, case: Case) -> None:
    classname = one_line(f"pgdeck.{report.profile}.{case.kind}")
    element = SubElement(suite, "testcase", classname=classname, name=one_line(case.name), time="0")
    body = "\n".join(one_line(line) for line in case.body.splitlines())
    for tag, message in (("failure", case.failure), ("error", case.error), ("skipped", case.skipped)):
        if message:
            child = SubElement(element, tag, message=one_line(message))
            if tag != "skipped":
                child.set("type", tag)
            child.text = body


def _cases(report: Report) -> Iterator[Case]:
    for part in report.unavailable:
        remedy = f"; {part.remedy}" if part.remedy else ""
        yield Case("reading", part.part, error=f"could not be read: {part.reason}{remedy}")
    for index in report.indexes:
        body = _body(index.declared, index.actual, index.detail)
        yield _judged(
            "index", f"{index.table}: {index.name}", SIGNS[index.finding][0], words(index.finding), body
        )
    for constraint in report.constraints:
        yield _constraint(constraint)
    for probe in report.probes:
        yield _probe(probe, report.scope)
    if report.pool is not None:
        full = report.pool.finding
        failing = full if full is PoolFinding.FULL else None
        unread = full if full is PoolFinding.UNREADABLE else None
        yield Case(
            "pool",
            "connections",
            failure=f"the pool is {words(failing)}" if failing else "",
            error="the pool could not be read" if unread else "",
            body=report.pool.detail,
        )
    if report.migration is not None:
        migration = report.migration
        body = f"expected: {migration.expected}\nactual: {', '.join(migration.actual) or 'none'}"
        label = migration.table or "migration"
        yield _judged("migration", label, SIGNS[migration.finding][0], words(migration.finding), body)


def _constraint(constraint: ConstraintReading) -> Case:
    body = _body(constraint.declared, constraint.actual, constraint.detail)
    if constraint.violations:
        body += f"\n{constraint.violations} rows break it: {', '.join(constraint.violating_keys)}"
    label = f"{constraint.table}: {constraint.name}"
    if constraint.rejects is SampleFinding.FAILED:
        return Case("constraint", label, failure="lets in a row that it must refuse", body=body)
    if constraint.accepts is SampleFinding.FAILED:
        return Case("constraint", label, failure="refuses a row that it must let in", body=body)
    return _judged("constraint", label, SIGNS[constraint.finding][0], words(constraint.finding), body)


def _probe(probe: ProbeReading, scope: Scope) -> Case:
    body = "\n".join(
        f"{name}: {milliseconds(measured)} ms, target {'none' if target is None else f'{target:g} ms'}"
        for name, measured, target in probe_targets(probe)
    )
    body += f"\n{probe.samples} samples, {probe.errors} errors"
    if probe.plan is not None:
        body += f"\nplan: {probe.plan.node}; {probe.plan.note}"
    if probe.detail:
        body += f"\n{probe.detail}"
    label = f"{probe.query_class}: {probe.name}" if probe.query_class else probe.name
    if probe.finding is ProbeFinding.NOT_MEASURED and scope is Scope.OBJECTS:
        return Case("probe", label, skipped="latency not measured")
    return _judged("probe", label, SIGNS[probe.finding][0], words(probe.finding), body)


def _judged(kind: str, name: str, sign: str, finding: str, body: str) -> Case:
    """`✗` fails; `?` and `»` (something is under way) leave it open; all else passes."""
    if sign == "✗":
        return Case(kind, name, failure=finding, body=body)
    if sign in "?»":
        return Case(kind, name, error=finding, body=body)
    return Case(kind, name)


def _body(declared: str, actual: str | None, detail: str) -> str:
    lines = [f"declared: {one_line(declared)}", f"actual: {one_line(actual) if actual else 'none'}"]
    return "\n".join([*lines, *([detail] if detail else [])])
