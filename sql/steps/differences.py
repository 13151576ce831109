"""What changed between the moment a step was confirmed and now, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sql.steps.fingerprint import StepFacts
from sql.steps.step import Step

FIELDS = {
    "system_identifier": "another server answers (system identifier {now}, it was {before})",
    "database_oid": "another database bears its name",
    "kind": "what bears the table's name is of another kind ({now}, it was {before})",
    "persistence": "the table's persistence changed",
    "owner": "the table's owner is {now}, it was {before}",
    "columns_hash": "the table's columns changed",
}
UNSAID = frozenset({"oid", "name", "definition"})


def differences(
    before: str, now: Step, old: StepFacts, new: StepFacts, *, by_us: bool = False
) -> tuple[str, ...]:
    """Clauses, one a difference; empty: the step still rests on what was confirmed.

    Args:
        before: the step's SQL as it was confirmed.
        by_us: steps of the same go changed what bears the step's names; that is no difference.
    """
    return tuple(_differences(before, now, old, new, by_us=by_us))


def _differences(before: str, now: Step, old: StepFacts, new: StepFacts, *, by_us: bool) -> Iterator[str]:
    if before != now.sql:
        yield f"it would now send: {now.sql}"
    if old.table_oid != new.table_oid:
        gone = new.table_oid is None
        yield f"{now.table} is not there any more" if gone else f"another table bears the name {now.table}"
    for name, words in FIELDS.items():
        was, become = getattr(old, name), getattr(new, name)
        if was != become and not (name == "kind" and new.table_oid is None):
            yield words.format(before=was, now=become)
    if not by_us:
        yield from _named(old, new)


def _named(old: StepFacts, new: StepFacts) -> Iterator[str]:
    """What bears the names that the step makes, renames or drops."""
    then = {str(each.get("name")): each for each in old.named}
    now = {str(each.get("name")): each for each in new.named}
    for name in sorted({*then, *now}):
        if name not in then:
            yield f"{name} is there now"
        elif name not in now:
            yield f"{name} is gone"
        elif dict(then[name]) != dict(now[name]):
            yield f"{name} changed: {_changes(then[name], now[name])}"


def _changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if then.get("definition") != now.get("definition"):
        return f"it is now {now.get('definition')}"
    flags = [f"{key} {value}" for key, value in now.items() if key not in UNSAID and then.get(key) != value]
    return ", ".join(flags) or "it is another object of the same name"
