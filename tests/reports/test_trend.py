"""One metric over versions: as a chart, as a table for spreadsheets, and as a line of blocks."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from xml.etree.ElementTree import fromstring

import pytest
from differences import TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st

from modelver.domain.metrics import Goal
from modelver.domain.names import version_id
from modelver.operations.compared import Point, Trend
from modelver.reports import trend
from modelver.reports.markup import plain

HUGE = 10**99
SVG = "{http://www.w3.org/2000/svg}"

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-HUGE, HUGE),
    st.sampled_from([0, -0.0, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, HUGE]),
)


def trend_of(values, *, stages=None, model="fraud", metric="auc", unit=None, labels=(), missing=0):
    points = []
    for number, value in enumerate(values):
        at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        points.append(
            Point(
                version=version_id(at, "sha256:abcd1234"),
                created_at=at,
                value=value,
                source="record",
                labels=labels,
                stages=(stages or {}).get(number, ()),
            )
        )
    goal = Goal(direction="maximize", unit=unit)
    return Trend(model=model, metric=metric, goal=goal, points=tuple(points), missing=missing)


def texts(picture):
    return [each.text for each in picture.iter(f"{SVG}text")]


def places(picture):
    path = picture.find(f"{SVG}path").get("d")
    return [tuple(map(float, pair.split())) for pair in path.removeprefix("M").split("L")]


# ---- the chart ---------------------------------------------------------------------------------------------------


@given(values=st.lists(NUMBERS, min_size=1, max_size=30))
@settings(deadline=None)
def test_every_point_lies_in_the_chart_and_higher_values_lie_higher(values):
    found = places(fromstring(trend.svg(trend_of(values))))
    assert len(found) == len(values)
    assert all(0 <= x <= 800 and 100 <= y <= 360 for x, y in found)
    assert [x for x, _ in found] == sorted(x for x, _ in found)
    for value, (_, y) in zip(values, found, strict=True):
        assert all(y <= other for smaller, (_, other) in zip(values, found, strict=True) if smaller < value)


def test_versions_are_equally_far_from_each_other():
    xs = [x for x, _ in places(fromstring(trend.svg(trend_of([1, 5, 2, 9, 3]))))]
    assert {round(after - before, 1) for before, after in pairwise(xs)} == {round(xs[1] - xs[0], 1)}


def test_the_chart_names_metric_model_goal_ends_and_stages():
    picture = fromstring(trend.svg(trend_of([0.8, 0.9, 0.85], stages={1: ("production",)}, missing=2)))
    assert texts(picture) == [
        "auc of fraud",
        "goal: maximize · 3 versions · 2 without it",
        "0.8",
        "0.82",
        "0.84",
        "0.86",
        "0.88",
        "0.9",
        "production",
        "v20240101000000_abcd1234",
        "v20240101020000_abcd1234",
    ]
    assert picture.find(f"{SVG}title").text == "auc of fraud"
    described = picture.find(f"{SVG}desc").text
    assert described == "0.8 in v20240101000000_abcd1234, 0.85 in v20240101020000_abcd1234; from 0.8 to 0.9."


@pytest.mark.parametrize("values", [[], [0.91], [0, 0], [-5, -5, -5], [HUGE], [1e308, -1e308]])
def test_few_equal_and_huge_values_make_a_chart(values):
    picture = fromstring(trend.svg(trend_of(values)))
    assert len(picture.findall(f"{SVG}circle")) == len(values)


def test_ten_thousand_versions_make_a_small_file_with_few_marks():
    """All points are in the line; dots and names only at both ends and where there is room for stages."""
    values = [number % 97 for number in range(10_000)]
    text = trend.svg(trend_of(values, stages={number: (f"stage{number}",) for number in range(0, 10_000, 3)}))
    picture = fromstring(text)
    assert len(text) < 200_000
    assert len(places(picture)) == 10_000
    assert 2 < len(picture.findall(f"{SVG}circle")) < 100
    assert "stage9999" in texts(picture)


@given(count=st.integers(1, 40), names=st.dictionaries(st.integers(0, 39), st.text("abc", min_size=1, max_size=32)))
@settings(deadline=None)
def test_names_of_stages_never_lie_on_each_other(count, names):
    picture = fromstring(trend.svg(trend_of(range(count), stages={number: (name,) for number, name in names.items()})))
    shown = [each for each in picture.iter(f"{SVG}text") if each.get("class") == "text"]
    spans = {}
    for each in shown:
        half = len(each.text) * 7.6 / 2
        spans.setdefault(each.get("y"), []).append((float(each.get("x")) - half, float(each.get("x")) + half))
    for row in spans.values():
        row.sort()
        assert all(end <= start for (_, end), (start, _) in pairwise(row))
        assert all(start >= 0 and end <= 800 for start, end in row)


@given(text=TEXTS)
@settings(max_examples=150, deadline=None)
def test_what_people_wrote_is_text_in_the_chart(text):
    """It is well-formed whatever stands in it, and has no element more than for a harmless text."""
    picture, harmless = (
        fromstring(trend.svg(trend_of([1, 2], model=each, metric=each, unit=each, stages={0: (each,)})))
        for each in ("y" + text[:20], "x")
    )
    assert [each.tag for each in picture.iter()] == [each.tag for each in harmless.iter()]
    shown = "y" + text[:20]
    assert f"{plain(shown)} of {plain(shown)}" == texts(picture)[0]


def test_the_chart_needs_nothing_but_itself():
    text = trend.svg(trend_of([1, 2]))
    assert "prefers-color-scheme: dark" in text
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"url\(|@import|<script|href", text)


@given(low=NUMBERS, high=NUMBERS)
def test_the_axis_has_a_few_round_numbers_within_the_values(low, high):
    low, high = sorted(Fraction(each) for each in (low, high))
    found = trend.ticks(low, high)
    if low == high:
        assert found == [low]
        return
    assert 2 <= len(found) <= 6
    assert all(low <= tick <= high for tick in found)
    step = found[1] - found[0]
    assert {after - before for before, after in pairwise(found)} == {step}
    assert f"{float(step):.0e}"[0] in "125" or step < Fraction(1, 10**320)


def test_numbers_of_the_axis_are_told_apart_however_close_they_are():
    picture = fromstring(trend.svg(trend_of([0.91000001 + number * 1e-9 for number in range(9)])))
    labels = [each.text for each in picture.iter(f"{SVG}text") if each.get("text-anchor") == "end"][:-1]
    assert len(labels) >= 2
    assert len(set(labels)) == len(labels)


# ---- the table ---------------------------------------------------------------------------------------------------


@given(values=st.lists(NUMBERS, max_size=5))
def test_the_table_keeps_every_value_as_it_was_written(values):
    rows = list(csv.DictReader(io.StringIO(trend.csv(trend_of(values)))))
    assert [type(value)(row["value"]) for value, row in zip(values, rows, strict=True)] == values


def test_the_table_has_a_line_for_each_version():
    table = trend.csv(trend_of([0.5, -1], stages={1: ("production", "eu")}, labels=("1.0.0", "nightly")))
    assert table == (
        "version,created_at,value,source,labels,stages\n"
        "v20240101000000_abcd1234,2024-01-01T00:00:00Z,0.5,record,1.0.0 nightly,\n"
        "v20240101010000_abcd1234,2024-01-01T01:00:00Z,-1,record,1.0.0 nightly,production eu\n"
    )


# ---- the line of blocks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        ([], 10, ""),
        ([1, 2], 0, ""),
        ([1], 10, "▄"),
        ([3, 3, 3], 10, "▄▄▄"),
        (range(8), 8, "▁▂▃▄▅▆▇█"),
        ([0, 2, 7, 7], 2, "▁█"),
        ([-1e308, 0, 1e308], 3, "▁▅█"),
    ],
)
def test_a_line_of_blocks(values, width, line):
    """Low to high; where there are too many values each block is the mean of its share."""
    assert trend.sparkline(list(values), width) == line


@given(values=st.lists(NUMBERS, max_size=50), width=st.integers(-1, 30))
def test_a_line_of_blocks_is_never_longer_than_its_width(values, width):
    line = trend.sparkline(values, width)
    assert len(line) == min(len(values), max(0, width))
    assert set(line) <= set("▁▂▃▄▅▆▇█")
