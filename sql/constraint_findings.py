"""From everything that was found about a required constraint to one finding and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sql.declared import CheckDefinition
from sql.findings import ConstraintFinding
from sql.normal_forms import Sameness
from sql.relations import Relation
from sql.requirements import RequiredConstraint

KIND_WORDS: Mapping[str, str] = {
    "c": "a CHECK constraint",
    "f": "a foreign key",
    "n": "a NOT NULL constraint",
    "p": "a primary key",
    "u": "a UNIQUE constraint",
    "t": "a constraint trigger",
    "x": "an exclusion constraint",
}
"""pg_constraint.contype in words."""


@dataclass(frozen=True)
class LiveConstraint:
    """The constraint of the table that bears a required one's name."""

    oid: int
    kind: str
    """pg_constraint.contype."""
    locked: bool
    """Somebody locks the table exclusively: an expression cannot be read."""
    definition: str | None
    """As the server prints it."""
    validated: bool
    no_inherit: bool
    enforced: bool
    """False for NOT ENFORCED, 18 and newer."""
    check: CheckDefinition | None = None
    """Read under the manifest's search path; None where it is no CHECK or could not be read."""


def judge(
    required: RequiredConstraint, relation: Relation, live: LiveConstraint | None, sameness: Sameness
) -> tuple[ConstraintFinding, list[str]]:
    """One finding, and sentences.

    Args:
        live: what bears the name on the table.
        sameness: of the declared expression and the live one.
    """
    if live is None:
        return ConstraintFinding.MISSING, [relation.absence() or "The table has no constraint of that name."]
    if live.kind != "c":
        what = KIND_WORDS.get(live.kind, "another kind of constraint")
        return ConstraintFinding.DRIFTED, [f"The name belongs to {what}, not to a CHECK."]
    differences = _differences(required, live, sameness)
    state, said = _state(live)
    if differences:
        return ConstraintFinding.DRIFTED, [*differences, *said]
    unknown = [f"It is there, but {sameness.reason}."] if sameness.same is None else []
    if state is ConstraintFinding.ENFORCED and unknown:
        return ConstraintFinding.UNVERIFIED, unknown
    if relation.kind == "f":
        said.append("The table is foreign: PostgreSQL does not check it here.")
    return state, [*said, *unknown]


def _differences(required: RequiredConstraint, live: LiveConstraint, sameness: Sameness) -> list[str]:
    found: list[str] = []
    if sameness.same is False:
        theirs = live.check.expression if live.check else "something else"
        because = f"; {sameness.reason}" if sameness.reason else ""
        found.append(f"It checks {theirs}, declared {required.expression}{because}.")
    if required.no_inherit != live.no_inherit:
        found.append(
            "It is NO INHERIT, declared for the tables that inherit too."
            if live.no_inherit
            else "It covers the tables that inherit, declared NO INHERIT."
        )
    return found


def _state(live: LiveConstraint) -> tuple[ConstraintFinding, list[str]]:
    """NOT ENFORCED has convalidated false as well, and validating it is no remedy: so it comes first."""
    if not live.enforced:
        return ConstraintFinding.NOT_ENFORCED, [
            "It is NOT ENFORCED: it checks nothing, neither old rows nor new ones."
        ]
    if not live.validated:
        return ConstraintFinding.NOT_VALIDATED, [
            "It is NOT VALID: new and changed rows are checked, those that were there before are not proven."
        ]
    return ConstraintFinding.ENFORCED, []
