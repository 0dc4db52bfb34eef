"""Commands that look: list, show, log, diff, status, verify."""

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
      modelver show fraud@production --json
      modelver show fraud@production --at 2024-01-31
      modelver show v20240101120000_abcd1234
    """
    present(context, registry(context).show(ref))


def log(
    context: typer.Context,
    ref: Annotated[str | None, typer.Argument(metavar="[MODEL|REF]", help="Only this model, or this version.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most N events.")] = None,
) -> None:
    """Show what happened, newest first: who added, labelled, promoted and archived what, and why.

    It is told from the records, so it is whole in a shallow clone and after a squash merge, too.

    \b
    Examples:
      modelver log
      modelver log fraud --limit 10
      modelver log fraud@1.2.0 --json
    """
    present(context, registry(context).log(ref, limit=limit))


def diff(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="[A]", help="The version to compare with.")],
    b: Annotated[str | None, typer.Argument(metavar="B", help="The version that is looked at.")] = None,
) -> None:
    """Compare two versions: metrics, parameters, artifact, and which of the two the numbers speak for.

    With one version, it is compared with the one in production, else with the version before it. Whether more
    is better is configured (metrics:) or told by a word of the metric's name; of others nothing is said.

    \b
    Examples:
      modelver diff fraud@production fraud
      modelver diff fraud
      modelver diff fraud@1.0.0 fraud@1.1.0 --json
    """
    present(context, registry(context).diff(a, b))


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
