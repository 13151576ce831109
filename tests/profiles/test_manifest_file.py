"""Manifests: found by name or path, and every structural problem named with file, line, key and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles import manifest_file
from profiles.errors import ConfigurationError, Problem
from profiles.locations import locations
from profiles.manifest import Priority, Target

SMALLEST = 'title = "Small"\n'
CONSTRAINT = '[[constraint]]\ntable = "t"\nname = "c"\ndefinition = "CHECK (a > 0)"\n'
PROBE = '[[probe]]\nname = "p"\nsql = "SELECT 1"\ntarget = { p50_ms = 5 }\n'
INDEX = '[[index]]\ndefinition = "CREATE INDEX i ON t (a)"\n'


@pytest.fixture
def own_folder() -> Path:
    folder = locations().manifests
    folder.mkdir(parents=True)
    return folder


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "some.toml"
    path.write_text(text)
    return path


def problems_of(tmp_path: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationError) as raised:
        manifest_file.load(str(written(tmp_path, text)))
    for problem in raised.value.problems:
        assert problem.file == tmp_path / "some.toml"
        assert problem.remedy
    return raised.value.problems


def problem_of(tmp_path: Path, text: str) -> Problem:
    (problem,) = problems_of(tmp_path, SMALLEST + text)
    return problem


# --- Finding -----------------------------------------------------------------------------------------


def test_a_shipped_manifest_is_found_by_its_name() -> None:
    assert manifest_file.load("enterprise-demo").name == "enterprise-demo"


def test_one_of_the_operators_is_found_by_its_name(own_folder: Path) -> None:
    (own_folder / "mine.toml").write_text(SMALLEST)
    assert manifest_file.own() == ["mine"]
    assert manifest_file.load("mine").origin == own_folder / "mine.toml"


def test_a_path_is_read_from_beside_the_profile(tmp_path: Path) -> None:
    written(tmp_path, SMALLEST)
    manifest = manifest_file.load("some.toml", beside=tmp_path)
    assert (manifest.name, manifest.origin) == ("some", tmp_path / "some.toml")
    assert manifest_file.load("./some.toml", beside=tmp_path) == manifest


def test_an_absolute_path_is_itself_wherever_the_profile_is(tmp_path: Path) -> None:
    path = written(tmp_path, SMALLEST)
    assert manifest_file.load(str(path), beside=Path("/nowhere")).origin == path


def test_a_file_without_ending_is_found_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "requirements").write_text(SMALLEST)
    monkeypatch.chdir(tmp_path)
    assert manifest_file.load("requirements").title == "Small"


def test_a_name_of_two_manifests_is_refused(own_folder: Path) -> None:
    (own_folder / "enterprise-demo.toml").write_text(SMALLEST)
    with pytest.raises(ConfigurationError, match="shipped manifest and of one of yours; rename your file"):
        manifest_file.load("enterprise-demo")
    assert manifest_file.load(str(own_folder / "enterprise-demo.toml")).title == "Small"


@pytest.mark.parametrize("name", ["enterprise-dmo", "Enterprise-Demo"])
def test_a_name_that_is_nearly_right_gets_a_suggestion(name: str) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'enterprise-demo'"):
        manifest_file.load(name)


@pytest.mark.parametrize("name", ["", "x" * 5000, "a\0b", "\x1b[2J", "..", "~nobody-of-this-name"])
def test_no_reference_is_too_odd_for_one_sentence(name: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        manifest_file.load(name)
    (line,) = raised.value.user_message().splitlines()
    assert line.isprintable()


def test_a_path_to_nothing_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"^/nowhere/x\.toml: does not exist; "):
        manifest_file.load("/nowhere/x.toml")


# --- What a sound manifest says ----------------------------------------------------------------------


def test_only_the_title_is_needed(tmp_path: Path) -> None:
    manifest = manifest_file.load(str(written(tmp_path, SMALLEST)))
    assert (manifest.title, manifest.search_path) == ("Small", "public")
    assert (manifest.indexes, manifest.pool, manifest.migration) == ((), None, None)
    assert manifest_file.summary(manifest) == "nothing"


def test_what_may_be_left_out_has_a_default(tmp_path: Path) -> None:
    text = SMALLEST + INDEX + CONSTRAINT + PROBE + '[pool]\n[migration]\nexpected = "b"\n'
    manifest = manifest_file.load(str(written(tmp_path, text)))
    assert manifest.indexes[0].priority is Priority.NORMAL
    assert manifest.constraints[0].rejects == ()
    assert manifest.probes[0].target == Target(p50_ms=5)
    assert manifest.pool is not None and manifest.pool.limit is None
    assert manifest.migration is not None and manifest.migration.table == "alembic_version"
    assert manifest_file.summary(manifest) == "1 index, 1 constraint, 1 probe, pool, migration b"


def test_entries_know_their_place_counting_from_one(tmp_path: Path) -> None:
    text = SMALLEST + INDEX + INDEX.replace("CREATE INDEX i", "\\n\\nCREATE INDEX j") + PROBE
    manifest = manifest_file.load(str(written(tmp_path, text)))
    assert [(entry.position, entry.line) for entry in manifest.indexes] == [(1, 2), (2, 4)]
    assert (manifest.probes[0].position, manifest.probes[0].line) == (1, 6)
    assert manifest.lines["index[2].definition"] == 5
    assert manifest.lines["probe[1].target.p50_ms"] == 9


def test_a_target_may_be_a_table_of_its_own(tmp_path: Path) -> None:
    text = SMALLEST + '[[probe]]\nname = "p"\nsql = "SELECT 1"\n[probe.target]\np95_ms = 5\n'
    assert manifest_file.load(str(written(tmp_path, text))).probes[0].target == Target(p95_ms=5)


def test_a_row_of_nulls_is_a_row(tmp_path: Path) -> None:
    text = SMALLEST + CONSTRAINT + 'accepts = [{}, { a = 1, "odd col" = "x", c = 1.5, d = false }]\n'
    rows = manifest_file.load(str(written(tmp_path, text))).constraints[0].accepts
    assert rows == ({}, {"a": 1, "odd col": "x", "c": 1.5, "d": False})


@pytest.mark.parametrize("table", ["t", "s.t", '"Odd ""name"""', 's."T"', " s . t ", "tä", "t$1"])
def test_a_table_is_named_as_in_sql(tmp_path: Path, table: str) -> None:
    text = SMALLEST + CONSTRAINT.replace('"t"', f"'{table}'")
    assert manifest_file.load(str(written(tmp_path, text))).constraints[0].table == table


# --- What is wrong, one at a time --------------------------------------------------------------------

WRONG = {
    "unknown key": ("titel = 1\n", 2, "titel", "is not a key of this table", "did you mean 'title'?"),
    "unknown key of an entry": (
        INDEX + 'priorty = "high"\n',
        4,
        "index[1].priorty",
        "is not a key of this table",
        "did you mean 'priority'?",
    ),
    "unknown key like no other": (
        "[pool]\nzzz = 1\n",
        3,
        "pool.zzz",
        "is not a key of this table",
        "use size, max_overflow, timeout_s, recycle_s, query_timeout_s, applications",
    ),
    "unknown key of control characters": (
        '[pool]\n"\\u001b[2J\\u202e" = 1\n',
        3,
        "pool.'\\x1b[2J\\u202e'",
        "is not a key of this table",
        "",
    ),
    "unknown kind of entry": ("[[indexes]]\n", 2, "indexes", "is not a key", "did you mean 'index'?"),
    "one table for many": (
        "[index]\ndefinition = 1\n",
        2,
        "index",
        "must be an array of tables, not a table",
        "write [[index]] for each",
    ),
    "an array of no tables": ("index = [1]\n", 2, "index[1]", "must be a table, not a number", "[[index]]"),
    "many tables for one": ("[[pool]]\n", 2, "pool", "must be a table, not an array of tables", "[pool]"),
    "text for a table": ('pool = "x"\n', 2, "pool", "must be a table, not text", "[pool]"),
    "number for text": ("search_path = 1\n", 2, "search_path", "must be text, not a number", "quotes"),
    "boolean for text": (INDEX + "purpose = true\n", 4, "index[1].purpose", "not true or false", "quotes"),
    "date for text": (INDEX + "purpose = 2026-01-01\n", 4, "index[1].purpose", "not a date or time", ""),
    "blank text": (INDEX + 'purpose = " "\n', 4, "index[1].purpose", "is empty", "leave the key out"),
    "NUL": (INDEX + 'purpose = "a\\u0000"\n', 4, "index[1].purpose", "holds a NUL character", ""),
    "bad priority": (
        INDEX + 'priority = "hihg"\n',
        4,
        "index[1].priority",
        "'hihg' is none of critical, high, normal",
        "did you mean 'high'?",
    ),
    "third priority": (
        INDEX * 2 + '[[index]]\ndefinition = "CREATE INDEX"\n\npriority = "urgent"\n',
        9,
        "index[3].priority",
        "'urgent' is none of critical, high, normal",
        "write one of: critical, high, normal",
    ),
    "no definition": ("[[index]]\n", 2, "index[1].definition", "is missing", "CREATE INDEX"),
    "empty definition": (
        '[[index]]\ndefinition = """\n\n"""\n',
        3,
        "index[1].definition",
        "is empty",
        "CREATE INDEX",
    ),
    "constraint without table": (
        CONSTRAINT.replace('table = "t"\n', ""),
        2,
        "constraint[1].table",
        "is missing",
        "write table",
    ),
    "constraint without name": (
        CONSTRAINT.replace('name = "c"\n', ""),
        2,
        "constraint[1].name",
        "is missing",
        "write name",
    ),
    "constraint without definition": (
        CONSTRAINT.replace('definition = "CHECK (a > 0)"\n', ""),
        2,
        "constraint[1].definition",
        "is missing",
        "CHECK",
    ),
    "probe without name": (PROBE.replace('name = "p"\n', ""), 2, "probe[1].name", "is missing", ""),
    "probe without sql": (PROBE.replace('sql = "SELECT 1"\n', ""), 2, "probe[1].sql", "is missing", ""),
    "probe with empty sql": (PROBE.replace("SELECT 1", ""), 4, "probe[1].sql", "is empty", "SELECT"),
    "probe without target": (
        PROBE.replace("target = { p50_ms = 5 }\n", ""),
        2,
        "probe[1].target",
        "is missing",
        "p50_ms",
    ),
    "target without percentile": (
        PROBE.replace("{ p50_ms = 5 }", "{}"),
        5,
        "probe[1].target",
        "names no percentile",
        "at least one",
    ),
    "target of zero": (
        PROBE.replace("= 5", "= 0"),
        5,
        "probe[1].target.p50_ms",
        "0 is not greater than 0",
        "positive",
    ),
    "negative target": (PROBE.replace("= 5", "= -1.5"), 5, "probe[1].target.p50_ms", "-1.5 is not", ""),
    "target that is no number": (
        PROBE.replace("= 5", '= "5 ms"'),
        5,
        "probe[1].target.p50_ms",
        "must be a number, not text",
        "",
    ),
    "boolean target": (PROBE.replace("= 5", "= true"), 5, "probe[1].target.p50_ms", "must be a number", ""),
    "infinite target": (PROBE.replace("= 5", "= inf"), 5, "probe[1].target.p50_ms", "is out of range", ""),
    "nan target": (PROBE.replace("= 5", "= nan"), 5, "probe[1].target.p50_ms", "is out of range", ""),
    "astronomic target": (
        PROBE.replace("= 5", f"= {'9' * 400}"),
        5,
        "probe[1].target.p50_ms",
        "is out of range",
        "",
    ),
    "target beyond what a statement_timeout can say": (
        PROBE.replace("5 }", "5, p99_ms = 214748365 }"),
        5,
        "probe[1].target.p99_ms",
        "is out of range",
        "write a number up to 200000000",
    ),
    "query_timeout_s beyond what a statement_timeout can say": (
        "[pool]\nquery_timeout_s = 2147484\n",
        3,
        "pool.query_timeout_s",
        "is out of range",
        "write a number up to 2000000",
    ),
    "percentile of no kind": (
        PROBE.replace("5 }", "5, p90_ms = 9 }"),
        5,
        "probe[1].target.p90_ms",
        "is not a key",
        "p9",
    ),
    "p95 before p50": (
        PROBE.replace("5 }", "5, p95_ms = 4 }"),
        5,
        "probe[1].target.p95_ms",
        "4 ms is less than p50_ms (5 ms)",
        "never faster",
    ),
    "p99 before p50, without p95": (
        PROBE.replace("5 }", "5, p99_ms = 4 }"),
        5,
        "probe[1].target.p99_ms",
        "4 ms is less than p50_ms (5 ms)",
        "",
    ),
    "two probes of a name": (
        PROBE * 2,
        7,
        "probe[2].name",
        "'p' is also that of probe[1]",
        "a name of its own",
    ),
    "probe on an index that is not declared": (
        INDEX.replace("INDEX i", "INDEX idx_leads_score") + PROBE + 'index = "idx_lead_score"\n',
        8,
        "probe[1].index",
        "no [[index]] of this manifest declares 'idx_lead_score'",
        "did you mean 'idx_leads_score'?",
    ),
    "probe on an index in a manifest of none": (
        PROBE + 'index = "x"\n',
        6,
        "probe[1].index",
        "no [[index]] of this manifest declares 'x'",
        "declare it",
    ),
    "two constraints of a name on a table": (
        CONSTRAINT + CONSTRAINT.replace('"t"', '"T"'),
        8,
        "constraint[2].name",
        "'c' is also that of constraint[1] on the same table",
        "remove one",
    ),
    "constraint with a name of 64 bytes": (
        CONSTRAINT.replace('"c"', f'"{"ü" * 32}"'),
        4,
        "constraint[1].name",
        "is 64 bytes long; PostgreSQL keeps 63",
        "shorten",
    ),
    "table with a name of 64 bytes": (
        CONSTRAINT.replace('"t"', f'"s.{"t" * 64}"'),
        3,
        "constraint[1].table",
        "is 64 bytes long",
        "",
    ),
    "table that is no name": (
        CONSTRAINT.replace('"t"', '"t; drop table t"'),
        3,
        "constraint[1].table",
        "'t; drop table t' is not the name of a table",
        "quote",
    ),
    "rows that are no array": (
        CONSTRAINT + "rejects = { a = 1 }\n",
        6,
        "constraint[1].rejects",
        "must be an array of tables, not a table",
        "[{ column = value }]",
    ),
    "row that is no table": (
        CONSTRAINT + "rejects = [\n{ a = 1 },\n7,\n]\n",
        8,
        "constraint[1].rejects[2]",
        "must be a table, not a number",
        "",
    ),
    "row with an array": (
        CONSTRAINT + "accepts = [{ a = [1] }]\n",
        6,
        "constraint[1].accepts[1].a",
        "must be text, a number, or true or false, not an array",
        "quotes",
    ),
    "row with a time": (
        CONSTRAINT + "accepts = [{ a = 07:30:00 }]\n",
        6,
        "constraint[1].accepts[1].a",
        "",
        "",
    ),
    "row with nan": (
        CONSTRAINT + "accepts = [{ a = nan }]\n",
        6,
        "constraint[1].accepts[1].a",
        "is no finite number",
        '"NaN"',
    ),
    "row with NUL": (
        CONSTRAINT + 'accepts = [{ a = "\\u0000" }]\n',
        6,
        "constraint[1].accepts[1].a",
        "NUL",
        "",
    ),
    "row of a column without name": (
        CONSTRAINT + 'accepts = [{ "" = 1 }]\n',
        6,
        "constraint[1].accepts[1].''",
        "is not the name of a column",
        "",
    ),
    "negative pool": ("[pool]\nsize = -1\n", 3, "pool.size", "-1 is less than 1", "leave the key out"),
    "negative overflow": (
        "[pool]\nsize = 1\nmax_overflow = -1\n",
        4,
        "pool.max_overflow",
        "-1 is less than 0",
        "",
    ),
    "negative time": ("[pool]\nrecycle_s = -1\n", 3, "pool.recycle_s", "-1 is less than 0", ""),
    "half a connection": ("[pool]\nsize = 1.5\n", 3, "pool.size", "1.5 is not a whole number", ""),
    "overflow of nothing": ("[pool]\nmax_overflow = 1\n", 3, "pool.max_overflow", "stands without size", ""),
    "one application": (
        '[pool]\napplications = "a%"\n',
        3,
        "pool.applications",
        "must be an array of texts",
        "",
    ),
    "application of no name": (
        '[pool]\napplications = [\n"a",\n""]\n',
        5,
        "pool.applications[2]",
        "is empty",
        "",
    ),
    "pattern that ends in its escape": (
        "[pool]\napplications = ['a\\']\n",
        3,
        "pool.applications[1]",
        "ends in the escape character of LIKE",
        "twice",
    ),
    "migration without expected": ("[migration]\n", 2, "migration.expected", "is missing", "write expected"),
    "migration back to itself": (
        '[migration]\nexpected = "a"\nrollback_to = "a"\n',
        4,
        "migration.rollback_to",
        "is the expected revision itself",
        "",
    ),
    "migration in no table": (
        '[migration]\nexpected = "a"\ntable = "a.b.c"\n',
        4,
        "migration.table",
        "'a.b.c' is not the name of a table",
        "",
    ),
}


@pytest.mark.parametrize(("text", "line", "key", "what", "remedy"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(
    tmp_path: Path, text: str, line: int, key: str, what: str, remedy: str
) -> None:
    problem = problem_of(tmp_path, text)
    assert (problem.line, problem.key) == (line, key)
    assert what in problem.what
    assert remedy in problem.remedy


def test_a_manifest_without_title(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, INDEX)
    assert (problem.key, problem.what) == ("title", "is missing")


def test_the_sentence_counts_entries_from_one(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, INDEX * 3 + 'priority = "low"\n')
    assert problem.sentence() == (
        f"{tmp_path}/some.toml:8: index[3].priority: 'low' is none of critical, high, normal; "
        "write one of: critical, high, normal"
    )


def test_every_problem_is_reported_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "".join(text for text, *_ in (WRONG["boolean for text"], WRONG["two probes of a name"]))
    text += '[[constraint]]\ntable = ""\nrejects = 3\n[pool]\nsize = 0\ntimeout_s = "x"\n[migration]\n'
    assert [(problem.line, problem.key) for problem in problems_of(tmp_path, SMALLEST + text)] == [
        (4, "index[1].purpose"),
        (10, "probe[2].name"),
        (13, "constraint[1].definition"),
        (13, "constraint[1].name"),
        (14, "constraint[1].table"),
        (15, "constraint[1].rejects"),
        (17, "pool.size"),
        (18, "pool.timeout_s"),
        (19, "migration.expected"),
    ]


def test_one_constraint_name_on_two_tables_is_no_mistake(tmp_path: Path) -> None:
    text = SMALLEST + CONSTRAINT + CONSTRAINT.replace('"t"', '"u"') + CONSTRAINT.replace('"t"', "'\"T\"'")
    assert len(manifest_file.load(str(written(tmp_path, text))).constraints) == 3


@pytest.mark.parametrize(
    "definition",
    [
        "CREATE INDEX i ON t (a)",
        "create unique index concurrently if not exists i on only t(a)",
        "/* why */ CREATE INDEX -- which\n I ON t (a)",
        'CREATE INDEX "i"ON t (a)',
    ],
)
def test_a_probe_finds_its_index_however_it_is_declared(tmp_path: Path, definition: str) -> None:
    text = f"{SMALLEST}[[index]]\ndefinition = '''{definition}'''\n{PROBE}index = \"i\"\n"
    assert manifest_file.load(str(written(tmp_path, text))).probes[0].index == "i"


def test_a_probe_is_not_blamed_for_a_definition_that_cannot_be_read(tmp_path: Path) -> None:
    text = INDEX.replace("INDEX i ON", "INDX i ON") + PROBE + 'index = "i"\n'
    manifest, problems = manifest_file.inspect(written(tmp_path, SMALLEST + text))
    assert problems == ()
    assert manifest.probes[0].index == "i"


def test_the_rest_of_an_entry_with_problems_can_still_be_judged(tmp_path: Path) -> None:
    text = SMALLEST + "[[index]]\npriority = 3\n" + INDEX.replace("INDEX", "INDX")
    manifest, problems = manifest_file.inspect(written(tmp_path, text))
    assert [problem.key for problem in problems] == ["index[1].definition", "index[1].priority"]
    assert [entry.definition for entry in manifest.indexes] == ["", "CREATE INDX i ON t (a)"]


def test_no_problem_brings_control_characters_to_the_terminal(tmp_path: Path) -> None:
    odd = "\\u001b[2J\\u202e\\n"
    text = f'"{odd}" = 1\nsearch_path = ""\n' + CONSTRAINT.replace('"t"', f'"{odd}"')
    text += CONSTRAINT.replace('"c"', f'"{odd}"') * 2 + INDEX + f'priority = "{odd}"\n'
    for problem in problems_of(tmp_path, SMALLEST + text):
        assert (problem.key + problem.what + problem.remedy).isprintable()
