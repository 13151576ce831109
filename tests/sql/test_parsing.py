"""Expressions are the bytes of their source, wherever comments, quotes and brackets stand."""

from __future__ import annotations

import pytest

from sql.declared import SqlName
from sql.parsing import index_tail, parse_check, parse_index


@pytest.mark.parametrize(
    ("key", "expression"),
    [
        ("lower(a)", "lower(a)"),
        ("(lower(a))", "lower(a)"),
        ("((  a+b ))", "a+b"),
        ("((a)+(b)) DESC", "(a)+(b)"),
        ("(a || ',' || b) text_ops", "a || ',' || b"),
        ("\"Fn, (\"(a, 'x)') NULLS FIRST", "\"Fn, (\"(a, 'x)')"),
        ("(a /* ) , ( */ + -- ) ,\n b)", "a /* ) , ( */ + -- ) ,\n b"),
        ("(ARRAY[a, b])", "ARRAY[a, b]"),
        ("(a[1:2])", "a[1:2]"),
        ('(lower(a) COLLATE "C")', "lower(a)"),
        ('((lower(a)) COLLATE "C")', "lower(a)"),
        ("coalesce(a, $$x, )$$)", "coalesce(a, $$x, )$$)"),
        ("s.f(a) s.my_ops (x = 'a, b') DESC", "s.f(a)"),
        ('(a COLLATE "C" || b)', 'a COLLATE "C" || b'),
        ("(ü || 'ß')", "ü || 'ß'"),
    ],
)
def test_the_expression_of_a_key_is_cut_out_whole(key: str, expression: str) -> None:
    found = parse_index(f"CREATE INDEX i ON t (x, {key}, y) INCLUDE (z) WHERE (x > 0) -- end")
    assert [each.column for each in found.keys] == ["x", None, "y"]
    assert found.keys[1].expression == expression
    assert found.predicate == "(x > 0)"
    assert found.include == ("z",)


@pytest.mark.parametrize("key", ["a", "(a)", "((a))", "(t.a)", "A", '"a"', '(a COLLATE "C")'])
def test_a_bare_column_is_a_column_however_it_is_wrapped(key: str) -> None:
    [found] = parse_index(f"CREATE INDEX i ON t ({key})").keys
    assert (found.column, found.expression) == ("a", None)
    assert found.collation == (SqlName(None, "C") if "COLLATE" in key else None)


@pytest.mark.parametrize("key", ["(u.a)", "(t.*)", "(a.b.c)"])
def test_what_is_no_column_of_the_table_is_an_expression(key: str) -> None:
    [found] = parse_index(f"CREATE INDEX i ON t ({key})").keys
    assert found.column is None


@pytest.mark.parametrize(
    ("head", "table"),
    [
        ("CREATE INDEX i ON t", ("t", None)),
        ("create unique index concurrently if not exists i on only s.t", ("t", "s")),
        ('CREATE INDEX "on" ON "on"."on only"', ("on only", "on")),
        ("CREATE INDEX i /* ON x */ ON -- ON y\n t", ("t", None)),
    ],
)
def test_the_tail_is_what_follows_the_table(head: str, table: tuple[str, str | None]) -> None:
    tail = "USING btree (a, (b + 1) DESC) INCLUDE (c) WITH (fillfactor = 70) WHERE d /* why */ > 0"
    found = parse_index(f"{head} {tail} ; -- the end")
    assert (found.table, found.schema) == table
    assert index_tail(found) == tail
    assert found.only == ("only " in head and "s.t" in head)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("fillfactor = 70", (("fillfactor", "70"),)),
        ("fillfactor='70'", (("fillfactor", "70"),)),
        ("fastupdate = off", (("fastupdate", "false"),)),
        ("fastupdate = FALSE", (("fastupdate", "false"),)),
        ("autosummarize", (("autosummarize", "true"),)),
        ("buffering = AUTO", (("buffering", "auto"),)),
        ("pages_per_range = 4, autosummarize = on", (("autosummarize", "true"), ("pages_per_range", "4"))),
    ],
)
def test_options_are_read_in_one_spelling(written: str, read: tuple[tuple[str, str], ...]) -> None:
    assert parse_index(f"CREATE INDEX i ON t (a) WITH ({written})").options == read


@pytest.mark.parametrize(
    ("definition", "expression"),
    [
        ("CHECK (a > 0)", "a > 0"),
        ("check((a > 0)) NOT VALID", "(a > 0)"),
        ("CHECK (a > 0 -- why )\n)", "a > 0"),
        ("CHECK (a = ')' OR b = $x$ ( $x$) NO INHERIT", "a = ')' OR b = $x$ ( $x$"),
        ("/* first */ CHECK (ü <> 'ß')", "ü <> 'ß'"),
    ],
)
def test_the_expression_of_a_check_is_cut_out_whole(definition: str, expression: str) -> None:
    assert parse_check(definition).expression == expression
