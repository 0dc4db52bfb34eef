"""One metric over the versions of a model: as a chart, as a table for spreadsheets, and as a line of blocks."""

from __future__ import annotations

import csv as csv_module
import io
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from xml.etree.ElementTree import Element, tostring  # nothing is parsed here

from modelver.domain.metrics import exact
from modelver.domain.text import counted
from modelver.operations.compared import Point, Trend
from modelver.operations.results import moment
from modelver.reports import words
from modelver.reports.markup import element, style

_BLOCKS = "▁▂▃▄▅▆▇█"

_WIDTH, _HEIGHT = 800, 400
_RIGHT, _TOP, _BOTTOM = 776, 116, 348
_FEW = 60
"""Points up to which each has a dot."""
_MANY = 500
"""Points beyond which the line is thin."""
_ROWS, _ROW = 3, 15
"""Rows for the names of stages above the lines, and their height."""
_CHARACTER = 7.6
"""About the width of one, in a wide font."""
_NAME = 40

_STYLE = """
svg { color-scheme: light dark; }
.page { fill: #fff; } .text { fill: #1c2128; } .quiet { fill: #59636e; }
.grid { stroke: #d7dce2; } .guide { stroke: #59636e; stroke-dasharray: 2 3; }
.line { fill: none; stroke: #0b62c4; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.thin { stroke-width: 1; }
.dot { fill: #0b62c4; } .staged { fill: #fff; stroke: #0b62c4; stroke-width: 2; }
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
.title { font-size: 18px; font-weight: 600; }
@media (prefers-color-scheme: dark) {
  .page { fill: #171c23; } .text { fill: #e4e8ee; } .quiet { fill: #9aa5b1; }
  .grid { stroke: #303842; } .guide { stroke: #9aa5b1; }
  .line { stroke: #6cb2ff; } .dot { fill: #6cb2ff; } .staged { fill: #171c23; stroke: #6cb2ff; }
}
"""


def svg(trend: Trend) -> str:
    """A line chart, the versions in their order from left to right and equally far from each other."""
    title = f"{_short(trend.metric)} of {_short(trend.model)}"
    facts = [f"goal: {_short(words.goal(trend.goal))}", counted(len(trend.points), "version")]
    facts += [f"{trend.missing:,} without it"] if trend.missing else []
    picture = element(
        "svg",
        element("title", title),
        element("desc", _described(trend)),
        style(_STYLE),
        element("rect", class_="page", width=_WIDTH, height=_HEIGHT, rx=10),
        _text(24, 34, title, "text title"),
        _text(24, 55, " · ".join(facts), "quiet"),
        *_drawn(trend.points),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        width=_WIDTH,
        height=_HEIGHT,
        role="img",
    )
    return tostring(picture, encoding="unicode") + "\n"


def csv(trend: Trend) -> str:
    """A table with a line for each version, values as they were written; several labels or stages part at spaces.

    No cell is a formula to a spreadsheet: ids, sources, labels and stages begin with a letter or a digit.
    """
    lines = io.StringIO()
    writer = csv_module.writer(lines, lineterminator="\n")
    writer.writerow(("version", "created_at", "value", "source", "labels", "stages"))
    for each in trend.points:
        names = " ".join(each.labels), " ".join(each.stages)
        writer.writerow((each.version, moment(each.created_at), repr(each.value), each.source, *names))
    return lines.getvalue()


def sparkline(values: Sequence[float], width: int) -> str:
    """`values` as a line of at most `width` blocks, each the mean of its share of them.

    >>> sparkline([1, 2, 3, 8], 10), sparkline([1, 3, 8, 8], 2), sparkline([5, 5], 10)
    ('▁▂▃█', '▁█', '▄▄')
    """
    columns = min(len(values), max(0, width))
    edges = [number * len(values) // columns for number in range(columns)] + [len(values)]
    shares = [values[start:end] for start, end in pairwise(edges)]
    means = [sum(map(exact, share), Fraction(0)) / len(share) for share in shares]
    if len(set(means)) <= 1:
        return "▄" * columns
    heights = _between(means, min(means), max(means))
    return "".join(_BLOCKS[round(height * (len(_BLOCKS) - 1))] for height in heights)


# ---- the chart ---------------------------------------------------------------------------------------------------


def _described(trend: Trend) -> str:
    if not trend.points:
        return "No version has it."
    first, last = trend.points[0], trend.points[-1]
    values = [each.value for each in trend.points]
    ends = f"{words.number(first.value)} in {first.version}, {words.number(last.value)} in {last.version}"
    return f"{ends}; from {words.number(min(values))} to {words.number(max(values))}."


def _drawn(points: Sequence[Point]) -> Iterator[Element]:
    if not points:
        yield _text(_WIDTH / 2, _HEIGHT / 2, "no version has it", "quiet", "middle")
        return
    values = [exact(each.value) for each in points]
    low, high = min(values), max(values)
    steps = ticks(low, high)
    labels = _labels(steps)
    left = 34 + _CHARACTER * max(6, *map(len, labels))
    for label, y in zip(labels, _heights(steps, low, high), strict=True):
        yield element("line", class_="grid", x1=left, x2=_RIGHT, y1=y, y2=y)
        yield _text(left - 10, y + 4, label, "quiet", "end")
    places = list(zip(_across(len(points), left + 8), _heights(values, low, high), strict=True))
    named = _named(points, places, left)
    for number, (name, middle, height) in named.items():
        x, y = places[number]
        yield element("line", class_="guide", x1=x, x2=x, y1=height + 4, y2=y)
        yield _text(middle, height, name, "text", "middle")
    yield element(
        "path", class_="line" if len(points) <= _MANY else "line thin", d="M" + "L".join(f"{x} {y}" for x, y in places)
    )
    for number, (point, (x, y)) in enumerate(zip(points, places, strict=True)):
        if number in named or len(points) <= _FEW or number in (0, len(points) - 1):
            hint = element("title", f"{point.version}: {words.number(point.value)}")
            yield element("circle", hint, class_="staged" if point.stages else "dot", cx=x, cy=y, r=4)
    yield _text(places[0][0], _BOTTOM + 30, points[0].version, "quiet", "start" if len(points) > 1 else "middle")
    if len(points) > 1:
        yield _text(places[-1][0], _BOTTOM + 30, points[-1].version, "quiet", "end")


def _across(count: int, left: float) -> list[float]:
    if count == 1:
        return [(left + _RIGHT) / 2]
    return [round(left + (_RIGHT - 8 - left) * number / (count - 1), 2) for number in range(count)]


def _heights(values: Sequence[Fraction], low: Fraction, high: Fraction) -> list[float]:
    return [round(_BOTTOM - (_BOTTOM - _TOP) * share, 1) for share in _between(values, low, high)]


def _between(values: Sequence[Fraction], low: Fraction, high: Fraction) -> list[float]:
    """Where each value lies between the lowest, 0, and the highest, 1; in the middle where they are all the same.

    Exact numbers, because the way between the largest floats is none.
    """
    return [float((value - low) / (high - low)) if high > low else 0.5 for value in values]


def ticks(low: Fraction, high: Fraction) -> list[Fraction]:
    """Two to six round numbers from `low` to `high`; `low` alone where they are the same.

    >>> [float(tick) for tick in ticks(Fraction("0.81"), Fraction("0.94"))]
    [0.85, 0.9]
    """
    if low == high:
        return [low]
    rough = (high - low) / 5
    power = Fraction(10) ** _magnitude(rough)
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power, 20 * power) if step >= rough)
    return [number * step for number in range(ceil(low / step), floor(high / step) + 1)]


def _labels(steps: Sequence[Fraction]) -> list[str]:
    """The ticks as numbers, with as many digits as tell them apart."""
    largest = max(map(abs, steps))
    digits = _magnitude(largest) - _magnitude(steps[1] - steps[0]) + 1 if len(steps) > 1 else 0
    return [words.number(step, max(6, digits)) for step in steps]


def _magnitude(value: Fraction) -> int:
    """The power of ten of the first digit."""
    return (Decimal(value.numerator) / Decimal(value.denominator)).adjusted()


def _named(
    points: Sequence[Point], places: Sequence[tuple[float, float]], left: float
) -> dict[int, tuple[str, float, float]]:
    """For each point whose stages are named, by its number: their names, and where the middle of the text stands.

    Where there is no room for all, those of newer versions are named.
    """
    starts = [float(_WIDTH)] * _ROWS  # where the leftmost name of each row begins
    named = {}
    for number in reversed(range(len(points))):
        name = _short(", ".join(points[number].stages))
        width = len(name) * _CHARACTER
        start = min(max(places[number][0] - width / 2, left), _RIGHT - width)
        row = next((row for row in range(_ROWS) if start + width + _CHARACTER <= starts[row]), None)
        if name and row is not None:
            starts[row] = start
            named[number] = name, round(start + width / 2, 1), float(_TOP - 12 - _ROW * row)
    return named


def _text(x: float, y: float, text: str, classes: str, anchor: str = "start") -> Element:
    return element("text", text, x=x, y=y, class_=classes, text_anchor=anchor)


def _short(text: str) -> str:
    return text if len(text) <= _NAME else text[: _NAME - 1] + "…"
