"""The command for the lineage: where a version comes from, what depends on something, and edges made by hand."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from modelver.cli.render import present, present_as
from modelver.cli.shared import choose_format, registry
from modelver.errors import UsageError


class LineageFormat(StrEnum):
    """How a part of the lineage is shown."""

    tree = "tree"
    json = "json"
    dot = "dot"
    mermaid = "mermaid"
    svg = "svg"
    openlineage = "openlineage"


_WORDS = "A version, data or code; or: path A B | impact ID | add KIND ID | link DOWN UP | unlink DOWN UP."


def lineage(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="REF|WORD...", help=_WORDS)],
    up: Annotated[bool, typer.Option("--up", help="Only what it comes from.")] = False,
    down: Annotated[bool, typer.Option("--down", help="Only what comes from it.")] = False,
    depth: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most N edges away.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="List only these: data, code or model.")
    ] = None,
    relation: Annotated[
        list[str] | None, typer.Option(metavar="R", help="Follow, or of link: make, edges of this relation.")
    ] = None,
    format: Annotated[LineageFormat, typer.Option(help="How it is shown.")] = LineageFormat.tree,
    path: Annotated[str | None, typer.Option(metavar="PATH", help="Of add: the file or directory, hashed.")] = None,
    uri: Annotated[str | None, typer.Option(metavar="URI", help="Of add: where it is.")] = None,
    store: Annotated[bool, typer.Option("--store", help="Of add: keep the bytes, too.")] = False,
    meta: Annotated[list[str] | None, typer.Option(metavar="K=V", help="Of add: what is known of it.")] = None,
    message: Annotated[str, typer.Option("-m", "--message", metavar="WHY", help="Of add and link: why.")] = "",
) -> None:
    """Show where a version comes from and what comes from it; or add to that.

    A version is named as everywhere, data and code by their path or name; NAME@sha256:DIGITS means one version of
    some data. `path A B` shows how two are connected, `impact ID` every model and stage that is touched if ID is
    bad. `add data NAME` describes data, code or a model from elsewhere, `link DOWN UP --relation R` says that DOWN
    has the relation R to UP, and `unlink` takes that back.

    \b
    Examples:
      modelver lineage fraud@production --up
      modelver lineage data/train.csv --down --format mermaid
      modelver lineage path fraud@1.2.0 data/train.csv
      modelver lineage impact data/train.csv --json
      modelver lineage add data train --uri s3://bucket/train.parquet --meta owner=risk
      modelver lineage link data/clean.csv data/raw.csv --relation derived-from
    """
    first, *rest = words
    plain = not rest and first not in ("add", "link", "unlink", "path", "impact")
    of_add = path is not None or uri is not None or store or bool(meta)
    of_graph = up or down or depth is not None or bool(kind) or format not in (LineageFormat.tree, LineageFormat.json)
    if (of_add and first != "add") or (of_graph and not plain):
        raise UsageError(f"lineage {first} does not take all of these options", hint="modelver lineage --help")
    here = registry(context)
    choose_format(context, "text" if format is LineageFormat.tree else format)
    match first, rest:
        case "add", [node_kind, id]:
            from modelver.cli.options import pairs

            added = here.add_node(
                node_kind, id, path=path, uri=uri, store=store, meta=pairs(meta, "--meta"), message=message
            )
            present(context, added)
        case "link", [below, above]:
            present(context, here.link(below, above, relation=_only(relation), message=message))
        case "unlink", [below, above]:
            present(context, here.unlink(below, above, relation=_only(relation)))
        case "path", [one, other]:
            present(context, here.lineage_path(one, other))
        case "impact", [id]:
            present(context, here.impact(id))
        case _, []:
            up, down = (up, down) if up != down else (True, True)
            found = here.lineage(first, up=up, down=down, depth=depth, kinds=kind or (), relations=relation or ())
            present_as(context, found, "text" if format is LineageFormat.tree else format)
        case _:
            usage = ["REF", "path A B", "impact ID", "add KIND ID", "link DOWN UP", "unlink DOWN UP"]
            raise UsageError(f"lineage {first} takes other words", hint=[f"modelver lineage {each}" for each in usage])


def _only(relations: list[str] | None) -> str:
    if relations and len(relations) > 1:
        raise UsageError("an edge has one relation", hint="--relation derived-from")
    return relations[0] if relations else "derived-from"
