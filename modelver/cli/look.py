"""Commands that look: list, show, status, verify."""

from __future__ import annotations

from typing import Annotated

import typer

from modelver.cli.render import present
from modelver.cli.shared import registry

_REF = "A version: MODEL, MODEL@LABEL, MODEL@STAGE, MODEL~N, an id or its beginning."


def list_(
    context: typer.Context,
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="List this model's versions.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most N lines.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also versions of branches that were never merged.")] = False,
) -> None:
    """List all models, or the versions of one, newest first.

    \b
    Examples:
      modelver list
      modelver list fraud --limit 5
      modelver list fraud --all --json
    """
    here = registry(context)
    present(context, here.versions(model, limit=limit, every=every) if model else here.models(limit=limit))


def show(context: typer.Context, ref: Annotated[str, typer.Argument(metavar="REF", help=_REF)]) -> None:
    """Show all that is known of a version.

    \b
    Examples:
      modelver show fraud
      modelver show fraud~1 --json
      modelver show v20240101120000_abcd1234
    """
    present(context, registry(context).show(ref))


def status(context: typer.Context) -> None:
    """Show how the artifacts in the work tree stand to the registry.

    An artifact is unchanged, modified, or missing. Also counts the versions whose bytes are on this machine
    and nowhere else.

    \b
    Examples:
      modelver status
      modelver status --json
    """
    present(context, registry(context).status())


def verify(
    context: typer.Context,
    refs: Annotated[list[str] | None, typer.Argument(metavar="[REF]...", help="Only these versions.")] = None,
    objects: Annotated[bool, typer.Option("--objects", help="Bytes that are not here count as problems too.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Finish a write that was cut off, and mend what the work tree can mend.")
    ] = False,
) -> None:
    """Check records, objects and tags.

    Reads every object that is here. Exit code 5: bytes do not match their digest, or a record is malformed;
    1: a tag is wrong, or a merge brought facts that do not go together. A missing tag is listed and is no
    problem.

    \b
    Examples:
      modelver verify
      modelver verify fraud~1 --objects
      modelver verify --repair
    """
    result = registry(context).verify(refs or (), objects=objects, repair=repair)
    present(context, result)
    raise typer.Exit(result.code)
