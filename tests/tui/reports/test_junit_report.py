"""The JUnit report."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from sql.findings import ProbeFinding, Scope, Verdict
from tests.tui.reports.made import REPORT, hostile, out_of_reach
from tui.reports import render


def test_each_thing_that_is_asked_for_is_a_test_case() -> None:
    root = ElementTree.fromstring(render("junit", [REPORT]))
    (suite,) = root.findall("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("7", "4", "2")
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    missing = cases["public.leads: idx_leads_status_score"].find("failure")
    assert missing is not None and missing.get("message") == "missing"
    assert missing.text is not None and "declared: CREATE INDEX idx_leads_status_score" in missing.text
    building = cases["public.leads: idx_b"].find("error")
    assert building is not None and building.get("message") == "building"
    missed = cases["Lead Dashboard: lead_dashboard"].find("failure")
    assert missed is not None and missed.text is not None and "p95: 180.4 ms, target 35 ms" in missed.text
    assert len(cases["connections"]) == 0


def test_what_could_not_be_read_is_an_error() -> None:
    root = ElementTree.fromstring(render("junit", [out_of_reach()]))
    error = root.find(".//testcase[@name='server']/error")
    assert error is not None and error.get("message") == "could not be read: nobody listens at db:5432"


def test_latency_that_was_not_asked_for_is_skipped() -> None:
    (probe,) = REPORT.probes
    objects = replace(
        REPORT,
        scope=Scope.OBJECTS,
        verdict=Verdict.READY,
        probes=(replace(probe, finding=ProbeFinding.NOT_MEASURED),),
    )
    root = ElementTree.fromstring(render("junit", [objects]))
    assert root.find(".//testcase[@name='Lead Dashboard: lead_dashboard']/skipped") is not None


def test_hostile_names_leave_it_well_formed() -> None:
    root = ElementTree.fromstring(render("junit", [hostile(), REPORT]))
    names = [case.get("name", "") for case in root.iter("testcase")]
    assert any(r"\x1b" in each and r"\u202e" in each and "<k>&l" in each for each in names)
    assert len(root.findall("testsuite")) == 2
