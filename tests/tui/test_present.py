"""Words, numbers and columns, as pure functions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sql.findings import IndexFinding, ProbeFinding
from tests.tui import samples
from tui.present import text
from tui.present.difference import beside, folded, marked
from tui.present.header import Banner, banner_lines
from tui.present.meanings import MEANINGS
from tui.present.signs import SIGNS, mark
from tui.present.tally import tally
from tui.present.view import (
    GAP,
    Column,
    Row,
    Tone,
    View,
    clip,
    layout,
    line,
    line_width,
    shortened,
    spread,
    table_line,
)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines", "two␊lines"),
        ("\x1b[31m", "␛[31m"),
        ("\x7f", "␡"),
        ("\u202eabc", "\ufffdabc"),
        ("a\u200bb", "a\ufffdb"),
        ("\ud800", "\ufffd"),
        ("漢字", "漢字"),
        ("[b]x[/b]", "[b]x[/b]"),
    ],
)
def test_clean_makes_the_unseen_visible(given: str, shown: str) -> None:
    assert text.clean(given) == shown


@pytest.mark.parametrize("width", range(24))
@pytest.mark.parametrize("given", ["", "abc", "漢字漢字漢字", "idx_leads_status_score", "e\u0301" * 9])
def test_fitted_texts_have_exactly_their_width(given: str, width: int) -> None:
    for fitted in (text.fit(given, width), text.fit(given, width, right=True), text.fit_middle(given, width)):
        assert text.width_of(fitted) == width


def test_fit_middle_keeps_both_ends() -> None:
    assert text.fit_middle("idx_churn_predictions_lead_timestamp", 20) == "idx_churn_…timestamp"


@pytest.mark.parametrize("width", [5, 12, 40])
def test_wrapped_lines_fit_and_lose_no_word(width: int) -> None:
    given = "CREATE INDEX idx_leads_status_score ON leads (status, score DESC)\nWHERE 漢字 IS NOT NULL"
    lines = text.wrap(given, width)
    assert all(text.width_of(each) <= width for each in lines)
    assert "".join(lines).replace(" ", "") == given.replace(" ", "").replace("\n", "")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "now"),
        (4.9, "now"),
        (5, "5 s ago"),
        (13, "10 s ago"),
        (59, "55 s ago"),
        (61, "1 min ago"),
        (7200, "2 h ago"),
    ],
)
def test_ages_are_coarse(seconds: float, said: str) -> None:
    assert text.age(samples.NOW, samples.NOW + timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "now"),
        (1.2, "in a moment"),
        (9.2, "in 10 s"),
        (31, "in 35 s"),
        (61, "in 2 min"),
        (300, "in 5 min"),
    ],
)
def test_countdowns_are_coarse(seconds: float, said: str) -> None:
    assert text.countdown(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (0, "0 bytes"), (8192, "8192 bytes"), (17_170_432, "16 MB"), (5 * 10**12, "4657 GB")],
)
def test_sizes_read_as_the_server_prints_them(value: int | None, said: str) -> None:
    assert text.size(value) == said


def test_numbers_are_short() -> None:
    assert [text.ms(value) for value in (None, 0.4215, 25.06, 1240.4)] == ["–", "0.42", "25.1", "1240"]
    assert [text.count(value) for value in (None, 9999, 12_345, 3_400_000)] == ["–", "9999", "12 k", "3.4 M"]
    assert [text.duration(value) for value in (None, 3, 125, 4320, 3 * 86400)] == [
        "–",
        "3 s",
        "2 min 5 s",
        "1 h 12 min",
        "3 d",
    ]


def test_bars_and_sparks() -> None:
    assert text.bar(50, 100, 4) == "██░░"
    assert text.bar(1, 1000, 4) == "█░░░"
    assert text.bar(200, 100, 4) == "████"
    assert text.bar(0, 0, 4) == ""
    assert text.spark([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert text.spark([9, 1, 1], 2) == "██"
    assert text.spark([], 5) == ""
    assert text.spark([0, 0], 5) == "▁▁"


def test_every_finding_has_a_sign_a_word_and_a_meaning() -> None:
    for finding in SIGNS:
        said, _ = mark(finding)
        sign, _, word = said.partition(" ")
        assert len(sign) == 1
        assert word == finding.value.replace("_", " ")
    for kind, meanings in MEANINGS.items():
        assert set(meanings) == set(kind)
        assert all(each.endswith(".") for each in meanings.values())


COLUMNS = (
    Column("finding", least=8),
    Column("name", middle=True, fills=True),
    Column("size", least=6, right=True, drop=2),
    Column("spark", least=4, most=10, drop=1, tail=True),
)


def view_of(name: str) -> View:
    cells = (("✗ bad", Tone.BAD), (name, Tone.PLAIN), ("16 MB", Tone.PLAIN), ("▁▂▃▄▅▆▇█", Tone.SPARK))
    return View(summary=(), columns=COLUMNS, rows=(Row("k", cells, name),))


@pytest.mark.parametrize("width", [20, 30, 40, 80, 200])
def test_columns_fill_the_width_exactly(width: int) -> None:
    view = view_of("idx_churn_events_recovery_eligibility")
    widths = layout(view, width)
    assert line_width(table_line(view, widths, view.rows[0].cells)) == width


def test_columns_go_in_their_order_and_names_are_cut_last() -> None:
    view = view_of("idx_churn_events_recovery_eligibility")
    assert layout(view, 200)[2:] == (6, 10)
    assert layout(view, 58)[2] == 6
    assert layout(view, 58)[3] < 8, "the spark shrinks first"
    assert layout(view, 52)[2] == 0, "then the size goes"
    assert layout(view, 52)[3] >= 4
    assert layout(view, 30)[3] == 0
    assert layout(view, 30)[1] < 37


def test_a_shrunken_spark_shows_the_newest() -> None:
    view = view_of("idx")
    assert table_line(view, (8, 3, 0, 4), view.rows[0].cells)[-1][0] == "▅▆▇█"


def test_spread_and_clip_never_exceed_the_width() -> None:
    left, right = line("a long text on the left"), line("right")
    for width in range(6, 40):
        assert line_width(spread(left, right, width)) == width
    assert clip(line("abc", "def"), 4) == (("abc", Tone.PLAIN), ("…", Tone.PLAIN))


def test_differences_are_marked_and_spellings_are_not() -> None:
    left, right = marked(
        "CREATE INDEX i ON leads (status, score DESC)",
        "CREATE INDEX i ON public.leads USING btree (status, score)",
    )
    assert [text for text, tone in left if tone is Tone.CHANGED] == ["DESC"]
    assert [text for text, tone in right if tone is Tone.CHANGED] == []
    assert "".join(text for text, _ in left) == "CREATE INDEX i ON leads (status, score DESC)"


def test_definitions_stand_beside_or_above_each_other() -> None:
    declared, actual = "CREATE INDEX i ON leads (score DESC)", "CREATE INDEX i ON leads (score)"
    wide = ["".join(t for t, _ in each) for each in beside(declared, actual, 100, mark=True, wide=True)]
    assert any("DESC" in each and "(score)" in each for each in wide)
    assert any(each.startswith("≠") for each in wide)
    narrow = ["".join(t for t, _ in each) for each in beside(declared, actual, 78, mark=True, wide=False)]
    assert not any("DESC" in each and "(score)" in each for each in narrow)
    assert max(map(len, narrow)) <= 78
    unmarked = beside(declared, actual, 100, mark=False, wide=True)
    assert not any(tone is Tone.CHANGED for each in unmarked for _, tone in each)


@pytest.mark.parametrize("width", [60, 80, 99, 100, 120, 200])
def test_the_header_fits_and_keeps_the_reason(width: int) -> None:
    banner = Banner(
        samples.PROFILE.environment,
        "a-profile-with-a-long-name",
        "db-primary.internal.example.com:5432/sales",
        samples.SERVER.server,
        None,
        "5 s ago",
    )
    lines = banner_lines(banner, width)
    assert len(lines) == (2 if width >= 100 else 3)
    assert all(line_width(each) <= width for each in lines)
    assert "▲ PRODUCTION ▲" in lines[0][0][0]


def test_a_tally_says_what_is_wrong_first_and_stays_short() -> None:
    present, missing, drifted = IndexFinding.PRESENT, IndexFinding.MISSING, IndexFinding.DRIFTED
    said = tally([present, missing, drifted, IndexFinding.BUILDING], present, "none")
    assert "".join(part for part, _ in said) == "1 of 4 ✓  ✗ 1 missing  ✗ 1 drifted  » 1 building"
    assert tally([present, present], present, "none") == (("2 of 2 present", Tone.GOOD),)
    assert tally([], present, "none") == (("none", Tone.DIM),)


def test_a_tally_names_what_gives_no_answer_before_what_is_late() -> None:
    met, missed, failing = ProbeFinding.MET, ProbeFinding.MISSED, ProbeFinding.FAILING
    said = tally([met, missed, failing], met, "none")
    assert "".join(part for part, _ in said) == "1 of 3 met  ✗ 1 failing  ✗ 1 missed"


@pytest.mark.parametrize(
    ("width", "shown"), [(9, "one two x"), (8, "one two…"), (7, "one tw…"), (4, "one…"), (3, "on…"), (0, "")]
)
def test_what_is_cut_ends_in_an_ellipsis_also_between_two_spans(width: int, shown: str) -> None:
    assert "".join(part for part, _ in clip(line("one", " two", " x"), width)) == shown


@pytest.mark.parametrize("width", [10, 20, 40])
def test_folded_definitions_break_at_spaces_only(width: int) -> None:
    spans, _ = marked("CREATE INDEX i ON public.leads (score DESC)", "CREATE INDEX i ON leads (score)")
    lines = ["".join(part for part, _ in each) for each in folded(spans, width)]
    assert all(len(each) <= width for each in lines)
    assert "".join(each.replace(" ", "") for each in lines) == "CREATEINDEXiONpublic.leads(scoreDESC)"
    if width >= 20:
        assert any("public.leads" in each for each in lines)


def test_lines_narrower_than_a_character_end() -> None:
    assert text.wrap("日本", 1) == ["日", "本"]


@pytest.mark.parametrize("width", [-3, 0, 1, 2, 5])
def test_a_line_too_narrow_for_a_character_still_takes_it(width: int) -> None:
    spans = folded([("漢字", Tone.PLAIN), (" ", Tone.PLAIN), ("CHECK", Tone.CHANGED)], width)
    assert "".join(text for each in spans for text, _ in each).replace(" ", "") == "漢字CHECK"


def test_a_floor_is_left_out_as_a_whole_before_a_warning_is_cut() -> None:
    said = (*line("5 met"), GAP, ("! 5 incidents, i", Tone.WARN), GAP, ("floor 0.59", Tone.DIM))
    for width, shown in ((40, "5 met  ! 5 incidents, i  floor 0.59"), (30, "5 met  ! 5 incidents, i")):
        assert "".join(text for text, _ in shortened(said, width)) == shown
    assert "".join(text for text, _ in shortened(said, 12)) == "5 met  ! 5 …"
