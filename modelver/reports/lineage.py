"""A part of the lineage as a tree for the terminal, and as text for Graphviz and Mermaid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal
from urllib.parse import quote

from modelver.domain.lineage import Edge, Key, Node, Subgraph
from modelver.domain.text import counted, printable
from modelver.errors import UsageError
from modelver.reports.markup import plain

_SHORT = len("sha256:") + 8

_MERMAID_EDGES, _MERMAID_TEXT = 500, 50_000
"""What Mermaid draws where nobody may configure it, as on GitHub: so many edges, in so many characters."""

_DOT_SHAPES = {"data": "cylinder", "code": "note", "model": "box"}
_MERMAID_SHAPES = {"data": ("[(", ")]"), "code": ("[/", "/]"), "model": ("[", "]")}


def described(node: Node) -> str:
    """Kind and id of a node, and what model a version is of."""
    model = node.metadata.get("model")
    return f"{node.kind}: {node.id}" + (f" ({model})" if isinstance(model, str) else "")


def told(edge: Edge) -> str:
    """The relation of an edge, and the beginning of the digest that it used."""
    return edge.relation if edge.digest is None else f"{edge.relation} {edge.digest[:_SHORT]}"


def too_large(what: str, limit: str) -> UsageError:
    """The error where a part of the lineage does not fit into a picture."""
    return UsageError(
        f"{what} are more than the {limit} that a picture can show", hint="show less of the lineage: --depth 2"
    )


# ---- the terminal ------------------------------------------------------------------------------------------------


def tree(graph: Subgraph, direction: Literal["up", "down"], limit: int) -> str:
    """What the root was made of (`up`), or what was made of it (`down`), in at most `limit` lines (2 or more).

    A node is expanded where it is nearest to the root, and elsewhere marked with where that is. When lines are
    left out, they are the farthest from the root, and their number is told.
    """
    rows = _rows(graph, direction)
    room = limit - 1
    shown = rows if len(rows) <= room else rows[: max(0, room - 1)]
    nodes = {node.key: described(node) for node in graph.nodes}
    root = nodes[graph.root.key] + (f" {graph.root.digest[:_SHORT]}" if graph.root.digest else "")
    lines = [printable(root), *_drawn(graph.root.key, shown, nodes)]
    if len(shown) < len(rows):
        left_out = rows[len(shown) :]
        nodes_left_out = sum(first for _, _, _, first in left_out)
        lines.append(f"… and {nodes_left_out:,} more" if nodes_left_out else f"… and {len(left_out):,} more edges")
    return "\n".join(lines) + "\n"


_Row = tuple[Key, Edge, Key, bool]
"""A line of the tree: the node above it, the edge, the node that it shows, and whether this is where it is expanded."""


def _rows(graph: Subgraph, direction: str) -> list[_Row]:
    """All lines, those that are nearest to the root first."""
    near: dict[Key, list[tuple[Edge, Key]]] = {}
    for edge in graph.edges:
        here, there = (edge.down, edge.up) if direction == "up" else (edge.up, edge.down)
        near.setdefault(here, []).append((edge, there))
    rows, seen, line = [], {graph.root.key}, [graph.root.key]
    for here in line:  # it grows on the way
        for edge, there in near.get(here, ()):
            first = there not in seen
            rows.append((here, edge, there, first))
            if first:
                seen.add(there)
                line.append(there)
    return rows


def _drawn(root: Key, rows: list[_Row], nodes: dict[Key, str]) -> Iterator[str]:
    below: dict[Key, list[_Row]] = {}
    for row in rows:
        below.setdefault(row[0], []).append(row)
    passed = {root}
    stack = [("", row, row is below[root][-1]) for row in reversed(below.get(root, []))]
    while stack:
        indent, (_, edge, there, first), last = stack.pop()
        mark = "" if first else "  (above)" if there in passed else "  (below)"
        yield indent + ("└── " if last else "├── ") + printable(f"{nodes[there]}  {told(edge)}") + mark
        if first:
            passed.add(there)
            further = indent + ("    " if last else "│   ")
            stack += [(further, row, row is below[there][-1]) for row in reversed(below.get(there, []))]


# ---- Graphviz ----------------------------------------------------------------------------------------------------


def dot(graph: Subgraph) -> str:
    """The graph in Graphviz's language. A node's name is `kind:id`, with what is special there as in URLs (`%22`)."""
    lines = ["digraph lineage {", "  rankdir=LR;", '  node [fontname="sans-serif"];', '  edge [fontname="sans-serif"];']
    for node in graph.nodes:
        root = ", penwidth=2" if node.key == graph.root.key else ""
        label = _dot_label(described(node))
        lines.append(f"  {_dot_name(node.key)} [label={label}, shape={_DOT_SHAPES[node.kind]}{root}];")
    for edge in graph.edges:
        lines.append(f"  {_dot_name(edge.up)} -> {_dot_name(edge.down)} [label={_dot_label(told(edge))}];")
    return "\n".join([*lines, "}"]) + "\n"


def _dot_name(key: Key) -> str:
    kind, id = key
    # Not every text can be written in DOT: a backslash stays before all but a quote, and entities are read as in HTML.
    return f'"{kind}:' + "".join(c if c.isprintable() and c not in '"\\%&' else _percent(c) for c in id) + '"'


def _percent(character: str) -> str:
    return quote(character, safe="", errors="surrogatepass")


def _dot_label(text: str) -> str:
    escaped = plain(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return f'"{escaped}"'


# ---- Mermaid -----------------------------------------------------------------------------------------------------


def mermaid(graph: Subgraph) -> str:
    """The graph as a flowchart of Mermaid. UsageError for more than it draws on GitHub."""
    if len(graph.edges) > _MERMAID_EDGES:
        raise too_large(counted(len(graph.edges), "edge"), f"{_MERMAID_EDGES} of a Mermaid chart")
    names = {node.key: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        before, after = _MERMAID_SHAPES[node.kind]
        lines.append(f"  {names[node.key]}{before}{_mermaid_label(described(node))}{after}")
    for edge in graph.edges:
        lines.append(f"  {names[edge.up]} -->|{_mermaid_label(told(edge))}| {names[edge.down]}")
    lines.append(f"  style {names[graph.root.key]} stroke-width:3px")
    text = "\n".join(lines) + "\n"
    if len(text) > _MERMAID_TEXT:
        raise too_large(f"{len(text):,} characters", f"{_MERMAID_TEXT:,} of a Mermaid chart")
    return text


def _mermaid_label(text: str) -> str:
    # Letters and digits of any script, and little else, are nothing but text to Mermaid, Markdown and HTML.
    return '"' + "".join(c if c.isalnum() or c in " ./-_" else f"#{ord(c)};" for c in printable(text)) + '"'
