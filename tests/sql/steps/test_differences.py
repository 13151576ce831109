"""What changed since a step was confirmed, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sql.steps.differences import differences
from sql.steps.fingerprint import StepFacts
from tests.sql.steps import running

STEP = running.create()
INDEX = {"name": "i", "oid": 9, "kind": "i", "valid": True, "definition": "CREATE INDEX i ON public.t (a)"}
FACTS = StepFacts(
    system_identifier="7",
    database_oid=1,
    table_oid=2,
    kind="r",
    persistence="p",
    owner="sales",
    columns_hash="c",
    named=(INDEX,),
)


def test_nothing_changed() -> None:
    assert differences(STEP.sql, STEP, FACTS, replace(FACTS)) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"system_identifier": "8"}, "another server answers (system identifier 8, it was 7)"),
        ({"database_oid": 3}, "another database bears its name"),
        ({"table_oid": 3}, "another table bears the name public.t"),
        ({"table_oid": None, "kind": None}, "public.t is not there any more"),
        ({"kind": "p"}, "what bears the table's name is of another kind (p, it was r)"),
        ({"persistence": "u"}, "the table's persistence changed"),
        ({"owner": "bob"}, "the table's owner is bob, it was sales"),
        ({"columns_hash": "d"}, "the table's columns changed"),
        ({"named": ()}, "i is gone"),
        ({"named": (INDEX, {**INDEX, "name": "j"})}, "j is there now"),
        ({"named": ({**INDEX, "definition": "X"},)}, "i changed: it is now X"),
        ({"named": ({**INDEX, "valid": False},)}, "i changed: valid False"),
        ({"named": ({**INDEX, "oid": 10},)}, "i changed: it is another object of the same name"),
    ],
)
def test_each_change_has_its_words(change: dict[str, object], said: str) -> None:
    now = replace(FACTS, **change)  # type: ignore[arg-type]
    assert differences(STEP.sql, STEP, FACTS, now) == (said,)


def test_what_earlier_steps_of_the_same_go_made_is_no_difference_but_a_swapped_table_is() -> None:
    now = replace(FACTS, named=(), owner="bob")
    assert differences(STEP.sql, STEP, FACTS, now, by_us=True) == ("the table's owner is bob, it was sales",)


def test_another_statement_is_shown() -> None:
    other = running.create(tail="(b)")
    assert differences(STEP.sql, other, FACTS, FACTS) == (f"it would now send: {other.sql}",)
