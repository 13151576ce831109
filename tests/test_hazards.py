"""The table of hazards in CONTRIBUTING says what the tests' markers say."""

from __future__ import annotations

from tests.hazards import NAMES, proofs, shown, table


def test_the_table_is_current() -> None:
    assert shown() == table(), (
        "put the output of `python -m tests.hazards` into CONTRIBUTING"
    )


def test_every_kind_of_hazard_has_a_proof() -> None:
    kinds = {proof.hazard.partition("-")[0] for proof in proofs()}
    assert kinds == set(NAMES)
