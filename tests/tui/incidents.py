"""Hand-made incidents: a lock with a queue, and a run in which nothing was seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sql.latency.causes import judge
from sql.latency.evidence import (
    Cause,
    Evidence,
    Incident,
    IncidentsSnapshot,
    LockWait,
    Others,
    ServerCall,
    Share,
)
from sql.latency.readings import ProbePlan
from sql.steps.blockers import Blocker
from tests.tui import samples

DEPLOY = Blocker(
    pid=4242,
    user="migrator",
    application="deploy",
    backend_type="client backend",
    state="active",
    age_s=2.5,
    query="ALTER TABLE leads ADD COLUMN more int",
)
FORGOTTEN = Blocker(
    pid=77,
    depth=2,
    waiter=4242,
    user="alice",
    application="psql",
    backend_type="client backend",
    state="idle in transaction",
    age_s=720.0,
    state_age_s=700.0,
    query="SELECT * FROM leads",
    mode="AccessShareLock",
)
LOCKED = Evidence(
    pid=101,
    threshold_ms=20.0,
    looks=12,
    first_look_ms=24.0,
    shares=(Share("Lock/relation", Cause.LOCK, 11, 780.0), Share("no wait event", Cause.CPU, 1, 32.0)),
    lock=LockWait("relation", "AccessShareLock", "public.leads", 770.0, (DEPLOY, FORGOTTEN)),
    others=Others(3, 7.0, 4, 0, 0, 1, 1, True),
    call=ServerCall(1, 1.2, 53, 0, 0),
    plan=ProbePlan(
        "Index Scan", True, "idx", shape="Limit > Index Scan using idx on leads", indexes=("idx",)
    ),
)
LOCK = Incident(
    "lead_dashboard",
    samples.NOW,
    samples.NOW + timedelta(milliseconds=812),
    812.0,
    *judge(LOCKED, 812.0),
    LOCKED,
    looked_into=1,
)
BLIND = Evidence(
    pid=None, threshold_ms=50.0, unseen=("the watching session could not look: the watch is paused",)
)
UNSEEN = Incident(
    "churn_by_lead",
    samples.NOW - timedelta(seconds=40),
    samples.NOW - timedelta(seconds=20),
    95.0,
    *judge(BLIND, 95.0),
    BLIND,
    count=3,
)
SNAPSHOT = IncidentsSnapshot(samples.NOW, (LOCK, UNSEEN))
RUNNING = replace(LOCK, running=True, ms=500.0)


def hostile(text: str) -> Incident:
    """Every name and every free text is hostile."""
    blocker = replace(DEPLOY, user=text, application=text, query=text)
    plan = ProbePlan(text, False, text, text, text, (text,))
    seen = replace(
        LOCKED,
        lock=LockWait("relation", "AccessShareLock", f'"{text}"', None, (blocker,)),
        shares=(Share(text, Cause.LOCK, 1, 1.0),),
        plan=plan,
        plan_before=plan,
        indexes=(text,),
        unseen=(text,),
    )
    return replace(LOCK, probe=text, reason=text, evidence=seen)
