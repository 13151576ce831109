"""The sign, the words and the tone of every finding: a state is a word and a sign first, a colour second."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from profiles.model import EnvironmentClass
from sql.findings import (
    ConstraintFinding,
    IndexFinding,
    MigrationFinding,
    PoolFinding,
    ProbeFinding,
    SampleFinding,
    Verdict,
)
from tui.present.view import Span, Tone

GOOD, BAD, WARN, OPEN = ("✓", Tone.GOOD), ("✗", Tone.BAD), ("!", Tone.WARN), ("?", Tone.WARN)

# The same word has the same sign everywhere: members of two StrEnums with one word are equal keys.
SIGNS: Mapping[StrEnum, tuple[str, Tone]] = {
    IndexFinding.PRESENT: GOOD,
    IndexFinding.EQUIVALENT: ("≈", Tone.WARN),
    IndexFinding.BUILDING: ("»", Tone.WARN),
    IndexFinding.UNVERIFIED: OPEN,
    IndexFinding.MISSING: BAD,
    IndexFinding.INVALID: BAD,
    IndexFinding.DISABLED: BAD,
    IndexFinding.DRIFTED: BAD,
    ConstraintFinding.ENFORCED: GOOD,
    ConstraintFinding.UNVERIFIED: OPEN,
    ConstraintFinding.MISSING: BAD,
    ConstraintFinding.NOT_VALIDATED: BAD,
    ConstraintFinding.NOT_ENFORCED: BAD,
    ConstraintFinding.DRIFTED: BAD,
    SampleFinding.VERIFIED: GOOD,
    SampleFinding.FAILED: BAD,
    SampleFinding.UNVERIFIED: OPEN,
    ProbeFinding.MET: GOOD,
    ProbeFinding.MISSED: BAD,
    ProbeFinding.FAILING: BAD,
    ProbeFinding.NOT_MEASURED: OPEN,
    MigrationFinding.CURRENT: GOOD,
    MigrationFinding.BEHIND: BAD,
    MigrationFinding.SEVERAL_HEADS: BAD,
    MigrationFinding.EMPTY: BAD,
    MigrationFinding.NO_TABLE: BAD,
    MigrationFinding.UNREADABLE: OPEN,
    PoolFinding.OK: GOOD,
    PoolFinding.TIGHT: WARN,
    PoolFinding.FULL: BAD,
    PoolFinding.UNREADABLE: OPEN,
    Verdict.READY: GOOD,
    Verdict.NOT_READY: BAD,
    Verdict.UNKNOWN: OPEN,
}

BADGES: Mapping[EnvironmentClass, str] = {
    EnvironmentClass.DEVELOPMENT: " ○ DEVELOPMENT ",
    EnvironmentClass.STAGING: " ◐ STAGING ",
    EnvironmentClass.PRODUCTION: " ▲ PRODUCTION ▲ ",
}


def words(finding: StrEnum) -> str:
    """The finding in words: `not validated`."""
    return finding.value.replace("_", " ")


def mark(finding: StrEnum) -> Span:
    """Sign and words of a finding, in its tone."""
    sign, tone = SIGNS[finding]
    return (f"{sign} {words(finding)}", tone)


def is_good(finding: StrEnum) -> bool:
    """Whether nothing need be done about it."""
    return SIGNS[finding][1] is Tone.GOOD


def badness(finding: StrEnum) -> int:
    """What is wrong first, no answer before a late one; then what is open, then what is right."""
    if finding is ProbeFinding.FAILING:
        return -1
    return {Tone.BAD: 0, Tone.WARN: 1}.get(SIGNS[finding][1], 2)
