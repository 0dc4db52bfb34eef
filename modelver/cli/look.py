"""Commands that look: list, show, log, status, identify, verify."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from modelver.cli.render import present, present_as
from modelver.cli.shared import choose_format, registry
from modelver.errors import UsageError

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


def show(
    context: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF", help=_REF)],
    environment: Annotated[
        bool, typer.Option("--environment", help="Also what was installed where it was trained.")
    ] = False,
) -> None:
    """Show all that is known of a version.

    \b
    Examples:
      modelver show fraud
      modelver show fraud@production --json
      modelver show fraud@production --at 2024-01-31
      modelver show fraud@1.2.0 --environment
      modelver show v20240101120000_abcd1234
    """
    present(context, registry(context).show(ref, environment=environment))


class TrendFormat(StrEnum):
    """How one metric over the versions is shown."""

    text = "text"
    json = "json"
    csv = "csv"
    svg = "svg"


def log(
    context: typer.Context,
    ref: Annotated[str | None, typer.Argument(metavar="[MODEL|REF]", help="Only this model, or this version.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most N events.")] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="METRIC", help="Show this metric over the versions of MODEL instead.")
    ] = None,
    format: Annotated[TrendFormat, typer.Option(help="Of --metric: how it is shown.")] = TrendFormat.text,
) -> None:
    """Show what happened, newest first: who added, labelled, promoted and archived what, and why.

    It is told from the records, so it is whole in a shallow clone and after a squash merge, too. With --metric, one
    metric of a model over all its versions, oldest first.

    \b
    Examples:
      modelver log
      modelver log fraud --limit 10
      modelver log fraud@1.2.0 --json
      modelver log fraud --metric auc
      modelver log fraud --metric auc --format svg > auc.svg
    """
    if metric is None and format not in (TrendFormat.text, TrendFormat.json):
        raise UsageError(f"--format {format.value} shows a metric", hint="modelver log MODEL --metric NAME")
    choose_format(context, format)
    here = registry(context)
    if metric is None:
        present(context, here.log(ref, limit=limit))
        return
    if ref is None:
        raise UsageError("--metric takes a model", hint=f"modelver log MODEL --metric {metric}")
    present_as(context, here.trend(ref, metric, limit=limit), format)


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


def identify(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="FILE|DIGEST", help="A file, a directory, or 64 digits of a SHA-256.")],
) -> None:
    """Tell which version a file is: its labels, its stages now and before, who promoted it and when.

    The bytes are looked up in the whole repository, also among versions of branches that were never merged. Of a
    file that is registered nowhere, files of a like name are named; exit code 3.

    \b
    Examples:
      modelver identify /srv/models/fraud.safetensors
      modelver identify "$(sha256sum model.onnx | cut -d ' ' -f 1)" --json
    """
    present(context, registry(context).identify(what))


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
