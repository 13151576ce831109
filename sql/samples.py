"""Whether a constraint refuses and lets in the manifest's sample rows, found out without writing a row.

The live expression is evaluated over a record made from each sample: no table is touched, no trigger runs, no
sequence moves. An absent column is NULL; text is read as the column's type reads a literal.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from profiles.manifest import SampleRow, SampleValue
from sql.errors import ReadingError
from sql.extents import tokens
from sql.findings import SampleFinding
from sql.parse_store import kept_as
from sql.quoting import identifier, qualified
from sql.relations import Columns, Relation
from sql.session import Session

SHOWN = 80
"""Characters of a sample row in a sentence."""


@dataclass(frozen=True)
class SampleOutcome:
    """How the constraint treats the sample rows."""

    rejects: SampleFinding = SampleFinding.UNVERIFIED
    accepts: SampleFinding = SampleFinding.UNVERIFIED
    sentences: tuple[str, ...] = ()
    """Which row is not treated as it must be, or could not be tried."""


@dataclass(frozen=True)
class _Trial:
    """One sample row under way."""

    label: str
    fields: SampleRow
    must_refuse: bool
    refused: bool | None = None
    reason: str = ""
    """Why it could not be tried, a clause."""


async def try_samples(
    session: Session,
    search_path: str,
    relation: Relation,
    columns: Columns,
    expression: str,
    rejects: Sequence[SampleRow],
    accepts: Sequence[SampleRow],
) -> SampleOutcome:
    """Try every sample row on a constraint's expression, in one statement.

    Args:
        search_path: under which the expression is read.
        columns: the table's, to tell a misspelt one from NULL.
        expression: the live constraint's.
    """
    trials = [*_trials("rejects", rejects, True), *_trials("accepts", accepts, False)]
    if not trials:
        return SampleOutcome()
    generated = columns.generated & _words(expression)
    ready = [_checked(trial, columns, generated, relation) for trial in trials]
    possible = [trial for trial in ready if not trial.reason]
    tried = await _tried(session, search_path, relation, columns, expression, possible)
    outcomes = {trial.label: trial for trial in (*ready, *tried)}
    ordered = [outcomes[trial.label] for trial in trials]
    return SampleOutcome(
        _finding(trial for trial in ordered if trial.must_refuse),
        _finding(trial for trial in ordered if not trial.must_refuse),
        tuple(_sentence(trial) for trial in ordered if trial.refused is not trial.must_refuse),
    )


async def _tried(
    session: Session,
    search_path: str,
    relation: Relation,
    columns: Columns,
    expression: str,
    trials: Sequence[_Trial],
) -> list[_Trial]:
    """All in one statement; where one breaks it, one by one, so that the culprit is known."""
    if not trials:
        return []
    assert relation.schema is not None
    record = f"NULL::{qualified(relation.schema, relation.name)}"
    sql = (
        f"SELECT (SELECT ({expression}) IS FALSE"  # noqa: S608
        f" FROM pg_catalog.jsonb_populate_record({record}, sample.fields) AS {identifier(relation.name)})"
        " FROM pg_catalog.jsonb_array_elements($1::pg_catalog.jsonb)"
        " WITH ORDINALITY AS sample (fields, place) ORDER BY sample.place"
    )
    try:
        rows = await session.fetch_composed(
            sql, _document(trials, columns), settings={"search_path": search_path}
        )
    except ReadingError as error:
        if len(trials) == 1:
            return [_excused(trials[0], error.reason)]
        found = [
            await _tried(session, search_path, relation, columns, expression, [trial]) for trial in trials
        ]
        return [trial for each in found for trial in each]
    return [
        _Trial(trial.label, trial.fields, trial.must_refuse, bool(row[0]))
        for trial, row in zip(trials, rows, strict=True)
    ]


def _trials(kind: str, rows: Sequence[SampleRow], must_refuse: bool) -> Iterable[_Trial]:
    for number, fields in enumerate(rows, 1):
        yield _Trial(f"{kind}[{number}]", fields, must_refuse)


def _checked(trial: _Trial, columns: Columns, generated: frozenset[str], relation: Relation) -> _Trial:
    """The trial, excused where its row cannot be made into a record at all."""
    unknown = [identifier(name) for name in trial.fields if name not in columns.names]
    if unknown:
        return _excused(trial, f"{relation.label} has no column {', '.join(unknown)}")
    lacking = sorted(generated - set(trial.fields))
    if lacking:
        names = ", ".join(identifier(name) for name in lacking)
        return _excused(trial, f"nothing generates {names} for a sample; give the row a value for it")
    try:
        _document([trial], columns)
    except ValueError as error:
        return _excused(trial, f"the text for a JSON column is not JSON ({error})")
    return trial


@kept_as(sorted, frozenset)
def _words(expression: str) -> frozenset[str]:
    """The names in an expression, among other words."""
    texts = (token.text.decode() for token in tokens(expression))
    return frozenset(t[1:-1].replace('""', '"') if t.startswith('"') else t for t in texts)


def _excused(trial: _Trial, reason: str) -> _Trial:
    return _Trial(trial.label, trial.fields, trial.must_refuse, None, reason)


def _finding(trials: Iterable[_Trial]) -> SampleFinding:
    found = list(trials)
    if any(trial.refused is not None and trial.refused is not trial.must_refuse for trial in found):
        return SampleFinding.FAILED
    if not found or any(trial.refused is None for trial in found):
        return SampleFinding.UNVERIFIED
    return SampleFinding.VERIFIED


def _sentence(trial: _Trial) -> str:
    row = _shown(trial.fields)
    if trial.refused is None:
        return f"{trial.label} {row} could not be tried: {trial.reason}."
    return f"{trial.label} {row} is {'refused' if trial.refused else 'let in'}."


def _shown(fields: Mapping[str, SampleValue]) -> str:
    text = ", ".join(f"{name}={_literal(value)}" for name, value in fields.items())
    return f"({text if len(text) <= SHOWN else text[:SHOWN] + '…'})"


def _literal(value: SampleValue) -> str:
    return "NULL" if value is None else json.dumps(value, ensure_ascii=False)


def _document(trials: Sequence[_Trial], columns: Columns) -> str:
    """The sample rows as a JSON array of objects.

    Raises:
        ValueError: the text for a JSON column is not JSON.
    """
    rows = [{name: _json(value, name in columns.json) for name, value in t.fields.items()} for t in trials]
    return json.dumps(rows)


def _json(value: SampleValue, as_json: bool) -> Any:
    if isinstance(value, str) and as_json:
        # jsonb_populate_record would take the text for a JSON string; in SQL it would be a document.
        return json.loads(value)
    if isinstance(value, float) and not math.isfinite(value):
        # JSON has no NaN and no infinity; PostgreSQL reads both from text.
        return str(value)
    return value
