"""What pages are made of: the page itself, sections, lists, tables, and a bar for an interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element, tostring  # nothing is parsed here

from modelver.domain.samples import PairedMetric
from modelver.reports import words
from modelver.reports.markup import element, style

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_LINES = 500
"""Lines of a list that are shown; a browser would open more, but nobody reads them."""
_TEXT = 2_000


class Cell(NamedTuple):
    """What stands in a cell of a table, the class of it and of its heading, and its own class besides."""

    content: str | Element
    kind: str = "text"
    colour: str = ""


def page(title: str, parts: Iterable[Element]) -> str:
    """A whole page that may load nothing and run nothing."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        style(_STYLE),
    )
    whole = element("html", head, element("body", element("main", *parts)), lang="en")
    return "<!DOCTYPE html>\n" + tostring(whole, encoding="unicode", method="html") + "\n"


def section(title: str, *children: Element) -> Element:
    """A part that is open."""
    return element("section", element("h2", title), *children)


def folded(title: str, *children: Element) -> Element:
    """A part that opens at its title."""
    return element("details", element("summary", element("h2", title)), *children)


def quiet(text: str) -> Element:
    """A paragraph that explains."""
    return element("p", cut(text), class_="quiet")


def bullets(lines: Sequence[str]) -> Element:
    """A list, its first lines where it is very long."""
    items = [element("li", cut(line)) for line in lines[:_LINES]]
    more = [element("li", f"and {len(lines) - _LINES:,} more", class_="quiet")] if len(lines) > _LINES else []
    return element("ul", *items, *more)


def facts(pairs: Iterable[tuple[str, str | None]]) -> Element:
    """Names with their values; those without a value are left out."""
    rows = [(element("dt", name), element("dd", cut(value))) for name, value in pairs if value]
    return element("dl", *(part for row in rows for part in row), class_="facts")


def counts(pairs: Iterable[tuple[str, int]]) -> Element:
    """Names with their counts, each in a box."""
    boxes = (element("div", element("dt", name), element("dd", f"{count:,}")) for name, count in pairs)
    return element("dl", *boxes, class_="counts")


def figure(text: str) -> Cell:
    """A cell with a number, which stands to the right."""
    return Cell(text, "number")


def verdict(word: str) -> Cell:
    """A verdict; its colour says what its word says."""
    colour = {words.BETTER: "better", words.WORSE: "worse", words.REGRESSED: "worse"}.get(word, "")
    return Cell(words.marked(word), "word", colour)


def bar(name: str, paired: PairedMetric) -> Cell:
    """An interval as a line around zero, with a dot for the difference; the dot is hollow where nothing is decided."""
    largest = max(abs(paired.low), abs(paired.high), abs(paired.diff)) or 1.0
    low, high, found = (round(80 + 72 * (value / largest), 1) for value in (paired.low, paired.high, paired.diff))
    word = words.verdict_of_samples(paired)
    sure = word in (words.BETTER, words.WORSE)
    drawn = element(
        "svg",
        element("line", class_="zero", x1=80, x2=80, y1=1, y2=19),
        element("line", class_="range", x1=low, x2=high, y1=10, y2=10),
        *(element("line", class_="range", x1=end, x2=end, y1=6, y2=14) for end in (low, high)),
        element("circle", class_="found" if sure else "found open", cx=found, cy=10, r=3.5),
        class_=f"bar {word}" if sure else "bar",
        viewBox="0 0 160 20",
        role="img",
        aria_label=f"{name}: 95 % interval {words.interval(paired.low, paired.high)}, B is {word}",
    )
    return Cell(drawn, "chart")


def table(name: str, head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Element:
    """A table with one row or more that scrolls inside its box; the first cell of a row is its heading."""
    titles = (element("th", title, scope="col", class_=cell.kind) for title, cell in zip(head, rows[0], strict=True))
    drawn = element("table", element("thead", element("tr", *titles)), element("tbody", *map(_row, rows)))
    return element("div", drawn, class_="scroll", role="region", tabindex=0, aria_label=name)


def cut(text: str) -> str:
    """`text`, its beginning where it is very long."""
    return text if len(text) <= _TEXT else text[:_TEXT] + "…"


def _row(cells: Sequence[Cell]) -> Element:
    contents = [cut(cell.content) if isinstance(cell.content, str) else cell.content for cell in cells]
    data = (
        element("td", content, class_=f"{cell.kind} {cell.colour}".rstrip())
        for content, cell in zip(contents[1:], cells[1:], strict=True)
    )
    return element("tr", element("th", contents[0], scope="row"), *data)


_STYLE = """
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #fff; --text: #1c2128; --quiet: #59636e; --line: #d7dce2; --row: #f8f9fb;
  --better: #0b62c4; --worse: #b3400b; --accent: #0b62c4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1318; --card: #171c23; --text: #e4e8ee; --quiet: #9aa5b1; --line: #303842; --row: #1c222a;
    --better: #6cb2ff; --worse: #ff9c66; --accent: #6cb2ff;
  }
}
* { box-sizing: border-box; }
body {
  overflow-wrap: anywhere; margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
}
main { max-width: 72rem; margin: 0 auto; padding: clamp(1rem, 3vw, 2.5rem); display: grid; gap: 1.25rem; }
main > * { min-width: 0; }
h1 { margin: 0; font-size: clamp(1.5rem, 4vw, 2.1rem); line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 0 0 .75rem; font-size: 1.1rem; }
h3 { margin: 1.25rem 0 .5rem; font-size: .95rem; }
p { margin: .5rem 0; }
.quiet { color: var(--quiet); font-size: .9rem; }
header p { margin: .35rem 0 0; }
header .what { margin: 0 0 .35rem; color: var(--quiet); font-size: .85rem; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1.25rem; }
section, details, .sides > article {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.1rem 1.25rem;
}
article.chosen { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
article h2 { display: flex; gap: .6rem; align-items: baseline; }
.sign {
  flex: none; min-width: 1.9rem; padding: 0 .5rem; border-radius: 6px; background: var(--text); color: var(--card);
  text-align: center;
}
.chosen .sign { background: var(--accent); }
.badge { margin-left: auto; color: var(--accent); font-size: .85rem; font-weight: 600; }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1rem; margin: 0; }
dt { color: var(--quiet); }
dd { margin: 0; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
th, td { padding: .45rem .75rem; text-align: left; vertical-align: middle; }
thead th { color: var(--quiet); font-size: .82rem; font-weight: 600; white-space: nowrap; background: var(--row); }
tbody tr { border-top: 1px solid var(--line); }
tbody th { min-width: 7.5rem; max-width: 24rem; font-weight: 500; }
td.text { min-width: 7.5rem; max-width: 24rem; }
.number, thead .number { text-align: right; white-space: nowrap; }
.word { white-space: nowrap; }
.better { color: var(--better); font-weight: 600; }
.worse { color: var(--worse); font-weight: 600; }
ul { margin: 0; padding-left: 1.2rem; }
li + li { margin-top: .3rem; }
summary { cursor: pointer; font-weight: 600; }
summary h2 { display: inline; font-size: 1rem; }
details[open] > summary { margin-bottom: .75rem; }
.counts { display: grid; grid-template-columns: repeat(auto-fit, minmax(7rem, 1fr)); gap: .75rem; margin: 1rem 0 0; }
.counts div { border: 1px solid var(--line); border-radius: 8px; padding: .5rem .75rem; }
.counts dt { font-size: .85rem; }
.counts dd { font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.bar { display: block; width: 9rem; height: 1.25rem; }
.bar .zero { stroke: var(--quiet); stroke-dasharray: 2 2; }
.bar .range { stroke: currentColor; stroke-width: 2; }
.bar .found { fill: currentColor; stroke: currentColor; stroke-width: 2; }
.bar .open { fill: var(--card); }
@media (max-width: 36rem) { th, td { padding: .4rem .55rem; } section, details, .sides > article { padding: 1rem; } }
@media print { body { background: none; } .scroll { overflow: visible; } }
"""
