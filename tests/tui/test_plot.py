"""The time plot as lines of text: what stands where, and that it stays where it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from profiles.manifest import Target
from sql.latency.marks import Mark, MarkKind
from sql.latency.series import RAW_S, WIDTHS, Bucket
from tests.tui import samples
from tui.cells import Ink, inked
from tui.present.axes import LEVELS, TimeAxis, ValueAxis, time_axis, value_axis
from tui.present.plot import GUTTER, MARGIN, SIGNS, Plotted, columns_of, legend_lines, plot_lines
from tui.present.text import width_of
from tui.present.view import Line, Tone

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
AT = NOON.timestamp()
TARGET = Target(25, 35, 50)
ROWS = 12
WINDOWS = (60.0, 300.0, 900.0, 3600.0, 86_400.0)
COLUMNS = (8, 37, 64, 104, 184)


def bucket(median: float | None, longest: float | None = None, failed: int = 0) -> Bucket:
    return Bucket(10, failed, median, median if longest is None else longest)


def plotted(
    *buckets: Bucket | None, marks: tuple[Mark, ...] = (), target: Target = TARGET, rows: int = ROWS
) -> Plotted:
    axis = TimeAxis(first=int(AT) // 5, bucket_s=5, count=64)
    filled = (*buckets, *[None] * (64 - len(buckets)))
    return Plotted(filled, target, marks, axis, ValueAxis(0.1, 1000.0, rows))


def texts(lines: tuple[Line, ...]) -> list[str]:
    return ["".join(text for text, _ in each) for each in lines]


def column(lines: list[str], number: int) -> str:
    """The cells of a column of time, from the top."""
    return "".join(each[GUTTER + number] for each in lines[:ROWS])


# -- time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window_s", WINDOWS)
@pytest.mark.parametrize("count", COLUMNS)
def test_the_window_and_now_are_on_the_axis(window_s: float, count: int) -> None:
    longest = WIDTHS[-1] * count
    for turn in range(200):
        now = AT + turn * window_s / 77
        axis = time_axis(window_s, now, count)
        assert axis.count == count
        assert axis.bucket_s in WIDTHS
        assert axis.column(now) is not None
        if window_s * 1.1 < longest:
            assert axis.begin <= now - window_s
        assert axis.bucket_s >= 60 or now - axis.begin <= RAW_S + axis.bucket_s * count


@pytest.mark.parametrize("count", [64, 104])
@pytest.mark.parametrize("window_s", [60.0, 300.0, 900.0])
def test_the_axis_moves_seldom(window_s: float, count: int) -> None:
    begins = [time_axis(window_s, AT + second, count).begin for second in range(600)]
    moves = sum(before != after for before, after in pairwise(begins))
    assert moves <= 600 / (window_s / 15)
    assert begins == sorted(begins)


@pytest.mark.parametrize("window_s", WINDOWS)
@pytest.mark.parametrize("count", COLUMNS)
def test_times_do_not_run_into_each_other(window_s: float, count: int) -> None:
    axis = time_axis(window_s, AT, count)
    end = -1
    for place, text in axis.labels():
        assert place > end
        end = place + len(text)
        assert end <= count
    if count >= 37:
        assert end > 0, "no time is told"


def test_labels_tell_seconds_where_columns_are_that_narrow() -> None:
    assert [text for _, text in TimeAxis(int(AT), 1, 64).labels()][:2] == ["12:00:00", "12:00:15"]
    assert [text for _, text in TimeAxis(int(AT) // 10, 10, 64).labels()][:2] == ["12:00", "12:02"]


# -- values -----------------------------------------------------------------------------------------------


def test_levels_go_from_the_bottom_to_the_top() -> None:
    axis = ValueAxis(0.1, 1000.0, ROWS)
    assert axis.level(0.1) == axis.level(0.0) == 0
    assert axis.level(1000.0) == axis.level(9999.0) == ROWS * LEVELS - 1
    assert axis.row(0.1) == ROWS - 1
    assert axis.row(1000.0) == 0


@pytest.mark.parametrize("rows", [4, 10, 30])
@pytest.mark.parametrize(
    ("values", "targets"),
    [
        ((0.4, 0.5), (25.0, 50.0)),
        ((400.0, 900.0), (25.0, 50.0)),
        ((), ()),
        ((1.0,), ()),
        ((), (10.0,)),
        ((0.0001, 1e7), ()),
        ((99.9, 100.0), (100.0,)),
    ],
)
def test_everything_is_on_the_scale(values: tuple[float, ...], targets: tuple[float, ...], rows: int) -> None:
    axis = value_axis(values, targets, rows)
    assert axis.low < axis.high
    for value in (*values, *targets):
        assert axis.low <= value <= axis.high
    labels = axis.labels()
    assert labels
    assert all(0 <= row < rows for row in labels)


def test_the_scale_does_not_flicker() -> None:
    axis = value_axis((0.5, 70.0), (50.0,), ROWS)
    for low, high in ((0.49, 70.0), (0.9, 71.0), (0.5, 50.0), (0.7, 90.0)):
        assert value_axis((low, high), (50.0,), ROWS, axis) == axis
    spiked = value_axis((0.5, 900.0), (50.0,), ROWS, axis)
    assert spiked.high >= 900
    assert spiked.low == axis.low
    assert value_axis((0.5, 2.0), (3.0,), ROWS, spiked).high < spiked.high


# -- the plot ---------------------------------------------------------------------------------------------


def test_every_line_has_the_width_and_every_row_its_place() -> None:
    lines = texts(plot_lines(plotted(bucket(1.0, 800.0), None, bucket(None, None, failed=10))))
    assert len(lines) == ROWS + 2
    assert {width_of(each) for each in lines} == {GUTTER + 64 + MARGIN}
    assert columns_of(GUTTER + 64 + MARGIN) == 64


def test_a_column_is_its_median_and_a_bar_to_its_slowest() -> None:
    lines = texts(plot_lines(plotted(bucket(1.0, 500.0), bucket(1.0), None)))
    axis = ValueAxis(0.1, 1000.0, ROWS)
    spike, calm, gap = (column(lines, number) for number in range(3))
    assert spike[axis.row(1.0)] in "⣀⠤⠒⠉"
    assert set(spike[axis.row(500.0) : axis.row(1.0)]) <= {"│", "╷"}
    assert spike[: axis.row(500.0)].strip() == ""
    assert calm[axis.row(1.0)] in "⣀⠤⠒⠉"
    assert set(calm) - set(" ┈⣀⠤⠒⠉") == set()
    assert set(gap) <= {" ", "┈"}


def test_a_slow_bar_is_marked_and_failures_are_signs() -> None:
    lines = plot_lines(plotted(bucket(1.0, 49.0), bucket(1.0, 51.0), bucket(2.0, 3.0, failed=1)))
    tones = {tone for each in lines[:ROWS] for text, tone in each if "│" in text or "╷" in text}
    assert Tone.WARN in tones
    assert texts(lines)[0][GUTTER + 2] == "✗"
    calm = plot_lines(plotted(bucket(1.0, 49.0)))
    assert Tone.WARN not in {tone for each in calm[:ROWS] for text, tone in each}


def test_targets_are_lines_with_names() -> None:
    lines = texts(plot_lines(plotted(rows=40)))
    for name, value in (("p50 25", 25.0), ("p95 35", 35.0), ("p99 50", 50.0)):
        row = lines[ValueAxis(0.1, 1000.0, 40).row(value)]
        assert row.rstrip().endswith(name)
        assert row.count("┈") == 64


def test_targets_that_share_a_row_are_all_named() -> None:
    lines = texts(plot_lines(plotted(rows=4)))
    assert any(each.rstrip().endswith(" p50/95/99") for each in lines)
    few = texts(plot_lines(plotted(target=Target(None, 35, 36), rows=4)))
    assert any(each.rstrip().endswith(" p95/99") for each in few)
    assert not any("┈" in each for each in texts(plot_lines(plotted(target=Target(None, None, None)))))


def test_marks_stand_on_the_axis_where_they_happened() -> None:
    marks = (
        Mark(NOON - timedelta(seconds=1), MarkKind.LOST, "before the axis begins"),
        Mark(NOON + timedelta(seconds=51), MarkKind.CHECKPOINT, "a checkpoint"),
        Mark(NOON + timedelta(seconds=52), MarkKind.STEP_STARTED, "create-index:i started"),
    )
    axis = texts(plot_lines(plotted(marks=marks)))[ROWS]
    assert axis[GUTTER + 10] == "▶"
    assert "●" not in axis, "two in one column: the first kind is shown"
    assert "✗" not in axis


def test_the_legend_tells_time_and_words_the_newest_first() -> None:
    marks = [Mark(NOON + timedelta(seconds=at), MarkKind.PLAN, f"plan {at}") for at in range(5)]
    assert texts(legend_lines(marks, 3, 40)) == [
        " ~ 12:00:04 plan 4",
        " ~ 12:00:03 plan 3",
        " ~ 12:00:02 plan 2            2 earlier ",
    ]
    assert len(legend_lines([], 3, 40)) == 1


def test_signs_are_apart_also_in_ascii() -> None:
    assert set(SIGNS) == set(MarkKind)
    assert len({sign for sign, _ in SIGNS.values()}) == len(SIGNS)
    plain = [inked(sign, Ink(ascii_drawing=True))[1][0] for sign, _ in SIGNS.values()]
    assert len(set(plain)) == len(plain)
    assert all(each.isascii() for each in plain)


def test_the_plot_is_drawn_with_what_plain_terminals_have() -> None:
    marks = tuple(Mark(NOON + timedelta(seconds=at * 10), kind, "x") for at, kind in enumerate(MarkKind))
    lines = texts(plot_lines(plotted(bucket(1.0, 800.0), bucket(30.0, 60.0), bucket(5, 9, 1), marks=marks)))
    for each in lines:
        drawn = "".join(inked(each, Ink(ascii_drawing=True))[1])
        assert drawn.isascii(), drawn
        assert "?" not in drawn.replace("?", "", each.count("?"))
    rows = ["".join(inked(each, Ink(ascii_drawing=True))[1]) for each in lines[:ROWS]]
    shown = {cell for each in rows for cell in each[GUTTER : GUTTER + 3]}
    assert {"|", "-", "x"} < shown
    assert shown & set("_=^"), "the median has a sign of its own"


@pytest.mark.parametrize("text", samples.HOSTILE)
def test_what_marks_say_is_data(text: str) -> None:
    (said,) = legend_lines([Mark(NOON, MarkKind.LOST, text)], 3, 80)
    assert all(part.isprintable() for part, _ in said)


def test_one_more_sample_changes_one_column() -> None:
    first = [bucket(0.5 + at % 3 / 10, 2.0) for at in range(40)]
    before = plot_lines(plotted(*first, bucket(0.5, 0.6)))
    after = plot_lines(plotted(*first, bucket(0.6, 70.0)))
    changed = {
        place
        for one, other in zip(texts(before), texts(after), strict=True)
        for place, (left, right) in enumerate(zip(one, other, strict=True))
        if left != right
    }
    assert changed == {GUTTER + 40}
