"""A part of the lineage as a picture that needs nothing but itself, laid out by a library from left to right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any
from unicodedata import east_asian_width
from xml.etree.ElementTree import Element, tostring  # nothing is parsed here

from modelver.domain.lineage import Edge, Key, Node, Subgraph
from modelver.domain.text import counted
from modelver.reports.lineage import described, too_large
from modelver.reports.markup import element, plain, style

_MOST_NODES, _MOST_EDGES = 500, 2_000
"""Beyond these nobody can read the picture, and the layout takes seconds."""

_FEW_EDGES = 200
"""Up to so many the layout takes the time to mend the last crossings; with thousands that is a minute."""

_WIDTH, _HEIGHT = 216, 48
_ACROSS, _DOWN = 150, 26
"""The gaps between the boxes."""
_MARGIN, _TOP = 24, 72
_LETTERS = 26
"""So many fit into a box."""
_RELATION = 18

_STYLE = """
svg { color-scheme: light dark; }
.page { fill: #fff; } .text { fill: #1c2128; } .quiet { fill: #59636e; }
.box { stroke-width: 1.5; } .root { stroke-width: 4; }
.data { fill: #e3f0ff; stroke: #0b62c4; } .code { fill: #fff4d6; stroke: #8a6100; }
.model { fill: #e6f6e8; stroke: #1f7a34; }
.edge { fill: none; stroke: #59636e; stroke-width: 1.5; } .head { fill: #59636e; }
.relation { fill: #1c2128; stroke: #fff; stroke-width: 4; paint-order: stroke; stroke-linejoin: round; }
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
.title { font-size: 18px; font-weight: 600; }
@media (prefers-color-scheme: dark) {
  .page { fill: #171c23; } .text { fill: #e4e8ee; } .quiet { fill: #9aa5b1; }
  .data { fill: #12304f; stroke: #6cb2ff; } .code { fill: #3d3111; stroke: #e0b64a; }
  .model { fill: #16391f; stroke: #6cd585; }
  .edge { stroke: #9aa5b1; } .head { fill: #9aa5b1; }
  .relation { fill: #e4e8ee; stroke: #171c23; }
}
"""

_Point = tuple[float, float]
_Pair = tuple[int, int]


def svg(graph: Subgraph) -> str:
    """Boxes and arrows, upstream at the left. UsageError for over 500 nodes or 2,000 edges."""
    if len(graph.nodes) > _MOST_NODES:
        raise too_large(counted(len(graph.nodes), "node"), str(_MOST_NODES))
    if len(graph.edges) > _MOST_EDGES:
        raise too_large(counted(len(graph.edges), "edge"), f"{_MOST_EDGES:,}")
    joined: dict[tuple[Key, Key], list[Edge]] = {}
    for edge in graph.edges:
        joined.setdefault((edge.up, edge.down), []).append(edge)
    places, ways = _laid_out([node.key for node in graph.nodes], list(joined))
    title = f"Lineage of {_short(described(_root(graph)), 60)}"
    width = max(x for x, _ in places.values()) + _WIDTH + _MARGIN
    lowest_box = max(y for _, y in places.values()) + _HEIGHT
    height = max([lowest_box, *(y for way in ways.values() for _, y in way)]) + _MARGIN
    picture = element(
        "svg",
        element("title", title),
        element("desc", f"{counted(len(graph.nodes), 'node')}, {counted(len(graph.edges), 'edge')}; upstream is left."),
        style(_STYLE),
        element(
            "marker",
            element("path", class_="head", d="M0 0L8 4L0 8z"),
            id="head",
            markerWidth=8,
            markerHeight=8,
            refX=8,
            refY=4,
            orient="auto",
        ),
        element("rect", class_="page", width=width, height=height, rx=10),
        element("text", title, x=_MARGIN, y=36, class_="text title"),
        *(_line(edges, ways[pair]) for pair, edges in joined.items()),
        *(_box(node, places[node.key], node.key == graph.root.key) for node in graph.nodes),
        *(_relation(edges, ways[pair]) for pair, edges in joined.items()),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="img",
    )
    return tostring(picture, encoding="unicode") + "\n"


def _root(graph: Subgraph) -> Node:
    return next(node for node in graph.nodes if node.key == graph.root.key)


# ---- layout ------------------------------------------------------------------------------------------------------


def _laid_out(
    keys: list[Key], pairs: list[tuple[Key, Key]]
) -> tuple[dict[Key, _Point], Mapping[tuple[Key, Key], list[_Point]]]:
    """Where the corner of each box lies, and by which points the line of each pair of neighbours goes.

    The pairs hang all nodes together, as those of a part of the lineage do.
    """
    numbers = {key: number for number, key in enumerate(keys)}
    ways = _turned(sorted((numbers[up], numbers[down]) for up, down in pairs if up != down))
    corners, between = _placed(sorted(set(ways.values())))
    places = {key: corners[numbers[key]] for key in keys}
    lines = {}
    for up, down in pairs:
        if up == down:
            lines[up, down] = _loop(places[up])
            continue
        pair = numbers[up], numbers[down]
        points = between[ways[pair]]
        lines[up, down] = _way(places[up], points if ways[pair] == pair else points[::-1], places[down])
    return places, lines


def _placed(pairs: list[_Pair]) -> tuple[dict[int, _Point], dict[_Pair, list[_Point]]]:
    """The places of numbered nodes, and those through which the line of each pair goes."""
    from fast_sugiyama import from_edges

    if not pairs:
        return {0: _corner(0, 0)}, {}
    found: Any = from_edges(pairs, vertex_spacing=1, transpose=len(pairs) <= _FEW_EDGES)
    ((placed, _, length, pieces),) = found
    corners = {number: _corner(across, length - layer) for number, (across, layer) in placed}
    # A line is told in pieces, through places whose numbers come after those of the nodes.
    last = max(map(max, pairs))
    after = {start: end for start, end in pieces or () if start > last}
    between = {}
    for start, end in pieces or ():
        points = []
        while end > last:
            points.append(corners[end])
            end = after[end]
        if start <= last:
            between[start, end] = points
    return corners, between


def _turned(pairs: list[_Pair]) -> dict[_Pair, _Pair]:
    """Each pair as it is, or turned round where it closes a cycle: on some cycles the layout never ends."""
    after: dict[int, list[int]] = {}
    for start, end in pairs:
        after.setdefault(start, []).append(end)
    turned: dict[_Pair, _Pair] = {}
    left: set[int] = set()
    path: dict[int, Iterator[int]] = {}  # from a first node to the one that is looked at, each with its next ones
    for first in after:
        if first not in left:
            path[first] = iter(after[first])
        while path:
            here = next(reversed(path))
            for end in path[here]:
                turned[here, end] = (end, here) if end in path else (here, end)
                if end not in path and end not in left:
                    path[end] = iter(after.get(end, ()))
                    break
            else:
                left.add(here)
                del path[here]
    return turned


def _corner(across: float, layer: float) -> _Point:
    """Where a place of the layout, whose layers go down, lies in the picture, where they go to the right."""
    return round(_MARGIN + layer * (_WIDTH + _ACROSS), 1), round(_TOP + across * (_HEIGHT + _DOWN), 1)


def _way(start: _Point, between: list[_Point], end: _Point) -> list[_Point]:
    """From the right side of a box to the left side of another; back, the other way, for an edge of a cycle.

    On the way it goes straight through the layers between them.
    """
    leaving, coming = (_WIDTH, 0) if start[0] < end[0] else (0, _WIDTH)
    middle = _HEIGHT / 2
    points = [(start[0] + leaving, start[1] + middle)]
    for x, y in between:
        points += [(x + coming, y + middle), (x + leaving, y + middle)]
    return [*points, (end[0] + coming, end[1] + middle)]


def _loop(place: _Point) -> list[_Point]:
    """From a box over its top back to it."""
    (x, y), middle = place, _HEIGHT / 2
    above = y - _DOWN / 2
    return [(x + _WIDTH, y + middle), (x + _WIDTH + 12, above), (x - 12, above), (x, y + middle)]


# ---- drawing -----------------------------------------------------------------------------------------------------


def _line(edges: list[Edge], way: list[_Point]) -> Element:
    curve = f"M{way[0][0]} {way[0][1]}"
    for (x1, y1), (x2, y2) in pairwise(way):
        middle = (x1 + x2) / 2
        curve += f"C{middle} {y1} {middle} {y2} {x2} {y2}"
    whole = ", ".join(f"{edge.relation} {edge.digest or ''}".rstrip() for edge in edges)
    return element("path", element("title", whole), class_="edge", d=curve, marker_end="url(#head)")


def _relation(edges: list[Edge], way: list[_Point]) -> Element:
    (x1, y1), (x2, y2) = way[:2]
    text = _short(", ".join(dict.fromkeys(edge.relation for edge in edges)), _RELATION)
    return element("text", text, x=(x1 + x2) / 2, y=(y1 + y2) / 2 + 4, class_="relation", text_anchor="middle")


def _box(node: Node, place: _Point, root: bool) -> Element:
    x, y = place
    model = node.metadata.get("model")
    first = f"{node.kind} · {model}" if isinstance(model, str) else node.kind
    return element(
        "g",
        element("title", described(node)),
        *_shape(node.kind, x, y, f"box {node.kind}" + (" root" if root else "")),
        element("text", _short(first, _LETTERS), x=x + 12, y=y + 22, class_="quiet"),
        element("text", _short(node.id, _LETTERS), x=x + 12, y=y + 38, class_="text"),
    )


def _shape(kind: str, x: float, y: float, classes: str) -> Iterator[Element]:
    """A cylinder for data, a sheet with a folded corner for code, a rounded box for a model."""
    right, bottom = x + _WIDTH, y + _HEIGHT
    if kind == "data":
        sides = f"M{x} {y + 4}V{bottom - 4}A{_WIDTH / 2} 5 0 0 0 {right} {bottom - 4}V{y + 4}"
        yield element("path", class_=classes, d=f"{sides}A{_WIDTH / 2} 5 0 0 0 {x} {y + 4}z")
        yield element("ellipse", class_=classes, cx=x + _WIDTH / 2, cy=y + 4, rx=_WIDTH / 2, ry=5)
    elif kind == "code":
        yield element("path", class_=classes, d=f"M{x} {y}H{right - 14}L{right} {y + 14}V{bottom}H{x}z")
        yield element("path", class_=classes, d=f"M{right - 14} {y}V{y + 14}H{right}z")
    else:
        yield element("rect", class_=classes, x=x, y=y, width=_WIDTH, height=_HEIGHT, rx=12)


def _short(text: str, letters: int) -> str:
    """`text` in at most so many letters' width, its middle left out."""
    text = plain(text)
    if _letters(text) <= letters:
        return text
    start, end = text[: letters // 2], text[-(letters // 2 - 1) :]
    while _letters(start) > letters // 2:
        start = start[:-1]
    while _letters(end) > letters // 2 - 1:
        end = end[1:]
    return f"{start}…{end}"


def _letters(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
