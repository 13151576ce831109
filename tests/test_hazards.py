"""The table of hazards in CONTRIBUTING says what the tests' markers say."""

from __future__ import annotations

from tests.hazards import TITLES, proofs, shown, table


def test_the_table_is_current() -> None:
    assert shown() == table(), "put the output of `python -m tests.hazards` into CONTRIBUTING"


def test_every_hazard_of_the_table_has_a_proof() -> None:
    assert {proof.hazard for proof in proofs()} == set(TITLES)
