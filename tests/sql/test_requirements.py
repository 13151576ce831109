"""A manifest as PostgreSQL reads it: every definition taken apart, every mistake named with key and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.errors import ConfigurationError, Problem
from profiles.manifest import (
    ConstraintEntry,
    IndexEntry,
    Manifest,
    MigrationEntry,
    PoolBudget,
    ProbeEntry,
    Target,
)
from profiles.manifest_file import load, shipped
from profiles.model import PoolOverride
from sql.parsing import DefinitionError
from sql.requirements import Requirements, read, schemas_of


def manifest(**parts: object) -> Manifest:
    return Manifest("test", "Test", Path("test.toml"), **parts)  # type: ignore[arg-type]


def problems(**parts: object) -> list[Problem]:
    with pytest.raises(ConfigurationError) as caught:
        read(manifest(**parts))
    return list(caught.value.problems)


def only_problem(**parts: object) -> Problem:
    [problem] = problems(**parts)
    return problem


def index(definition: str, **options: object) -> dict[str, object]:
    return {"indexes": (IndexEntry(definition, **options),)}  # type: ignore[arg-type]


def check(definition: str, table: str = "t", name: str = "ck") -> dict[str, object]:
    return {"constraints": (ConstraintEntry(table, name, definition),)}


def probe(sql: str, arguments: str | None = None) -> dict[str, object]:
    return {"probes": (ProbeEntry("p", sql, Target(), arguments=arguments),)}


@pytest.mark.parametrize("name", shipped())
def test_the_shipped_manifests_can_be_read(name: str) -> None:
    found = read(load(name))
    assert found.indexes
    assert found.lints == ()


def test_an_index_is_taken_apart() -> None:
    entry = IndexEntry('CREATE INDEX "Ix" ON App.Leads (Status, score DESC) WHERE score > 0')
    [found] = read(manifest(indexes=(entry,))).indexes
    assert (found.name, found.schema, found.table) == ("Ix", "app", "leads")
    assert found.entry is entry
    assert [(key.column, key.order()) for key in found.definition.keys] == [
        ("status", "ASC"),
        ("score", "DESC"),
    ]
    assert found.definition.predicate == "score > 0"


def test_a_constraint_is_taken_apart() -> None:
    entry = ConstraintEntry('app."Leads"', "Ck", "CHECK (score >= 0 /* ü */ AND x) NO INHERIT NOT VALID")
    [found] = read(manifest(constraints=(entry,))).constraints
    assert (found.name, found.schema, found.table) == ("Ck", "app", "Leads")
    assert found.expression == "score >= 0 /* ü */ AND x"
    assert found.no_inherit
    assert found.entry is entry


@pytest.mark.parametrize(
    ("definition", "what"),
    [
        ("CREATE INDEX i ON t (a) WHERE", "syntax error at end of input"),
        ("CREATE INDEX i ON on (a)", 'syntax error at or near "on" (at character 19)'),
        ("SELECT 1", "it is not a CREATE INDEX statement"),
        ("", "there is no CREATE INDEX statement"),
        ("-- CREATE INDEX i ON t (a)", "there is no CREATE INDEX statement"),
        ("CREATE INDEX i ON t (a); DROP TABLE t", "there are 2 statements"),
        ("CREATE INDEX ON t (a)", "the index has no name"),
        ("CREATE INDEX i ON other.public.t (a)", "the table is named with a database"),
        ("CREATE INDEX i ON t (a)\0; DROP TABLE t", "a NUL character is not SQL"),
        ("CREATE TABLE t (a int)", "it is not a CREATE INDEX statement"),
        (f"CREATE INDEX {'ü' * 32} ON t (a)", "has 64 bytes, and the server cuts names after 63"),
        (f'CREATE INDEX i ON "{"x" * 64}" (a)', "has 64 bytes, and the server cuts names after 63"),
    ],
)
def test_what_is_not_one_named_index_is_a_problem(definition: str, what: str) -> None:
    problem = only_problem(**index(definition, line=7))
    assert what in problem.what
    assert (problem.key, problem.line, problem.file) == ("index[1].definition", 7, Path("test.toml"))
    assert problem.remedy


@pytest.mark.parametrize(
    "definition",
    [
        f"CREATE INDEX {'x' * 63} ON t (a)",
        f'CREATE INDEX "{"q" * 61}""" ON t (a)',
        f"CREATE INDEX i ON t (a) WHERE b = '{'long string ' * 20}' OR c = '{'x' * 100}'",
        f"CREATE INDEX i ON t (a) -- {'-' * 100}",
    ],
)
def test_names_of_63_bytes_and_long_strings_are_no_problem(definition: str) -> None:
    assert len(read(manifest(**index(definition))).indexes) == 1


@pytest.mark.parametrize(
    ("definition", "what"),
    [
        ("CHECK (a >", "syntax error at end of input"),
        ("a > 0", 'syntax error at or near ">" (at character 3)'),
        ("", "syntax error at end of input"),
        ("UNIQUE (a)", "it is UNIQUE; only CHECK is supported"),
        ("PRIMARY KEY (a)", "it is PRIMARY; only CHECK is supported"),
        ("FOREIGN KEY (a) REFERENCES u", "it is FOREIGN; only CHECK is supported"),
        ("CHECK (a > 0), ADD CHECK (b > 0)", "more than one definition"),
        ("CHECK (a > 0); DROP TABLE t", "more than one definition"),
        ("CONSTRAINT x CHECK (a > 0)", "the definition names the constraint"),
        ("CHECK (a > 0) NOT ENFORCED", "NOT ENFORCED asks for a constraint that does nothing"),
        ("CHECK (a > (SELECT 1))", "a CHECK cannot hold a subquery"),
        ("COLUMN a int", "it is no constraint; only CHECK is supported"),
    ],
)
def test_what_is_not_one_check_is_a_problem(definition: str, what: str) -> None:
    problem = only_problem(**check(definition))
    assert (problem.key, problem.line) == ("constraint[1].definition", None)
    assert what in problem.what


@pytest.mark.parametrize(
    "table", ["", "a, b", "a; b", "a.b.c", "t x", "t*", "only t", "(select 1)", "a.", '"']
)
def test_what_is_not_one_table_is_a_problem(table: str) -> None:
    problem = only_problem(**check("CHECK (a > 0)", table))
    assert problem.key == "constraint[1].table"


@pytest.mark.parametrize("name", ["", "x" * 64, "ü" * 32, "nul\0"])
def test_what_is_no_constraints_name_is_a_problem(name: str) -> None:
    assert only_problem(**check("CHECK (a > 0)", name=name)).key == "constraint[1].name"


@pytest.mark.hazard("DEF-09")
def test_names_that_fold_to_the_same_are_duplicates() -> None:
    indexes = tuple(
        IndexEntry(text, line=number)
        for number, text in enumerate(
            (
                "CREATE INDEX ix ON t (a)",
                "CREATE INDEX IX ON u (a)",
                "CREATE INDEX ix ON public.t (b)",
                "CREATE INDEX ix ON app.t (b)",
                'CREATE INDEX "IX" ON t (b)',
            ),
            1,
        )
    )
    found = problems(indexes=indexes)
    assert [(each.key, each.line) for each in found] == [
        ("index[2].definition", 2),
        ("index[3].definition", 3),
    ]
    assert found[0].what == "index[1].definition names the same object"


def test_constraints_are_duplicates_by_table_and_name() -> None:
    entries = (
        ConstraintEntry("t", "ck", "CHECK (a > 0)"),
        ConstraintEntry("u", "ck", "CHECK (a > 0)"),
        ConstraintEntry("public.T", "ck", "CHECK (a > 1)"),
        ConstraintEntry("t", "CK", "CHECK (a > 1)"),
    )
    assert only_problem(constraints=entries).key == "constraint[3].name"


@pytest.mark.hazard("LAT-02")
@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("DELETE FROM t", "it is DELETE, not a SELECT"),
        ("EXPLAIN ANALYZE SELECT 1", "it is EXPLAIN, not a SELECT"),
        ("SELECT 1; SELECT 2", "there are 2 statements"),
        ("", "there is no statement"),
        ("SELECT * INTO u FROM t", "SELECT INTO makes a table"),
        ("SELECT * FROM t FOR UPDATE", "it locks the rows that it reads"),
        ("SELECT * FROM (SELECT * FROM t FOR SHARE) x", "it locks the rows that it reads"),
        ("WITH d AS (DELETE FROM t RETURNING 1) SELECT * FROM d", "its WITH holds DELETE"),
        ("WITH d AS (INSERT INTO t VALUES (1) RETURNING 1) SELECT * FROM d", "its WITH holds INSERT"),
        ("SELECT pg_terminate_backend(1)", "it calls pg_terminate_backend()"),
        ("SELECT PG_CATALOG.pg_advisory_lock(1)", "it calls pg_advisory_lock()"),
        ("SELECT nextval('s')", "it calls nextval()"),
        ("SELECT set_config('transaction_read_only', 'off', false)", "it calls set_config()"),
        ("COPY t TO PROGRAM 'id'", "it is COPY, not a SELECT"),
        ("LOCK TABLE t", "it is LOCK, not a SELECT"),
        ("SET x = 1", "it is VARIABLE SET, not a SELECT"),
        ("SELEC 1", "syntax error at or near"),
    ],
)
def test_a_probe_that_is_not_one_reading_select_is_a_problem(sql: str, what: str) -> None:
    problem = only_problem(**probe(sql))
    assert problem.key == "probe[1].sql"
    assert what in problem.what


@pytest.mark.parametrize(
    ("sql", "arguments", "key", "what"),
    [
        ("SELECT $1", None, "arguments", "the probe has 1 parameter and no arguments"),
        ("SELECT $1, $2", None, "arguments", "the probe has 2 parameters and no arguments"),
        ("SELECT $1, $3", "SELECT 1, 2, 3", "sql", "it uses $3 but not $2"),
        ("SELECT $2", "SELECT 1", "sql", "it uses $2 but not $1"),
        ("SELECT 1", "SELECT 1", "arguments", "the probe has no parameters"),
        ("SELECT $1", "SELECT $1", "arguments", "the arguments have parameters themselves"),
        ("SELECT $1", "DELETE FROM t RETURNING a", "arguments", "it is DELETE, not a SELECT"),
    ],
)
def test_parameters_and_arguments_must_fit(sql: str, arguments: str | None, key: str, what: str) -> None:
    problem = only_problem(**probe(sql, arguments))
    assert problem.key == f"probe[1].{key}"
    assert what in problem.what


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "TABLE t", "VALUES (1)", "WITH x AS (SELECT 1) SELECT * FROM x", "SELECT 1;"]
)
def test_every_way_to_read_is_a_probe(sql: str) -> None:
    assert len(read(manifest(**probe(sql))).probes) == 1


def test_every_problem_is_told_not_only_the_first() -> None:
    found = problems(
        search_path='a,, "b',
        indexes=(IndexEntry("nonsense", line=1, position=4),),
        constraints=(ConstraintEntry("t t", "", "nonsense", line=2),),
        probes=(ProbeEntry("p", "nonsense", Target(), arguments="nonsense", line=3),),
        migration=MigrationEntry("x", table="a b", line=4),
    )
    assert [(each.key, each.line) for each in found] == [
        ("search_path", None),
        ("index[4].definition", 1),
        ("constraint[1].table", 2),
        ("constraint[1].name", 2),
        ("constraint[1].definition", 2),
        ("probe[1].sql", 3),
        ("probe[1].arguments", 3),
        ("migration.table", 4),
    ]
    assert all(each.remedy for each in found)


@pytest.mark.parametrize(
    ("path", "schemas"),
    [
        ("public", ("public",)),
        ("App, public", ("app", "public")),
        ('"$user", "My ""Schema"""', ("$user", 'My "Schema"')),
        ("$user,public", ("$user", "public")),
        ("", ()),
    ],
)
def test_a_search_path_is_a_list_of_schemas(path: str, schemas: tuple[str, ...]) -> None:
    assert schemas_of(path) == schemas


@pytest.mark.parametrize("path", ["a,,b", '"a', 'a"b"', ",a", "a b"])
def test_what_is_no_search_path_is_refused(path: str) -> None:
    with pytest.raises(DefinitionError, match="not a search path"):
        schemas_of(path)


def lints(**parts: object) -> list[str]:
    return [lint.what for lint in read(manifest(**parts)).lints]


@pytest.mark.hazard("DEF-03")
@pytest.mark.parametrize(
    "literal",
    [
        "'2020-01-01'::timestamptz",
        "timestamptz '2020-01-01 10:00'",
        "CAST('2020-01-01T10:00' AS timestamp with time zone)",
    ],
)
def test_a_moment_without_offset_is_doubtful(literal: str) -> None:
    [what] = lints(**index(f"CREATE INDEX i ON t (a) WHERE c > {literal}"))
    assert "has no offset" in what


@pytest.mark.parametrize(
    "literal",
    [
        "'2020-01-01 00:00+00'::timestamptz",
        "timestamptz '2020-01-01T00:00Z'",
        "timestamptz '2020-01-01 10:00 Europe/Berlin'",
        "'2020-01-01'::timestamp",
        "date '2020-01-01'",
        "'2020-01-01'",
    ],
)
def test_a_moment_with_offset_and_one_without_zone_are_not(literal: str) -> None:
    assert lints(**index(f"CREATE INDEX i ON t (a) WHERE c > {literal}")) == []


@pytest.mark.hazard("CON-12")
@pytest.mark.parametrize("moving", ["now()", "CURRENT_DATE", "current_user", "random()"])
def test_a_check_that_depends_on_the_moment_is_doubtful(moving: str) -> None:
    [what] = lints(**check(f"CHECK (a::text < {moving}::text)"))
    assert "rows that pass today may fail tomorrow" in what


def pool(budget: PoolBudget | None, override: PoolOverride | None) -> PoolBudget | None:
    found: Requirements = read(manifest(pool=budget), override)
    return found.pool


def test_the_profiles_word_on_the_pool_comes_first() -> None:
    budget = PoolBudget(size=20, max_overflow=80, applications=("api",))
    assert pool(budget, None) is budget
    assert pool(budget, PoolOverride()) is budget
    assert pool(budget, PoolOverride(size=5, applications=())) == PoolBudget(size=5, max_overflow=80)
    assert pool(None, PoolOverride(size=5)) == PoolBudget(size=5)
    assert pool(None, PoolOverride(pgbouncer="host=x")) is None
