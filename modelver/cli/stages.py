"""Commands that name, move and retire versions: tag, promote, rollback, demote, archive."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from modelver.cli.render import present
from modelver.cli.shared import registry
from modelver.domain.semver import Part
from modelver.errors import UsageError

REF = "A version: MODEL, MODEL@LABEL, MODEL@STAGE, MODEL~N, an id or its beginning."


class Bump(StrEnum):
    """The part of a semantic version that grows."""

    major = "major"
    minor = "minor"
    patch = "patch"


def part(bump: Bump | None) -> Part | None:
    """The choice as the API takes it."""
    return None if bump is None else bump.value


def tag(
    context: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF", help=REF)],
    label: Annotated[str | None, typer.Argument(metavar="[LABEL]", help="1.2.0, or any name such as nightly.")] = None,
    bump: Annotated[
        Bump | None, typer.Option(help="Take the version that follows the model's highest SemVer label.")
    ] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Take the label MODEL@LABEL back; only while nobody else has seen it.")
    ] = False,
    message: Annotated[str, typer.Option("-m", "--message", metavar="MSG", help="Why.")] = "",
) -> None:
    """Label a version, usually with a semantic version.

    A label is never moved: to give 1.2.0 to another version is an error. On the registry's branch this also
    makes the Git tag MODEL@vLABEL at the version's commit, which CI can start from; elsewhere the record waits
    for its merge.

    \b
    Examples:
      modelver tag fraud 1.2.0 -m "first release"
      modelver tag fraud~1 --bump minor
      modelver tag fraud nightly
      modelver tag --delete fraud@1.2.0
    """
    here = registry(context)
    if delete:
        if label is not None or bump is not None or message:
            raise UsageError("--delete takes MODEL@LABEL and nothing else", hint="modelver tag --delete MODEL@LABEL")
        present(context, here.untag(ref))
    else:
        present(context, here.tag(ref, label, bump=part(bump), message=message))


def promote(
    context: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF", help=REF)],
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="The stage that the version gets.")],
    message: Annotated[str, typer.Option("-m", "--message", metavar="WHY", help="Why.")] = "",
    if_better: Annotated[
        bool, typer.Option("--if-better", help="Only if it is recommended over the present holder, as diff says.")
    ] = False,
    metric: Annotated[
        str | None, typer.Option(metavar="METRIC", help="Of --if-better: only if this metric is better.")
    ] = None,
    min_delta: Annotated[
        float | None, typer.Option(metavar="D", help="Of --metric: better by more than D, in its own unit.")
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EXPR", help="Only if this holds: 'auc >= 0.9 and (latency_ms < 20 or similarity > 0.5)'."
        ),
    ] = None,
    request: Annotated[
        bool, typer.Option("--request", help="Prepare the pull request for it instead: a branch, pushed, and its text.")
    ] = False,
) -> None:
    """Give a stage to a version; who held it so far becomes its former holder.

    The stages that a team has are configured, each perhaps with the one that comes before it (from:) and with gates
    for everyone (require:, must_not_regress:); without that section any name is a stage. Where a gate is not met the
    exit code is 1, where nobody can tell 9, and nothing is changed. On the registry's branch this also makes the Git
    tag MODEL#STAGE#NUMBER.

    With --request the promotion goes on a branch of its own, made from the registry's and pushed, for a pull request
    whose text is the comparison with the present holder. It is opened with gh or glab where you are logged in.

    \b
    Examples:
      modelver promote fraud staging
      modelver promote fraud@1.2.0 production -m "better recall at the same latency"
      modelver promote fraud production --if-better
      modelver promote fraud production --if-better --metric auc --min-delta 0.002
      modelver promote fraud production --require 'auc >= 0.9 and latency_ms < 20'
      modelver promote fraud production --request
    """
    here = registry(context)
    act = here.request if request else here.promote
    staged = act(
        ref,
        stage,
        message=message,
        if_better=if_better,
        metric=metric,
        min_delta=min_delta,
        require=require or (),
    )
    present(context, staged)


def rollback(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model.")],
    stage: Annotated[
        str | None, typer.Argument(metavar="[STAGE]", help="The stage; by default the only one that is held.")
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="REF", help="Go back to this former holder.")] = None,
    message: Annotated[str, typer.Option("-m", "--message", metavar="WHY", help="Why.")] = "",
) -> None:
    """Give a stage back to its former holder.

    A second rollback goes further back, never forth; MODEL@STAGE~1 names the version that the next one gives.
    Needs no Git history, so it works in a shallow clone.

    \b
    Examples:
      modelver rollback fraud
      modelver rollback fraud production -m "false alarms since this morning"
      modelver rollback fraud production --to fraud@1.0.0
    """
    present(context, registry(context).rollback(model, stage, to=to, message=message))


def demote(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model.")],
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="The stage that nobody is to hold.")],
    message: Annotated[str, typer.Option("-m", "--message", metavar="WHY", help="Why.")] = "",
) -> None:
    """Take a stage from its holder, so that nobody holds it.

    \b
    Examples:
      modelver demote fraud staging
      modelver demote fraud production -m "the service was switched off"
    """
    present(context, registry(context).demote(model, stage, message=message))


def archive(
    context: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF", help=REF)],
    undo: Annotated[bool, typer.Option("--undo", help="Bring the version back.")] = False,
    message: Annotated[str, typer.Option("-m", "--message", metavar="WHY", help="Why.")] = "",
) -> None:
    """Retire a version that holds no stage.

    MODEL, MODEL~N and ranges skip it; its id and labels still find it, and nothing of it is removed.

    \b
    Examples:
      modelver archive fraud~5 -m "trained on data that was withdrawn"
      modelver archive --undo fraud@1.0.0
    """
    present(context, registry(context).archive(ref, undo=undo, message=message))
