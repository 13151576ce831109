"""What comparing manifest and snapshot can say; the words of the design, in one place."""

from __future__ import annotations

from enum import StrEnum


class IndexFinding(StrEnum):
    """What is said of one required index."""

    PRESENT = "present"
    EQUIVALENT = "equivalent"
    BUILDING = "building"
    UNVERIFIED = "unverified"
    MISSING = "missing"
    INVALID = "invalid"
    DISABLED = "disabled"
    DRIFTED = "drifted"


class ConstraintFinding(StrEnum):
    """What is said of one required constraint."""

    ENFORCED = "enforced"
    UNVERIFIED = "unverified"
    MISSING = "missing"
    NOT_VALIDATED = "not_validated"
    NOT_ENFORCED = "not_enforced"
    DRIFTED = "drifted"


class SampleFinding(StrEnum):
    """Whether a constraint treats the manifest's sample rows as it must."""

    VERIFIED = "verified"
    FAILED = "failed"
    UNVERIFIED = "unverified"


class ProbeFinding(StrEnum):
    """What is said of one probe."""

    MET = "met"
    MISSED = "missed"
    FAILING = "failing"
    NOT_MEASURED = "not_measured"


class MigrationFinding(StrEnum):
    """What is said of the migration version."""

    CURRENT = "current"
    BEHIND = "behind"
    SEVERAL_HEADS = "several_heads"
    EMPTY = "empty"
    NO_TABLE = "no_table"
    UNREADABLE = "unreadable"


class PoolFinding(StrEnum):
    """What is said of the room for connections."""

    OK = "ok"
    TIGHT = "tight"
    FULL = "full"
    UNREADABLE = "unreadable"


class Verdict(StrEnum):
    """The one answer."""

    READY = "ENTERPRISE READY"
    NOT_READY = "NOT READY"
    UNKNOWN = "UNKNOWN"


class Scope(StrEnum):
    """What was judged: everything, or the objects without the latency."""

    ALL = "all"
    OBJECTS = "objects"
