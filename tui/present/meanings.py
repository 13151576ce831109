"""What every finding means for the operator, in a sentence or two."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from sql.findings import ConstraintFinding, IndexFinding, MigrationFinding, PoolFinding, ProbeFinding

# By type first: members of two StrEnums with the same word are equal.
MEANINGS: Mapping[type[StrEnum], Mapping[StrEnum, str]] = {
    IndexFinding: {
        IndexFinding.PRESENT: "The index is there, valid, and defined as the manifest asks.",
        IndexFinding.EQUIVALENT: (
            "A valid index with the same definition is there under another name: queries are "
            "served, but the next deployment that creates it by name builds it twice."
        ),
        IndexFinding.BUILDING: (
            "A session is building it now; it serves no query before the build has ended well."
        ),
        IndexFinding.UNVERIFIED: (
            "An index of that name is there, but nothing available here could compare its definition."
        ),
        IndexFinding.MISSING: (
            "No index of that name and none with that definition is there: the queries that need "
            "it read the whole table."
        ),
        IndexFinding.INVALID: (
            "A build died and left it behind: no query uses it, yet every write may have to keep "
            "it up. It must be dropped and built again."
        ),
        IndexFinding.DISABLED: (
            "It was valid once, and a DROP INDEX CONCURRENTLY that did not finish has disabled it."
        ),
        IndexFinding.DRIFTED: (
            "The name is taken by something else than the manifest declares, so the queries that "
            "need it are not served as measured."
        ),
    },
    ConstraintFinding: {
        ConstraintFinding.ENFORCED: (
            "The constraint is there, validated, and refuses new rows that break it."
        ),
        ConstraintFinding.UNVERIFIED: (
            "A constraint of that name is there, but nothing available here could compare its definition."
        ),
        ConstraintFinding.MISSING: (
            "Nothing of that name guards the table: rows that break the rule can come in."
        ),
        ConstraintFinding.NOT_VALIDATED: (
            "New rows are checked, old ones never were: rows that break the rule may be in the table."
        ),
        ConstraintFinding.NOT_ENFORCED: "The constraint is declared NOT ENFORCED: it checks nothing.",
        ConstraintFinding.DRIFTED: (
            "A constraint of that name is there and checks something else than declared."
        ),
    },
    ProbeFinding: {
        ProbeFinding.MET: "Every percentile that has a target is within it.",
        ProbeFinding.MISSED: "At least one percentile is over its target: the customer sees a slow screen.",
        ProbeFinding.FAILING: (
            "At least one run within the window failed: the customer gets an error in place of an answer."
        ),
        ProbeFinding.NOT_MEASURED: "There are not enough samples to judge it yet.",
    },
    MigrationFinding: {
        MigrationFinding.CURRENT: "The schema is at the revision that the manifest expects.",
        MigrationFinding.BEHIND: "The schema is at another revision than the manifest expects.",
        MigrationFinding.SEVERAL_HEADS: "The migration table holds several heads: a merge was forgotten.",
        MigrationFinding.EMPTY: (
            "The migration table is there and empty: no migration has run, or it was cleared."
        ),
        MigrationFinding.NO_TABLE: "There is no migration table: no migration tool has ever run here.",
        MigrationFinding.UNREADABLE: "The migration table could not be read.",
    },
    PoolFinding: {
        PoolFinding.OK: "There is room for more connections.",
        PoolFinding.TIGHT: "A limit on connections is used to 80 % or more.",
        PoolFinding.FULL: "A limit on connections is reached: the next client is refused.",
        PoolFinding.UNREADABLE: "The sessions of the server could not be read.",
    },
}


def meaning(finding: StrEnum) -> str:
    """What the finding means for the operator."""
    return MEANINGS[type(finding)][finding]
