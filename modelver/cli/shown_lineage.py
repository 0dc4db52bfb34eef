"""How the lineage is shown to people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from modelver.cli.render import table
from modelver.cli.shared import Choices
from modelver.domain.text import counted, printable
from modelver.operations.traced import Impact, LineagePath, Linked, NodeAdded, Traced
from modelver.reports import lineage

_LINES = 60
"""Lines of a tree, or of a table; what is more is counted."""

_FEW = 10


def _traced(result: Traced, chosen: Choices) -> None:
    if chosen.quiet:
        for id in dict.fromkeys((*result.upstream, *result.downstream)):
            print(printable(id))
        return
    sides: tuple[tuple[bool, Literal["up", "down"], str], ...] = (
        (result.up, "up", "what it comes from"),
        (result.down, "down", "what comes from it"),
    )
    for asked, direction, words in sides:
        if asked:
            print(f"{words}:")
            print(lineage.tree(result.subgraph, direction, _LINES), end="")


def _impact(result: Impact, chosen: Choices) -> None:
    if chosen.quiet:
        for each in result.models:
            print(each.version)
        return
    if not result.models and not result.others:
        print(printable(f"nothing comes from {result.node}"))
        return
    rows = [
        (each.model or "-", each.version, ", ".join(each.labels) or "-", ", ".join(each.stages) or "-")
        for each in (result.models if chosen.verbose else result.models[:_LINES])
    ]
    if rows:
        table(chosen, ("model", "version", "labels", "stages"), rows)
    if len(rows) < len(result.models):
        print(f"… and {counted(len(result.models) - len(rows), 'version')} more, which -v names")
    others = result.others if chosen.verbose else result.others[:_FEW]
    for other in others:
        print(printable(f"also {other}"))
    if len(others) < len(result.others):
        print(f"… and {len(result.others) - len(others):,} more")
    held = f"; in {', '.join(result.stages)}" if result.stages else ""
    verb = "comes" if len(result.models) == 1 else "come"
    print(printable(f"{counted(len(result.models), 'version')} {verb} from {result.node}{held}"))


def _path(result: LineagePath, chosen: Choices) -> None:
    print(printable(result.nodes[0]))
    for step, node in zip(result.steps, result.nodes[1:], strict=True):
        up = step.up == node
        print(printable(f"  {'↑' if up else '↓'} {step.relation}"))
        print(printable(node))


def _added(result: NodeAdded, chosen: Choices) -> None:
    done = "" if result.created else "  (it is so already)"
    print(printable(f"{result.kind} {result.node}{done}"))
    for name, value in (("digest", result.digest), ("uri", result.uri), *result.meta.items()):
        if value is not None and not chosen.quiet:
            print(printable(f"  {name}: {value}"))


def _linked(result: Linked, chosen: Choices) -> None:
    words = {"link": "is linked" if result.created else "is linked already", "unlink": "is no longer linked"}
    print(printable(f"{result.down} {result.relation} {result.up}: {words[result.op]}"))


SHOWN: dict[type, Callable[[Any, Choices], None]] = {
    Traced: _traced,
    Impact: _impact,
    LineagePath: _path,
    NodeAdded: _added,
    Linked: _linked,
}
